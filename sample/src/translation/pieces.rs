//! A function of pictures whose sides are multiples of some number, applied to pictures of any
//! size: padded by reflection and cut back, as a whole or in overlapping tiles.
//!
//! Neighbouring tiles overlap by M pixels or a little more. Around the middle of an overlap the
//! result goes over from one tile to the next along a straight line of M/2 pixels, so every pixel
//! within M/4 of a tile's inner edge, which sees little of its surroundings, has no weight.

use shared::cli::UsageError;
use shared::picture::{Picture, Window};

/// The division of pictures into pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pieces {
    /// The sides of what goes into the function are multiples of it, in pixels.
    pub multiple: u32,
    /// Larger pictures are cut into tiles; `None`: none are.
    pub tiles: Option<Tiles>,
}

/// Square tiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tiles {
    /// Height and width, in pixels.
    pub side: u32,
    /// Pixels by which neighbours overlap at least.
    pub overlap: u32,
}

/// A tile along one side of a picture.
#[derive(Clone, Debug, PartialEq)]
struct Span {
    /// Its first pixel.
    start: u32,
    /// The weight of each of its pixels; over all spans the weights of a pixel add up to 1.
    weights: Vec<f32>,
}

impl Pieces {
    /// Checks the tiles.
    ///
    /// # Errors
    /// When the side is no multiple of what the function takes, or three tiles would overlap.
    pub fn check(&self) -> Result<(), UsageError> {
        let Some(Tiles { side, overlap }) = self.tiles else { return Ok(()) };
        if side == 0 || side % self.multiple != 0 {
            return Err(UsageError(format!(
                "--tile {side}: this generator takes pictures whose sides are multiples of {}",
                self.multiple
            )));
        }
        if overlap > side / 2 {
            return Err(UsageError(format!(
                "--overlap {overlap}: at most {}, half of --tile {side}",
                side / 2
            )));
        }
        Ok(())
    }

    /// The result of `function` for a picture of any size: its values, [H, W, C]. The function gets
    /// pieces with their numbers from 0, and gives as many values as a piece has; `None` from it
    /// ends all.
    pub fn apply(
        &self,
        picture: &Picture,
        mut function: impl FnMut(&Picture, u64) -> Option<Vec<f32>>,
    ) -> Option<Vec<f32>> {
        let [rows, columns] = [picture.height, picture.width].map(|side| self.spans(side));
        if rows.len() == 1 && columns.len() == 1 {
            return self.padded(picture, |piece| function(piece, 0));
        }
        let (width, channels) = (picture.width as usize, picture.channels as usize);
        let mut sum = vec![0.0; picture.pixels.len()];
        let tiles = rows.iter().flat_map(|row| columns.iter().map(move |column| (row, column)));
        for (number, (row, column)) in (0..).zip(tiles) {
            let window = Window {
                left: column.start,
                top: row.start,
                width: column.weights.len() as u32,
                height: row.weights.len() as u32,
            };
            let values = self.padded(&picture.cut(window), |piece| function(piece, number))?;
            let lines = values.chunks_exact(column.weights.len() * channels).zip(&row.weights);
            for (y, (line, down)) in (row.start as usize..).zip(lines) {
                let first = (y * width + column.start as usize) * channels;
                let sums = sum[first..first + line.len()].chunks_exact_mut(channels);
                let pixels = line.chunks_exact(channels).zip(&column.weights);
                for (sums, (values, across)) in sums.zip(pixels) {
                    let weight = across * down;
                    sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += weight * value);
                }
            }
        }
        Some(sum)
    }

    /// The tiles along a side of `length` pixels.
    fn spans(&self, length: u32) -> Vec<Span> {
        let whole = || vec![Span { start: 0, weights: vec![1.0; length as usize] }];
        let Some(Tiles { side, overlap }) = self.tiles.filter(|tiles| tiles.side < length) else {
            return whole();
        };
        let count = (length - overlap).div_ceil(side - overlap);
        // Evenly spread, so that the last overlap is not larger than the others.
        let start =
            |i: u32| (u64::from(i) * u64::from(length - side) / u64::from(count - 1)) as u32;
        let span = |i: u32| {
            let place = |k: u32| f64::from(start(i) + k) + 0.5;
            // The weight of tile i + 1 in the crossing from tile i.
            let crossing = |i: u32, place: f64| {
                let middle = f64::from(start(i + 1) + start(i) + side) / 2.0;
                if overlap == 0 {
                    return f64::from(u8::from(place > middle));
                }
                ((place - middle) / (f64::from(overlap) / 2.0) + 0.5).clamp(0.0, 1.0)
            };
            let weight = |k: u32| {
                let before = if i == 0 { 1.0 } else { crossing(i - 1, place(k)) };
                let behind = if i + 1 == count { 1.0 } else { 1.0 - crossing(i, place(k)) };
                (before * behind) as f32
            };
            Span { start: start(i), weights: (0..side).map(weight).collect() }
        };
        (0..count).map(span).collect()
    }

    /// The result for a picture that is padded by reflection to the multiple, half of it on each
    /// side, and cut back.
    fn padded(
        &self,
        picture: &Picture,
        function: impl FnOnce(&Picture) -> Option<Vec<f32>>,
    ) -> Option<Vec<f32>> {
        let full = |side: u32| side.next_multiple_of(self.multiple);
        let (width, height) = (full(picture.width), full(picture.height));
        if (width, height) == (picture.width, picture.height) {
            return function(picture);
        }
        let (left, top) = ((width - picture.width) / 2, (height - picture.height) / 2);
        let channels = picture.channels as usize;
        let columns: Vec<usize> =
            (0..width).map(|x| reflected(x, left, picture.width) * channels).collect();
        let mut pixels = Vec::with_capacity(width as usize * height as usize * channels);
        for y in 0..height {
            let row = reflected(y, top, picture.height) * picture.stride();
            let row = &picture.pixels[row..row + picture.stride()];
            columns.iter().for_each(|&x| pixels.extend_from_slice(&row[x..x + channels]));
        }
        let piece = Picture { width, height, channels: picture.channels, pixels };
        let values = function(&piece)?;
        let rows = values.chunks_exact(width as usize * channels).skip(top as usize);
        let columns = left as usize * channels..(left + picture.width) as usize * channels;
        let rows = rows.take(picture.height as usize);
        Some(rows.flat_map(|row| &row[columns.clone()]).copied().collect())
    }
}

