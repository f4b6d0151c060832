//! The binary version: files of records, each one or two bytes of labels
//! and a 32×32 picture, all of its red, then green, then blue.

use shared::archive::{Archive, Name};
use shared::cli::UsageError;

use super::batches::{SIZE, batches};
use crate::source::layouts::packed::{Packed, lines};
use crate::source::{Content, Entry, Format, Listing, RawPixels, SourceError, Split, TABLE_LIMIT};

/// Number of bytes of a picture.
const PIXELS: u64 = 3 * 32 * 32;
/// The first file of CIFAR-10.
const FIRST: &str = "data_batch_1.bin";
/// The names of CIFAR-100's classes; the coarse labels are not used.
const FINE: &str = "fine_label_names.txt";

/// CIFAR-10 or CIFAR-100.
struct Version {
    root: Vec<u8>,
    /// Number of bytes of labels before a picture; the last is used.
    labels: u64,
    classes: &'static str,
    files: Vec<(usize, Split)>,
}

/// Returns whether the archive holds `data_batch_1.bin`, or `train.bin` beside
/// `fine_label_names.txt`.
pub(super) fn detect(archive: &Archive) -> bool {
    let has = |root: &[u8], name: &str| archive.find(&[root, name.as_bytes()].concat()).is_some();
    archive.root_of(FIRST).is_ok()
        || archive.root_of(FINE).is_ok_and(|root| has(&root, "train.bin"))
}

/// Lists the pictures for training, then those for testing, numbered from 0.
///
/// # Errors
/// When a file between two others is missing, does not hold whole records, or has a label without a
/// name.
pub(super) fn read(archive: &Archive) -> Result<Listing, SourceError> {
    let version = if archive.root_of(FIRST).is_ok() { ten(archive)? } else { hundred(archive)? };
    let mut tables = Vec::new();
    let mut names = None;
    if let Some(at) = archive.find(&[&version.root, version.classes.as_bytes()].concat()) {
        names = Some(lines(&archive.read(at, TABLE_LIMIT)?));
        tables.push(Name(version.classes.into()));
    }
    let record = version.labels + PIXELS;
    let (mut most, mut pictures) = (0, Vec::new());
    for &(at, split) in &version.files {
        let file = Packed::new(archive, at);
        let length = file.len()?;
        let count = length / record;
        if length == 0 || length % record != 0 {
            return Err(file.bad(format!(
                "its {length} bytes are not a whole number of records of {record} bytes"
            )));
        }
        file.check_count(count)?;
        let labels = file.column(count, record, version.labels - 1)?;
        most = labels.iter().fold(most, |most, &label| most.max(label));
        let unnamed =
            |&label: &u8| names.as_ref().is_some_and(|names| usize::from(label) >= names.len());
        if let Some(i) = labels.iter().position(unnamed) {
            let what = format!(
                "record {i} has label {}, but {} names {} classes",
                labels[i],
                version.classes,
                names.iter().flatten().count()
            );
            return Err(file.bad(what));
        }
        let name = Name(file.name().0[version.root.len()..].to_vec());
        for (i, label) in (0..).zip(labels) {
            let offset = i * record + version.labels;
            let raw = RawPixels {
                file: name.clone(),
                offset,
                width: SIZE,
                height: SIZE,
                channels: 3,
                planar: true,
                transposed: false,
                text: None,
            };
            pictures.push(Entry {
                label: Some(label.into()),
                split: Some(split),
                ..Entry::of(pictures.len() as u32, Content::Raw(raw))
            });
        }
    }
    let classes = names.unwrap_or_else(|| (0..=most).map(|number| number.to_string()).collect());
    Ok(Listing { tables, classes, ..Listing::of(Format::Cifar, version.root, pictures) })
}

/// CIFAR-10: `data_batch_1.bin` and so on, `test_batch.bin`.
fn ten(archive: &Archive) -> Result<Version, SourceError> {
    let root = archive.root_of(FIRST)?;
    let files = batches(archive, &root, b".bin")?;
    Ok(Version { root, labels: 1, classes: "batches.meta.txt", files })
}

/// CIFAR-100: `train.bin` and `test.bin` beside the names of its classes.
fn hundred(archive: &Archive) -> Result<Version, SourceError> {
    let with_train = |root: Vec<u8>| {
        archive.find(&[&root[..], b"train.bin"].concat()).map(|train| (root, train))
    };
    let root = archive.root_of(FINE).ok().and_then(with_train);
    let Some((root, train)) = root else {
        let what = format!(
            "holds neither {FIRST} nor train.bin beside {FINE}, and of the Python version neither data_batch_1 nor train beside meta"
        );
        return Err(SourceError::Usage {
            path: archive.path().to_owned(),
            source: UsageError(what),
        });
    };
    let test = archive.find(&[&root[..], b"test.bin"].concat()).map(|at| (at, Split::Val));
    let files = [(train, Split::Train)].into_iter().chain(test).collect();
    Ok(Version { root, labels: 2, classes: FINE, files })
}
