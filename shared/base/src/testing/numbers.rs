//! The one comparison of numbers that all tests use: a missing number or one that is not finite is
//! never close.

/// The largest difference between two lists of numbers.
///
/// It is infinite where a number of either list is not finite, so that no tolerance accepts a NaN.
///
/// # Panics
/// When the lists are empty or differ in length.
///
/// # Example
/// ```
/// use fledge_base::testing::largest_difference;
///
/// assert!(largest_difference([1.0f32, 2.0], [1.0f64, 2.5]) <= 0.5);
/// assert!(!(largest_difference([f32::NAN], [1.0f32]) <= 1e9));
/// ```
#[must_use]
pub fn largest_difference<A, B>(
    found: impl IntoIterator<Item = A>,
    expected: impl IntoIterator<Item = B>,
) -> f64
where
    A: Into<f64>,
    B: Into<f64>,
{
    let (found, expected) = (numbers(found), numbers(expected));
    assert!(!expected.is_empty(), "nothing to compare with");
    assert_eq!(found.len(), expected.len(), "found and expected differ in length");
    found.iter().zip(&expected).map(|(a, b)| magnitude(a - b)).fold(0.0, f64::max)
}

/// [`largest_difference`] as a share of the largest expected magnitude; the difference itself where
/// all expected numbers are 0.
///
/// # Panics
/// When the lists are empty or differ in length.
#[must_use]
pub fn relative_difference<A, B>(
    found: impl IntoIterator<Item = A>,
    expected: impl IntoIterator<Item = B>,
) -> f64
where
    A: Into<f64>,
    B: Into<f64>,
{
    let expected = numbers(expected);
    let scale = expected.iter().copied().map(magnitude).fold(0.0, f64::max);
    let apart = largest_difference(found, expected.iter().copied());
    match scale {
        0.0 => apart,
        // An expected infinity has made the difference infinite already.
        scale if scale.is_infinite() => f64::INFINITY,
        scale => apart / scale,
    }
}

fn numbers<N: Into<f64>>(list: impl IntoIterator<Item = N>) -> Vec<f64> {
    list.into_iter().map(Into::into).collect()
}

/// |x|, infinite where it is not a number: `f64::max` would pass over a NaN.
fn magnitude(x: f64) -> f64 {
    if x.is_nan() { f64::INFINITY } else { x.abs() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_tolerance_accepts_what_is_not_finite() {
        for wrong in [f32::NAN, f32::INFINITY] {
            assert_eq!(largest_difference([0.0, wrong], [0.0f32, 1.0]), f64::INFINITY);
            assert_eq!(largest_difference([0.0, 1.0f32], [0.0, wrong]), f64::INFINITY);
            assert_eq!(relative_difference([0.0, 1.0f32], [0.0, wrong]), f64::INFINITY);
        }
        assert_eq!(largest_difference([f32::INFINITY], [f32::INFINITY]), f64::INFINITY);
    }

    #[test]
    fn a_relative_difference_is_a_share_of_the_largest_expected_number() {
        assert_eq!(relative_difference([1.0f32, 8.0], [2.0f64, -10.0]), 1.8);
        assert_eq!(relative_difference([0.5f32], [0.0f32]), 0.5);
    }

    #[test]
    #[should_panic(expected = "differ in length")]
    fn a_missing_number_is_told() {
        let _ = largest_difference([1.0f32], [1.0f32, 2.0]);
    }
}
