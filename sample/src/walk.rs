//! Paths through latent space that end where they begin.

/// Spherical interpolation (Shoemake 1985) of the directions of `a` and `b`, linear in their lengths: points between two
/// normal vectors keep the length that the generator knows.
#[must_use]
pub fn slerp(a: &[f32], b: &[f32], t: f64) -> Vec<f32> {
    let length = |v: &[f32]| v.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
    let (la, lb) = (length(a), length(b));
    let dot: f64 = a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum();
    let angle = (dot / (la * lb)).clamp(-1.0, 1.0).acos();
    let (wa, wb) = match angle.sin() {
        // Parallel directions: the straight line is the arc.
        s if s < 1e-6 => (1.0 - t, t),
        s => (((1.0 - t) * angle).sin() / s, (t * angle).sin() / s),
    };
    let target = la + (lb - la) * t;
    a.iter().zip(b).map(|(x, y)| ((wa * f64::from(*x) / la + wb * f64::from(*y) / lb) * target) as f32).collect()
}

/// `frames` latents along the closed path through the latents `keys`, at even steps.
#[must_use]
pub fn path(keys: &[Vec<f32>], frames: usize) -> Vec<Vec<f32>> {
    (0..frames)
        .map(|i| {
            let at = i as f64 * keys.len() as f64 / frames as f64;
            let k = at as usize;
            slerp(&keys[k], &keys[(k + 1) % keys.len()], at - k as f64)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn latent(seed: u64, length: usize) -> Vec<f32> {
        shared::rng::stream(seed, "latent", 0).normals(length)
    }

    #[test]
    fn a_walk_passes_its_keys_keeps_lengths_and_closes() {
        let frames = path(&[4, 9, 2].map(|seed| latent(seed, 64)), 12);
        assert_eq!(frames.len(), 12);
        for (frame, seed) in [(0, 4), (4, 9), (8, 2)] {
            for (x, y) in frames[frame].iter().zip(latent(seed, 64)) {
                assert!((x - y).abs() < 1e-5);
            }
        }
        let length = |v: &[f32]| v.iter().map(|x| x * x).sum::<f32>().sqrt();
        let keys = [4, 9, 2].map(|s| length(&latent(s, 64)));
        let (low, high) = (keys.iter().copied().fold(f32::MAX, f32::min), keys.iter().copied().fold(0.0, f32::max));
        assert!(frames.iter().all(|f| (low - 1e-3..high + 1e-3).contains(&length(f))));
        // The step over the seam is like those beside it.
        let step = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| (x - y).powi(2)).sum::<f32>().sqrt();
        let seam = step(&frames[11], &frames[0]);
        assert!((seam - step(&frames[10], &frames[11])).abs() < 0.3 * seam);
    }

    #[test]
    fn equal_latents_stay() {
        let z = latent(1, 8);
        for (x, y) in slerp(&z, &z, 0.3).iter().zip(&z) {
            assert!((x - y).abs() < 1e-5);
        }
    }
}
