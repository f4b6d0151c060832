//! CelebA's lists (mmlab.ie.cuhk.edu.hk/projects/CelebA.html), as published (`.txt`) and as on
//! Kaggle (`.csv`):
//!
//! | list | gives |
//! |---|---|
//! | `list_eval_partition` | the split: 0 training, 1 validation, 2 testing |
//! | `identity_CelebA` | the class: the number of a person |
//! | `list_attr_celeba` | the class if there are no persons: the attributes that are 1, of up to four columns |
//! | `list_bbox_celeba` | boxes, of the uncropped pictures only: not used for aligned ones |

use std::collections::HashMap;

use shared::archive::{Archive, Name};
use shared::picture::PictureFile;

use crate::crop::{BoundingBox, Object};
use crate::source::classes::Classes;
use crate::source::lookup::{Lookup, Misses, ambiguous, files};
use crate::source::path::{base_of, common_folder, folder_of, stem_of};
use crate::source::{
    Content, Entry, Format, Listing, SourceError, Split, TABLE_LIMIT, Unused, text,
};

/// The lists, without suffix, in lower case.
const PARTS: &str = "list_eval_partition";
const PERSONS: &str = "identity_celeba";
const ATTRIBUTES: &str = "list_attr_celeba";
const BOXES: &str = "list_bbox_celeba";
/// The start of the names of lists of landmarks, which are not used.
const LANDMARKS: &[u8] = b"list_landmarks_";
/// Width and height of aligned pictures, which have no boxes.
const ALIGNED: (u32, u32) = (178, 218);
/// Largest number of attributes that make classes: more would give every second picture its own.
const MOST_ATTRIBUTES: usize = 4;
/// Suffixes of lists.
const SUFFIXES: [&str; 2] = [".txt", ".csv"];

/// Returns whether the archive holds one of the lists.
#[must_use]
pub fn detect(archive: &Archive) -> bool {
    [PARTS, PERSONS, ATTRIBUTES, BOXES].iter().any(|list| find(archive, list).is_some())
}

/// The file of a list; the shallowest.
fn find(archive: &Archive, list: &str) -> Option<usize> {
    let called =
        |&i: &usize| stem_of(base_of(&archive.names()[i].0)).eq_ignore_ascii_case(list.as_bytes());
    files(archive, &SUFFIXES)
        .filter(called)
        .min_by_key(|&i| archive.names()[i].0.iter().filter(|&&b| b == b'/').count())
}

