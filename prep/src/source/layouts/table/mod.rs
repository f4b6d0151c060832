//! Tables of pictures: CSV (comma, semicolon, tab or bar, with or without header) and JSON lines
//! (an object per line).
//!
//! | column | other names | holds |
//! |---|---|---|
//! | `path` | `file`, `filename`, `image`, `file_name`, `image_path`, `img`, `id`, … | the picture: a path from the table's folder, or the end of one, with or without suffix |
//! | `label` | `class`, `category`, `name`, `target`, `breed`, `diagnosis`, … | the class; empty: none |
//! | `split` | `part`, `subset`, `partition`, … | train, val (valid, validation) or test; empty: not given |
//! | `x`, `y`, `width`, `height` | `w`, `h` | a box from its upper left corner |
//! | `xmin`, `ymin`, `xmax`, `ymax` | `x1`, `y1`, `x2`, `y2` | a box by its edges, counted from 0 |
//! | `width`, `height` beside corners | `image_width`, `img_width`, … | the size of the picture that boxes were drawn on |
//!
//! Boxes that all lie within 0 to 1 are fractions of their pictures.
//!
//! Without such names, the column of paths is the one whose fields name existing pictures.
//! The class is then the only other column, if its words repeat, or the one of several columns of 0
//! and 1 that is 1.
//! JSON lines may instead have `box: [x, y, width, height]`, `boxes: [[…], …]`, or `objects: {bbox:
//! [[…], …], categories: […]}`.
//! Several lines with one path are several objects of one picture.
//! A box with an empty field or NaN leaves out only its object.
//! Other columns are ignored, and named in the log once.

mod choose;
mod columns;
mod csv_rows;
mod file;
mod json_rows;
mod row;

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;

use shared::archive::{Archive, Name};

use crate::crop::Object;
use crate::crop::placement;
use crate::source::classes::Classes;
use crate::source::lookup::{Lookup, Misses, ambiguous, cleaned, leads_out};
use crate::source::path::{base_of, common_folder, folder_of, stem_of};
use crate::source::{
    Content, Entry, Format, Listing, SourceError, Split, TABLE_LIMIT, Unused, split_folders, text,
};
use choose::{Chooser, NAMES};
use file::{LINE_LIMIT, is_jsonl, is_list, text_of};
use row::{LineError, Row, Rows};

/// Returns whether a table of one of the usual names, or the only table at the archive's root,
/// names pictures.
#[must_use]
pub fn detect(archive: &Archive) -> bool {
    if !choose::any(archive, false) {
        return false;
    }
    let lookup = Lookup::new(archive);
    !Chooser::new(archive, &lookup).usual().is_empty()
}

/// Returns whether a table or list of any name, anywhere, clearly names the pictures.
#[must_use]
pub fn detect_anywhere(archive: &Archive) -> bool {
    if !choose::any(archive, true) {
        return false;
    }
    let lookup = Lookup::new(archive);
    !Chooser::new(archive, &lookup).anywhere().is_empty()
}

/// The tables that are not used by another layout, with the reasons.
#[must_use]
pub(in crate::source) fn passed_over(archive: &Archive, used: &[usize]) -> Vec<Unused> {
    if !choose::any(archive, true) {
        return Vec::new();
    }
    let lookup = Lookup::new(archive);
    let chooser = Chooser::new(archive, &lookup);
    let (usual, anywhere) = (chooser.usual(), chooser.anywhere());
    let mut unused = chooser.unused(used);
    for unused in &mut unused {
        if usual.iter().chain(&anywhere).any(|&i| archive.names()[i] == unused.name) {
            unused.why = "another layout was recognized; --format csv reads it".into();
        } else if unused.why == "another table is read" {
            unused.why = "it is no table of these pictures".into();
        }
    }
    unused
}

