//! The layout of Caltech-UCSD Birds and of NABirds: five text tables beside a folder `images`.
//!
//! CUB's pictures have numbers.
//! NABirds' pictures have ids with dashes, and are numbered in the order of their table; its
//! classes form a tree (`hierarchy.txt`), of which only those with pictures are used.
//! Classes of the same name are told apart by their number.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::str::FromStr;

use shared::archive::{Archive, Name};

use crate::crop::{BoundingBox, Object};
use crate::source::lookup::Lookup;
use crate::source::{Content, Entry, Format, Listing, SourceError, Split, TABLE_LIMIT, text};

/// Id and path of every picture; the layout is recognized by this file.
pub const IMAGES: &str = "images.txt";
/// Id, x, y, width and height of the box.
pub const BOXES: &str = "bounding_boxes.txt";
/// Id and 1 for training, 0 for testing.
pub const SPLIT: &str = "train_test_split.txt";
/// Id and class id.
pub const LABELS: &str = "image_class_labels.txt";
/// Class id and name.
pub const CLASSES: &str = "classes.txt";
/// Id, width and height of a picture; only in NABirds.
pub const SIZES: &str = "sizes.txt";
/// The folder that the paths in `images.txt` are relative to.
pub const PICTURES: &str = "images/";

/// Returns whether the archive is in this layout.
#[must_use]
pub fn detect(archive: &Archive) -> bool {
    archive.root_of(IMAGES).is_ok_and(|root| {
        let folder = [&root, PICTURES.as_bytes()].concat();
        archive.names().iter().any(|name| name.0.starts_with(&folder))
    })
}

/// Finds the root and reads the tables; those of boxes, splits and classes are optional.
///
/// # Errors
/// When there is no such layout or a line is malformed.
pub fn read(archive: &Archive) -> Result<Listing, SourceError> {
    let reader = Reader { archive, root: archive.root_of(IMAGES)?, lookup: Lookup::new(archive) };
    let images = reader.table(IMAGES)?;
    let boxes = reader.keyed::<BoundingBox>(BOXES)?;
    let split = reader.keyed::<Training>(SPLIT)?;
    let labels = reader.keyed::<ClassId>(LABELS)?;
    let sizes = reader.keyed::<Extents>(SIZES)?;
    let rows = images.iter().flat_map(|t| &t.rows);
    let numbered = rows.clone().all(|row| number(first_word(&row.text).0).is_some());
    let mut classes = Classes::default();
    if labels.is_some()
        && let Some(table) = reader.table(CLASSES)?
    {
        // Inner nodes of the tree are not classes.
        let leaves = labels.iter().flat_map(HashMap::values).map(|(_, class)| &class.0);
        let leaves: HashSet<&Id> = if numbered { HashSet::new() } else { leaves.collect() };
        classes = Classes::read(&reader, &table, |id| numbered || leaves.contains(id))?;
    }
    let mut seen = HashMap::new();
    let mut pictures = Vec::new();
    for row in rows {
        let (id, path) = row.id_and_rest(&reader, IMAGES)?;
        let id = &Id::of(id);
        if let Some(first) = seen.insert(id.clone(), row.line) {
            return Err(reader.bad(
                IMAGES,
                row.line,
                format!("picture {id} is already in line {first}"),
            ));
        }
        let label = labels.as_ref().and_then(|labels| labels.get(id)).map(|(line, class)| {
            let unknown =
                || reader.bad(LABELS, *line, format!("class {} is not in {CLASSES}", class.0));
            classes.numbers.get(&class.0).copied().ok_or_else(unknown)
        });
        let label = label.transpose()?;
        let object = |(_, bounding_box): &(usize, BoundingBox)| Object {
            bounding_box: *bounding_box,
            label,
        };
        pictures.push(Entry {
            label,
            split: split.as_ref().and_then(|s| s.get(id)).map(|(_, training)| training.part()),
            objects: boxes.as_ref().and_then(|b| b.get(id)).map(object).into_iter().collect(),
            drawn_on: sizes.as_ref().and_then(|sizes| sizes.get(id)).map(|(_, extents)| extents.0),
            ..Entry::of(
                if let (true, Id::Number(number)) = (numbered, id) {
                    *number
                } else {
                    pictures.len() as u32
                },
                Content::File(Name(reader.picture(path))),
            )
        });
    }
    let names = classes.names;
    let used = [
        (IMAGES, true),
        (BOXES, boxes.is_some()),
        (SPLIT, split.is_some()),
        (LABELS, labels.is_some()),
    ];
    let used = used.into_iter().chain([(CLASSES, !names.is_empty()), (SIZES, sizes.is_some())]);
    let tables = used.filter(|(_, used)| *used).map(|(table, _)| Name(table.into())).collect();
    Ok(Listing { tables, classes: names, ..Listing::of(Format::Cub, reader.root, pictures) })
}

