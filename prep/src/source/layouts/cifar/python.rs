//! The Python version: pickled dictionaries with `data`, an array with a picture per row, and
//! `labels` or `fine_labels`.
//! The pictures are read in place; no code of a pickle is run.

use shared::archive::pickle::Value;
use shared::archive::{Archive, Name};

use super::batches::{SIZE, batches};
use super::pickle::{self, Array, Data};
use crate::source::{Content, Entry, Format, Listing, RawPixels, SourceError, Split, TABLE_LIMIT};

/// The first file of CIFAR-10.
const FIRST: &str = "data_batch_1";
/// The names of CIFAR-10's classes.
const META: &str = "batches.meta";
/// The names of CIFAR-100's classes.
const META_HUNDRED: &str = "meta";
/// Class numbers from here on are refused: CIFAR has a hundred.
const CLASS_LIMIT: u32 = 1 << 16;
/// Number of values of a picture.
const PIXELS: usize = 3 * 32 * 32;

/// Returns whether the archive holds `data_batch_1`, or `train` beside `meta`.
pub(super) fn detect(archive: &Archive) -> bool {
    archive.root_of(FIRST).is_ok() || hundred(archive).is_some()
}

/// The root of CIFAR-100 and its file for training.
fn hundred(archive: &Archive) -> Option<(Vec<u8>, usize)> {
    let root = archive.root_of(META_HUNDRED).ok()?;
    let train = archive.find(&[&root[..], b"train"].concat())?;
    Some((root, train))
}

/// Lists the pictures for training, then those for testing, numbered from 0.
///
/// # Errors
/// When a file between two others is missing, or is no such pickle.
pub(super) fn read(archive: &Archive) -> Result<Listing, SourceError> {
    let (root, files, meta) = match (archive.root_of(FIRST), hundred(archive)) {
        (Err(_), Some((root, train))) => {
            let test = archive.find(&[&root[..], b"test"].concat()).map(|at| (at, Split::Val));
            (root, [(train, Split::Train)].into_iter().chain(test).collect(), META_HUNDRED)
        }
        (root, _) => {
            let root = root?;
            let files = batches(archive, &root, b"")?;
            (root, files, META)
        }
    };
    let (mut tables, mut names) = (Vec::new(), None);
    if let Some(at) = archive.find(&[&root[..], meta.as_bytes()].concat()) {
        names = Some(read_names(archive, at)?);
        tables.push(Name(meta.into()));
    }
    let (mut most, mut pictures) = (0, Vec::new());
    for (at, split) in files {
        let file = Name(archive.names()[at].0[root.len()..].to_vec());
        for PixelRange { offset, text, label } in read_pictures(archive, at)? {
            most = most.max(label);
            let raw = RawPixels {
                file: file.clone(),
                offset,
                width: SIZE,
                height: SIZE,
                channels: 3,
                planar: true,
                transposed: false,
                text,
            };
            pictures.push(Entry {
                label: Some(label),
                split: Some(split),
                ..Entry::of(pictures.len() as u32, Content::Raw(raw))
            });
        }
    }
    let mut classes = names.unwrap_or_default();
    if !classes.is_empty() && classes.len() <= most as usize {
        tracing::warn!(
            "{meta} names {} classes, but labels go up to {most}: the others are named by their numbers",
            classes.len()
        );
    }
    classes.extend((classes.len() as u32..=most).map(|number| number.to_string()));
    Ok(Listing { tables, classes, ..Listing::of(Format::Cifar, root, pictures) })
}

fn bad(archive: &Archive, file: usize, what: impl Into<String>) -> SourceError {
    SourceError::table(archive, &archive.names()[file].to_string(), what)
}

/// The names of the classes.
fn read_names(archive: &Archive, file: usize) -> Result<Vec<String>, SourceError> {
    let bytes = archive.read(file, TABLE_LIMIT)?;
    let pickle = pickle::read(&bytes).map_err(|what| bad(archive, file, what))?;
    let list = ["label_names", "fine_label_names"]
        .iter()
        .find_map(|key| pickle.list(pickle::member(&pickle, key)?));
    let name = |value: &Value| Some(Name(pickle::text(&pickle, value)?.to_vec()).to_string());
    let names: Option<Vec<String>> = list.and_then(|list| list.map(name).collect());
    names.ok_or_else(|| {
        bad(archive, file, "it has no list of names, label_names or fine_label_names")
    })
}

/// The place of a picture in its file.
struct PixelRange {
    offset: u64,
    text: Option<u64>,
    label: u32,
}

/// The pictures of a file.
fn read_pictures(archive: &Archive, file: usize) -> Result<Vec<PixelRange>, SourceError> {
    let bytes = archive.read(file, TABLE_LIMIT)?;
    let bad = |what: String| bad(archive, file, what);
    let pickle = pickle::read(&bytes).map_err(bad)?;
    let labels =
        ["labels", "fine_labels"].iter().find_map(|key| pickle.list(pickle::member(&pickle, key)?));
    let label = |value: &Value| {
        if let Value::Int(label) = value {
            u32::try_from(*label).ok().filter(|label| *label < CLASS_LIMIT)
        } else {
            None
        }
    };
    let labels: Option<Vec<u32>> = labels.and_then(|labels| labels.map(label).collect());
    let labels = labels
        .ok_or_else(|| bad("it has no list of class numbers, labels or fine_labels".into()))?;
    let array = pickle::member(&pickle, "data").map(|value| pickle::array(&pickle, value));
    let Some(Array { shape, data }) = array.transpose().map_err(bad)?.flatten() else {
        return Err(bad("it has no array of pictures, data".into()));
    };
    if shape.iter().skip(1).product::<i64>() != PIXELS as i64
        || shape.first().copied() != i64::try_from(labels.len()).ok()
    {
        let count = labels.len();
        return Err(bad(format!(
            "its array of pictures is {shape:?}, not [{count}, {PIXELS}], for {count} labels"
        )));
    }
    let wrong =
        |held: usize| bad(format!("its array of {} pictures holds {held} bytes", labels.len()));
    match data {
        Data::Bytes(range) if range.len() == labels.len() * PIXELS => {
            let offset = |i: usize| (range.start + i * PIXELS) as u64;
            Ok((0..)
                .zip(labels)
                .map(|(i, label)| PixelRange { offset: offset(i), text: None, label })
                .collect())
        }
        Data::Latin(range) => {
            let text = std::str::from_utf8(&bytes[range.clone()])
                .map_err(|e| bad(format!("its array is no text: {e}")))?;
            let starts: Vec<usize> =
                text.char_indices().map(|(at, _)| at).step_by(PIXELS).chain([text.len()]).collect();
            if text.chars().count() != labels.len() * PIXELS {
                return Err(wrong(text.chars().count()));
            }
            let picture = |(ends, label): (&[usize], u32)| PixelRange {
                offset: (range.start + ends[0]) as u64,
                text: Some((ends[1] - ends[0]) as u64),
                label,
            };
            Ok(starts.windows(2).zip(labels).map(picture).collect())
        }
        Data::Bytes(range) => Err(wrong(range.len())),
        Data::Other => Err(wrong(0)),
    }
}
