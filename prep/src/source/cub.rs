//! The layout of Caltech-UCSD Birds: five tables of text beside a folder `images`. Which pictures there are, with their boxes,
//! classes and splits; not the pictures themselves.

use std::collections::HashMap;
use std::str::FromStr;

use shared::archive::{Archive, Name};

use super::{Content, Entry, Format, Listing, Object, Part, SourceError, TABLE_LIMIT};
use crate::crop::BoundingBox;

/// Id and path of every picture; the file by which the layout is known.
pub const IMAGES: &str = "images.txt";
/// Id, x, y, width and height of the box.
pub const BOXES: &str = "bounding_boxes.txt";
/// Id and 1 for training, 0 for testing.
pub const SPLIT: &str = "train_test_split.txt";
/// Id and class id.
pub const LABELS: &str = "image_class_labels.txt";
/// Class id and name.
pub const CLASSES: &str = "classes.txt";
/// The folder that the paths in `images.txt` start from.
pub const PICTURES: &str = "images/";

/// Whether the archive is in this layout.
#[must_use]
pub fn detect(archive: &Archive) -> bool {
    archive.root_of(IMAGES).is_ok_and(|root| {
        let folder = [&root, PICTURES.as_bytes()].concat();
        archive.names().iter().any(|name| name.0.starts_with(&folder))
    })
}

/// Finds the root and reads the tables; boxes, splits and classes where there are tables of them.
///
/// # Errors
/// When there is no such layout or a line is malformed.
pub fn read(archive: &Archive) -> Result<Listing, SourceError> {
    let reader = Reader { archive, root: archive.root_of(IMAGES)? };
    let images = reader.table(IMAGES)?;
    let boxes = reader.keyed::<BoundingBox>(BOXES)?;
    let split = reader.keyed::<Training>(SPLIT)?;
    let labels = reader.keyed::<ClassId>(LABELS)?;
    let classes = if labels.is_some() { reader.table(CLASSES)? } else { None };
    let mut numbers = HashMap::new();
    let mut names = Vec::new();
    for row in classes.iter().flat_map(|t| &t.rows) {
        let (id, name) = row.id_and_rest(&reader, CLASSES)?;
        if numbers.insert(id, names.len() as u32).is_some() {
            return Err(reader.bad(CLASSES, row.line, format!("class {id} is there twice")));
        }
        names.push(Name(name.to_vec()).to_string());
    }
    let mut seen = HashMap::new();
    let mut pictures = Vec::new();
    for row in images.iter().flat_map(|t| &t.rows) {
        let (id, path) = row.id_and_rest(&reader, IMAGES)?;
        if let Some(first) = seen.insert(id, row.line) {
            return Err(reader.bad(IMAGES, row.line, format!("picture {id} is there already, in line {first}")));
        }
        let class = labels.as_ref().and_then(|l| l.get(&id));
        let label = class.map(|(line, class)| {
            let unknown = || reader.bad(LABELS, *line, format!("class {} is not in {CLASSES}", class.0));
            numbers.get(&class.0).copied().ok_or_else(unknown)
        });
        let label = label.transpose()?;
        let object = |(_, bounding_box): &(usize, BoundingBox)| Object { bounding_box: *bounding_box, label };
        pictures.push(Entry {
            id,
            content: Content::File(Name([PICTURES.as_bytes(), path].concat())),
            partner: None,
            label,
            part: split.as_ref().and_then(|s| s.get(&id)).map(|(_, training)| training.part()),
            objects: boxes.as_ref().and_then(|b| b.get(&id)).map(object).into_iter().collect(),
            drawn_on: None,
        });
    }
    let used = [(IMAGES, true), (BOXES, boxes.is_some()), (SPLIT, split.is_some()), (LABELS, labels.is_some())];
    let used = used.into_iter().chain([(CLASSES, classes.is_some())]);
    let tables = used.filter(|(_, used)| *used).map(|(table, _)| Name(table.into())).collect();
    Ok(Listing { format: Format::Cub, root: reader.root, tables, classes: names, pictures, halves: false, unused: Vec::new() })
}

