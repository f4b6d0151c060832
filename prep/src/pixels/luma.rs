//! The luma of stored pixels, and what the filters measure of it.

/// ITU-R BT.601 luma in fixed point, as Pillow computes it; one byte a pixel.
#[must_use]
pub fn luma(pixels: &[u8], channels: usize) -> Vec<u8> {
    if channels < 3 {
        return pixels.iter().step_by(channels.max(1)).copied().collect();
    }
    let weigh = |p: &[u8]| {
        ((u32::from(p[0]) * 19595 + u32::from(p[1]) * 38470 + u32::from(p[2]) * 7471 + 0x8000)
            >> 16) as u8
    };
    if channels == 3 {
        return pixels.as_chunks::<3>().0.iter().map(|p| weigh(p)).collect();
    }
    pixels.chunks_exact(channels).map(weigh).collect()
}

/// Variance of the four-neighbour Laplacian over the pixels that have four neighbours (Pech-Pacheco
/// et al. 2000).
#[must_use]
pub fn laplacian_variance(light: &[u8], width: usize) -> f64 {
    let at = |i: usize| i64::from(light[i]);
    let (mut n, mut sum, mut squares) = (0i64, 0i64, 0i64);
    for row in 1..(light.len() / width.max(1)).saturating_sub(1) {
        for i in row * width + 1..(row + 1) * width - 1 {
            let v = at(i - 1) + at(i + 1) + at(i - width) + at(i + width) - 4 * at(i);
            (n, sum, squares) = (n + 1, sum + v, squares + v * v);
        }
    }
    if n == 0 {
        return 0.0;
    }
    let mean = sum as f64 / n as f64;
    squares as f64 / n as f64 - mean * mean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sharp_edge_has_a_larger_variance_than_a_ramp() {
        let ramp: Vec<u8> = (0..64).map(|i| (i % 8) as u8 * 20).collect();
        let edge: Vec<u8> = (0..64).map(|i| if i % 8 < 4 { 0 } else { 140 }).collect();
        assert_eq!(laplacian_variance(&ramp, 8), 0.0);
        // Six columns are looked at, two of them beside the edge: ±140.
        assert!((laplacian_variance(&edge, 8) - 140.0 * 140.0 / 3.0).abs() < 1e-9);
        assert_eq!(laplacian_variance(&[1, 2], 1), 0.0);
    }
}
