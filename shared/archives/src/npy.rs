//! One numpy array (`.npy`, versions 1 to 3 of its header; numpy/lib/format.py): `\x93NUMPY`, two
//! bytes of version, the length of a Python dictionary (u16, from version 2 on u32), the
//! dictionary, the values.
//!
//! ```
//! use fledge_archives::npy;
//!
//! let mut file = npy::header("|u1", &[2, 3]);
//! assert!(npy::begins_array(&file));
//! file.extend([1, 2, 3, 4, 5, 6]);
//! let layout = npy::layout(&mut &file[..])?;
//! assert_eq!(layout.shape, [2, 3]);
//! # Ok::<(), String>(())
//! ```

use std::io::{self, Read};

/// The first bytes of a file.
const MAGIC: &[u8; 6] = b"\x93NUMPY";
/// Upper bound of the dictionary's length in bytes: that of numpy itself.
pub const HEADER_LIMIT: usize = 10_000;
/// Upper bound of the values in bytes: 100,000 pictures of 2048 features in f64, twice.
const VALUES_LIMIT: u64 = 4 << 30;
/// Bytes converted at a time.
pub const CHUNK: usize = 1 << 20;

/// An array.
#[derive(Clone, Debug, PartialEq)]
pub struct Array<T> {
    /// Its extents.
    pub shape: Vec<usize>,
    /// Its values, row by row.
    pub values: Vec<T>,
}

/// The content of the dictionary.
#[derive(Debug, Default, PartialEq)]
struct Facts {
    descr: Option<String>,
    fortran: Option<bool>,
    shape: Option<Vec<usize>>,
}

/// The header of an array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The type of the values as numpy writes it: `|u1`, `<f4`.
    pub kind: String,
    /// Whether values are stored column by column instead of row by row.
    pub columns_first: bool,
    /// Its extents.
    pub shape: Vec<usize>,
    /// Offset of the values in bytes.
    pub start: u64,
}

fn cut(_: io::Error) -> String {
    "it is cut off or damaged".into()
}

/// Reads the header of an array.
///
/// # Errors
/// The defect, without the name of the file.
pub fn layout(file: &mut impl Read) -> Result<Layout, String> {
    let mut start = [0; 8];
    file.read_exact(&mut start).map_err(cut)?;
    if start[..6] != *MAGIC {
        return Err("it is no numpy array".into());
    }
    let (length, before) = match start[6] {
        1 => {
            let mut length = [0; 2];
            file.read_exact(&mut length).map_err(cut)?;
            (usize::from(u16::from_le_bytes(length)), 10)
        }
        2 | 3 => {
            let mut length = [0; 4];
            file.read_exact(&mut length).map_err(cut)?;
            (u32::from_le_bytes(length) as usize, 12)
        }
        version => return Err(format!("its header has version {version}; 1, 2 and 3 are read")),
    };
    if length > HEADER_LIMIT {
        return Err(format!(
            "its header claims {length} bytes, more than the {HEADER_LIMIT} allowed"
        ));
    }
    let mut text = vec![0; length];
    file.read_exact(&mut text).map_err(cut)?;
    let text = String::from_utf8(text).map_err(|_| "its header is no text")?;
    let Facts { descr: Some(kind), fortran: Some(columns_first), shape: Some(shape) } =
        parse(&text)?
    else {
        return Err("its header lacks one of descr, fortran_order, shape".into());
    };
    Ok(Layout { kind, columns_first, shape, start: (before + length) as u64 })
}

/// Returns true if these are the first bytes of an array's file.
#[must_use]
pub fn begins_array(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

/// Reads an array of f32 or f64 from a file of `claimed` bytes. Memory grows with the bytes found,
/// not with the bytes claimed.
///
/// # Errors
/// The defect, without the name of the file.
pub fn read<T: Copy>(
    file: &mut impl Read,
    claimed: u64,
    of4: impl Fn(f32) -> T,
    of8: impl Fn(f64) -> T,
) -> Result<Array<T>, String> {
    let Layout { kind: descr, columns_first: fortran, shape, start } = layout(file)?;
    let width = match descr.as_str() {
        "<f4" => 4,
        "<f8" => 8,
        "|O" | "O" => return Err("it holds Python objects (a pickle), which are never read".into()),
        other => {
            return Err(format!(
                "it has the type {other:?}; '<f4' and '<f8' are read: save it with .astype('float32')"
            ));
        }
    };
    let count = shape.iter().try_fold(1u64, |product, &n| product.checked_mul(n as u64));
    let bytes =
        count.and_then(|count| count.checked_mul(width)).filter(|bytes| *bytes <= VALUES_LIMIT);
    let bytes = bytes.ok_or_else(|| {
        format!("its shape {shape:?} is larger than the {VALUES_LIMIT} bytes allowed")
    })?;
    if claimed != bytes + start {
        return Err(format!("it has {claimed} bytes, which its shape {shape:?} does not fit"));
    }
    let mut values = Vec::new();
    let mut chunk = vec![0; CHUNK.min(bytes as usize)];
    let mut left = bytes as usize;
    while left > 0 {
        let part = &mut chunk[..CHUNK.min(left)];
        file.read_exact(part).map_err(cut)?;
        match width {
            4 => values.extend(part.as_chunks().0.iter().map(|&b| of4(f32::from_le_bytes(b)))),
            _ => values.extend(part.as_chunks().0.iter().map(|&b| of8(f64::from_le_bytes(b)))),
        }
        left -= part.len();
    }
    // Reading to the end verifies the zip's checksum.
    if file.read(&mut [0]).map_err(cut)? > 0 {
        return Err("bytes follow its values".into());
    }
    Ok(Array { values: if fortran { row_major(values, &shape) } else { values }, shape })
}

/// Converts column-major to row-major order. More than two dimensions are not needed.
fn row_major<T: Copy>(values: Vec<T>, shape: &[usize]) -> Vec<T> {
    let &[rows, columns] = shape else { return values };
    let places = (0..rows).flat_map(|row| (0..columns).map(move |column| column * rows + row));
    places.map(|place| values[place]).collect()
}

/// The header of an array of type `kind` (`<f4`, `<f8`): version 1, padded with spaces so that the
/// values begin at a multiple of 64.
#[must_use]
pub fn header(kind: &str, shape: &[usize]) -> Vec<u8> {
    let shape = match shape {
        [n] => format!("({n},)"),
        shape => format!("({})", shape.iter().map(usize::to_string).collect::<Vec<_>>().join(", ")),
    };
    let mut text = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}");
    let length = (10 + text.len() + 1).next_multiple_of(64) - 10;
    text.push_str(&" ".repeat(length - 1 - text.len()));
    text.push('\n');
    [MAGIC.as_slice(), &[1, 0], &(length as u16).to_le_bytes(), text.as_bytes()].concat()
}

