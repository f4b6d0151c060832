//! The palette of an animation, learned once for all frames, so that still parts do not flicker.
//! [`super::quantize`] and [`super::lzw`] choose the colours of pixels.

use rayon::prelude::*;
use shared::picture::Picture;

use super::rgb::{distance, pixels};

/// Maximum pixels to learn from; more do not change the palette.
const SAMPLES: usize = 1 << 22;
/// Bits per channel of the bins that are clustered; the means of bins are exact.
const BIN_BITS: u32 = 6;
/// Rounds of k-means; later ones change the error by less than a thousandth.
const ROUNDS: usize = 24;
/// Bits per channel that select a cell of [`Palette::nearest`]'s table.
const CELL_BITS: u32 = 5;
/// Number of listed neighbours of each colour.
const NEIGHBOURS: usize = 8;

/// The colours of pixels evenly spread over frames.
#[derive(Debug)]
pub struct Samples {
    colors: Vec<u32>,
    /// Pixels between two samples, and pixels of the next frame before its first sample.
    step: usize,
    skip: usize,
}

/// At most 256 colours, with the possible nearest ones of each cell of the colour space.
#[derive(Clone, Debug)]
pub struct Palette {
    colors: Vec<[u8; 3]>,
    /// The start of each cell in `candidates`, and the end of the last.
    starts: Vec<u32>,
    candidates: Vec<u8>,
    neighbours: Vec<Vec<u8>>,
    error: f64,
}

/// Pixels of nearly one colour.
#[derive(Clone, Copy, Debug)]
struct Bin {
    mean: [f32; 3],
    weight: f32,
}

impl Samples {
    /// Samples of frames with `total` pixels in all.
    #[must_use]
    pub fn new(total: usize) -> Self {
        // Odd, so that samples do not always fall on the same column of a sheet.
        let step = total.div_ceil(SAMPLES) | 1;
        Self { colors: Vec::with_capacity(total / step + 1), step, skip: 0 }
    }

    /// Adds samples of the next frame.
    pub fn add(&mut self, frame: &Picture) {
        let before = self.colors.len();
        self.colors.extend(pixels(frame).skip(self.skip).step_by(self.step).map(packed));
        let passed = self.skip + (self.colors.len() - before) * self.step;
        self.skip = passed - frame.width as usize * frame.height as usize;
    }
}

impl Palette {
    /// Learns at most `limit` colours (1 to 256) from `samples`; all of them if there are no more.
    /// Otherwise by Wu's splitting of the cluster with the largest error ("Efficient statistical
    /// computations for optimal color quantization", Graphics Gems II, 1991) along its axis of
    /// largest variance, and then Lloyd's iterations of k-means.
    #[must_use]
    pub fn learn(samples: Samples, limit: usize) -> Self {
        let mut samples = samples.colors;
        samples.par_sort_unstable();
        let counted: Vec<(u32, u32)> =
            samples.chunk_by(|a, b| a == b).map(|run| (run[0], run.len() as u32)).collect();
        if counted.len() <= limit {
            return Self::of(
                counted
                    .iter()
                    .map(|&(color, _)| color.to_be_bytes())
                    .map(|[_, r, g, b]| [r, g, b])
                    .collect(),
            );
        }
        let bins = bins_of(&counted);
        let means = refine(&bins, split(&mut bins.clone(), limit));
        let mut learned = Self::of(exact(&means, &counted));
        let apart = |&(color, count): &(u32, u32)| {
            let [_, rgb @ ..] = color.to_be_bytes();
            u64::from(distance(rgb, learned.colors[usize::from(learned.nearest(rgb))]))
                * u64::from(count)
        };
        let squares: u64 = counted.par_iter().map(apart).sum();
        learned.error = (squares as f64 / (3 * samples.len()) as f64).sqrt();
        learned
    }

    /// These colours, of which there are 1 to 256.
    #[must_use]
    pub fn of(colors: Vec<[u8; 3]>) -> Self {
        let side = 1u32 << CELL_BITS;
        let cells: Vec<Vec<u8>> =
            (0..side.pow(3)).into_par_iter().map(|cell| candidates(cell, &colors)).collect();
        let mut starts = vec![0];
        for cell in &cells {
            starts.push(starts[starts.len() - 1] + cell.len() as u32);
        }
        let neighbours = colors.iter().map(|&of| neighbours(of, &colors)).collect();
        Self { colors, starts, candidates: cells.concat(), neighbours, error: 0.0 }
    }

    /// The colours by index.
    #[must_use]
    pub fn colors(&self) -> &[[u8; 3]] {
        &self.colors
    }

    /// The root of the mean squared error, in levels of a channel, of the pixels that it was
    /// learned from.
    #[must_use]
    pub fn error(&self) -> f64 {
        self.error
    }

