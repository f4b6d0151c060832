//! Counts and sizes for people.

/// "12.3 MB".
pub(crate) fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}

/// "1 file", "2 files".
pub(crate) fn number_of(n: u64, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_in_the_largest_unit() {
        let sizes = [999, 1_500, 400_000_000, 5_000_000_000].map(size);
        assert_eq!(sizes, ["999 B", "1.5 kB", "400.0 MB", "5.0 GB"]);
        assert_eq!([number_of(1, "file"), number_of(2, "file")], ["1 file", "2 files"]);
    }
}
