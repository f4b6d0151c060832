//! One line of a table of pictures, and parsing its fields.

use serde_json::Value;

use crate::crop::BoundingBox;
use crate::source::{Split, text};

/// All lines of a table.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub(super) rows: Vec<Row>,
    /// The names of columns that are ignored.
    pub(super) ignored: Vec<String>,
    /// The names of columns that are used.
    pub(super) used: Vec<String>,
}

/// One line.
#[derive(Debug, PartialEq)]
pub(super) struct Row {
    /// The line, from 1.
    pub(super) line: usize,
    /// The path of the picture, as written.
    pub(super) path: Vec<u8>,
    pub(super) label: Option<String>,
    pub(super) split: Option<Split>,
    pub(super) boxes: Vec<Boxed>,
    /// Width and height of the picture that the boxes were drawn on.
    pub(super) drawn_on: Option<[f64; 2]>,
}

/// A box, and its class if it differs from the line's.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Boxed {
    pub(super) bounding_box: BoundingBox,
    pub(super) label: Option<String>,
}

/// A malformed line.
#[derive(Debug)]
pub(super) struct LineError {
    pub(super) line: usize,
    pub(super) what: String,
}

/// The reason that a path that is not found cannot lie below the table's folder; `None` if it can.
pub(super) fn outside(path: &[u8], shown: &str) -> Option<String> {
    if path.split(|b| matches!(b, b'/' | b'\\')).any(|part| part == b"..") {
        return Some(format!(
            "the path \"{shown}\" leaves the table's folder by \"..\", and no picture here ends so; put the table where all pictures are \
             below it"
        ));
    }
    crate::source::lookup::leads_out(path).then(|| {
        format!("the path \"{shown}\" is absolute, and no picture here ends so; write it relative to the table's folder")
    })
}

/// A split; `None` for an empty field.
///
/// # Errors
/// When it names no split.
pub(super) fn split(text: &str) -> Result<Option<Split>, String> {
    let wrong =
        || format!("the split \"{text}\" is none of train, val, valid, validation and test");
    if text.is_empty() { Ok(None) } else { part(text, false).map(Some).ok_or_else(wrong) }
}

/// The split of a word or, if splits are `numbered`, of 0, 1 and 2.
pub(super) fn part(text: &str, numbered: bool) -> Option<Split> {
    match text {
        "0" if numbered => Some(Split::Train),
        "1" if numbered => Some(Split::Val),
        "2" if numbered => Some(Split::Test),
        _ if text.eq_ignore_ascii_case("training") => Some(Split::Train),
        _ if text.eq_ignore_ascii_case("testing") => Some(Split::Test),
        _ => Split::named(text),
    }
}

/// A number of a box; NaN for a missing one.
///
/// # Errors
/// When it is none.
pub(super) fn number(text: &str, column: &str) -> Result<f64, String> {
    text::number(text).ok_or_else(|| format!("{column} \"{text}\" is not a number"))
}

/// A box from its left, upper, right and lower edge.
pub(super) fn corners([left, top, right, bottom]: [f64; 4]) -> BoundingBox {
    BoundingBox { x: left, y: top, width: right - left, height: bottom - top }
}

/// A box from its centre, width and height.
pub(super) fn centred([x, y, width, height]: [f64; 4]) -> BoundingBox {
    BoundingBox { x: x - width / 2.0, y: y - height / 2.0, width, height }
}

/// A box from a text like `[1, 2, 3, 4]`: x, y, width and height.
///
/// # Errors
/// When there are not four numbers.
pub(super) fn listed(text: &str, column: &str) -> Result<Option<BoundingBox>, String> {
    let inner = text.trim_matches(|c: char| c.is_whitespace() || "[](){}".contains(c));
    if text::number(inner).is_some_and(f64::is_nan) {
        return Ok(None);
    }
    let words = inner.split([',', ' ', ';']).filter(|word| !word.is_empty());
    let numbers: Option<Vec<f64>> = words.map(text::number).collect();
    match numbers.as_deref() {
        Some(&[x, y, width, height]) => Ok(Some(BoundingBox { x, y, width, height })),
        _ => Err(format!("{column} holds \"{text}\", which is not [x, y, width, height]")),
    }
}

/// Boxes from a sequence of classes and corners: `n01440764 240 170 260 240`.
///
/// # Errors
/// When they are not groups of five.
pub(super) fn predictions(text: &str) -> Result<Vec<Boxed>, String> {
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    let boxed = |five: &[&str]| {
        let numbers: Option<Vec<f64>> = five[1..].iter().map(|word| text::number(word)).collect();
        let four: [f64; 4] = numbers?.try_into().ok()?;
        Some(Boxed { bounding_box: corners(four), label: Some(five[0].to_owned()) })
    };
    let all: Option<Vec<Boxed>> =
        words.chunks(5).map(|five| if five.len() == 5 { boxed(five) } else { None }).collect();
    all.ok_or_else(|| {
        format!("\"{text}\" is not a class and xmin, ymin, xmax, ymax, any number of times")
    })
}

/// A box of the VGG Image Annotator: a shape and its attributes as JSON; `None` without a shape.
///
/// # Errors
/// When it is no JSON.
pub(super) fn via(shape: &str, attributes: &str) -> Result<Option<Boxed>, String> {
    let parse = |text: &str| -> Result<Value, String> {
        if text.is_empty() {
            Ok(Value::Null)
        } else {
            serde_json::from_str(text).map_err(|e| format!("\"{text}\" is no JSON: {e}"))
        }
    };
    let bounding_box = crate::source::layouts::shapes::via_shape(&parse(shape)?);
    let label = crate::source::layouts::shapes::via_class(&parse(attributes)?);
    Ok(bounding_box.map(|bounding_box| Boxed { bounding_box, label }))
}