    /// Mean distance of a colour to the nearest other.
    #[must_use]
    pub fn spacing(&self) -> f64 {
        let next = |(color, near): (&[u8; 3], &Vec<u8>)| {
            near.first().map_or(0, |&n| distance(*color, self.colors[usize::from(n)]))
        };
        let sum: f64 =
            self.colors.iter().zip(&self.neighbours).map(|pair| f64::from(next(pair)).sqrt()).sum();
        sum / self.colors.len() as f64
    }

    /// The indices of the colours nearest to that of `index`, without itself, the nearest first.
    #[must_use]
    pub fn neighbours(&self, index: u8) -> &[u8] {
        &self.neighbours[usize::from(index)]
    }

    /// The index of the nearest colour; of equally near ones the first.
    #[must_use]
    pub fn nearest(&self, color: [u8; 3]) -> u8 {
        let index =
            color.iter().fold(0, |cell, &c| cell << CELL_BITS | usize::from(c >> (8 - CELL_BITS)));
        let candidates =
            &self.candidates[self.starts[index] as usize..self.starts[index + 1] as usize];
        let mut best = (u32::MAX, 0);
        for &candidate in candidates {
            let apart = distance(color, self.colors[usize::from(candidate)]);
            if apart < best.0 {
                best = (apart, candidate);
            }
        }
        best.1
    }
}

fn packed(color: [u8; 3]) -> u32 {
    u32::from_be_bytes([0, color[0], color[1], color[2]])
}

fn neighbours(of: [u8; 3], colors: &[[u8; 3]]) -> Vec<u8> {
    let mut others: Vec<(u32, u8)> =
        colors.iter().zip(0..=255).map(|(&c, i)| (distance(c, of), i)).collect();
    others.sort_unstable();
    others.iter().skip(1).take(NEIGHBOURS).map(|&(_, i)| i).collect()
}

/// The colours that may be nearest to a colour of a cell. A colour is excluded if its nearest point
/// of the cell is farther than another colour's farthest point.
fn candidates(cell: u32, colors: &[[u8; 3]]) -> Vec<u8> {
    let (mask, width) = ((1 << CELL_BITS) - 1, 1i32 << (8 - CELL_BITS));
    let low = [cell >> (2 * CELL_BITS), cell >> CELL_BITS, cell].map(|c| (c & mask) as i32 * width);
    let bounds = colors.iter().map(|color| {
        let (mut least, mut most) = (0, 0);
        for (&c, low) in color.iter().zip(low) {
            let (below, above) = (low - i32::from(c), i32::from(c) - (low + width - 1));
            least += below.max(above).max(0).pow(2);
            most += below.min(above).pow(2);
        }
        (least, most)
    });
    let bounds: Vec<(i32, i32)> = bounds.collect();
    let reach = bounds.iter().map(|b| b.1).min().unwrap_or(0);
    bounds.iter().zip(0u8..=255).filter(|(b, _)| b.0 <= reach).map(|(_, index)| index).collect()
}

/// Colours and how often they occur, taken together where they are nearly the same.
fn bins_of(counted: &[(u32, u32)]) -> Vec<Bin> {
    let bin = |color: u32| {
        let [_, r, g, b] = color.to_be_bytes().map(|c| u32::from(c) >> (8 - BIN_BITS));
        r << (2 * BIN_BITS) | g << BIN_BITS | b
    };
    let mut sorted = counted.to_vec();
    sorted.par_sort_unstable_by_key(|&(color, _)| (bin(color), color));
    let mean = |run: &[(u32, u32)]| {
        let (mut sum, mut weight) = ([0f64; 3], 0f64);
        for &(color, count) in run {
            let [_, rgb @ ..] = color.to_be_bytes();
            sum.iter_mut().zip(rgb).for_each(|(s, c)| *s += f64::from(c) * f64::from(count));
            weight += f64::from(count);
        }
        Bin { mean: sum.map(|s| (s / weight) as f32), weight: weight as f32 }
    };
    sorted.chunk_by(|a, b| bin(a.0) == bin(b.0)).map(mean).collect()
}

/// Weight, mean and sum of squared distances from it for each channel.
fn moments(bins: &[Bin]) -> (f64, [f64; 3], [f64; 3]) {
    let (mut weight, mut sum, mut squares) = (0f64, [0f64; 3], [0f64; 3]);
    for bin in bins {
        let w = f64::from(bin.weight);
        weight += w;
        for c in 0..3 {
            sum[c] += w * f64::from(bin.mean[c]);
            squares[c] += w * f64::from(bin.mean[c]).powi(2);
        }
    }
    let mean = sum.map(|s| s / weight);
    (weight, mean, std::array::from_fn(|c| (squares[c] - sum[c] * mean[c]).max(0.0)))
}

