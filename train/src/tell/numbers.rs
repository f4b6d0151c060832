//! Numbers formatted for people.

/// Placeholder for a missing number.
pub(crate) const ABSENT: &str = "–";

/// A whole number with commas between thousands.
pub(crate) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, digit) in digits.char_indices() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number with about `digits` significant digits, but never fewer than its integer part.
pub(crate) fn rounded(value: f64, digits: i32) -> String {
    if !value.is_finite() {
        return ABSENT.into();
    }
    let magnitude = if value == 0.0 { 0 } else { value.abs().log10().floor() as i32 };
    // Below a millionth there would be more decimals than anyone reads.
    let places = (digits - 1 - magnitude).clamp(0, 8) as usize;
    format!("{value:.places$}")
}

/// A duration in its two most significant units.
pub(crate) fn duration(seconds: f64) -> String {
    let whole = seconds.max(0.0).round() as u64;
    let (days, hours, minutes) = (whole / 86400, whole / 3600 % 24, whole / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{whole} s"),
        (0, 0, m) => format!("{m} min {} s", whole % 60),
        (0, h, m) => format!("{h} h {m} min"),
        (d, h, _) => format!("{d} d {h} h"),
    }
}

/// The median; of an even number of values, the upper of the two middle ones.
pub(crate) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// The first names of a list, and the number of others.
pub(crate) fn few(names: &[String]) -> String {
    const SHOWN: usize = 8;
    let more = names.len().saturating_sub(SHOWN);
    let list = names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    if more == 0 { list } else { format!("{list} and {more} more") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_lose_nothing_that_counts() {
        assert_eq!([0, 999, 1000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(
            [0.0, 0.012345, -1.5, 1234.5, f64::NAN].map(|v| rounded(v, 3)),
            ["0.00", "0.0123", "-1.50", "1234", "–"]
        );
        assert_eq!(
            [0.4, 61.0, 3720.0, 90_000.0].map(duration),
            ["0 s", "1 min 1 s", "1 h 2 min", "1 d 1 h"]
        );
        assert_eq!((median(vec![3.0, 1.0, 2.0]), median(vec![])), (Some(2.0), None));
    }
}
