//! Amplification of four octaves by one FIR filter per picture.

use std::sync::LazyLock;

use burn::tensor::{Tensor, TensorData};
use shared::nn::ops;

use super::fir;
use super::plan::Step;

/// Frequency bands, lowest first.
pub const BANDS: usize = 4;

/// Power of natural pictures in each band, falling as 1/f (`AugmentPipe`).
const POWER: [f64; BANDS] = [10.0 / 13.0, 1.0 / 13.0, 1.0 / 13.0, 1.0 / 13.0];

/// sym2, the Daubechies wavelet's low-pass filter of 4 taps (1 ∓ √3 and 3 ∓ √3, over 4√2), as
/// PyWavelets lists it.
const SYM2: [f64; 4] =
    [-0.12940952255092145, 0.22414386804185735, 0.836516303737469, 0.48296291314469025];

/// Taps of each band's filter.
const TAPS: usize = 43;

/// The filters of the bands; their sum is an impulse.
static BANK: LazyLock<[[f64; TAPS]; BANDS]> = LazyLock::new(bank);

fn convolve(a: &[f64], b: &[f64]) -> Vec<f64> {
    let mut result = vec![0.0; a.len() + b.len() - 1];
    a.iter()
        .enumerate()
        .for_each(|(i, a)| b.iter().enumerate().for_each(|(j, b)| result[i + j] += a * b));
    result
}

/// h convolved with its reverse, halved.
fn power(h: &[f64]) -> Vec<f64> {
    let turned: Vec<f64> = h.iter().rev().copied().collect();
    convolve(h, &turned).into_iter().map(|v| v / 2.0).collect()
}

/// Each round halves the frequencies of the existing bands and adds the upper half as a new one.
fn bank() -> [[f64; TAPS]; BANDS] {
    let high: Vec<f64> =
        SYM2.iter().enumerate().map(|(i, h)| if i % 2 == 1 { -h } else { *h }).collect();
    let (low, high) = (power(&SYM2), power(&high));
    let mut bands = vec![vec![1.0]];
    for _ in 1..BANDS {
        for band in &mut bands {
            let mut spread: Vec<f64> = band.iter().flat_map(|&v| [v, 0.0]).collect();
            spread.pop();
            *band = convolve(&spread, &low);
        }
        let around = (bands[0].len() - high.len()) / 2;
        let silence = vec![0.0; around];
        bands.push([silence.as_slice(), &high, &silence].concat());
    }
    std::array::from_fn(|band| std::array::from_fn(|tap| bands[band][tap]))
}

/// The gains of all bands when one is amplified by `factor` and the expected power is kept.
#[must_use]
pub fn normalized(band: usize, factor: f64) -> [f64; BANDS] {
    let gain = |i: usize| if i == band { factor } else { 1.0 };
    let power: f64 = (0..BANDS).map(|i| POWER[i] * gain(i) * gain(i)).sum();
    std::array::from_fn(|i| gain(i) / power.sqrt())
}

/// Filters each picture along both axes, with mirrored borders.
#[derive(Clone, Debug)]
pub struct Filter {
    /// [B, H, H].
    rows: Vec<f32>,
    /// [B, W, W].
    columns: Vec<f32>,
}

impl Filter {
    /// One set of gains per picture of `extent` (height, width).
    #[must_use]
    pub fn new(gains: &[[f64; BANDS]], [height, width]: [usize; 2]) -> Self {
        let all = |n: usize| {
            let matrix = |gains: &[f64; BANDS]| {
                let taps: [f64; TAPS] = std::array::from_fn(|tap| {
                    (0..BANDS).map(|band| gains[band] * BANK[band][tap]).sum()
                });
                fir::around(n, &taps).dense()
            };
            gains.iter().flat_map(matrix).collect::<Vec<f32>>()
        };
        let rows = all(height);
        Self { columns: if width == height { rows.clone() } else { all(width) }, rows }
    }
}

impl Step for Filter {
    fn apply(&self, x: Tensor<4>) -> Tensor<4> {
        let [batch, channels, height, width] = x.dims();
        let device = x.device().inner();
        let of = |values: &[f32], n: usize| {
            Tensor::<3>::from_data(TensorData::new(values.to_vec(), [batch, n, n]), &device)
        };
        let (rows, columns) = (of(&self.rows, height), of(&self.columns, width));
        let x: Tensor<3> =
            ops::matmul(x.reshape([batch, channels * height, width]), columns.transpose());
        let x: Tensor<4> = x.reshape([batch, channels, height, width]);
        ops::matmul(rows.unsqueeze_dim::<4>(1), x)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bands_add_up_to_one_impulse_and_the_lowest_keeps_what_is_constant() {
        // PyWavelets lists sym2 to about 12 digits.
        let near = |a: f64, b: f64| (a - b).abs() < 1e-11;
        for tap in 0..TAPS {
            let sum: f64 = BANK.iter().map(|band| band[tap]).sum();
            let expected = f64::from(u8::from(tap == TAPS / 2));
            assert!(near(sum, expected), "tap {tap}: {sum}");
        }
        let constant: Vec<f64> = BANK.iter().map(|band| band.iter().sum()).collect();
        assert!(
            near(constant[0], 1.0) && constant[1..].iter().all(|&c| near(c, 0.0)),
            "{constant:?}"
        );
    }

    #[test]
    fn gains_keep_the_expected_power() {
        for (band, factor) in [(0, 3.0), (2, 0.1), (3, 7.0)] {
            let gains = normalized(band, factor);
            let power: f64 = gains.iter().zip(POWER).map(|(g, p)| g * g * p).sum();
            assert!((power - 1.0).abs() < 1e-12);
            assert!((gains[band] / gains[(band + 1) % BANDS] - factor).abs() < 1e-12);
        }
    }
}
