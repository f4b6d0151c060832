//! The lines of a table of JSON objects.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::columns::{Columns, Sample};
use super::csv_rows::SAMPLE;
use super::row::{Boxed, LineError, Row, Rows};
use crate::crop::BoundingBox;

/// The members that hold boxes as lists.
const BOX: [&str; 2] = ["box", "bbox"];
const BOXES: [&str; 2] = ["boxes", "bboxes"];
/// The member of Hugging Face's object detection: `{"bbox": [[…], …], "categories": […]}`.
const OBJECTS: &str = "objects";

/// Reads all lines.
///
/// # Errors
/// When a line is no JSON object, or does not name a picture.
pub(super) fn parse(text: &[u8], is_picture: &dyn Fn(&str) -> bool) -> Result<Rows, LineError> {
    let first = sample(text);
    let mut rows = Rows::default();
    let (mut ignored, mut used) = (BTreeSet::new(), BTreeSet::new());
    let mut last: Option<Columns> = None;
    for (line, text) in lines(text) {
        let bad = |what| LineError { line, what };
        let object: Map<String, Value> =
            serde_json::from_slice(text).map_err(|e| bad(format!("it is no JSON object: {e}")))?;
        let names = object.keys().map(String::as_str);
        let columns = match last.take() {
            // Most tables have the same members in every line.
            Some(columns) if columns.are(names) => columns,
            _ => {
                let columns = columns_of(&object, &first, is_picture).map_err(bad)?;
                let unused = columns.ignored().filter(|name| !is_boxes(name));
                ignored.extend(unused.map(str::to_owned));
                used.extend(
                    columns
                        .used()
                        .chain(columns.ignored().filter(|name| is_boxes(name)))
                        .map(str::to_owned),
                );
                columns
            }
        };
        rows.rows.push(read_row(&object, &columns, line).map_err(bad)?);
        last = Some(columns);
    }
    rows.ignored = ignored.into_iter().collect();
    rows.used = used.into_iter().collect();
    Ok(rows)
}

/// The columns of the first line, and the fields of the first lines.
///
/// # Errors
/// When it is no object, or does not name a picture.
pub(super) fn head(
    text: &[u8],
    is_picture: &dyn Fn(&str) -> bool,
) -> Result<(Columns, Vec<Vec<String>>), LineError> {
    let first = sample(text);
    let (line, object) = lines(text).next().unwrap_or((1, b"null"));
    let bad = |what| LineError { line, what };
    let object: Map<String, Value> =
        serde_json::from_slice(object).map_err(|e| bad(format!("it is no JSON object: {e}")))?;
    let columns = columns_of(&object, &first, is_picture).map_err(bad)?;
    let rows = first
        .iter()
        .map(|object| row_of(object, &object.keys().cloned().collect::<Vec<_>>()))
        .collect();
    Ok((columns, rows))
}

/// Returns whether members of that name hold boxes.
fn is_boxes(name: &str) -> bool {
    BOX.contains(&name) || BOXES.contains(&name) || name == OBJECTS
}

/// Returns whether some of an object's members hold boxes.
pub(super) fn has_boxes(columns: &Columns) -> bool {
    columns.ignored().any(is_boxes)
}

fn lines(text: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    (1..).zip(text.split(|&b| b == b'\n')).filter(|(_, line)| !line.trim_ascii().is_empty())
}

fn sample(text: &[u8]) -> Vec<Map<String, Value>> {
    lines(text).take(SAMPLE).filter_map(|(_, line)| serde_json::from_slice(line).ok()).collect()
}

/// An object's members of these names, as text.
fn row_of(object: &Map<String, Value>, names: &[String]) -> Vec<String> {
    let text = |name: &String| object.get(name).and_then(text_of).unwrap_or_default().into_owned();
    names.iter().map(text).collect()
}

