//! Numbers as charts write them.

/// A number with about four digits.
#[must_use]
pub fn short(value: f64) -> String {
    let size = value.abs();
    if size >= 1000.0 || size == 0.0 || !size.is_finite() {
        return format!("{value:.0}");
    }
    let decimals = (3.0 - size.log10().floor()).clamp(0.0, 8.0) as usize;
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let texts = [0.0123456, 12.3456, 123.456, 1234.56, 0.0].map(short);
        assert_eq!(texts, ["0.01235", "12.35", "123.5", "1235", "0"]);
    }
}