/// Reads the dictionary: `{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }` in any
/// order.
fn parse(text: &str) -> Result<Facts, String> {
    let damaged =
        || format!("its header is damaged: {:?}", text.chars().take(120).collect::<String>());
    let mut rest = text
        .trim()
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'))
        .ok_or_else(damaged)?
        .trim();
    let mut facts = Facts::default();
    while !rest.is_empty() {
        let (key, after) = string(rest).ok_or_else(damaged)?;
        let value = after.trim_start().strip_prefix(':').ok_or_else(damaged)?.trim_start();
        rest = match key {
            "descr" if value.starts_with('[') => {
                return Err("it holds records; a plain array is needed".into());
            }
            "descr" => {
                let (descr, rest) = string(value).ok_or_else(damaged)?;
                facts.descr = Some(descr.to_owned());
                rest
            }
            "fortran_order" => {
                let (fortran, rest) =
                    match (value.strip_prefix("True"), value.strip_prefix("False")) {
                        (Some(rest), _) => (true, rest),
                        (None, Some(rest)) => (false, rest),
                        (None, None) => return Err(damaged()),
                    };
                facts.fortran = Some(fortran);
                rest
            }
            "shape" => {
                let (inside, rest) = value
                    .strip_prefix('(')
                    .and_then(|value| value.split_once(')'))
                    .ok_or_else(damaged)?;
                facts.shape = Some(numbers(inside).ok_or_else(damaged)?);
                rest
            }
            _ => return Err(damaged()),
        };
        rest = rest.trim_start();
        rest = match rest.strip_prefix(',') {
            Some(rest) => rest.trim_start(),
            None if rest.is_empty() => rest,
            None => return Err(damaged()),
        };
    }
    Ok(facts)
}

/// A quoted text at the start, and the rest.
fn string(text: &str) -> Option<(&str, &str)> {
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    text[1..].split_once(quote)
}

/// Parses "3, 4", "3," or nothing.
fn numbers(inside: &str) -> Option<Vec<usize>> {
    let inside = inside.trim();
    let inside = inside.strip_suffix(',').unwrap_or(inside);
    if inside.is_empty() {
        return Some(Vec::new());
    }
    // Python 2 wrote 3L.
    inside.split(',').map(|n| n.trim().trim_end_matches('L').parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_bytes(bytes: &[u8]) -> Result<Array<f64>, String> {
        read(&mut &bytes[..], bytes.len() as u64, f64::from, |v| v)
    }

    #[test]
    fn what_is_written_is_read_again() {
        for shape in [vec![3], vec![2, 3], vec![1000, 70, 1]] {
            let head = header("<f8", &shape);
            assert_eq!(head.len() % 64, 0);
            let values: Vec<f64> =
                (0..shape.iter().product::<usize>()).map(|i| i as f64 / 3.0).collect();
            let bytes = [head, values.iter().flat_map(|v| v.to_le_bytes()).collect()].concat();
            assert_eq!(read_bytes(&bytes), Ok(Array { shape, values }));
        }
    }

    #[test]
    fn headers_as_other_programs_write_them_are_read() {
        let facts =
            Facts { descr: Some("<f4".into()), fortran: Some(true), shape: Some(vec![2, 3]) };
        for text in [
            "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }   \n",
            "{\"shape\":(2L,3L),\"fortran_order\":True,\"descr\":\"<f4\"}",
            " { 'fortran_order' : True , 'shape' : ( 2 , 3 , ) , 'descr' : '<f4' } ",
        ] {
            assert_eq!(parse(text).as_ref(), Ok(&facts), "{text}");
        }
    }

    #[test]
    fn a_shape_that_claims_too_much_allocates_nothing() {
        for shape in [&[usize::MAX, 2][..], &[1 << 40], &[70_000, 70_000], &[3]] {
            assert!(read_bytes(&header("<f8", shape)).is_err(), "{shape:?}");
        }
    }
}
