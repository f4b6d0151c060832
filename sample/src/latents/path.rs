//! Paths through latent space.

use std::f64::consts::PI;

use clap::ValueEnum;
use shared::nn::config::Distribution;
use shared::nn::latent;
use shared::nn::latent::Latents;

/// The interpolation of two latent vectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Interpolation {
    /// The arc between their directions, which preserves the length of latent vectors
    Spherical,
    /// The straight line between them
    Linear,
}

/// The speed along a path between two keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Easing {
    /// Constant speed
    Linear,
    /// Slow at the keys, faster between them
    Smooth,
}

impl Interpolation {
    /// The default for a distribution: the arc for latent vectors of nearly equal length, the line
    /// for those that fill an interval.
    #[must_use]
    pub fn of(distribution: Distribution) -> Self {
        match distribution {
            Distribution::Normal | Distribution::Sphere | Distribution::Truncated => {
                Self::Spherical
            }
            Distribution::Uniform | Distribution::Censored | Distribution::Bernoulli => {
                Self::Linear
            }
        }
    }

    /// The point at the fraction `t` of the way from `a` to `b`.
    #[must_use]
    pub fn between(self, a: &[f32], b: &[f32], t: f64) -> Vec<f32> {
        match self {
            Self::Spherical => slerp(a, b, t),
            Self::Linear => a
                .iter()
                .zip(b)
                .map(|(x, y)| (f64::from(*x) * (1.0 - t) + f64::from(*y) * t) as f32)
                .collect(),
        }
    }
}

impl Easing {
    /// The fraction of the way after the fraction `t` of the time.
    fn walked(self, t: f64) -> f64 {
        match self {
            Self::Linear => t,
            // Smoothstep: speed 0 at both ends.
            Self::Smooth => t * t * (3.0 - 2.0 * t),
        }
    }
}

/// A path through keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Path {
    /// The interpolation between keys.
    pub interpolation: Interpolation,
    /// The speed between keys.
    pub easing: Easing,
    /// The path returns from the last key to the first.
    pub closed: bool,
}

impl Path {
    /// `frames` latent vectors of a generator that takes `latents`, in even steps of time along the
    /// path through `keys`, at least one. An open path ends at the last key; a closed one steps
    /// from its last frame to its first like between any others.
    #[must_use]
    pub fn through(&self, latents: &Latents, keys: &[Vec<f32>], frames: usize) -> Vec<Vec<f32>> {
        (0..frames).map(|frame| self.at(latents, keys, frame, frames)).collect()
    }

    /// The latent vector of one frame of [`Self::through`].
    #[must_use]
    pub fn at(
        &self,
        latents: &Latents,
        keys: &[Vec<f32>],
        frame: usize,
        frames: usize,
    ) -> Vec<f32> {
        let (legs, steps) = if self.closed {
            (keys.len(), frames)
        } else {
            (keys.len() - 1, frames.saturating_sub(1).max(1))
        };
        let time = (frame * legs) as f64 / steps as f64;
        let leg = (time as usize).min(legs.saturating_sub(1));
        let share = self.easing.walked((time - leg as f64).clamp(0.0, 1.0));
        let mut z = self.interpolation.between(&keys[leg], &keys[(leg + 1) % keys.len()], share);
        if self.interpolation == Interpolation::Spherical {
            // An arc between two points of a cube may leave it; a line does not.
            latent::onto_support(latents, &mut z);
        }
        z
    }
}

/// Vectors with a smaller sine of their angle count as parallel or opposite.
const PARALLEL: f64 = 1e-6;

/// Spherical interpolation (Shoemake 1985) of the directions of `a` and `b`, linear in their
/// lengths, so that points between two normal vectors keep a typical length.
fn slerp(a: &[f32], b: &[f32], t: f64) -> Vec<f32> {
    let ((la, a), (lb, b)) = (polar(a), polar(b));
    let dot: f64 = a.iter().zip(&b).map(|(x, y)| x * y).sum();
    let angle = dot.clamp(-1.0, 1.0).acos();
    let (wa, other, wb) = match angle.sin() {
        s if s >= PARALLEL => (((1.0 - t) * angle).sin() / s, b, (t * angle).sin() / s),
        // Opposite directions are joined by a half circle; a line would pass through zero.
        _ if dot < 0.0 => ((t * PI).cos(), perpendicular(&a), (t * PI).sin()),
        // For equal directions, the line is the arc.
        _ => (1.0 - t, b, t),
    };
    let target = la + (lb - la) * t;
    a.iter().zip(&other).map(|(x, y)| ((wa * x + wb * y) * target) as f32).collect()
}

/// The length and direction of `v`.
fn polar(v: &[f32]) -> (f64, Vec<f64>) {
    let length = v.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt().max(f64::MIN_POSITIVE);
    (length, v.iter().map(|x| f64::from(*x) / length).collect())
}

