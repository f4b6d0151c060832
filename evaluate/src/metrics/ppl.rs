//! Perceptual Path Length (Karras et al. 2018, arXiv:1812.04948, section 4.1), following
//! torch-fidelity's `metric_ppl.py`: the LPIPS distance of the pictures of two latent vectors a
//! small step apart, divided by the squared step.
//!
//! Latent vectors come from numpy's `RandomState(2020)`: first all starts, then all ends, in f64
//! and rounded to f32. Pictures are 8-bit and compared at 64×64. Distances below the 1st or above
//! the 99th percentile are dropped.

use shared::metrics::resize::RgbPicture;
use shared::mt19937::RandomState;
use thiserror::Error;

use shared::metrics::lpips::Lpips;

/// The distribution of latent vectors; torch-fidelity's names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Noise {
    /// `normal`: independent standard normal numbers.
    #[default]
    Normal,
    /// `uniform_0_1`: independent numbers from [0, 1).
    Uniform,
    /// `unit`: `uniform_0_1`, divided by the vector's length.
    Unit,
}

/// The interpolation of two latent vectors; torch-fidelity's names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Interpolation {
    /// `lerp`: the straight line.
    #[default]
    Lerp,
    /// `slerp_any`: along the circle, whatever the lengths.
    Slerp,
    /// `slerp_unit`: `slerp_any`, normalised to length 1.
    SlerpUnit,
}

/// The settings of a PPL, with torch-fidelity's defaults.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PplSettings {
    /// Pairs of latent vectors; the paper's 50,000.
    pub count: usize,
    /// Length of a latent vector.
    pub latent: usize,
    /// Their distribution.
    pub noise: Noise,
    /// The path of the small step.
    pub interpolation: Interpolation,
    /// The step, as a fraction of the path.
    pub epsilon: f64,
    /// Side in pixels at which pictures are compared; `None` compares them as they are.
    pub resize: Option<usize>,
    /// Percentiles between which distances are kept.
    pub kept: [f64; 2],
    /// Seed of numpy's legacy generator.
    pub seed: u32,
    /// Pairs per call of the generator.
    pub batch: usize,
}

impl PplSettings {
    /// The defaults for latent vectors of length `latent`.
    #[must_use]
    pub const fn new(latent: usize) -> Self {
        Self {
            count: 50_000,
            latent,
            noise: Noise::Normal,
            interpolation: Interpolation::Lerp,
            epsilon: 1e-4,
            resize: Some(64),
            kept: [1.0, 99.0],
            seed: 2020,
            batch: 16,
        }
    }
}

/// A PPL with the spread of the kept distances.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ppl {
    /// Their mean.
    pub mean: f64,
    /// Their standard deviation, in numpy's convention (divided by their number).
    pub std: f64,
    /// Their number.
    pub kept: usize,
}

/// Why there is no PPL; `E` is the generator's error.
#[derive(Debug, Error)]
pub enum PplError<E> {
    /// The generator failed.
    #[error(transparent)]
    Generator(E),
    /// The generator returned a wrong number of pictures.
    #[error("the generator made {made} pictures of {asked} latent vectors")]
    Count {
        /// Pictures.
        made: usize,
        /// Latent vectors.
        asked: usize,
    },
    /// No pair was asked for.
    #[error("a PPL needs at least one pair of pictures")]
    Empty,
    /// The network's weights are broken.
    #[error("the distance of pair {pair} is not finite")]
    NotFinite {
        /// Its index, from 0.
        pair: usize,
    },
}

/// Draws latent vectors one after the other.
struct Latents {
    random: RandomState,
    noise: Noise,
    length: usize,
}

impl Latents {
    fn next(&mut self) -> Vec<f32> {
        let mut one = || {
            if self.noise == Noise::Normal { self.random.normal() } else { self.random.uniform() }
        };
        let mut latent: Vec<f32> = (0..self.length).map(|_| one() as f32).collect();
        if self.noise == Noise::Unit {
            normalize(&mut latent);
        }
        latent
    }
}

/// PPL of the generator `pictures`, which makes one picture per latent vector, in order.
///
/// # Errors
/// When the generator fails, or a distance is not finite.
pub fn ppl<E>(
    lpips: &Lpips,
    settings: &PplSettings,
    mut pictures: impl FnMut(&[Vec<f32>]) -> Result<Vec<RgbPicture>, E>,
) -> Result<Ppl, PplError<E>> {
    let latents = |random| Latents { random, noise: settings.noise, length: settings.latent };
    let mut starts = latents(RandomState::new(settings.seed));
    // Ends are drawn after all starts. Drawing the starts twice costs less than keeping them.
    let mut ends = latents(RandomState::new(settings.seed));
    (0..settings.count).for_each(|_| drop(ends.next()));
    let mut distances = Vec::with_capacity(settings.count);
    while distances.len() < settings.count {
        let count = settings.batch.clamp(1, settings.count - distances.len());
        let mut both: Vec<Vec<f32>> = (0..count).map(|_| starts.next()).collect();
        for i in 0..count {
            both.push(between(&both[i], &ends.next(), settings.epsilon, settings.interpolation));
        }
        let made = pictures(&both).map_err(PplError::Generator)?;
        if made.len() != both.len() {
            return Err(PplError::Count { made: made.len(), asked: both.len() });
        }
        let (first, second) = made.split_at(count);
        distances.extend(
            lpips
                .distance(first, second, settings.resize)
                .iter()
                .map(|d| d / settings.epsilon.powi(2)),
        );
    }
    summary(distances, settings.kept)
}

