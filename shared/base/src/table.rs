//! Rows of text as aligned columns, for people.
//!
//! ```
//! use fledge_base::table::aligned;
//!
//! let rows = [["name", "KID"], ["first", "0.01"]].map(|row| row.map(str::to_owned));
//! assert_eq!(aligned(&rows), "name   KID\nfirst  0.01\n");
//! ```

/// `rows`, the first of which may be a heading, with the cells of a column below each other and two
/// spaces between columns. A row may be shorter than others.
#[must_use]
pub fn aligned<R: AsRef<[String]>>(rows: &[R]) -> String {
    let columns = rows.iter().map(|row| row.as_ref().len()).max().unwrap_or(0);
    let width = |i: usize| {
        rows.iter()
            .filter_map(|row| row.as_ref().get(i))
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &R| {
        let cells: Vec<String> = row
            .as_ref()
            .iter()
            .zip(&widths)
            .map(|(cell, &width)| format!("{cell:<width$}"))
            .collect();
        format!("{}\n", cells.join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_of_a_column_begin_below_each_other_and_no_line_ends_in_spaces() {
        let rows = [vec!["run", "KID", "±"], vec!["ä", "0.1"], vec!["longer", "", ""]];
        let rows = rows.map(|row| row.into_iter().map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(aligned(&rows), "run     KID  ±\nä       0.1\nlonger\n");
        assert_eq!(aligned::<Vec<String>>(&[]), "");
    }
}
