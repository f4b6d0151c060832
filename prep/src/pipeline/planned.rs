//! The pictures of a plan and their sources: finding and reading files.

use std::collections::HashMap;

use sha2::{Digest, Sha256};
use shared::archive::{Archive, Name};

use crate::crop::{BoundingBox, Object};
use crate::dataset::fingerprint;
use crate::dataset::rejects::{Fault, Reason};
use crate::source::{Content, Entry, Format, RawPixels};

/// An opened source.
#[derive(Debug)]
pub struct OpenedSource {
    /// Its files.
    pub archive: Archive,
    /// The prefix of every listed name in the archive.
    pub root: Vec<u8>,
    /// The annotation files of the listing.
    pub tables: Vec<Name>,
    /// The layout.
    pub format: Format,
    /// Every file holds two pictures.
    pub halves: bool,
    /// Names in the archive that lead to no file, and the reasons.
    pub(super) passed_over: HashMap<Vec<u8>, Fault>,
}

impl OpenedSource {
    /// The index of the file of that name in the archive.
    #[must_use]
    pub fn find(&self, name: &Name) -> Option<usize> {
        self.archive.find(&[&self.root[..], &name.0].concat())
    }

    /// The fault of a name without a file; `id` is the picture's.
    #[must_use]
    pub fn missing(&self, name: &Name, id: u32) -> Fault {
        let known = if self.passed_over.is_empty() {
            None
        } else {
            self.passed_over.get(&[&self.root[..], &name.0].concat())
        };
        known.cloned().unwrap_or_else(|| Fault::new(Reason::MissingFile, id))
    }
}

/// A picture to prepare.
#[derive(Debug)]
pub struct PlannedPicture {
    /// The number of its source.
    pub source: usize,
    /// Its entry in the listing.
    pub entry: Entry,
    /// Its number among the pictures of all sources, which shards record.
    pub number: u64,
    /// Boxes of objects of classes that are not selected.
    pub others: Vec<BoundingBox>,
    /// The reason that it is left out unread, if the listing does not name it.
    pub unlisted: Option<Fault>,
}

impl PlannedPicture {
    /// Appends an encoding of all fields, for [`super::plan::Plan::key`].
    pub(super) fn write(&self, bytes: &mut Vec<u8>) {
        // Without `..`, so that a new member is not forgotten.
        let Self { source, entry, number, others, unlisted } = self;
        let Entry { id, content, partner, label, split, objects, drawn_on } = entry;
        let mut numbers =
            |numbers: &[u64]| numbers.iter().for_each(|number| bytes.extend(number.to_le_bytes()));
        let label_number = |label: &Option<u32>| label.map_or(0, |label| u64::from(label) + 1);
        numbers(&[
            *source as u64,
            *number,
            u64::from(*id),
            label_number(label),
            split.map_or(0, |split| split as u64 + 1),
        ]);
        numbers(&[objects.len() as u64, others.len() as u64]);
        let boxes = objects
            .iter()
            .map(|Object { bounding_box, label }| (bounding_box, label_number(label)));
        for (&BoundingBox { x, y, width, height }, label) in
            boxes.chain(others.iter().map(|other| (other, 0)))
        {
            numbers(&[x.to_bits(), y.to_bits(), width.to_bits(), height.to_bits(), label]);
        }
        // Written only if present, so that keys from before this field existed stay valid.
        if let Some([width, height]) = drawn_on {
            numbers(&[width.to_bits(), height.to_bits()]);
        }
        let name = match content {
            Content::File(name) => {
                numbers(&[0]);
                name
            }
            Content::Raw(RawPixels {
                file,
                offset,
                width,
                height,
                channels,
                planar,
                transposed,
                text,
            }) => {
                numbers(&[
                    1,
                    *offset,
                    u64::from(*width),
                    u64::from(*height),
                    u64::from(*channels),
                    u64::from(*planar),
                ]);
                numbers(&[u64::from(*transposed), text.map_or(0, |bytes| bytes + 1)]);
                file
            }
        };
        numbers(&[
            name.0.len() as u64,
            partner.as_ref().map_or(0, |partner| partner.0.len() as u64 + 1),
        ]);
        bytes.extend_from_slice(&name.0);
        bytes.extend(partner.iter().flat_map(|partner| &partner.0));
        bytes.extend(unlisted.iter().flat_map(|fault| fault.value.bytes()));
    }
}

/// The files of a picture: one, or two of a pair.
pub type Files = Vec<Vec<u8>>;

/// Reads the bytes of a picture.
///
/// # Errors
/// When a file is missing or cannot be read.
pub fn read(source: &OpenedSource, planned: &PlannedPicture, limit: u64) -> Result<Files, Fault> {
    let find =
        |name: &Name| source.find(name).ok_or_else(|| source.missing(name, planned.entry.id));
    match &planned.entry.content {
        Content::File(name) => {
            let names = std::iter::once(name).chain(&planned.entry.partner);
            names.map(|name| Ok(source.archive.read(find(name)?, limit)?)).collect()
        }
        Content::Raw(raw) => Ok(vec![raw.unpacked(source.archive.read_range(
            find(&raw.file)?,
            raw.offset,
            raw.stored(),
        )?)]),
    }
}

/// The number of bytes that [`read`] returns, according to the archive.
#[must_use]
pub fn length(source: &OpenedSource, planned: &PlannedPicture) -> u64 {
    match &planned.entry.content {
        Content::File(name) => {
            let names = std::iter::once(name).chain(&planned.entry.partner);
            names.filter_map(|name| source.find(name)).map(|at| source.archive.length(at)).sum()
        }
        Content::Raw(raw) => raw.stored(),
    }
}

/// SHA-256 of a picture's file, or of the two of a pair together.
#[must_use]
pub fn content_hash(files: &Files) -> [u8; 32] {
    match &files[..] {
        [one] => fingerprint::sha256(one),
        several => {
            let mut hash = Sha256::new();
            several.iter().for_each(|bytes| hash.update(fingerprint::sha256(bytes)));
            hash.finalize().into()
        }
    }
}