/// Reads the table of that name, or else those of the usual names that name pictures, or any that
/// clearly do.
/// The pictures are in the order of the tables, the classes sorted by name (by value if all are
/// numbers).
///
/// # Errors
/// When there is no such table, or a line is malformed.
pub fn read(archive: &Archive, table: Option<&Name>) -> Result<Listing, SourceError> {
    let lookup = Lookup::new(archive);
    let chooser = Chooser::new(archive, &lookup);
    let tables = match table {
        Some(name) => {
            let missing = || SourceError::usage(archive, format!("there is no table {name}"));
            vec![archive.find(&name.0).ok_or_else(missing)?]
        }
        None => find(archive, &chooser)?,
    };
    let (classes, places) = (Classes::default(), HashMap::new());
    let mut reader = Reader {
        archive,
        lookup: &lookup,
        classes,
        places,
        pictures: Vec::new(),
        columns: Vec::new(),
    };
    // The name of a single table says nothing about splits.
    let mut splits: Vec<Option<Split>> = tables.iter().map(|&table| chooser.part(table)).collect();
    if splits.windows(2).all(|pair| pair[0] == pair[1]) {
        splits.fill(None);
    }
    for (&table, split) in tables.iter().zip(splits) {
        reader.add(table, split)?;
    }
    let Reader { classes, mut pictures, columns, .. } = reader;
    if placement::are_fractions(
        pictures.iter().flat_map(|entry| &entry.objects).map(|object| &object.bounding_box),
    ) {
        pictures.iter_mut().for_each(|entry| entry.drawn_on = Some([1.0, 1.0]));
    }
    let used = tables
        .iter()
        .map(|&i| archive.names()[i].0.as_slice())
        .chain(pictures.iter().map(|picture| picture.name.as_slice()));
    let root = common_folder(used).to_vec();
    let below = |name: &[u8]| Name(name[root.len()..].to_vec());
    let mut entries: Vec<Entry> =
        (0..).zip(pictures).map(|(id, picture)| picture.into_entry(id, root.len())).collect();
    let mut classes = classes.into_sorted(&mut entries);
    if tables.iter().all(|&i| is_list(&archive.names()[i].0)) {
        name_by_folders(&mut classes, &entries);
    }
    let unused = if table.is_some() { Vec::new() } else { chooser.unused(&tables) };
    let tables = tables.iter().map(|&i| below(&archive.names()[i].0)).collect();
    Ok(Listing { tables, classes, unused, columns, ..Listing::of(Format::Table, root, entries) })
}

/// Names numbered classes of lists after folders, if every class has a folder of its own.
fn name_by_folders(classes: &mut [String], entries: &[Entry]) {
    let mut folders: Vec<Option<&[u8]>> = vec![None; classes.len()];
    for entry in entries {
        let Some(label) = entry.label else { continue };
        let folder = folder_of(&entry.content.file().0);
        if *folders[label as usize].get_or_insert(folder) != folder {
            return;
        }
    }
    let mut names: Vec<String> = Vec::new();
    for folder in folders {
        let name =
            folder.and_then(|folder| Some(base_of(folder.strip_suffix(b"/")?))).unwrap_or_default();
        let name = Name(name.to_vec()).to_string();
        if name.is_empty() || names.contains(&name) {
            return;
        }
        names.push(name);
    }
    classes.clone_from_slice(&names);
}

/// The tables to read if none is named.
fn find(archive: &Archive, chooser: &Chooser<'_>) -> Result<Vec<usize>, SourceError> {
    for found in [chooser.usual(), chooser.anywhere()] {
        if !found.is_empty() {
            return Ok(found);
        }
    }
    // The error of reading it says what it lacks.
    if let Some(group) = chooser.usual_candidates().into_iter().next() {
        return Ok(group);
    }
    if let Some(only) = chooser.only_at_top() {
        return Ok(vec![only]);
    }
    let names = NAMES.join(", ");
    let looked = match chooser.unused(&[]).first() {
        Some(Unused { name, why }) => format!("; {name}: {why}"),
        None => String::new(),
    };
    Err(SourceError::usage(
        archive,
        format!(
            "there is no table: none of {names}, not one single .csv, .tsv or .jsonl at its root, and none that names most of its pictures{looked}"
        ),
    ))
}

/// The rows of a table, parsed by its suffix.
fn parse(name: &[u8], bytes: &[u8], is_picture: &dyn Fn(&str) -> bool) -> Result<Rows, LineError> {
    let bytes = text_of(name, bytes);
    if let Some((line, _)) =
        (1..).zip(bytes.split(|&b| b == b'\n')).find(|(_, text)| text.len() > LINE_LIMIT)
    {
        return Err(LineError {
            line,
            what: format!(
                "it is longer than {} MiB; no table of pictures has such lines",
                LINE_LIMIT >> 20
            ),
        });
    }
    if is_jsonl(name) {
        return json_rows::parse(&text::json(&bytes), is_picture);
    }
    csv_rows::parse(&bytes, &csv_rows::Head::read(&bytes, is_picture)?)
}

struct Reader<'a> {
    archive: &'a Archive,
    lookup: &'a Lookup<'a>,
    classes: Classes,
    /// Pictures by their names in the archive.
    places: HashMap<Vec<u8>, usize>,
    pictures: Vec<TablePicture>,
    /// The names of the columns used.
    columns: Vec<String>,
}

