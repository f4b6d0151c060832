//! Checks of setting values, with one wording for all refusals.

use std::fmt::Display;

use fledge_base::cli::UsageError;

/// Refuses `key` if `holds` is false; the error names the value, the expected range and the flag
/// that changes it.
pub(crate) fn require(
    holds: bool,
    key: &str,
    value: impl Display,
    expected: &str,
) -> Result<(), UsageError> {
    if holds {
        Ok(())
    } else {
        Err(UsageError(format!(
            "{key} = {value}: expected {expected}; change it with --set {key}=…"
        )))
    }
}

/// A count of at least 1.
pub(crate) fn positive<N: Display + Default + PartialOrd>(
    value: N,
    key: &str,
) -> Result<(), UsageError> {
    require(value > N::default(), key, &value, "at least 1")
}

/// 0 ≤ value < 1.
pub(crate) fn share(value: f64, key: &str) -> Result<(), UsageError> {
    require((0.0..1.0).contains(&value), key, value, "0 ≤ value < 1")
}

/// 0 ≤ value ≤ 1.
pub(crate) fn fraction(value: f64, key: &str) -> Result<(), UsageError> {
    require((0.0..=1.0).contains(&value), key, value, "0 ≤ value ≤ 1")
}

/// A finite number above 0.
pub(crate) fn above_zero(value: f64, key: &str) -> Result<(), UsageError> {
    require(value > 0.0 && value.is_finite(), key, value, "a positive number")
}

/// A finite number, 0 or above.
pub(crate) fn amount(value: f64, key: &str) -> Result<(), UsageError> {
    require(value >= 0.0 && value.is_finite(), key, value, "0 or a positive number")
}