fn columns_of(
    object: &Map<String, Value>,
    first: &[Map<String, Value>],
    is_picture: &dyn Fn(&str) -> bool,
) -> Result<Columns, String> {
    let names: Vec<String> = object.keys().cloned().collect();
    let rows: Vec<Vec<String>> = first.iter().map(|object| row_of(object, &names)).collect();
    // Members that hold boxes as lists are read as such below.
    let known = names
        .iter()
        .map(|name| if is_boxes(name) { format!("[{name}]") } else { name.to_lowercase() })
        .collect();
    let columns = Columns::new(known, &Sample { rows: &rows, is_picture })?;
    Ok(columns.called(names))
}

fn read_row(object: &Map<String, Value>, columns: &Columns, line: usize) -> Result<Row, String> {
    let fields: Vec<(&String, &Value)> = object.iter().collect();
    let used = |place: usize| {
        text_of(fields[place].1)
            .ok_or_else(|| format!("{} is neither text nor a number", fields[place].0))
    };
    let path = used(columns.path)?;
    if path.is_empty() {
        return Err("its path is empty".into());
    }
    // Lists are no numbers; errors show their text.
    let shown = |place: usize| {
        text_of(fields[place].1).unwrap_or_else(|| fields[place].1.to_string().into())
    };
    let label = columns.label(shown);
    let split = columns.part(shown)?;
    let mut boxes = columns.boxes(shown)?;
    let unlabelled = |bounding_box| Boxed { bounding_box, label: None };
    for name in BOX {
        boxes.extend(
            object
                .get(name)
                .map(|value| numbers(value, name))
                .transpose()?
                .flatten()
                .map(unlabelled),
        );
    }
    for name in BOXES {
        if let Some(value) = object.get(name) {
            boxes.extend(lists(value, name)?.into_iter().map(unlabelled));
        }
    }
    if let Some(Value::Object(objects)) = object.get(OBJECTS) {
        let all = BOX.iter().chain(&BOXES).find_map(|name| Some((*name, objects.get(*name)?)));
        let all = all.map(|(name, value)| lists(value, name)).transpose()?.unwrap_or_default();
        let classes = ["categories", "category", "labels", "label", "classes", "class"]
            .iter()
            .find_map(|name| objects.get(*name));
        let class = |at: usize| {
            classes.and_then(Value::as_array)?.get(at).and_then(text_of).map(Cow::into_owned)
        };
        boxes.extend(
            (0..).zip(all).map(|(at, bounding_box)| Boxed { bounding_box, label: class(at) }),
        );
    }
    Ok(Row {
        line,
        path: path.as_bytes().to_vec(),
        label: (!label.is_empty()).then_some(label),
        split,
        boxes,
        drawn_on: columns.drawn_on(shown),
    })
}

/// A trimmed string, or a number or boolean as text; null is empty; `None` for lists and objects.
fn text_of(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::Null => Some("".into()),
        Value::String(text) => Some(text.trim().into()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string().into()),
        Value::Array(_) | Value::Object(_) => None,
    }
}

/// Boxes from a list of lists.
fn lists(value: &Value, name: &str) -> Result<Vec<BoundingBox>, String> {
    match value {
        Value::Null => Ok(Vec::new()),
        Value::Array(list) => {
            list.iter().filter_map(|value| numbers(value, name).transpose()).collect()
        }
        other => Err(format!("{name} {other} is not a list of [x, y, width, height]")),
    }
}

/// A box from a list; `None` for null and the empty list. A null in it is NaN.
fn numbers(value: &Value, name: &str) -> Result<Option<BoundingBox>, String> {
    let list = match value {
        Value::Null => return Ok(None),
        Value::Array(list) if list.is_empty() => return Ok(None),
        Value::Array(list) => list.as_slice(),
        _ => &[],
    };
    let number = |value: &Value| if value.is_null() { Some(f64::NAN) } else { value.as_f64() };
    let values: Vec<f64> = list.iter().take(5).filter_map(number).collect();
    match values[..] {
        [x, y, width, height] if list.len() == 4 => Ok(Some(BoundingBox { x, y, width, height })),
        _ => Err(format!("{name} holds {value}, which is not [x, y, width, height]")),
    }
}