impl Reader<'_> {
    /// Adds the rows of a table; pictures without a split in any row are of `split`.
    fn add(&mut self, table: usize, split: Option<Split>) -> Result<(), SourceError> {
        let archive = self.archive;
        let name = choose::shown(archive, table);
        let own = folder_of(&name.0);
        let bytes = archive.read(table, TABLE_LIMIT)?;
        let bad =
            |line: usize, what: String| SourceError::line(archive, &name.to_string(), line, what);
        let rows = parse(&name.0, &bytes, &|text| choose::is_picture(self.lookup, own, text));
        let rows = rows.map_err(|fault| bad(fault.line, fault.what))?;
        drop(bytes);
        if !rows.ignored.is_empty() {
            tracing::info!("{name}: these columns are ignored: {}", rows.ignored.join(", "));
        }
        for column in rows.used {
            if !self.columns.contains(&column) {
                self.columns.push(column);
            }
        }
        let (mut misses, mut outside, mut names) = (Misses::default(), None, 0);
        // The last picture: its objects are usually in consecutive lines.
        let mut last: Option<(Vec<u8>, Option<Split>, usize)> = None;
        for mut row in rows.rows {
            row.split = row.split.or(split);
            let line = row.line;
            let picture = match &last {
                Some((path, split, picture)) if *path == row.path && *split == row.split => {
                    *picture
                }
                _ => {
                    let found = self.lookup.find(
                        &[own],
                        &row.path,
                        row.split.or_else(|| self.part_of_table(table)),
                    );
                    if let Some(several) = ambiguous(archive, &found) {
                        let shown = Name(row.path);
                        return Err(bad(
                            line,
                            format!("{shown} {several}; write more of its path"),
                        ));
                    }
                    let resolved = match found.first() {
                        Some(&found) => archive.names()[found].0.clone(),
                        None => {
                            let shown = Name(row.path.clone());
                            let lost = row::outside(&row.path, &shown.to_string());
                            outside = outside.or_else(|| lost.map(|what| (line, what)));
                            let path = if leads_out(&row.path) {
                                base_of(&cleaned(&row.path)).to_vec()
                            } else {
                                cleaned(&row.path)
                            };
                            [own, &path].concat()
                        }
                    };
                    let picture = match self.places.entry(resolved) {
                        Slot::Occupied(place) => *place.get(),
                        Slot::Vacant(place) => {
                            names += 1;
                            if found.is_empty() {
                                misses.add(&row.path);
                            }
                            self.pictures.push(TablePicture {
                                name: place.key().clone(),
                                ..TablePicture::default()
                            });
                            *place.insert(self.pictures.len() - 1)
                        }
                    };
                    last = Some((row.path.clone(), row.split, picture));
                    picture
                }
            };
            self.pictures[picture].add(row, &mut self.classes).map_err(|what| bad(line, what))?;
        }
        // A table with paths of elsewhere, of which nothing is found, does not belong to this
        // folder.
        if let Some((line, what)) = outside
            && misses.count() == names
        {
            return Err(bad(line, what));
        }
        misses.report(archive, Format::Table.name(), name, names);
        Ok(())
    }

    /// The split in a table's name, which tells pictures of the same name apart.
    fn part_of_table(&self, table: usize) -> Option<Split> {
        let name = &self.archive.names()[table].0;
        split_folders::of_name(stem_of(base_of(name)))
    }
}

/// One picture, from the lines so far.
#[derive(Default)]
struct TablePicture {
    /// The name in the archive.
    name: Vec<u8>,
    /// The split, and the line that gives it.
    split: Option<(Split, usize)>,
    objects: Vec<Object>,
    /// The different classes.
    labels: Vec<u32>,
    /// The size of the picture that boxes were drawn on; the first one given counts.
    drawn_on: Option<[f64; 2]>,
}

impl TablePicture {
    fn add(&mut self, row: Row, classes: &mut Classes) -> Result<(), String> {
        match (self.split, row.split) {
            (Some((known, first)), Some(split)) if known != split => {
                let shown = Name(row.path);
                return Err(format!(
                    "{shown} is in another split here than in line {first}; a picture belongs to one"
                ));
            }
            (None, Some(split)) => self.split = Some((split, row.line)),
            _ => {}
        }
        self.drawn_on = self.drawn_on.or(row.drawn_on);
        let label = row.label.map(|label| classes.number(&label));
        let mut labels: Vec<u32> = label.into_iter().collect();
        for boxed in row.boxes {
            let own = boxed.label.map(|own| classes.number(&own));
            labels.extend(own);
            self.objects.push(Object { bounding_box: boxed.bounding_box, label: own.or(label) });
        }
        for label in labels {
            // Two are enough to know that the class is not unique; the list stays short.
            if self.labels.len() < 2 && !self.labels.contains(&label) {
                self.labels.push(label);
            }
        }
        Ok(())
    }

    /// The class of the picture is the one that its lines name, if they name exactly one.
    fn into_entry(self, id: u32, root: usize) -> Entry {
        let label = if let [label] = self.labels[..] { Some(label) } else { None };
        let (content, split) =
            (Content::File(Name(self.name[root..].to_vec())), self.split.map(|(split, _)| split));
        Entry {
            id,
            content,
            partner: None,
            label,
            split,
            objects: self.objects,
            drawn_on: self.drawn_on,
        }
    }
}
