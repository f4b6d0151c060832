//! The likeness of two pictures of one size, pixel by pixel: L1, PSNR and SSIM.
//!
//! SSIM is that of Wang et al. 2004 ("Image quality assessment: from error visibility to structural
//! similarity", section III) with their window, a Gaussian of 11×11 pixels and σ 1.5, where it lies
//! within the picture; variances divide by the number of pixels, and the channels' values are
//! averaged. It is scikit-image's `structural_similarity(a, b, channel_axis=2, data_range=255,
//! gaussian_weights=True, sigma=1.5, use_sample_covariance=False)`.

use shared::metrics::resize::RgbPicture;

/// Pixels of a side of SSIM's window.
pub const WINDOW: usize = 11;
/// Standard deviation of its Gaussian, in pixels.
const SIGMA: f64 = 1.5;
/// The constants C₁ = (0.01·255)² and C₂ = (0.03·255)², which keep quotients of small numbers
/// bounded.
const C: [f64; 2] = [(0.01 * 255.0) * (0.01 * 255.0), (0.03 * 255.0) * (0.03 * 255.0)];
/// The PSNR that counts for two equal pictures, in dB; theirs is infinite.
pub const EQUAL_PSNR: f64 = 100.0;

/// The mean absolute difference on the scale from −1 to 1, over all pixels and channels.
#[must_use]
pub fn l1(a: &RgbPicture, b: &RgbPicture) -> f64 {
    absolute(&a.pixels, &b.pixels) as f64 / a.pixels.len() as f64 / 127.5
}

/// The sum of absolute differences, in levels.
#[must_use]
pub fn absolute(a: &[u8], b: &[u8]) -> u64 {
    // Short enough for sums in 32 bits, which the compiler makes instructions of their own for.
    let chunks = a.chunks(1 << 16).zip(b.chunks(1 << 16));
    chunks
        .map(|(a, b)| {
            u64::from(a.iter().zip(b).map(|(a, b)| u32::from(a.abs_diff(*b))).sum::<u32>())
        })
        .sum()
}

/// 10·log₁₀(255²/mean squared difference), in dB, at most [`EQUAL_PSNR`].
#[must_use]
pub fn psnr(a: &RgbPicture, b: &RgbPicture) -> f64 {
    let square = |(a, b): (&u8, &u8)| u64::from(a.abs_diff(*b)).pow(2);
    let sum: u64 = a.pixels.iter().zip(&b.pixels).map(square).sum();
    let mean = sum as f64 / a.pixels.len() as f64;
    (10.0 * (255.0 * 255.0 / mean).log10()).min(EQUAL_PSNR)
}

/// The mean structural similarity, 1 for equal pictures; `None` where a side is shorter than
/// [`WINDOW`].
#[must_use]
pub fn ssim(a: &RgbPicture, b: &RgbPicture) -> Option<f64> {
    let (width, height) = (a.width, a.height);
    if width < WINDOW || height < WINDOW {
        return None;
    }
    let weights = gaussian();
    let plane = |picture: &RgbPicture, channel: usize| -> Vec<f64> {
        picture.pixels.iter().skip(channel).step_by(3).map(|&v| f64::from(v)).collect()
    };
    let mean = |plane: Vec<f64>| filtered(&plane, width, height, &weights);
    let product =
        |a: &[f64], b: &[f64]| mean(a.iter().zip(b).map(|(a, b)| a * b).collect::<Vec<f64>>());
    let of_channel = |channel: usize| {
        let (x, y) = (plane(a, channel), plane(b, channel));
        let (xx, yy, xy) = (product(&x, &x), product(&y, &y), product(&x, &y));
        let (x, y) = (mean(x), mean(y));
        let value = |i: usize| {
            let (mx, my) = (x[i], y[i]);
            let (vx, vy, cov) = (xx[i] - mx * mx, yy[i] - my * my, xy[i] - mx * my);
            // Equation 13.
            (2.0 * mx * my + C[0]) * (2.0 * cov + C[1])
                / ((mx * mx + my * my + C[0]) * (vx + vy + C[1]))
        };
        (0..x.len()).map(value).sum::<f64>() / x.len() as f64
    };
    Some((0..3).map(of_channel).sum::<f64>() / 3.0)
}

/// The weights of one side of the window, which add up to 1.
fn gaussian() -> [f64; WINDOW] {
    let middle = (WINDOW / 2) as f64;
    let weights: [f64; WINDOW] =
        std::array::from_fn(|i| (-0.5 * ((i as f64 - middle) / SIGMA).powi(2)).exp());
    let sum: f64 = weights.iter().sum();
    weights.map(|weight| weight / sum)
}

/// The weighted means around every pixel whose window lies within the plane.
///
/// # Shapes
/// `plane` [H, W] gives [H − 10, W − 10].
fn filtered(plane: &[f64], width: usize, height: usize, weights: &[f64; WINDOW]) -> Vec<f64> {
    let across = width - WINDOW + 1;
    let mut rows = Vec::with_capacity(across * height); // [H, W − 10]
    for row in plane.chunks_exact(width) {
        let mean = |window: &[f64]| window.iter().zip(weights).map(|(v, w)| v * w).sum::<f64>();
        rows.extend(row.windows(WINDOW).map(mean));
    }
    let down = height - WINDOW + 1;
    let mut means = vec![0.0; across * down];
    for (y, means) in means.chunks_exact_mut(across).enumerate() {
        for (row, weight) in rows[y * across..].chunks_exact(across).zip(weights) {
            means.iter_mut().zip(row).for_each(|(mean, value)| *mean += weight * value);
        }
    }
    means
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(level: u8) -> RgbPicture {
        RgbPicture { width: 12, height: 11, pixels: vec![level; 12 * 11 * 3] }
    }

    #[test]
    fn constants_have_the_values_of_the_formulas() {
        let (a, b) = (of(100), of(151));
        assert!((l1(&a, &b) - 51.0 / 127.5).abs() < 1e-12);
        assert!((psnr(&a, &b) - 20.0 * (255.0f64 / 51.0).log10()).abs() < 1e-12);
        // Without variance only the means count.
        let expected = (2.0 * 100.0 * 151.0 + C[0]) / (100.0f64.powi(2) + 151.0f64.powi(2) + C[0]);
        assert!((ssim(&a, &b).expect("large enough") - expected).abs() < 1e-9);
    }

    #[test]
    fn equal_pictures_are_as_near_as_can_be_and_small_ones_have_no_ssim() {
        let a = of(7);
        assert_eq!((l1(&a, &a), psnr(&a, &a)), (0.0, EQUAL_PSNR));
        assert!((ssim(&a, &a).expect("large enough") - 1.0).abs() < 1e-12);
        let small = RgbPicture { width: 10, height: 20, pixels: vec![0; 600] };
        assert_eq!(ssim(&small, &small), None);
    }
}
