//! Latent vectors, the input of a generator.
//!
//! ```
//! use fledge_base::rng;
//! use fledge_models::latent::{self, Distribution, Latents};
//!
//! let latents = Latents { length: 64, distribution: Distribution::Normal, threshold: 1.0 };
//! let z = latent::draw(&latents, 2, &mut rng::stream(7, "an example", 0));
//! assert_eq!(z.len(), 128);
//! ```

use fledge_base::rng::{self, Stream};
use serde::{Deserialize, Serialize};

/// The narrowest truncation: one normal draw in 125 falls within it.
pub const LEAST_THRESHOLD: f64 = 0.01;
/// The widest truncation: no normal draw exceeds it.
pub const MOST_THRESHOLD: f64 = 100.0;

/// Distribution of latent vectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Distribution {
    /// N(0, 1) for each value.
    Normal,
    /// Uniform on [−1, 1] for each value.
    Uniform,
    /// Uniform on the sphere of radius √size, near which normal vectors lie.
    Sphere,
    /// Normal, redrawn outside ±threshold (Brock et al. 2019, "truncation trick").
    Truncated,
    /// max(N(0, 1), 0) (Brock et al. 2019, appendix E).
    Censored,
    /// 0 or 1 with equal probability.
    Bernoulli,
}

impl Distribution {
    /// Its name in the settings.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Uniform => "uniform",
            Self::Sphere => "sphere",
            Self::Truncated => "truncated",
            Self::Censored => "censored",
            Self::Bernoulli => "bernoulli",
        }
    }
}

/// Length and distribution of a generator's latent vectors.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Latents {
    /// Length of a vector.
    pub length: usize,
    /// Their distribution.
    pub distribution: Distribution,
    /// Bound of the truncated normal distribution, on both sides.
    pub threshold: f64,
}

/// Draws `count` latent vectors, concatenated.
#[must_use]
pub fn draw(latents: &Latents, count: usize, stream: &mut Stream) -> Vec<f32> {
    let n = latents.length;
    match latents.distribution {
        Distribution::Normal => stream.normals(count * n),
        Distribution::Uniform => (0..count * n).map(|_| stream.between(-1.0, 1.0) as f32).collect(),
        Distribution::Sphere => (0..count).flat_map(|_| on_sphere(stream, n)).collect(),
        Distribution::Truncated => {
            (0..count * n).map(|_| truncated(stream, latents.threshold)).collect()
        }
        Distribution::Censored => (0..count * n).map(|_| stream.normal().max(0.0) as f32).collect(),
        Distribution::Bernoulli => {
            (0..count * n).map(|_| f32::from(u8::from(stream.coin(0.5)))).collect()
        }
    }
}

/// Redraws the values of `z`, the latent vector of `seed`, beyond ±`threshold`. Each value has its
/// own random stream: a value within the threshold is the same at every threshold, and so is its
/// effect on the picture.
pub fn truncate(z: &mut [f32], seed: u64, threshold: f64) {
    for (place, value) in (0u64..).zip(z).filter(|(_, value)| f64::from(value.abs()) > threshold) {
        *value = truncated(&mut rng::stream(seed, "truncation", place), threshold);
    }
}

/// Projects `z` onto the support of the distribution, where that is bounded: onto the sphere, or
/// into the interval.
pub fn onto_support(latents: &Latents, z: &mut [f32]) {
    let clamp =
        |z: &mut [f32], low: f32, high: f32| z.iter_mut().for_each(|v| *v = v.clamp(low, high));
    match latents.distribution {
        Distribution::Normal => {}
        Distribution::Uniform => clamp(z, -1.0, 1.0),
        Distribution::Truncated => clamp(z, -latents.threshold as f32, latents.threshold as f32),
        Distribution::Censored => clamp(z, 0.0, f32::MAX),
        Distribution::Bernoulli => clamp(z, 0.0, 1.0),
        Distribution::Sphere => {
            let length =
                z.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt().max(f64::MIN_POSITIVE);
            let radius = (z.len() as f64).sqrt();
            z.iter_mut().for_each(|v| *v = (f64::from(*v) / length * radius) as f32);
        }
    }
}