/// The pixel of a side of `length` that lies at `place` behind a padding of `before`: the edge
/// itself is not repeated (numpy's `reflect`), and a padding beyond the side is reflected again.
fn reflected(place: u32, before: u32, length: u32) -> usize {
    let period = 2 * (i64::from(length) - 1);
    if period == 0 {
        return 0;
    }
    let at = (i64::from(place) - i64::from(before)).rem_euclid(period);
    at.min(period - at) as usize
}

/// Values in [0, 1], rounded to the picture of that extent.
#[must_use]
pub fn rounded(values: &[f32], of: &Picture) -> Picture {
    let pixels = values.iter().map(|v| (v.clamp(0.0, 1.0) * 255.0 + 0.5) as u8).collect();
    Picture { width: of.width, height: of.height, channels: of.channels, pixels }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(width: u32, height: u32) -> Picture {
        let mut stream = shared::rng::stream(3, "pieces", u64::from(width));
        let pixels = (0..width * height * 3).map(|_| stream.below(256) as u8).collect();
        Picture { width, height, channels: 3, pixels }
    }

    fn unit(picture: &Picture) -> Vec<f32> {
        picture.pixels.iter().map(|&v| f32::from(v) / 255.0).collect()
    }

    /// The mean of the pixels within `radius`, of zeros beyond the edge, as a convolution pads.
    fn blurred(picture: &Picture, radius: i64) -> Vec<f32> {
        let (width, height) = (i64::from(picture.width), i64::from(picture.height));
        let at = |x: i64, y: i64, c: i64| {
            let inside = (0..width).contains(&x) && (0..height).contains(&y);
            let i = ((y * width + x) * 3 + c) as usize;
            if inside { f32::from(picture.pixels[i]) / 255.0 } else { 0.0 }
        };
        let mean = |x: i64, y: i64, c: i64| {
            let around = (-radius..=radius).flat_map(|v| (-radius..=radius).map(move |u| (u, v)));
            let sum: f32 = around.map(|(u, v)| at(x + u, y + v, c)).sum();
            sum / ((2 * radius + 1) * (2 * radius + 1)) as f32
        };
        let places = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        places
            .flat_map(|(x, y)| (0..3).map(move |c| (x, y, c)))
            .map(|(x, y, c)| mean(x, y, c))
            .collect()
    }

    #[test]
    fn weights_add_up_to_one_and_every_tile_has_the_same_side() {
        for (side, overlap) in [(16, 0), (16, 4), (16, 8), (10, 3), (2, 1)] {
            for length in 1..70 {
                let pieces = Pieces { multiple: 1, tiles: Some(Tiles { side, overlap }) };
                pieces.check().expect("sound");
                let spans = pieces.spans(length);
                let mut sums = vec![0.0f32; length as usize];
                for span in &spans {
                    assert_eq!(span.weights.len() as u32, side.min(length));
                    let sums = sums[span.start as usize..].iter_mut();
                    sums.zip(&span.weights).for_each(|(sum, weight)| *sum += weight);
                }
                let off = sums.iter().map(|sum| (sum - 1.0).abs()).fold(0.0, f32::max);
                assert!(off < 1e-6, "{length} in {side} by {overlap}: {sums:?}");
                let apart = spans.windows(2).map(|pair| pair[1].start - pair[0].start);
                assert!(apart.max().unwrap_or(0) <= side - overlap);
            }
        }
    }

    #[test]
    fn tiles_of_a_local_operation_equal_the_result_of_the_whole_picture() {
        for (width, height) in [(61, 40), (16, 90), (33, 17), (200, 16)] {
            let picture = drawn(width, height);
            for (overlap, radius) in [(8, 2), (8, 1), (4, 1), (0, 0)] {
                let pieces = Pieces { multiple: 4, tiles: Some(Tiles { side: 16, overlap }) };
                let mut count = 0;
                let tiled = pieces.apply(&picture, |piece, number| {
                    assert_eq!(number, count);
                    assert_eq!((piece.width % 4, piece.height % 4), (0, 0));
                    count += 1;
                    Some(blurred(piece, radius))
                });
                let whole = Pieces { multiple: 1, tiles: None }
                    .apply(&picture, |piece, _| Some(blurred(piece, radius)));
                assert!(count > 1);
                // Where a side is shorter than a tile the padding is of reflected pixels.
                let (tiled, whole) = (tiled.expect("values"), whole.expect("values"));
                let near = |i: usize| {
                    let (x, y) = (i / 3 % width as usize, i / 3 / width as usize);
                    let r = radius as usize;
                    x >= r && y >= r && x + r < width as usize && y + r < height as usize
                };
                let off = tiled.iter().zip(&whole).enumerate().filter(|(i, _)| near(*i));
                let off = off.map(|(_, (a, b))| (a - b).abs()).fold(0.0, f32::max);
                assert!(off < 1e-6, "{width}x{height}, {overlap}, {radius}: {off}");
            }
        }
    }

    #[test]
    fn without_an_operation_every_picture_comes_back() {
        for (width, height) in [(1, 1), (2, 7), (13, 5), (70, 41)] {
            let picture = drawn(width, height);
            for tiles in [None, Some(Tiles { side: 16, overlap: 6 })] {
                for multiple in [1, 4, 16] {
                    let pieces = Pieces { multiple, tiles };
                    let values = pieces.apply(&picture, |piece, _| Some(unit(piece)));
                    assert_eq!(rounded(&values.expect("values"), &picture), picture);
                }
            }
        }
    }

    #[test]
    fn padding_is_reflected_without_the_edge_also_beyond_the_side() {
        let row = |length: u32, before: u32, full: u32| {
            (0..full).map(|place| reflected(place, before, length)).collect::<Vec<_>>()
        };
        assert_eq!(row(4, 2, 8), [2, 1, 0, 1, 2, 3, 2, 1]);
        assert_eq!(row(3, 4, 9), [0, 1, 2, 1, 0, 1, 2, 1, 0]);
        assert_eq!(row(1, 1, 4), [0; 4]);
        let picture = drawn(5, 3);
        let pieces = Pieces { multiple: 8, tiles: None };
        let mut seen = None;
        pieces.apply(&picture, |piece, _| {
            seen = Some(piece.clone());
            Some(unit(piece))
        });
        let seen = seen.expect("a piece");
        assert_eq!((seen.width, seen.height), (8, 8));
        let window = Window { left: 1, top: 2, width: 5, height: 3 };
        assert_eq!(seen.cut(window), picture);
    }

    #[test]
    fn the_end_that_a_piece_asks_for_ends_all() {
        let pieces = Pieces { multiple: 1, tiles: Some(Tiles { side: 8, overlap: 2 }) };
        let mut count = 0;
        let values = pieces.apply(&drawn(30, 30), |piece, number| {
            count += 1;
            (number < 3).then(|| unit(piece))
        });
        assert!(values.is_none() && count == 4);
    }

    #[test]
    fn tiles_that_do_not_fit_the_network_or_each_other_are_refused() {
        let refused = |multiple, side, overlap| {
            let pieces = Pieces { multiple, tiles: Some(Tiles { side, overlap }) };
            pieces.check().expect_err("refused").to_string()
        };
        assert!(refused(256, 500, 0).contains("--tile 500"));
        assert!(refused(1, 0, 0).contains("--tile 0"));
        assert!(refused(4, 16, 9).contains("--overlap 9: at most 8"));
    }
}
