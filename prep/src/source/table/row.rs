//! One line of a table of pictures: what its fields mean.

use crate::crop::BoundingBox;
use crate::source::Part;

/// All lines of a table.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub(super) rows: Vec<Row>,
    /// The columns that say nothing to us, each once.
    pub(super) ignored: Vec<String>,
}

/// What one line says of a picture.
#[derive(Debug, PartialEq)]
pub(super) struct Row {
    /// The line, from 1.
    pub(super) line: usize,
    /// Relative to the table's folder, without `.` and `..`.
    pub(super) path: Vec<u8>,
    pub(super) label: Option<String>,
    pub(super) split: Option<Part>,
    pub(super) boxes: Vec<BoundingBox>,
    /// Width and height of the picture that the boxes were drawn on.
    pub(super) drawn_on: Option<[f64; 2]>,
}

/// What is wrong with which line.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) line: usize,
    pub(super) what: String,
}

/// A path below the table's folder.
///
/// # Errors
/// When it is empty, absolute, or leads out of the folder by `..`.
pub(super) fn path(text: &[u8], shown: &str) -> Result<Vec<u8>, String> {
    let is_separator = |b: &u8| matches!(b, b'/' | b'\\');
    let drive = text.len() > 2 && text[0].is_ascii_alphabetic() && text[1] == b':' && is_separator(&text[2]);
    if drive || text.first().is_some_and(is_separator) {
        return Err(format!("the path \"{shown}\" is absolute; write it relative to the table's folder"));
    }
    if text.split(is_separator).any(|part| part == b"..") {
        return Err(format!(
            "the path \"{shown}\" leaves the table's folder by \"..\"; put the table where all pictures are below it"
        ));
    }
    let parts: Vec<&[u8]> = text.split(|&b| b == b'/').filter(|part| !part.is_empty() && *part != b".").collect();
    if parts.is_empty() { Err("its path is empty".into()) } else { Ok(parts.join(&b'/')) }
}

/// A part; `None` for an empty field.
///
/// # Errors
/// When it is no name of a part.
pub(super) fn split(text: &str) -> Result<Option<Part>, String> {
    let wrong = || format!("the split \"{text}\" is none of train, val, valid, validation and test");
    if text.is_empty() { Ok(None) } else { Part::named(text).map(Some).ok_or_else(wrong) }
}

/// A number of a box.
///
/// # Errors
/// When it is none, or not finite.
pub(super) fn number(text: &str, column: &str) -> Result<f64, String> {
    let value = text.parse().ok().filter(|value: &f64| value.is_finite());
    value.ok_or_else(|| format!("{column} \"{text}\" is not a number"))
}