/// A table as lines that hold something.
struct Table {
    rows: Vec<Row>,
}

struct Row {
    line: usize,
    text: Vec<u8>,
}

/// Splits at the first blank; both ends without blanks.
fn first_word(text: &[u8]) -> (&[u8], &[u8]) {
    let text = text.trim_ascii();
    let end = text.iter().position(u8::is_ascii_whitespace).unwrap_or(text.len());
    (&text[..end], text[end..].trim_ascii())
}

impl Row {
    /// The number that the line begins with, and what follows.
    fn id_and_rest(&self, reader: &Reader<'_>, table: &'static str) -> Result<(u32, &[u8]), SourceError> {
        let (id, rest) = first_word(&self.text);
        let id = std::str::from_utf8(id).ok().and_then(|id| id.parse().ok());
        let shown = || Name(self.text.clone());
        let id = id.ok_or_else(|| reader.bad(table, self.line, format!("\"{}\" does not begin with a number", shown())))?;
        if rest.is_empty() {
            return Err(reader.bad(table, self.line, format!("\"{}\" has nothing after the number", shown())));
        }
        Ok((id, rest))
    }
}

/// The rows of a table by picture id, with the line each stands in.
type Keyed<T> = HashMap<u32, (usize, T)>;

struct Reader<'a> {
    archive: &'a Archive,
    root: Vec<u8>,
}

impl Reader<'_> {
    fn bad(&self, table: &'static str, line: usize, what: String) -> SourceError {
        SourceError::line(self.archive, table, line, what)
    }

    /// The lines of a table; `None` where it is absent.
    fn table(&self, table: &'static str) -> Result<Option<Table>, SourceError> {
        let Some(at) = self.archive.find(&[&self.root, table.as_bytes()].concat()) else { return Ok(None) };
        let bytes = self.archive.read(at, TABLE_LIMIT)?;
        // A byte order mark is what some editors put before the first number.
        let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
        let rows = (1..).zip(text.split(|&b| b == b'\n')).map(|(line, text)| Row { line, text: text.trim_ascii().to_vec() });
        Ok(Some(Table { rows: rows.filter(|row| !row.text.is_empty()).collect() }))
    }

    /// A table by picture id, with the line each row stands in; `None` where it is absent.
    fn keyed<T: FromStr<Err = String>>(&self, table: &'static str) -> Result<Option<Keyed<T>>, SourceError> {
        let Some(Table { rows }) = self.table(table)? else { return Ok(None) };
        let mut values = HashMap::with_capacity(rows.len());
        for row in &rows {
            let (id, rest) = row.id_and_rest(self, table)?;
            let value = String::from_utf8_lossy(rest).parse().map_err(|what| self.bad(table, row.line, what))?;
            if let Some((first, _)) = values.insert(id, (row.line, value)) {
                return Err(self.bad(table, row.line, format!("picture {id} is there already, in line {first}")));
            }
        }
        Ok(Some(values))
    }
}

impl FromStr for BoundingBox {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers: Option<Vec<f64>> = text.split_ascii_whitespace().map(|word| word.parse().ok()).collect();
        match numbers.as_deref() {
            Some(&[x, y, width, height]) => Ok(Self { x, y, width, height }),
            _ => Err(format!("\"{text}\" is not x, y, width and height of a box")),
        }
    }
}

/// Training or testing.
struct Training(bool);

impl Training {
    fn part(&self) -> Part {
        if self.0 { Part::Train } else { Part::Val }
    }
}

impl FromStr for Training {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "0" => Ok(Self(false)),
            "1" => Ok(Self(true)),
            _ => Err(format!("\"{text}\" is neither 1 (training) nor 0 (testing)")),
        }
    }
}

/// The number of a class in `classes.txt`.
struct ClassId(u32);

impl FromStr for ClassId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.parse().map(Self).map_err(|_| format!("\"{text}\" is not the number of a class"))
    }
}