/// The lines of a table that are not empty.
struct Table {
    rows: Vec<TextLine>,
}

/// A line of a table and its number, from 1.
struct TextLine {
    line: usize,
    text: Vec<u8>,
}

/// Splits at the first blank and trims both ends.
fn first_word(text: &[u8]) -> (&[u8], &[u8]) {
    let text = text.trim_ascii();
    let end = text.iter().position(u8::is_ascii_whitespace).unwrap_or(text.len());
    (&text[..end], text[end..].trim_ascii())
}

impl TextLine {
    /// The id at the start of a line, and the rest.
    fn id_and_rest(
        &self,
        reader: &Reader<'_>,
        table: &'static str,
    ) -> Result<(&[u8], &[u8]), SourceError> {
        let (id, rest) = first_word(&self.text);
        let shown = || Name(self.text.clone());
        if number(id).is_none() && !is_dashed(id) {
            return Err(reader.bad(
                table,
                self.line,
                format!("\"{}\" does not begin with a number", shown()),
            ));
        }
        if rest.is_empty() {
            return Err(reader.bad(
                table,
                self.line,
                format!("\"{}\" has nothing after the number", shown()),
            ));
        }
        Ok((id, rest))
    }
}

/// A non-negative number; leading zeros do not matter.
fn number(id: &[u8]) -> Option<u32> {
    std::str::from_utf8(id).ok()?.parse().ok()
}

/// Returns whether it consists of hexadecimal digits and dashes.
fn is_dashed(id: &[u8]) -> bool {
    let digits = id.iter().filter(|b| b.is_ascii_hexdigit()).count();
    let dashes = id.iter().filter(|b| **b == b'-').count();
    dashes > 0 && digits > 0 && digits + dashes == id.len()
}

/// The classes of the source, by name and by id.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Id {
    Number(u32),
    Word(Vec<u8>),
}

impl Id {
    fn of(id: &[u8]) -> Self {
        number(id).map_or_else(|| Self::Word(id.to_vec()), Self::Number)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Word(word) => Name(word.clone()).fmt(f),
        }
    }
}

/// The classes by their ids.
#[derive(Default)]
struct Classes {
    names: Vec<String>,
    numbers: HashMap<Id, u32>,
}

impl Classes {
    fn read(
        reader: &Reader<'_>,
        table: &Table,
        is_class: impl Fn(&Id) -> bool,
    ) -> Result<Self, SourceError> {
        let mut classes = Self::default();
        let mut ids = Vec::new();
        for row in &table.rows {
            let (id, name) = row.id_and_rest(reader, CLASSES)?;
            let (id, name) = (Id::of(id), Name(name.to_vec()).to_string());
            if !is_class(&id) {
                continue;
            }
            if classes.numbers.insert(id.clone(), classes.names.len() as u32).is_some() {
                return Err(reader.bad(CLASSES, row.line, format!("class {id} is there twice")));
            }
            classes.names.push(name);
            ids.push(id);
        }
        let mut counts: HashMap<String, u32> = HashMap::new();
        classes.names.iter().for_each(|name| *counts.entry(name.clone()).or_default() += 1);
        for (name, id) in classes.names.iter_mut().zip(ids) {
            if counts.get(name).is_some_and(|count| *count > 1) {
                *name = format!("{name} ({id})");
            }
        }
        Ok(classes)
    }
}