/// The mean of the distances between two percentiles.
///
/// # Errors
/// When there are none, or one is not finite.
pub fn summary<E>(mut distances: Vec<f64>, [low, high]: [f64; 2]) -> Result<Ppl, PplError<E>> {
    if let Some(pair) = distances.iter().position(|d| !d.is_finite()) {
        return Err(PplError::NotFinite { pair });
    }
    distances.sort_unstable_by(f64::total_cmp);
    let last = distances.len().checked_sub(1).ok_or(PplError::Empty)? as f64;
    // numpy's percentiles `lower` and `higher` are existing distances; equal ones are kept.
    let (least, most) = (
        distances[(low / 100.0 * last).floor() as usize],
        distances[(high / 100.0 * last).ceil() as usize],
    );
    distances.retain(|d| (least..=most).contains(d));
    let count = distances.len() as f64;
    let mean = distances.iter().sum::<f64>() / count;
    let variance = distances.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / count;
    Ok(Ppl { mean, std: variance.sqrt(), kept: distances.len() })
}

/// The lower bound of lengths and sines (torch-fidelity's `noise.py`).
const TINY: f32 = 1e-7;

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn normalize(v: &mut [f32]) {
    let length = dot(v, v).sqrt().max(TINY);
    v.iter_mut().for_each(|v| *v /= length);
}

/// The vector at the fraction `t` of the path from `a` to `b`, in f32.
fn between(a: &[f32], b: &[f32], t: f64, interpolation: Interpolation) -> Vec<f32> {
    let lerp = || a.iter().zip(b).map(|(a, b)| a + (b - a) * t as f32).collect();
    let mut between = match interpolation {
        Interpolation::Lerp => return lerp(),
        Interpolation::Slerp | Interpolation::SlerpUnit => {
            let [unit_a, unit_b] = [a, b].map(|v| {
                let mut v = v.to_vec();
                normalize(&mut v);
                v
            });
            let cosine = dot(&unit_a, &unit_b);
            let is_zero = |v: &[f32]| dot(v, v).sqrt() < TINY;
            // Parallel or zero vectors define no circle.
            if is_zero(&unit_a) || is_zero(&unit_b) || !(-1.0 + TINY..=1.0 - TINY).contains(&cosine)
            {
                lerp()
            } else {
                let angle = cosine.acos();
                let sine = angle.sin().max(TINY);
                let (of_a, of_b) =
                    (((1.0 - t) as f32 * angle).sin() / sine, (t as f32 * angle).sin() / sine);
                a.iter().zip(b).map(|(a, b)| of_a * a + of_b * b).collect()
            }
        }
    };
    if interpolation == Interpolation::SlerpUnit {
        normalize(&mut between);
    }
    between
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    #[test]
    fn distances_outside_the_percentiles_are_dropped_and_equal_ones_kept() {
        // Of 0..=199, numpy's lower 1 % is at 1.99 → 1 and its higher 99 % at 197.01 → 198.
        let of =
            |distances: Vec<f64>| summary::<Infallible>(distances, [1.0, 99.0]).expect("distances");
        let all = of((0..200).rev().map(f64::from).collect());
        assert_eq!((all.kept, all.mean), (198, 99.5));
        let equal = of(vec![2.5; 300]);
        assert_eq!(equal, Ppl { mean: 2.5, std: 0.0, kept: 300 });
        assert!(matches!(summary::<Infallible>(vec![], [1.0, 99.0]), Err(PplError::Empty)));
        assert!(matches!(
            summary::<Infallible>(vec![1.0, f64::NAN], [1.0, 99.0]),
            Err(PplError::NotFinite { pair: 1 })
        ));
    }

    #[test]
    fn every_interpolation_ends_where_the_vectors_are() {
        let (a, b) = (vec![1.0, 0.0, 0.0], vec![0.0, 3.0, 4.0]);
        for interpolation in [Interpolation::Lerp, Interpolation::Slerp] {
            let near = |t: f64, end: &[f32]| {
                between(&a, &b, t, interpolation)
                    .iter()
                    .zip(end)
                    .all(|(x, y)| (x - y).abs() <= 1e-6)
            };
            assert!(near(0.0, &a) && near(1.0, &b), "{interpolation:?}");
        }
        // Opposite vectors have no circle between them; the result of SlerpUnit has length 1 all
        // the same.
        assert_eq!(between(&[1.0, 0.0], &[-1.0, 0.0], 0.25, Interpolation::Slerp), [0.5, 0.0]);
        assert_eq!(between(&[2.0, 0.0], &[-2.0, 0.0], 0.25, Interpolation::SlerpUnit), [1.0, 0.0]);
    }
}
