//! Tables of pictures: CSV (comma, semicolon or tab, with a header line) and JSON lines (an object a line). Which pictures there
//! are, with their boxes, classes and parts.
//!
//! | column | other names | holds |
//! |---|---|---|
//! | `path` | `file`, `filename`, `image`, `file_name` | the picture, relative to the table's folder |
//! | `label` | `class`, `category`, `name` | the class; empty: none |
//! | `split` | `part`, `subset` | train, val (valid, validation) or test; empty: not said |
//! | `x`, `y`, `width`, `height` | `w`, `h` | a box from its upper left corner |
//! | `xmin`, `ymin`, `xmax`, `ymax` | `x1`, `y1`, `x2`, `y2` | a box by two corners, counted from 0; its right and lower edge |
//!
//! | `width`, `height` beside corners | `image_width`, `img_width`, … | the size of the picture that boxes were drawn on |
//!
//! Boxes that all lie within 0 to 1 are fractions of their pictures. JSON lines may instead have `box: [x, y, width, height]` or `boxes: [[…], …]`. Several lines of one path are several objects of
//! one picture. Other columns are ignored, and named in the log once.

mod columns;
mod csv_rows;
mod json_rows;
mod row;

use std::collections::HashMap;
use std::collections::hash_map::Entry as Place;

use shared::archive::{Archive, ArchiveError, Name};

use super::classes::Classes;
use super::lookup::{base_of, common_folder, files, folder_of};
use super::{Content, Entry, Format, Listing, Object, Part, SourceError, TABLE_LIMIT};
use crate::drawn;
use row::{Fault, Row, Rows};

/// What tables of pictures are called, the most telling name first.
const NAMES: [&str; 6] = ["manifest.csv", "manifest.tsv", "manifest.jsonl", "metadata.csv", "metadata.jsonl", "labels.csv"];
/// What their names end in.
const SUFFIXES: [&str; 3] = [".csv", ".tsv", ".jsonl"];
/// A line longer than this, in bytes, is none of a table of pictures: what it becomes in memory stays bounded.
const LINE_LIMIT: usize = 16 << 20;

/// Whether there is a table of one of the usual names, or a single table at the archive's root, with a column of paths.
#[must_use]
pub fn detect(archive: &Archive) -> bool {
    candidates(archive).into_iter().any(|table| has_paths(archive, table))
}

/// Reads the table of that name, or else the first of the usual names that has a column of paths. The pictures come in the order
/// of the table, the classes sorted by name (by value where all are numbers).
///
/// # Errors
/// When there is no such table, or a line is malformed.
pub fn read(archive: &Archive, table: Option<&Name>) -> Result<Listing, SourceError> {
    let table = match table {
        Some(name) => {
            let missing = || SourceError::usage(archive, format!("there is no table {name}"));
            archive.find(&name.0).ok_or_else(missing)?
        }
        None => find(archive)?,
    };
    let name = &archive.names()[table].0;
    let root = folder_of(name).to_vec();
    let bytes = archive.read(table, TABLE_LIMIT)?;
    let bad = |fault: Fault| SourceError::line(archive, &archive.names()[table].to_string(), fault.line, fault.what);
    let rows = parse(name, &bytes).map_err(bad)?;
    if !rows.ignored.is_empty() {
        tracing::info!("{}: these columns are ignored: {}", Name(name.clone()), rows.ignored.join(", "));
    }
    let mut pictures = Vec::new();
    let mut classes = Classes::default();
    let mut places = HashMap::new();
    for row in rows.rows {
        let line = row.line;
        let picture = match places.entry(resolve(archive, &root, row.path.clone())) {
            Place::Occupied(place) => *place.get(),
            Place::Vacant(place) => {
                pictures.push(Picture {
                    path: place.key().clone(),
                    split: None,
                    objects: Vec::new(),
                    labels: Vec::new(),
                    drawn_on: None,
                });
                *place.insert(pictures.len() - 1)
            }
        };
        pictures[picture].add(row, &mut classes).map_err(|what| bad(Fault { line, what }))?;
    }
    let mut pictures: Vec<Entry> = (0..).zip(pictures).map(|(id, picture)| picture.into_entry(id)).collect();
    if drawn::are_fractions(pictures.iter().flat_map(|entry| &entry.objects).map(|object| &object.bounding_box)) {
        pictures.iter_mut().for_each(|entry| entry.drawn_on = Some([1.0, 1.0]));
    }
    let classes = classes.into_sorted(&mut pictures);
    let tables = vec![Name(base_of(name).to_vec())];
    Ok(Listing { format: Format::Table, root, tables, classes, pictures, halves: false, unused: Vec::new() })
}