/// The rows of a table by picture id, each with its line.
type Keyed<T> = HashMap<Id, (usize, T)>;

struct Reader<'a> {
    archive: &'a Archive,
    root: Vec<u8>,
    lookup: Lookup<'a>,
}

impl Reader<'_> {
    fn bad(&self, table: &'static str, line: usize, what: String) -> SourceError {
        SourceError::line(self.archive, table, line, what)
    }

    /// The name of a picture relative to the root, whether it lies in `images` or elsewhere.
    fn picture(&self, path: &[u8]) -> Vec<u8> {
        let usual = [PICTURES.as_bytes(), path].concat();
        let folder = [&self.root[..], PICTURES.as_bytes()].concat();
        let found = self.lookup.find(&[&folder, &self.root], path, None);
        let name = found.first().filter(|_| found.len() == 1).map(|&i| &self.archive.names()[i].0);
        name.and_then(|name| name.strip_prefix(self.root.as_slice())).map_or(usual, <[u8]>::to_vec)
    }

    /// The lines of a table; `None` if it is missing.
    fn table(&self, table: &'static str) -> Result<Option<Table>, SourceError> {
        let Some(at) = self.archive.find(&[&self.root, table.as_bytes()].concat()) else {
            return Ok(None);
        };
        let bytes = self.archive.read(at, TABLE_LIMIT)?;
        // Some editors put a byte order mark before the first number.
        let text = text::plain(&bytes);
        let rows = (1..)
            .zip(text.split(|&b| b == b'\n'))
            .map(|(line, text)| TextLine { line, text: text.trim_ascii().to_vec() });
        Ok(Some(Table { rows: rows.filter(|row| !row.text.is_empty()).collect() }))
    }

    /// A table by picture id, each row with its line; `None` if it is missing.
    fn keyed<T: FromStr<Err = String>>(
        &self,
        table: &'static str,
    ) -> Result<Option<Keyed<T>>, SourceError> {
        let Some(Table { rows }) = self.table(table)? else { return Ok(None) };
        let mut values = HashMap::with_capacity(rows.len());
        for row in &rows {
            let (id, rest) = row.id_and_rest(self, table)?;
            let value = String::from_utf8_lossy(rest)
                .parse()
                .map_err(|what| self.bad(table, row.line, what))?;
            if let Some((first, _)) = values.insert(Id::of(id), (row.line, value)) {
                let id = Id::of(id);
                return Err(self.bad(
                    table,
                    row.line,
                    format!("picture {id} is already in line {first}"),
                ));
            }
        }
        Ok(Some(values))
    }
}

impl FromStr for BoundingBox {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers: Option<Vec<f64>> = text.split_ascii_whitespace().map(text::number).collect();
        match numbers.as_deref() {
            Some(&[x, y, width, height]) => Ok(Self { x, y, width, height }),
            _ => Err(format!("\"{text}\" is not x, y, width and height of a box")),
        }
    }
}

/// Width and height of a picture.
struct Extents([f64; 2]);

impl FromStr for Extents {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers: Option<Vec<f64>> =
            text.split_ascii_whitespace().map(|word| word.parse().ok()).collect();
        match numbers.as_deref() {
            Some(&[width, height]) if width > 0.0 && height > 0.0 => Ok(Self([width, height])),
            _ => Err(format!("\"{text}\" is not width and height of a picture")),
        }
    }
}

/// Training or testing.
struct Training(bool);

impl Training {
    fn part(&self) -> Split {
        if self.0 { Split::Train } else { Split::Val }
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

/// The id of a class in `classes.txt`.
struct ClassId(Id);

impl FromStr for ClassId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        number(text.as_bytes())
            .map(|_| Self(Id::of(text.as_bytes())))
            .ok_or_else(|| format!("\"{text}\" is not the number of a class"))
    }
}
