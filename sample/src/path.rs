//! Paths through latent space.

use clap::ValueEnum;
use shared::nn::config::Distribution;

/// What lies between two latent vectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Interpolation {
    /// The arc between their directions: points keep the length that latent vectors have
    Spherical,
    /// The straight line between them
    Linear,
}

/// How fast a path is walked between two of its keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Easing {
    /// At one speed
    Linear,
    /// Slowly at the keys, faster between them
    Smooth,
}

impl Interpolation {
    /// What keeps points where latent vectors of this distribution lie: the arc for those that have nearly one length, the line for
    /// those that fill an interval.
    #[must_use]
    pub fn of(distribution: Distribution) -> Self {
        match distribution {
            Distribution::Normal | Distribution::Sphere | Distribution::Truncated => Self::Spherical,
            Distribution::Uniform | Distribution::Censored | Distribution::Bernoulli => Self::Linear,
        }
    }

    /// The point at the share `t` of the way from `a` to `b`.
    #[must_use]
    pub fn between(self, a: &[f32], b: &[f32], t: f64) -> Vec<f32> {
        match self {
            Self::Spherical => slerp(a, b, t),
            Self::Linear => a.iter().zip(b).map(|(x, y)| (f64::from(*x) * (1.0 - t) + f64::from(*y) * t) as f32).collect(),
        }
    }
}

impl Easing {
    /// The share of the way that is walked after the share `t` of the time.
    fn walked(self, t: f64) -> f64 {
        match self {
            Self::Linear => t,
            // Smoothstep: no speed at either end.
            Self::Smooth => t * t * (3.0 - 2.0 * t),
        }
    }
}

/// A path through keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Path {
    /// From key to key.
    pub interpolation: Interpolation,
    /// At which speed.
    pub easing: Easing,
    /// Whether it returns from the last key to the first.
    pub closed: bool,
}

impl Path {
    /// `frames` latent vectors along the path through `keys`, of which there is at least one: in even steps of time; of an open path the
    /// last one is the last key, of a closed one the step from the last to the first is like any other.
    #[must_use]
    pub fn through(&self, keys: &[Vec<f32>], frames: usize) -> Vec<Vec<f32>> {
        (0..frames).map(|frame| self.at(keys, frame, frames)).collect()
    }

    /// The latent vector of one of these frames.
    #[must_use]
    pub fn at(&self, keys: &[Vec<f32>], frame: usize, frames: usize) -> Vec<f32> {
        let (legs, steps) = if self.closed { (keys.len(), frames) } else { (keys.len() - 1, frames.saturating_sub(1).max(1)) };
        let time = (frame * legs) as f64 / steps as f64;
        let leg = (time as usize).min(legs.saturating_sub(1));
        let share = self.easing.walked((time - leg as f64).clamp(0.0, 1.0));
        self.interpolation.between(&keys[leg], &keys[(leg + 1) % keys.len()], share)
    }
}

/// Spherical interpolation (Shoemake 1985) of the directions of `a` and `b`, linear in their lengths: points between two
/// normal vectors keep the length that the generator knows.
fn slerp(a: &[f32], b: &[f32], t: f64) -> Vec<f32> {
    let length = |v: &[f32]| v.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt().max(f64::MIN_POSITIVE);
    let (la, lb) = (length(a), length(b));
    let dot: f64 = a.iter().zip(b).map(|(x, y)| f64::from(*x) / la * (f64::from(*y) / lb)).sum();
    let angle = dot.clamp(-1.0, 1.0).acos();
    let (wa, wb) = match angle.sin() {
        // Parallel directions: the straight line is the arc.
        s if s < 1e-6 => (1.0 - t, t),
        s => (((1.0 - t) * angle).sin() / s, (t * angle).sin() / s),
    };
    let target = la + (lb - la) * t;
    a.iter().zip(b).map(|(x, y)| ((wa * f64::from(*x) / la + wb * f64::from(*y) / lb) * target) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn latent(seed: u64, length: usize) -> Vec<f32> {
        shared::rng::stream(seed, "latent", 0).normals(length)
    }

    fn length(v: &[f32]) -> f32 {
        v.iter().map(|x| x * x).sum::<f32>().sqrt()
    }

    fn step(a: &[f32], b: &[f32]) -> f32 {
        a.iter().zip(b).map(|(x, y)| (x - y).powi(2)).sum::<f32>().sqrt()
    }

    const CLOSED: Path = Path { interpolation: Interpolation::Spherical, easing: Easing::Linear, closed: true };

    #[test]
    fn a_walk_passes_its_keys_keeps_lengths_and_closes() {
        let keys = [4, 9, 2].map(|seed| latent(seed, 64));
        for easing in [Easing::Linear, Easing::Smooth] {
            let frames = Path { easing, ..CLOSED }.through(&keys, 12);
            assert_eq!(frames.len(), 12);
            for (frame, key) in [(0, 0), (4, 1), (8, 2)] {
                assert!(step(&frames[frame], &keys[key]) < 1e-4);
            }
            let lengths = keys.each_ref().map(|key| length(key));
            let (low, high) = (lengths.iter().copied().fold(f32::MAX, f32::min), lengths.iter().copied().fold(0.0, f32::max));
            assert!(frames.iter().all(|f| (low - 1e-3..high + 1e-3).contains(&length(f))));
            // The step over the seam is like the one after the first key, which mirrors it.
            let (seam, first) = (step(&frames[11], &frames[0]), step(&frames[0], &frames[1]));
            assert!((seam - first).abs() < 0.3 * seam, "{seam} {first}");
        }
    }

    #[test]
    fn an_open_path_ends_at_its_last_key_and_a_straight_one_is_straight() {
        let keys = [4, 9, 2].map(|seed| latent(seed, 32));
        let open = Path { closed: false, interpolation: Interpolation::Linear, ..CLOSED };
        let frames = open.through(&keys, 9);
        assert!(step(&frames[0], &keys[0]) < 1e-5 && step(&frames[4], &keys[1]) < 1e-5 && step(&frames[8], &keys[2]) < 1e-5);
        for i in 0..32 {
            assert!((frames[2][i] - (keys[0][i] + keys[1][i]) / 2.0).abs() < 1e-5);
        }
        assert_eq!(open.through(&keys, 1), [keys[0].clone()]);
        assert_eq!(open.through(&keys[..1], 3).len(), 3);
    }

    #[test]
    fn a_smooth_walk_is_slow_at_its_keys() {
        let keys = [4, 9].map(|seed| latent(seed, 32));
        let frames = Path { easing: Easing::Smooth, ..CLOSED }.through(&keys, 40);
        assert!(step(&frames[0], &frames[1]) < 0.3 * step(&frames[9], &frames[10]));
    }

    #[test]
    fn equal_and_zero_latents_stay() {
        let z = latent(1, 8);
        assert!(step(&slerp(&z, &z, 0.3), &z) < 1e-5);
        assert_eq!(slerp(&[0.0; 4], &[0.0; 4], 0.5), [0.0; 4]);
    }
}
