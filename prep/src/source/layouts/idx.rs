//! IDX files, as of MNIST and Fashion-MNIST (yann.lecun.com/exdb/mnist): all pictures of a split in
//! one file, their labels in another, gzipped or not.
//!
//! A file begins with two zero bytes, the type of the values (8: bytes) and the number of
//! dimensions; then follow the dimensions as 32-bit big-endian numbers.
//! Pictures have three, `count × rows × columns`; with a fourth of 3 (or 3 as the second) they are
//! in colour.
//!
//! EMNIST's pictures (`emnist-letters-train-images-idx3-ubyte`) are stored column by column and are
//! transposed; the names of its classes are in `emnist-letters-mapping.txt`.
//! QMNIST's labels (`idx2-int`) are rows of integers, the first of which is the class.

use std::collections::BTreeMap;

use shared::archive::{Archive, Name};
use shared::fs::byproduct;

use super::packed::{Packed, lines};
use crate::source::path::{base_of, common_folder, folder_of};
use crate::source::split_folders::settle;
use crate::source::{Content, Entry, Format, Listing, RawPixels, SourceError, Split, TABLE_LIMIT};

/// The names of the classes, one per line, beside the files; without it, classes are named by their
/// numbers.
pub const CLASSES: &str = "classes.txt";

/// The start of the names of files whose pictures are stored column by column.
const EMNIST: &[u8] = b"emnist-";

/// Returns whether a file is named like one of pictures, such as `train-images-idx3-ubyte`.
#[must_use]
pub fn detect(archive: &Archive) -> bool {
    archive
        .names()
        .iter()
        .any(|name| series(&name.0).is_some_and(|(_, kind)| kind == Contents::Images))
}

/// Lists the pictures of the file for training, then those for testing, numbered from 0.
///
/// # Errors
/// When there are several files for one split, a header is not that of an IDX file of bytes, its
/// numbers do not match the length, the numbers of labels and pictures differ, or only one of two
/// files of labels is missing.
pub fn read(archive: &Archive) -> Result<Listing, SourceError> {
    let files = files(archive)?;
    let names = files
        .iter()
        .flat_map(|file| [Some(file.images), file.labels])
        .flatten()
        .map(|at| archive.names()[at].0.as_slice());
    let root = common_folder(names);
    let mut labels_to = 0;
    let (mut tables, mut pictures) = (Vec::new(), Vec::new());
    for file in &files {
        let images = Packed::new(archive, file.images);
        let shape = Extents::read(images)?;
        let labels = file
            .labels
            .map(|at| read_labels(Packed::new(archive, at), images, shape.count))
            .transpose()?;
        labels_to =
            labels.iter().flatten().fold(labels_to, |most, &label| most.max(u32::from(label) + 1));
        tables.extend(file.labels.map(|at| below(root, &archive.names()[at])));
        let name = below(root, images.name());
        pictures.extend((0..shape.count).map(|i| Entry {
            label: labels.as_ref().map(|labels| u32::from(labels[i as usize])),
            split: file.split,
            ..Entry::of(0, Content::Raw(RawPixels { file: name.clone(), ..shape.raw(i) }))
        }));
    }
    (0..).zip(&mut pictures).for_each(|(id, entry): (u32, &mut Entry)| entry.id = id);
    settle(&mut pictures);
    let mut classes: Vec<String> = (0..labels_to).map(|number| number.to_string()).collect();
    if let Some((at, mapping)) = Mapping::find(archive, &files)? {
        for entry in &mut pictures {
            let number = |label: u32| {
                mapping.number(label).ok_or_else(|| {
                    let what = format!(
                        "it has no line for label {label}, the first of them of {}",
                        entry.content.file()
                    );
                    SourceError::table(archive, &archive.names()[at].to_string(), what)
                })
            };
            entry.label = entry.label.map(number).transpose()?;
        }
        classes = mapping.0.into_iter().map(|(_, name)| name).collect();
        tables.push(below(root, &archive.names()[at]));
    } else if let Some(at) = archive.find(&[root, CLASSES.as_bytes()].concat()) {
        let given = lines(&archive.read(at, TABLE_LIMIT)?);
        if given.len() < classes.len() {
            let what = format!(
                "it names {} classes, but the labels go up to {}",
                given.len(),
                classes.len() - 1
            );
            return Err(SourceError::table(archive, CLASSES, what));
        }
        classes = if labels_to == 0 { Vec::new() } else { given };
        tables.push(Name(CLASSES.into()));
    }
    Ok(Listing { tables, classes, ..Listing::of(Format::Idx, root.to_vec(), pictures) })
}

fn below(root: &[u8], name: &Name) -> Name {
    Name(name.0[root.len()..].to_vec())
}

/// EMNIST's labels and their characters.
struct Mapping(Vec<(u32, String)>);

