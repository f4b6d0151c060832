//! FID∞ (Chong and Forsyth 2020, arXiv:1911.07023): the bias of FID is about proportional to 1/N
//! for N generated pictures, so a line fitted to FID over 1/N is extrapolated to 0. Following
//! dgm-eval's `compute_FD_infinity`: fifteen evenly spaced N, each a new draw, against all real
//! pictures.

use shared::log::Progress;
use shared::metrics::features::{self, Features, FeaturesError};
use shared::mt19937::RandomState;

use super::fid::{Divisor, Moments, Reference};

/// The sizes of the drawn sets; the default is dgm-eval's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Number of sizes, at least 3.
    pub points: usize,
    /// The smallest size is a tenth of the generated pictures, clamped to `least..=most`.
    pub least: usize,
    /// See `least`.
    pub most: usize,
    /// Seed of numpy's legacy generator, which draws the pictures.
    pub seed: u32,
}

impl Default for Sizes {
    fn default() -> Self {
        Self { points: 15, least: 2, most: 5000, seed: 2020 }
    }
}

impl Sizes {
    /// `np.linspace(min(most, max(count // 10, least)), count, points).astype(int)`.
    fn of(self, count: usize) -> Vec<usize> {
        let first = self.most.min(self.least.max(count / 10));
        let step = (count as f64 - first as f64) / (self.points as f64 - 1.0);
        let mut sizes: Vec<usize> =
            (0..self.points).map(|i| (i as f64 * step + first as f64) as usize).collect();
        // numpy sets the last size exactly, which rounding could miss.
        if let Some(last) = sizes.last_mut() {
            *last = count;
        }
        sizes
    }
}

/// A FID∞ and its fitted line.
#[derive(Clone, Debug, PartialEq)]
pub struct FidInfinity {
    /// Intercept of the line, at 1/N = 0.
    pub value: f64,
    /// Standard error of `value`, from the residuals.
    pub standard_error: f64,
    /// Slope of the line over 1/N.
    pub slope: f64,
    /// N and FID of every point.
    pub points: Vec<(usize, f64)>,
}

/// FID∞ of `generated` against all of `real`.
///
/// # Errors
/// When the rows differ in length or are not finite, there are fewer than 2 real pictures, too few
/// generated ones for distinct sizes, or a decomposition does not converge.
pub fn fid_infinity(
    generated: &Features,
    real: &Features,
    sizes: Sizes,
    divisor: Divisor,
) -> Result<FidInfinity, FeaturesError> {
    let count = generated.count();
    features::check(generated, real, 2)?;
    // The smallest number of pictures with distinct sizes, at least 1 apart.
    let least = sizes.least.max(2) + sizes.points - 1;
    if count < least {
        return Err(FeaturesError::TooFew { set: "generated", count, least });
    }
    let reference = Reference::new(Moments::of(real, divisor))?;
    let mut random = RandomState::new(sizes.seed);
    let progress = Progress::new("FID of growing sets", sizes.points as u64);
    let mut points = Vec::with_capacity(sizes.points);
    for size in sizes.of(count) {
        let rows = random.choice(count, size);
        points.push((size, reference.distance(&Moments::of_rows(generated, &rows, divisor))?));
        progress.add(1);
    }
    let (value, slope, standard_error) = line(&points);
    Ok(FidInfinity { value, standard_error, slope, points })
}

/// Least squares of FID over 1/N: intercept, slope, standard error of the intercept.
fn line(points: &[(usize, f64)]) -> (f64, f64, f64) {
    let n = points.len() as f64;
    let x = |size: usize| 1.0 / size as f64;
    let mean_x = points.iter().map(|p| x(p.0)).sum::<f64>() / n;
    let mean_y = points.iter().map(|p| p.1).sum::<f64>() / n;
    let square = points.iter().map(|p| (x(p.0) - mean_x).powi(2)).sum::<f64>();
    let slope = points.iter().map(|p| (x(p.0) - mean_x) * (p.1 - mean_y)).sum::<f64>() / square;
    let intercept = mean_y - slope * mean_x;
    let residual =
        points.iter().map(|p| (p.1 - intercept - slope * x(p.0)).powi(2)).sum::<f64>() / (n - 2.0);
    (intercept, slope, (residual * (1.0 / n + mean_x * mean_x / square)).sqrt())
}