/// Reads the lists. The pictures are in the order of the first list.
///
/// # Errors
/// When there is none, or a line is malformed.
pub fn read(archive: &Archive) -> Result<Listing, SourceError> {
    let lists = [PARTS, PERSONS, ATTRIBUTES, BOXES].map(|list| find(archive, list));
    let [splits, persons, attributes, boxes] = lists;
    let lookup = Lookup::new(archive);
    let mut reader = Reader {
        archive,
        lookup: &lookup,
        places: HashMap::new(),
        pictures: Vec::new(),
        misses: Misses::default(),
    };
    let (mut used, mut unused) = (Vec::new(), Vec::new());
    let mut pass_over =
        |file: usize, why: String| unused.push(Unused { name: archive.names()[file].clone(), why });
    if let Some(file) = splits {
        used.push(file);
        let list = List::read(archive, file)?;
        for row in &list.rows {
            // Some re-issued lists have a split number 3, which means none.
            let split = match row.words()[..] {
                ["0"] => Some(Split::Train),
                ["1"] => Some(Split::Val),
                ["2"] => Some(Split::Test),
                [word] => Split::named(word),
                _ => return Err(row.bad(archive, file, "is not the number of a part: 0, 1 or 2")),
            };
            reader.entry(file, row)?.split = split;
        }
    }
    let mut classes = Classes::default();
    if let Some(file) = persons {
        used.push(file);
        let list = List::read(archive, file)?;
        for row in &list.rows {
            let [person] = row.words()[..] else {
                return Err(row.bad(archive, file, "is not the number of a person"));
            };
            reader.entry(file, row)?.label = Some(classes.number(person));
        }
    }
    if let Some(file) = attributes {
        let list = List::read(archive, file)?;
        if persons.is_some() {
            pass_over(file, "the classes are those of identity_CelebA; remove that one to take attributes instead".into());
        } else if list.names.len() > MOST_ATTRIBUTES {
            let count = list.names.len();
            pass_over(
                file,
                format!(
                    "its {count} attributes are no class; leave up to {MOST_ATTRIBUTES} columns in it and these make the classes"
                ),
            );
        } else {
            used.push(file);
            for row in &list.rows {
                if row.values.len() != list.names.len() {
                    return Err(row.bad(
                        archive,
                        file,
                        &format!("has not the {} attributes of the header", list.names.len()),
                    ));
                }
                let on = list
                    .names
                    .iter()
                    .zip(&row.values)
                    .filter(|(_, value)| text::number(value) == Some(1.0));
                let on: Vec<&str> = on.map(|(name, _)| name.as_str()).collect();
                let class = if on.is_empty() { "none".to_owned() } else { on.join("+") };
                reader.entry(file, row)?.label = Some(classes.number(&class));
            }
        }
    }
    if let Some(file) = boxes {
        let list = List::read(archive, file)?;
        for row in &list.rows {
            let numbers: Option<Vec<f64>> =
                row.values.iter().map(|value| text::number(value)).collect();
            let Some(&[x, y, width, height]) = numbers.as_deref() else {
                return Err(row.bad(archive, file, "is not x, y, width and height of a box"));
            };
            let entry = reader.entry(file, row)?;
            entry.objects =
                vec![Object { bounding_box: BoundingBox { x, y, width, height }, label: None }];
        }
        if aligned(archive, &reader.pictures) {
            pass_over(
                file,
                "its boxes are those of the pictures in the wild, and these are the aligned ones"
                    .into(),
            );
            reader.pictures.iter_mut().for_each(|entry| entry.objects.clear());
        } else {
            used.push(file);
        }
    }
    for file in files(archive, &SUFFIXES)
        .filter(|&i| base_of(&archive.names()[i].0).to_ascii_lowercase().starts_with(LANDMARKS))
    {
        pass_over(file, "nothing uses points of faces".into());
    }
    if used.is_empty() && reader.pictures.is_empty() {
        let what = format!(
            "there is none of CelebA's lists: {PARTS}, identity_CelebA, {ATTRIBUTES}, {BOXES}, .txt or .csv"
        );
        return Err(SourceError::usage(archive, what));
    }
    if let Some(first) = lists.into_iter().flatten().next() {
        reader.misses.report(
            archive,
            Format::Celeba.name(),
            &archive.names()[first],
            reader.pictures.len(),
        );
    }
    let mut pictures = reader.pictures;
    let names = used
        .iter()
        .map(|&i| archive.names()[i].0.as_slice())
        .chain(reader.places.keys().map(Vec::as_slice));
    let root = common_folder(names).to_vec();
    for entry in &mut pictures {
        entry.objects.iter_mut().for_each(|object| object.label = entry.label);
        if let Content::File(name) = &mut entry.content {
            name.0.drain(..root.len());
        }
    }
    let tables = used.iter().map(|&i| Name(archive.names()[i].0[root.len()..].to_vec())).collect();
    let classes = classes.into_sorted(&mut pictures);
    Ok(Listing { tables, classes, unused, ..Listing::of(Format::Celeba, root, pictures) })
}