impl Mapping {
    /// Reads `emnist-…-mapping.txt` beside the files: a label and the codes of its characters in
    /// each line.
    fn find(archive: &Archive, files: &[Files]) -> Result<Option<(usize, Self)>, SourceError> {
        let list = files.iter().filter(|file| file.labels.is_some()).find_map(|file| {
            let name = &archive.names()[file.images].0;
            let (series, _) = series(name)?;
            // emnist-letters-train- → emnist-letters-
            let set = series.strip_suffix("train-").or(series.strip_suffix("test-"))?;
            archive.find(&[folder_of(name), set.as_bytes(), b"mapping.txt"].concat())
        });
        let Some(at) = list else { return Ok(None) };
        let bytes = archive.read(at, TABLE_LIMIT)?;
        let mut names = Vec::new();
        for (line, text) in (1..).zip(lines(&bytes)) {
            let codes: Option<Vec<u32>> =
                text.split_ascii_whitespace().map(|word| word.parse().ok()).collect();
            let pair = match codes.as_deref() {
                Some(&[label, code, ..]) => {
                    char::from_u32(code).map(|name| (label, name.to_string()))
                }
                _ => None,
            };
            names.push(pair.ok_or_else(|| {
                let table = archive.names()[at].to_string();
                SourceError::line(
                    archive,
                    &table,
                    line,
                    format!("\"{text}\" is not a label with the code of a character"),
                )
            })?);
        }
        names.sort();
        names.dedup_by_key(|(label, _)| *label);
        Ok(Some((at, Self(names))))
    }

    /// The place of a label among the classes.
    fn number(&self, label: u32) -> Option<u32> {
        self.0.binary_search_by_key(&label, |(label, _)| *label).ok().map(|at| at as u32)
    }
}

/// The contents of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Contents {
    Images,
    Labels,
}

/// The series of a file, its name up to "images" or "labels", and which of the two it holds:
/// `train-` and images for `train-images-idx3-ubyte.gz`.
fn series(name: &[u8]) -> Option<(String, Contents)> {
    if byproduct(name).is_some() {
        return None;
    }
    let file = name[folder_of(name).len()..].to_ascii_lowercase();
    let file = file.strip_suffix(b".gz").unwrap_or(&file);
    let stem = file.strip_suffix(b"-ubyte").or(file.strip_suffix(b"-int"))?;
    let kinds = [
        ("images", "idx3", Contents::Images),
        ("images", "idx4", Contents::Images),
        ("labels", "idx1", Contents::Labels),
    ];
    let (before, kind) = kinds.into_iter().chain([("labels", "idx2", Contents::Labels)]).find_map(
        |(what, idx, kind)| {
            let stem = stem.strip_suffix(idx.as_bytes())?;
            let stem = stem.strip_suffix(b"-").or(stem.strip_suffix(b"."))?;
            Some((stem.strip_suffix(what.as_bytes())?, kind))
        },
    )?;
    Some((Name(before.to_vec()).to_string(), kind))
}

/// The split of a series: `t10k` is MNIST's name for its 10,000 pictures for testing.
fn part(series: &str) -> Option<Split> {
    let words = series.split(|c: char| !c.is_ascii_alphanumeric()).rev();
    words
        .into_iter()
        .find_map(|word| if word == "t10k" { Some(Split::Test) } else { Split::named(word) })
}

/// The files of one split.
struct Files {
    split: Option<Split>,
    images: usize,
    labels: Option<usize>,
}

/// Finds the files of every split.
/// If a file exists both gzipped and unpacked, or in several folders, the shallowest is used, then
/// the unpacked one.
fn files(archive: &Archive) -> Result<Vec<Files>, SourceError> {
    let mut found: BTreeMap<(String, bool), Vec<usize>> = BTreeMap::new();
    for (at, name) in archive.names().iter().enumerate() {
        if let Some((series, kind)) = series(&name.0) {
            found.entry((series, kind == Contents::Labels)).or_default().push(at);
        }
    }
    let rank = |&at: &usize| {
        let name = &archive.names()[at].0;
        (name.iter().filter(|&&b| b == b'/').count(), name.ends_with(b".gz"), at)
    };
    let best = |series: &str, labels| {
        found.get(&(series.to_owned(), labels))?.iter().copied().min_by_key(rank)
    };
    let mut files: Vec<Files> = Vec::new();
    for (series, _) in found.keys().filter(|(_, labels)| !labels) {
        let Some(images) = best(series, false) else { continue };
        let new = Files { split: part(series), images, labels: best(series, true) };
        if let Some(other) = files.iter().find(|file| file.split == new.split) {
            let other = &archive.names()[other.images];
            let what =
                format!("it is for the same part as {other}; name a folder with one of them");
            return Err(Packed::new(archive, images).bad(what));
        }
        files.push(new);
    }
    if files.iter().any(|file| file.labels.is_some())
        && let Some(file) = files.iter().find(|file| file.labels.is_none())
    {
        return Err(Packed::new(archive, file.images)
            .bad("there is no file of labels beside it, but others have one"));
    }
    files.sort_by_key(|file| file.split.map_or(0, |split| split as usize));
    if files.is_empty() {
        let what = "holds no file named like train-images-idx3-ubyte, gzipped or not";
        return Err(SourceError::Usage {
            path: archive.path().to_owned(),
            source: shared::cli::UsageError(what.into()),
        });
    }
    Ok(files)
}