/// The means of `limit` clusters (fewer where there are fewer bins).
fn split(bins: &mut [Bin], limit: usize) -> Vec<[f32; 3]> {
    let error =
        |bins: &[Bin]| if bins.len() < 2 { 0.0 } else { moments(bins).2.iter().sum::<f64>() };
    let mut clusters: Vec<(f64, &mut [Bin])> = vec![(f64::MAX, bins)];
    while clusters.len() < limit {
        let worst = clusters
            .iter()
            .enumerate()
            .max_by(|a, b| a.1.0.total_cmp(&b.1.0))
            .map_or(0, |(i, _)| i);
        if clusters[worst].1.len() < 2 {
            break;
        }
        let (_, bins) = clusters.swap_remove(worst);
        let (_, _, variance) = moments(bins);
        let axis = (0..3).fold(0, |best, c| if variance[c] > variance[best] { c } else { best });
        bins.sort_by(|a, b| a.mean[axis].total_cmp(&b.mean[axis]));
        let at = cut(bins, axis);
        let (left, right) = bins.split_at_mut(at);
        clusters.push((error(left), left));
        clusters.push((error(right), right));
    }
    clusters.iter().map(|(_, bins)| moments(bins).1.map(|c| c as f32)).collect()
}

/// The index that splits `bins`, sorted along `axis`, with the least error along it: the variance
/// between the parts is largest.
fn cut(bins: &[Bin], axis: usize) -> usize {
    let (total, mean, _) = moments(bins);
    let (mut weight, mut sum) = (0f64, 0f64);
    let mut best = (f64::MIN, 1);
    for (i, bin) in bins.iter().enumerate().take(bins.len() - 1) {
        weight += f64::from(bin.weight);
        sum += f64::from(bin.weight) * (f64::from(bin.mean[axis]) - mean[axis]);
        let between = sum * sum * (1.0 / weight + 1.0 / (total - weight));
        if between > best.0 {
            best = (between, i + 1);
        }
    }
    best.1
}

/// Moves the means to a local minimum of the sum of squared distances.
fn refine(bins: &[Bin], mut means: Vec<[f32; 3]>) -> Vec<[f32; 3]> {
    let apart = |a: [f32; 3], b: [f32; 3]| {
        (a[0] - b[0]).powi(2) + (a[1] - b[1]).powi(2) + (a[2] - b[2]).powi(2)
    };
    let mut owners = vec![0usize; bins.len()];
    for _ in 0..ROUNDS {
        let nearest = |bin: &Bin| {
            means.iter().enumerate().fold((f32::MAX, 0), |best, (i, &mean)| {
                match apart(bin.mean, mean) {
                    d if d < best.0 => (d, i),
                    _ => best,
                }
            })
        };
        let found: Vec<usize> = bins.par_iter().map(|bin| nearest(bin).1).collect();
        if found == owners {
            break;
        }
        owners = found;
        // Summed in order, so that the result does not depend on the number of threads.
        let mut sums = vec![([0f64; 3], 0f64); means.len()];
        for (bin, &owner) in bins.iter().zip(&owners) {
            let (sum, weight) = &mut sums[owner];
            sum.iter_mut()
                .zip(bin.mean)
                .for_each(|(s, c)| *s += f64::from(c) * f64::from(bin.weight));
            *weight += f64::from(bin.weight);
        }
        for (mean, (sum, weight)) in means.iter_mut().zip(sums) {
            if weight > 0.0 {
                *mean = sum.map(|s| (s / weight) as f32);
            }
        }
    }
    means
}

/// The means as colours. A colour that makes up most of a cluster (a background, a caption) is kept
/// exactly.
fn exact(means: &[[f32; 3]], counted: &[(u32, u32)]) -> Vec<[u8; 3]> {
    let rounded = Palette::of(means.iter().map(|mean| mean.map(|c| (c + 0.5) as u8)).collect());
    let mut clusters = vec![(0u64, 0u32, [0u8; 3]); means.len()];
    for &(color, count) in counted {
        let [_, rgb @ ..] = color.to_be_bytes();
        let (total, most, of) = &mut clusters[usize::from(rounded.nearest(rgb))];
        *total += u64::from(count);
        if count > *most {
            (*most, *of) = (count, rgb);
        }
    }
    let pick = |(mean, (total, most, of)): (&[u8; 3], (u64, u32, [u8; 3]))| {
        if u64::from(most) * 2 > total { of } else { *mean }
    };
    let mut colors: Vec<[u8; 3]> = rounded.colors().iter().zip(clusters).map(pick).collect();
    colors.sort_unstable();
    colors.dedup();
    colors
}