/// Returns whether the pictures are aligned: by the size of the first ones, or by the name of their
/// folder.
fn aligned(archive: &Archive, pictures: &[Entry]) -> bool {
    let names = pictures.iter().filter_map(|entry| match &entry.content {
        Content::File(name) => archive.find(&name.0),
        Content::Raw(_) => None,
    });
    let first: Vec<usize> = names.take(3).collect();
    let of_size = |&i: &usize| {
        let bytes = archive.read(i, TABLE_LIMIT).unwrap_or_default();
        PictureFile::open(&bytes).is_ok_and(|file| (file.width(), file.height()) == ALIGNED)
    };
    let says_so = |&i: &usize| {
        folder_of(&archive.names()[i].0)
            .to_ascii_lowercase()
            .windows(5)
            .any(|word| word == b"align")
    };
    !first.is_empty() && first.iter().all(|i| says_so(i) || of_size(i))
}

struct Reader<'a> {
    archive: &'a Archive,
    lookup: &'a Lookup<'a>,
    /// Pictures by their names in the archive.
    places: HashMap<Vec<u8>, usize>,
    pictures: Vec<Entry>,
    misses: Misses,
}

impl Reader<'_> {
    /// The picture of a line; a new one unless a list named it before.
    fn entry(&mut self, list: usize, row: &ListLine) -> Result<&mut Entry, SourceError> {
        let own = folder_of(&self.archive.names()[list].0);
        let found = self.lookup.find(&[own], row.picture.as_bytes(), None);
        if let Some(several) = ambiguous(self.archive, &found) {
            return Err(row.bad(self.archive, list, &format!("{several}; write more of its path")));
        }
        let name = found.first().map_or_else(
            || [own, row.picture.as_bytes()].concat(),
            |&i| self.archive.names()[i].0.clone(),
        );
        let place = *self.places.entry(name.clone()).or_insert(self.pictures.len());
        if place == self.pictures.len() {
            if found.is_empty() {
                self.misses.add(row.picture.as_bytes());
            }
            let (id, content) = (place as u32, Content::File(Name(name)));
            self.pictures.push(Entry::of(id, content));
        }
        Ok(&mut self.pictures[place])
    }
}

/// A list's lines.
struct List {
    /// The names of the columns after the first, if there is a header.
    names: Vec<String>,
    rows: Vec<ListLine>,
}

/// A line of a list and its number, from 1.
struct ListLine {
    line: usize,
    picture: String,
    values: Vec<String>,
}

impl List {
    /// Fields are separated by blanks or commas.
    /// A lone number in the first line is the number of lines; a line whose first field has no
    /// suffix of a picture, or is `image_id`, is the header.
    fn read(archive: &Archive, file: usize) -> Result<Self, SourceError> {
        let bytes = archive.read(file, TABLE_LIMIT)?;
        let text = String::from_utf8_lossy(&text::plain(&bytes)).into_owned();
        let mut list = Self { names: Vec::new(), rows: Vec::new() };
        for (line, text) in (1..).zip(text.lines()) {
            let words =
                text.split([',', ' ', '\t', ';']).map(str::trim).filter(|word| !word.is_empty());
            let mut words: Vec<String> = words.map(str::to_owned).collect();
            let is_count =
                list.names.is_empty() && words.len() == 1 && words[0].parse::<u64>().is_ok();
            if words.is_empty() || is_count {
                continue;
            }
            if list.rows.is_empty()
                && list.names.is_empty()
                && stem_of(words[0].as_bytes()).len() == words[0].len()
            {
                words.retain(|word| !word.eq_ignore_ascii_case("image_id"));
                list.names = words;
                continue;
            }
            let picture = words.remove(0);
            list.rows.push(ListLine { line, picture, values: words });
        }
        Ok(list)
    }
}

impl ListLine {
    fn words(&self) -> Vec<&str> {
        self.values.iter().map(String::as_str).collect()
    }

    fn bad(&self, archive: &Archive, list: usize, what: &str) -> SourceError {
        let Self { line, picture, values } = self;
        let what = format!("{picture}: \"{}\" {what}", values.join(" "));
        SourceError::line(archive, &archive.names()[list].to_string(), *line, what)
    }
}