/// Uniform on the sphere of radius √n: a normal vector, rescaled.
fn on_sphere(stream: &mut Stream, n: usize) -> Vec<f32> {
    let values: Vec<f64> = (0..n).map(|_| stream.normal()).collect();
    let length = values.iter().map(|v| v * v).sum::<f64>().sqrt().max(f64::MIN_POSITIVE);
    values.into_iter().map(|v| (v / length * (n as f64).sqrt()) as f32).collect()
}

/// A normal draw, repeated until it lies within ±`threshold`.
fn truncated(stream: &mut Stream, threshold: f64) -> f32 {
    loop {
        let value = stream.normal();
        if value.abs() <= threshold {
            return value as f32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(distribution: Distribution) -> Vec<f32> {
        draw(
            &Latents { length: 50, distribution, threshold: 0.8 },
            2000,
            &mut rng::stream(1, "latent test", 0),
        )
    }

    /// Mean and mean square.
    fn moments(values: &[f32]) -> (f64, f64) {
        let n = values.len() as f64;
        let sum = |f: fn(f64) -> f64| values.iter().map(|v| f(f64::from(*v))).sum::<f64>() / n;
        (sum(|v| v), sum(|v| v * v))
    }

    #[test]
    fn each_distribution_has_its_moments_and_bounds() {
        // 100,000 numbers of variance at most 2: five standard errors are below 0.025.
        let near = |found: f64, expected: f64, what: &str| {
            assert!((found - expected).abs() < 0.025, "{what}: {found} {expected}")
        };
        let check = |distribution, mean, square, bound: f32| {
            let values = drawn(distribution);
            let what = format!("{distribution:?}");
            let (m, s) = moments(&values);
            near(m, mean, &what);
            near(s, square, &what);
            assert!(values.iter().all(|v| v.abs() <= bound), "{what}");
        };
        check(Distribution::Normal, 0.0, 1.0, 7.0);
        check(Distribution::Uniform, 0.0, 1.0 / 3.0, 1.0);
        check(Distribution::Sphere, 0.0, 1.0, 50f32.sqrt());
        // Var of N(0,1) within ±0.8: 1 − 2·0.8·φ(0.8)/(2Φ(0.8) − 1).
        check(Distribution::Truncated, 0.0, 1.0 - 1.6 * 0.289_692 / 0.576_289, 0.8);
        // max(N, 0): mean 1/√(2π), mean square ½.
        check(Distribution::Censored, 0.398_942, 0.5, 7.0);
        check(Distribution::Bernoulli, 0.5, 0.5, 1.0);
    }

    #[test]
    fn truncation_moves_only_what_is_beyond_it_and_a_value_keeps_its_place_as_the_threshold_falls()
    {
        let z = rng::stream(3, "latent test", 0).normals(5000);
        let at = |threshold| {
            let mut z = z.clone();
            truncate(&mut z, 3, threshold);
            z
        };
        let (wide, narrow) = (at(1.2), at(0.4));
        assert!(wide.iter().all(|v| v.abs() <= 1.2) && narrow.iter().all(|v| v.abs() <= 0.4));
        for i in 0..z.len() {
            assert!(z[i].abs() > 1.2 || wide[i] == z[i]);
            assert!(wide[i].abs() > 0.4 || narrow[i] == wide[i]);
        }
        // Within ±0.4 a truncated normal is nearly uniform: variance 0.16/3 · (1 − 0.4²·2/15 …).
        let square = narrow.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>() / z.len() as f64;
        assert!((square - 0.0522).abs() < 0.003, "{square}");
    }

    #[test]
    fn points_on_the_sphere_have_one_length() {
        for z in drawn(Distribution::Sphere).chunks(50) {
            let length = z.iter().map(|v| v * v).sum::<f32>().sqrt();
            assert!((length / 50f32.sqrt() - 1.0).abs() < 1e-5, "{length}");
        }
    }
}
