//! The arrays of bytes in pickles of the Python version: which calls of NumPy make one.

use std::ops::Range;

use shared::archive::pickle::{Names, Pickle, Value};

/// The names that these files call.
const NAMES: Names<'static> = Names { known: &is_known, of: "file of pictures" };

/// Reads a pickle of dictionaries, lists, numbers, strings and arrays of bytes.
///
/// # Errors
/// When it names anything else, or is damaged.
pub(super) fn read(bytes: &[u8]) -> Result<Pickle<'_>, String> {
    Pickle::read(bytes, &NAMES)
}

/// Modules of NumPy, by version, that its arrays and their types come from.
const ARRAYS: [&str; 3] = ["numpy.core.multiarray", "numpy._core.multiarray", "numpy"];
/// Those of arrays over a buffer.
const BUFFERS: [&str; 2] = ["numpy.core.numeric", "numpy._core.numeric"];

fn is_known(module: &str, name: &str) -> bool {
    match name {
        "_reconstruct" | "ndarray" | "dtype" => ARRAYS.contains(&module),
        "_frombuffer" => BUFFERS.contains(&module),
        "encode" => module == "_codecs",
        _ => false,
    }
}

/// An array of bytes.
pub(super) struct Array {
    pub(super) shape: Vec<i64>,
    pub(super) data: Data,
}

/// The bytes of an array, as a range of the file.
pub(super) enum Data {
    Bytes(Range<usize>),
    /// Text, of which every character is one byte.
    Latin(Range<usize>),
    /// Anything else.
    Other,
}

/// The array that `value` is; `None` if it is none.
///
/// # Errors
/// When it holds something else than bytes, row by row.
pub(super) fn array(pickle: &Pickle<'_>, value: &Value) -> Result<Option<Array>, String> {
    let Value::Object(object) = value else { return Ok(None) };
    let last = object.name.rsplit('.').next();
    // `_reconstruct` is given its contents as a state.
    let parts = match last {
        Some("_frombuffer") => Some(object.arguments),
        Some("_reconstruct") => object.state,
        _ => None,
    };
    let Some(Value::Tuple(parts)) = parts.map(|parts| pickle.value(parts)) else {
        return Ok(None);
    };
    let [shape, kind, order, data] = match (last, &parts[..]) {
        (Some("_frombuffer"), &[data, kind, shape, order]) => [shape, kind, order, data],
        (_, &[_, shape, kind, order, data]) => [shape, kind, order, data],
        _ => return Err("an array is made of something else".into()),
    };
    let [shape, kind, order, data] = [shape, kind, order, data].map(|id| pickle.value(id));
    let extent = |value: &Value| if let Value::Int(n) = value { Some(*n) } else { None };
    let shape = pickle.list(shape).and_then(|shape| shape.map(extent).collect());
    let shape = shape.ok_or("an array has no shape")?;
    let name = String::from_utf8_lossy(&type_name(pickle, kind)).into_owned();
    let name = name.trim_start_matches(['|', '<', '=']);
    if !["u1", "uint8", "B"].contains(&name) {
        return Err(format!("an array holds \"{name}\", not bytes (u1)"));
    }
    let by_columns = [Value::Bool(true), Value::Int(1)].contains(order);
    if by_columns || pickle.text(order) == Some(b"F") {
        return Err("an array is stored column by column (order F); save it with \
                    numpy.ascontiguousarray"
            .into());
    }
    Ok(Some(Array { shape, data: data_of(pickle, data) }))
}

/// The name of a type of elements: `dtype("u1", …)`, or the text itself.
fn type_name(pickle: &Pickle<'_>, kind: &Value) -> Vec<u8> {
    let kind = match kind {
        Value::Object(kind) if kind.name.ends_with(".dtype") => {
            pickle.list(pickle.value(kind.arguments)).and_then(|mut list| list.next())
        }
        other => Some(other),
    };
    kind.and_then(|kind| text(pickle, kind)).unwrap_or_default().iter().copied().take(64).collect()
}

/// The text of `_codecs.encode(text, "latin1")`, which stands for bytes.
fn encoded<'p>(pickle: &'p Pickle<'_>, value: &'p Value) -> Option<&'p Value> {
    pickle.call(value, "_codecs.encode")?.first().copied()
}

/// The bytes of a string. Names are ASCII in every encoding.
pub(super) fn text<'p>(pickle: &'p Pickle<'_>, value: &'p Value) -> Option<&'p [u8]> {
    pickle.text(encoded(pickle, value).unwrap_or(value))
}

/// A member of the topmost dictionary.
pub(super) fn member<'p>(pickle: &'p Pickle<'_>, key: &str) -> Option<&'p Value> {
    let mut members = pickle.members(pickle.root())?;
    let found = members.find(|(name, _)| text(pickle, name) == Some(key.as_bytes()));
    found.map(|(_, value)| value)
}

fn data_of(pickle: &Pickle<'_>, data: &Value) -> Data {
    match (data, encoded(pickle, data)) {
        (Value::Bytes(range), _) => Data::Bytes(range.clone()),
        (_, Some(Value::Bytes(range))) => Data::Latin(range.clone()),
        _ => Data::Other,
    }
}