/// A direction perpendicular to `direction`, towards the first of the axes farthest from it; zero
/// in one dimension.
fn perpendicular(direction: &[f64]) -> Vec<f64> {
    let (axis, along) = direction
        .iter()
        .copied()
        .enumerate()
        .fold((0, f64::MAX), |best, (i, x)| if x.abs() < best.1.abs() { (i, x) } else { best });
    let length = (1.0 - along * along).sqrt().max(f64::MIN_POSITIVE);
    (0..)
        .zip(direction)
        .map(|(i, x)| (f64::from(u8::from(i == axis)) - along * x) / length)
        .collect()
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

    /// A generator's, of latents distributed so.
    fn latents(distribution: Distribution) -> Latents {
        Latents { length: 64, distribution, threshold: 0.8 }
    }

    fn through(path: Path, keys: &[Vec<f32>], frames: usize) -> Vec<Vec<f32>> {
        path.through(&latents(Distribution::Normal), keys, frames)
    }

    const CLOSED: Path =
        Path { interpolation: Interpolation::Spherical, easing: Easing::Linear, closed: true };

    #[test]
    fn a_walk_passes_its_keys_keeps_lengths_and_closes() {
        let keys = [4, 9, 2].map(|seed| latent(seed, 64));
        for easing in [Easing::Linear, Easing::Smooth] {
            let frames = through(Path { easing, ..CLOSED }, &keys, 12);
            assert_eq!(frames.len(), 12);
            for (frame, key) in [(0, 0), (4, 1), (8, 2)] {
                assert!(step(&frames[frame], &keys[key]) < 1e-4);
            }
            let lengths = keys.each_ref().map(|key| length(key));
            let (low, high) = (
                lengths.iter().copied().fold(f32::MAX, f32::min),
                lengths.iter().copied().fold(0.0, f32::max),
            );
            assert!(frames.iter().all(|f| (low - 1e-3..high + 1e-3).contains(&length(f))));
            // The step over the seam mirrors the one after the first key.
            let (seam, first) = (step(&frames[11], &frames[0]), step(&frames[0], &frames[1]));
            assert!((seam - first).abs() < 0.3 * seam, "{seam} {first}");
        }
    }

    #[test]
    fn an_open_path_ends_at_its_last_key_and_a_straight_one_is_straight() {
        let keys = [4, 9, 2].map(|seed| latent(seed, 32));
        let open = Path { closed: false, interpolation: Interpolation::Linear, ..CLOSED };
        let frames = through(open, &keys, 9);
        assert!(
            step(&frames[0], &keys[0]) < 1e-5
                && step(&frames[4], &keys[1]) < 1e-5
                && step(&frames[8], &keys[2]) < 1e-5
        );
        for i in 0..32 {
            assert!((frames[2][i] - (keys[0][i] + keys[1][i]) / 2.0).abs() < 1e-5);
        }
        assert_eq!(through(open, &keys, 1), [keys[0].clone()]);
        assert_eq!(through(open, &keys[..1], 3).len(), 3);
    }

    #[test]
    fn a_smooth_walk_is_slow_at_its_keys() {
        let keys = [4, 9].map(|seed| latent(seed, 32));
        let frames = through(Path { easing: Easing::Smooth, ..CLOSED }, &keys, 40);
        assert!(step(&frames[0], &frames[1]) < 0.3 * step(&frames[9], &frames[10]));
    }

    #[test]
    fn equal_and_zero_latents_stay() {
        let z = latent(1, 8);
        assert!(step(&slerp(&z, &z, 0.3), &z) < 1e-5);
        assert_eq!(slerp(&[0.0; 4], &[0.0; 4], 0.5), [0.0; 4]);
    }

    #[test]
    fn opposite_latents_are_joined_by_a_half_circle() {
        for n in [2, 3, 8, 64] {
            let (z, opposite): (Vec<f32>, Vec<f32>) =
                latent(3, n).into_iter().map(|x| (x, -2.0 * x)).unzip();
            let steps: Vec<Vec<f32>> =
                (0..=8).map(|i| slerp(&z, &opposite, f64::from(i) / 8.0)).collect();
            assert!(step(&steps[0], &z) < 1e-5 && step(&steps[8], &opposite) < 1e-5, "{n}");
            for (i, point) in (0u8..).zip(&steps) {
                let expected = length(&z) * (1.0 + f32::from(i) / 8.0);
                assert!(
                    (length(point) - expected).abs() < 1e-4 * expected,
                    "{n}, {i}: {} {expected}",
                    length(point)
                );
            }
            // Even in angle: the middle is perpendicular to both ends.
            let dot: f32 = steps[4].iter().zip(&z).map(|(x, y)| x * y).sum();
            assert!(dot.abs() < 1e-3, "{n}: {dot}");
        }
        assert_eq!(slerp(&[1.0], &[-1.0], 1.0), [-1.0]);
    }

    #[test]
    fn an_arc_stays_where_latents_may_lie() {
        let truncated = latents(Distribution::Truncated);
        // Near a corner of the cube an arc leaves it.
        let keys = [vec![0.8, 0.1, 0.79], vec![0.1, 0.8, 0.79]];
        let open = Path { closed: false, ..CLOSED };
        let outside =
            |frames: &[Vec<f32>]| frames.iter().flatten().filter(|v| v.abs() > 0.8).count();
        assert!(outside(&through(open, &keys, 11)) > 0);
        let frames = open.through(&truncated, &keys, 11);
        assert_eq!(outside(&frames), 0);
        assert!(step(&frames[0], &keys[0]) < 1e-6 && step(&frames[10], &keys[1]) < 1e-6);
    }
}
