//! Area resampling as `tf.image.resize(method="area")` does it: every target pixel is the mean of the source over its exact
//! footprint, fractions of pixels included, also when enlarging. The order of operations and float32 follow TensorFlow's
//! `tensorflow/core/kernels/image/resize_area_op.cc`, so that the results agree to the last bits.

use shared::picture::Picture;

use crate::crop::Window;

/// The source pixels below one target pixel along one axis, and the part of each that counts.
struct Footprint {
    start: usize,
    weights: Vec<f32>,
}

/// The footprints of `target` pixels over `source` pixels.
fn footprints(source: u32, target: u32) -> (f32, Vec<Footprint>) {
    let scale = source as f32 / target as f32;
    let footprint = |i: u32| {
        let (from, to) = (i as f32 * scale, (i + 1) as f32 * scale);
        let (start, end) = (from.floor() as usize, to.ceil() as usize);
        let part = |pixel: usize| {
            let pixel = pixel as f32;
            match (pixel < from, pixel + 1.0 > to) {
                (true, true) => scale,
                (true, false) => pixel + 1.0 - from,
                (false, true) => to - pixel,
                (false, false) => 1.0,
            }
        };
        Footprint { start, weights: (start..end).map(part).collect() }
    };
    (scale, (0..target).map(footprint).collect())
}

/// Cuts `window` out of `picture` and scales it to `size` × `size`: uint8, rows × columns × channels.
///
/// A mean v in [0, 255] becomes the byte ⌊clip(v/255, 0, 1)·255 + ½⌋, in float32: what the reference computes and then stores.
#[must_use]
pub fn crop_and_resize(picture: &Picture, window: Window, size: u32) -> Vec<u8> {
    let n = picture.channels as usize;
    match n {
        1 => resize::<1>(picture, window, size),
        3 => resize::<3>(picture, window, size),
        _ => resize::<4>(picture, window, size),
    }
}

fn resize<const N: usize>(picture: &Picture, window: Window, size: u32) -> Vec<u8> {
    let (height_scale, rows) = footprints(window.height, size);
    let (width_scale, columns) = footprints(window.width, size);
    let scale = 1.0 / (height_scale * width_scale);
    let (last_row, last_column) = (window.height as usize - 1, window.width as usize - 1);
    let mut bytes = Vec::with_capacity(size as usize * size as usize * N);
    for row in &rows {
        for column in &columns {
            let mut sum = [0f32; N];
            for (y, &row_weight) in (row.start..).zip(&row.weights) {
                // Rounding in float32 can put the end of the last footprint one pixel beyond the edge.
                let y = y.min(last_row) + window.top as usize;
                let line = &picture.pixels[y * picture.stride() + window.left as usize * N..];
                let mut row_sum = [0f32; N];
                for (x, &weight) in (column.start..).zip(&column.weights) {
                    let pixel = &line[x.min(last_column) * N..][..N];
                    for c in 0..N {
                        row_sum[c] += f32::from(pixel[c]) * weight;
                    }
                }
                for c in 0..N {
                    sum[c] += row_sum[c] * row_weight;
                }
            }
            bytes.extend(sum.map(|v| ((v * scale / 255.0).clamp(0.0, 1.0) * 255.0 + 0.5) as u8));
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn grey(width: u32, pixels: &[u8]) -> Picture {
        Picture { width, height: pixels.len() as u32 / width, channels: 1, pixels: pixels.to_vec() }
    }

    #[test]
    fn halving_takes_the_mean_of_four() {
        let picture = grey(4, &[0, 10, 20, 30, 10, 20, 30, 41, 0, 0, 255, 255, 0, 0, 255, 255]);
        assert_eq!(crop_and_resize(&picture, Window::whole(4, 4), 2), [10, 30, 0, 255]);
    }

    #[test]
    fn fractions_of_pixels_count_by_their_part() {
        // Three columns to two: the middle one belongs half to each.
        let picture = grey(3, &[0, 90, 180, 0, 90, 180, 0, 90, 180]);
        assert_eq!(crop_and_resize(&picture, Window::whole(3, 3), 2), [30, 150, 30, 150]);
    }

    #[test]
    fn only_the_window_counts() {
        let picture = grey(3, &[1, 1, 1, 1, 7, 9, 1, 3, 5]);
        let window = Window { left: 1, top: 1, width: 2, height: 2 };
        assert_eq!(crop_and_resize(&picture, window, 2), [7, 9, 3, 5]);
        assert_eq!(crop_and_resize(&picture, window, 1), [6]);
    }

    proptest! {
        #[test]
        fn one_colour_stays_one_colour(width in 1u32..50, height in 1u32..50, size in 1u32..40, value in any::<u8>()) {
            let picture = Picture::filled(width, height, 3, value);
            let resized = crop_and_resize(&picture, Window::whole(width, height), size);
            prop_assert!(resized.iter().all(|&v| v == value), "{resized:?}");
        }
    }
}