/// The dimensions of a file of pictures.
struct Extents {
    count: u64,
    width: u32,
    height: u32,
    channels: u32,
    planar: bool,
    transposed: bool,
    header: u64,
}

impl Extents {
    fn read(file: Packed<'_>) -> Result<Self, SourceError> {
        let dimensions = dimensions(file)?;
        let (height, width, channels, planar) =
            match dimensions[..] {
                [_, height, width] => (height, width, 1, false),
                [_, height, width, 3] => (height, width, 3, false),
                [_, 3, height, width] => (height, width, 3, true),
                [_, height, width, 1] | [_, 1, height, width] => (height, width, 1, false),
                _ => return Err(file.bad(format!(
                    "its dimensions {dimensions:?} are not those of pictures, grey or of 3 colours"
                ))),
            };
        let transposed = base_of(&file.name().0).to_ascii_lowercase().starts_with(EMNIST);
        let (count, header) = (u64::from(dimensions[0]), 4 + 4 * dimensions.len() as u64);
        let shape = Self { count, width, height, channels, planar, transposed, header };
        let needed = shape
            .raw(0)
            .bytes()
            .checked_mul(shape.count)
            .and_then(|bytes| bytes.checked_add(shape.header));
        let length = file.len()?;
        if needed != Some(length) || width == 0 || height == 0 {
            let bytes =
                needed.map_or("more bytes than possible".into(), |bytes| format!("{bytes} bytes"));
            let Self { count, .. } = shape;
            let what = format!(
                "{count} pictures of {width}x{height}x{channels} take {bytes}, but it has {length}"
            );
            return Err(file.bad(what));
        }
        file.check_count(shape.count)?;
        Ok(shape)
    }

    /// The place of picture `i`; the caller sets the name of the file.
    fn raw(&self, i: u64) -> RawPixels {
        let Self { width, height, channels, planar, transposed, header, .. } = *self;
        let mut raw = RawPixels {
            file: Name(Vec::new()),
            offset: 0,
            width,
            height,
            channels,
            planar,
            transposed,
            text: None,
        };
        raw.offset = header.saturating_add(i.saturating_mul(raw.bytes()));
        raw
    }
}

/// The dimensions in the header of an IDX file of bytes.
fn dimensions(file: Packed<'_>) -> Result<Vec<u32>, SourceError> {
    let start = file.read(0, file.len()?.min(4))?;
    let &[0, 0, 8 | INTEGERS, count @ 1..=4] = &start[..] else {
        let given: String = start.iter().map(|byte| format!("{byte:02x}")).collect();
        return Err(file.bad(format!(
            "it begins with {given}, not with 000008 and 01, 03 or 04 as IDX files of bytes do"
        )));
    };
    let numbers = file.read(4, 4 * u64::from(count))?;
    Ok(numbers.chunks_exact(4).map(|n| u32::from_be_bytes([n[0], n[1], n[2], n[3]])).collect())
}

/// The type code of integers of four bytes.
const INTEGERS: u8 = 12;

/// The labels, one for each of the `count` pictures in `images`.
fn read_labels(file: Packed<'_>, images: Packed<'_>, count: u64) -> Result<Vec<u8>, SourceError> {
    let dimensions = dimensions(file)?;
    if let &[rows, columns] = &dimensions[..]
        && file.read(2, 1)? == [INTEGERS]
    {
        return integer_labels(file, images, count, rows, columns);
    }
    let &[labels] = &dimensions[..] else {
        return Err(file.bad(format!(
            "its dimensions {dimensions:?} are not those of labels, which have one"
        )));
    };
    if u64::from(labels) != count {
        return Err(file.bad(format!(
            "{labels} labels are there for the {count} pictures of {}",
            images.name()
        )));
    }
    let length = file.len()?;
    if length != 8 + count {
        return Err(
            file.bad(format!("{labels} labels take {} bytes, but it has {length}", 8 + count))
        );
    }
    file.read(8, count)
}

/// The first integer of each row.
fn integer_labels(
    file: Packed<'_>,
    images: Packed<'_>,
    count: u64,
    rows: u32,
    columns: u32,
) -> Result<Vec<u8>, SourceError> {
    if u64::from(rows) != count {
        return Err(file.bad(format!(
            "{rows} labels are there for the {count} pictures of {}",
            images.name()
        )));
    }
    let (row, header) = (4 * u64::from(columns), 12);
    let (needed, length) = (header + row * count, file.len()?);
    if columns == 0 || length != needed {
        return Err(file.bad(format!(
            "{rows} labels of {columns} numbers take {needed} bytes, but it has {length}"
        )));
    }
    file.check_count(count)?;
    let mut labels = Vec::with_capacity(count as usize);
    for (at, number) in (0..).zip(file.read(header, row * count)?.chunks_exact(row as usize)) {
        let number = u32::from_be_bytes([number[0], number[1], number[2], number[3]]);
        let label = u8::try_from(number).map_err(|_| {
            file.bad(format!("the class of picture {at} is {number}, not below 256"))
        })?;
        labels.push(label);
    }
    Ok(labels)
}