/// The rows of a table, by what its name ends in.
fn parse(name: &[u8], bytes: &[u8]) -> Result<Rows, Fault> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if let Some((line, _)) = (1..).zip(bytes.split(|&b| b == b'\n')).find(|(_, text)| text.len() > LINE_LIMIT) {
        return Err(Fault {
            line,
            what: format!("it is longer than {} MiB; no table of pictures has such lines", LINE_LIMIT >> 20),
        });
    }
    if is_jsonl(name) { json_rows::parse(bytes) } else { csv_rows::parse(bytes) }
}

fn is_jsonl(name: &[u8]) -> bool {
    name.to_ascii_lowercase().ends_with(b".jsonl")
}

/// The tables that may be meant, the most likely first.
fn candidates(archive: &Archive) -> Vec<usize> {
    let usual = |name: &&str| archive.root_of(name).ok().and_then(|root| archive.find(&[&root, name.as_bytes()].concat()));
    let mut found: Vec<usize> = NAMES.iter().filter_map(usual).collect();
    let top = common_folder(files(archive, &[""]).map(|i| archive.names()[i].0.as_slice()));
    let mut at_top = files(archive, &SUFFIXES).filter(|&i| folder_of(&archive.names()[i].0) == top);
    if let (Some(only), None) = (at_top.next(), at_top.next())
        && !found.contains(&only)
    {
        found.push(only);
    }
    found
}

/// Whether a table's first line has a column of paths.
fn has_paths(archive: &Archive, table: usize) -> bool {
    let Ok(bytes) = archive.read(table, TABLE_LIMIT) else { return false };
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let first = text.split_inclusive(|&b| b == b'\n').find(|line| !line.trim_ascii().is_empty());
    let Some(first) = first.filter(|line| line.len() <= LINE_LIMIT) else { return false };
    if is_jsonl(&archive.names()[table].0) { json_rows::has_path(first) } else { csv_rows::has_path(first) }
}

/// The table that is meant where none was named.
fn find(archive: &Archive) -> Result<usize, SourceError> {
    let candidates = candidates(archive);
    let with_paths = candidates.iter().find(|&&table| has_paths(archive, table));
    // One without paths says by its error what it lacks.
    if let Some(&table) = with_paths.or(candidates.first()) {
        return Ok(table);
    }
    let many = NAMES.iter().find_map(|name| archive.root_of(name).err().filter(|e| matches!(e, ArchiveError::ManyRoots { .. })));
    let none = || {
        let names = NAMES.join(", ");
        SourceError::usage(
            archive,
            format!("there is no table: none of {names}, and not one single .csv, .tsv or .jsonl at its root"),
        )
    };
    Err(many.map_or_else(none, SourceError::from))
}

/// A path in the form that the archive has: tables made on Windows have `\` between the parts.
fn resolve(archive: &Archive, root: &[u8], path: Vec<u8>) -> Vec<u8> {
    if !path.contains(&b'\\') || archive.find(&[root, &path].concat()).is_some() {
        return path;
    }
    path.into_iter().map(|b| if b == b'\\' { b'/' } else { b }).collect()
}

/// What the lines so far say of one picture.
struct Picture {
    path: Vec<u8>,
    /// The part, and the line that says so.
    split: Option<(Part, usize)>,
    objects: Vec<Object>,
    /// The different classes.
    labels: Vec<u32>,
    /// The size of the picture that boxes were drawn on; the first that is given counts.
    drawn_on: Option<[f64; 2]>,
}

impl Picture {
    fn add(&mut self, row: Row, classes: &mut Classes) -> Result<(), String> {
        match (self.split, row.split) {
            (Some((known, first)), Some(split)) if known != split => {
                let shown = Name(row.path);
                return Err(format!("{shown} is in another split here than in line {first}; a picture belongs to one"));
            }
            (None, Some(split)) => self.split = Some((split, row.line)),
            _ => {}
        }
        self.drawn_on = self.drawn_on.or(row.drawn_on);
        let label = row.label.map(|label| classes.number(&label));
        // Two are enough to know that there is not one; no picture makes this list long.
        if let Some(label) = label.filter(|label| self.labels.len() < 2 && !self.labels.contains(label)) {
            self.labels.push(label);
        }
        self.objects.extend(row.boxes.into_iter().map(|bounding_box| Object { bounding_box, label }));
        Ok(())
    }

    /// The class of the picture is the one that its lines name, if they name one only.
    fn into_entry(self, id: u32) -> Entry {
        let label = if let [label] = self.labels[..] { Some(label) } else { None };
        let (content, part) = (Content::File(Name(self.path)), self.split.map(|(part, _)| part));
        Entry { id, content, partner: None, label, part, objects: self.objects, drawn_on: self.drawn_on }
    }
}
