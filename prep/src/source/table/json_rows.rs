//! The lines of a table of JSON objects.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::columns::Columns;
use super::row::{self, Fault, Row, Rows};
use crate::crop::BoundingBox;

/// The members that hold boxes as lists.
const BOX: &str = "box";
const BOXES: &str = "boxes";

/// Reads all lines.
///
/// # Errors
/// When a line is no JSON object, or one that does not name a picture.
pub(super) fn parse(text: &[u8]) -> Result<Rows, Fault> {
    let mut rows = Rows::default();
    let mut ignored = BTreeSet::new();
    let mut last: Option<Columns> = None;
    for (line, text) in (1..).zip(text.split(|&b| b == b'\n')) {
        if text.trim_ascii().is_empty() {
            continue;
        }
        let bad = |what| Fault { line, what };
        let object: Map<String, Value> = serde_json::from_slice(text).map_err(|e| bad(format!("it is no JSON object: {e}")))?;
        let names = object.keys().map(String::as_str);
        let columns = match last.take() {
            // Most tables have the same members in every line.
            Some(columns) if columns.are(names) => columns,
            _ => {
                let columns = Columns::new(object.keys().cloned().collect()).map_err(bad)?;
                let unused = columns.ignored().filter(|name| ![BOX, BOXES].contains(name));
                ignored.extend(unused.map(str::to_owned));
                columns
            }
        };
        rows.rows.push(read_row(&object, &columns, line).map_err(bad)?);
        last = Some(columns);
    }
    rows.ignored = ignored.into_iter().collect();
    Ok(rows)
}

/// Whether a line is an object that names a picture.
pub(super) fn has_path(line: &[u8]) -> bool {
    let object: Result<Map<String, Value>, _> = serde_json::from_slice(line);
    object.is_ok_and(|object| Columns::has_path(&object.keys().cloned().collect::<Vec<_>>()))
}

fn read_row(object: &Map<String, Value>, columns: &Columns, line: usize) -> Result<Row, String> {
    let fields: Vec<(&String, &Value)> = object.iter().collect();
    let used = |place: usize| text_of(fields[place].1).ok_or_else(|| format!("{} is neither text nor a number", fields[place].0));
    let optional = |place: Option<usize>| place.map(used).transpose().map(Option::unwrap_or_default);
    let label = optional(columns.label)?;
    let split = row::split(&optional(columns.split)?)?;
    let path = used(columns.path)?;
    let path = row::path(path.as_bytes(), &path)?;
    // Lists are no numbers, and said so by their text.
    let shown = |place: usize| text_of(fields[place].1).unwrap_or_else(|| fields[place].1.to_string().into());
    let mut boxes: Vec<BoundingBox> = columns.bounding_box(shown)?.into_iter().collect();
    boxes.extend(object.get(BOX).map(|value| numbers(value, BOX)).transpose()?.flatten());
    match object.get(BOXES) {
        None | Some(Value::Null) => {}
        Some(Value::Array(list)) => {
            for value in list {
                boxes.extend(numbers(value, BOXES)?);
            }
        }
        Some(other) => return Err(format!("boxes {other} is not a list of [x, y, width, height]")),
    }
    let drawn_on = columns.drawn_on(shown);
    Ok(Row { line, path, label: (!label.is_empty()).then(|| label.into_owned()), split, boxes, drawn_on })
}

/// A text without blanks around, a number or a truth value as text; null is empty; `None` for lists and objects.
fn text_of(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::Null => Some("".into()),
        Value::String(text) => Some(text.trim().into()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string().into()),
        Value::Array(_) | Value::Object(_) => None,
    }
}

/// A box from a list; `None` for null and the empty list.
fn numbers(value: &Value, name: &str) -> Result<Option<BoundingBox>, String> {
    let list = match value {
        Value::Null => return Ok(None),
        Value::Array(list) if list.is_empty() => return Ok(None),
        Value::Array(list) => list.as_slice(),
        _ => &[],
    };
    let values: Vec<f64> = list.iter().take(5).filter_map(Value::as_f64).collect();
    match values[..] {
        [x, y, width, height] if list.len() == 4 => Ok(Some(BoundingBox { x, y, width, height })),
        _ => Err(format!("{name} holds {value}, which is not [x, y, width, height]")),
    }
}
