//! FIR filters along an axis, with border handling and changes of sampling rate.

use shared::nn::ops::Fir;

/// sym6, the Daubechies least-asymmetric wavelet's low-pass filter of 12 taps (Daubechies 1992,
/// table 6.3), as PyWavelets lists it.
const SYM6: [f64; 12] = [
    0.015404109327027373,
    0.0034907120842174702,
    -0.11799011114819057,
    -0.048311742585633,
    0.4910559419267466,
    0.787641141030194,
    0.3379294217276218,
    -0.07263752278646252,
    -0.021060292512300564,
    0.04472490177066578,
    0.0017677118642428036,
    -0.007800708325034148,
];

/// Extra samples on each side of a resampled picture, cropped afterwards: a quarter of the filter's
/// taps.
pub(super) const PAD: usize = SYM6.len() / 4;

/// Mirrors an index without repeating the border, periodically: d c b | a b c d | c b a. A single
/// sample mirrors to itself.
pub(super) fn mirrored(i: i64, n: usize) -> usize {
    if n == 1 {
        return 0;
    }
    let period = 2 * (n as i64 - 1);
    let r = i.rem_euclid(period);
    (if r < n as i64 { r } else { period - r }) as usize
}

/// sym6, normalised to sum 1.
fn low_pass() -> [f64; 12] {
    let sum: f64 = SYM6.iter().sum();
    SYM6.map(|h| h / sum)
}

/// Upsamples `n` samples, padded by `before` and `after` mirrored ones, by two: inserts zeros, then
/// filters with sym6.
#[must_use]
pub fn up(n: usize, before: usize, after: usize) -> Fir {
    let (filter, taps) = (low_pass(), SYM6.len());
    let padded = n + before + after;
    let results = (0..2 * padded).map(|result| {
        let samples = (0..taps).filter_map(|tap| {
            // The signal with zeros between its samples, with (taps + 1)/2 zeros before it.
            let at = (result + tap)
                .checked_sub(taps.div_ceil(2))
                .filter(|at| at % 2 == 0 && *at < 2 * padded)?;
            Some((
                mirrored(at as i64 / 2 - before as i64, n),
                (2.0 * filter[taps - 1 - tap]) as f32,
            ))
        });
        samples.collect()
    });
    Fir { samples: n, results: results.collect() }
}

/// Downsamples 2·(n + 2·`PAD`) samples to `n`: filters with reversed sym6, then keeps every other
/// sample.
#[must_use]
pub fn down(n: usize) -> Fir {
    let filter = low_pass();
    let results = (0..n).map(|result| {
        filter.iter().enumerate().map(|(tap, &f)| (2 * result + tap + 1, f as f32)).collect()
    });
    Fir { samples: 2 * (n + 2 * PAD), results: results.collect() }
}

/// Filters `n` samples with an odd number of taps centred on each, mirrored beyond the ends.
#[must_use]
pub fn around(n: usize, taps: &[f64]) -> Fir {
    let middle = taps.len() as i64 / 2;
    let results = (0..n as i64).map(|result| {
        let sample = |(tap, &value): (usize, &f64)| {
            (mirrored(result + tap as i64 - middle, n), value as f32)
        };
        taps.iter().enumerate().map(sample).collect()
    });
    Fir { samples: n, results: results.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn product(a: &Fir, b: &Fir) -> Vec<f64> {
        assert_eq!(a.samples, b.results.len());
        let (inner, columns) = (a.samples, b.samples);
        let (left, right) = (a.dense(), b.dense());
        let entry = |i: usize, j: usize| {
            (0..inner).map(|k| f64::from(left[i * inner + k] * right[k * columns + j])).sum()
        };
        (0..a.results.len() * columns).map(|i| entry(i / columns, i % columns)).collect()
    }

    #[test]
    fn up_and_down_again_gives_the_samples_back() {
        // sym6 is orthogonal to its own shifts by two, so the interpolation is inverted exactly.
        for n in [7, 16, 33] {
            let back = product(&down(n), &up(n, PAD, PAD));
            for (i, value) in back.iter().enumerate() {
                let expected = f64::from(u8::from(i / n == i % n));
                assert!((value - expected).abs() < 1e-6, "{n}: entry {i} is {value}");
            }
        }
    }

    #[test]
    fn borders_are_mirrored_without_being_repeated_and_as_often_as_needed() {
        let seen: Vec<usize> = (-5..9).map(|i| mirrored(i, 4)).collect();
        assert_eq!(seen, [1, 2, 3, 2, 1, 0, 1, 2, 3, 2, 1, 0, 1, 2]);
        assert_eq!(mirrored(-3, 1), 0);
    }
}
