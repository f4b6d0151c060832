//! Why a picture was left out. One bad picture among thousands must not stop the run, and must not vanish either: it is counted
//! in the manifest and listed in `rejects.jsonl`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use shared::archive::ArchiveError;
use shared::picture::PictureError;

/// The kinds of reasons; their names are part of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Reason {
    /// The listing names a file that is not there.
    MissingFile,
    /// The file is there but cannot be read.
    UnreadableFile,
    /// Not a picture in a format that is read.
    UnsupportedFormat,
    /// Decoding it would take more memory than allowed.
    TooLarge,
    /// Damaged or cut off.
    Damaged,
    /// The listing has no box for it.
    NoBox,
    /// Its box has no area or is no number.
    EmptyBox,
    /// Its box has its centre outside of the picture.
    BoxOutside,
    /// Its boxes were drawn on a picture of another shape, or are fractions among boxes in pixels.
    SizeMismatch,
    /// The listing has no class for it.
    NoLabel,
    /// The listing does not say which split it belongs to.
    NoSplit,
    /// Too wide or too high.
    Aspect,
    /// The window is smaller than asked for.
    SmallSide,
    /// The box fills too little of the picture.
    SmallBox,
    /// An object of another class is in the window.
    Intruder,
    /// Of (nearly) one colour.
    Blank,
    /// Without sharp edges.
    Blurred,
    /// Much like one that was taken.
    NearDuplicate,
    /// Much like one of the other split.
    Straddles,
    /// In the source, but not in its listing.
    NotListed,
    /// A link that leads to no file.
    DanglingLink,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 21] = [
        Self::MissingFile,
        Self::UnreadableFile,
        Self::UnsupportedFormat,
        Self::TooLarge,
        Self::Damaged,
        Self::NoBox,
        Self::EmptyBox,
        Self::BoxOutside,
        Self::SizeMismatch,
        Self::NoLabel,
        Self::NoSplit,
        Self::Aspect,
        Self::SmallSide,
        Self::SmallBox,
        Self::Intruder,
        Self::Blank,
        Self::Blurred,
        Self::NearDuplicate,
        Self::Straddles,
        Self::NotListed,
        Self::DanglingLink,
    ];

    /// The name in files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::MissingFile => "missing_file",
            Self::UnreadableFile => "unreadable_file",
            Self::UnsupportedFormat => "unsupported_format",
            Self::TooLarge => "too_large",
            Self::Damaged => "damaged",
            Self::NoBox => "no_box",
            Self::EmptyBox => "empty_box",
            Self::BoxOutside => "box_outside",
            Self::SizeMismatch => "size_mismatch",
            Self::NoLabel => "no_label",
            Self::NoSplit => "no_split",
            Self::Aspect => "aspect",
            Self::SmallSide => "small_side",
            Self::SmallBox => "small_box",
            Self::Intruder => "intruder",
            Self::Blank => "blank",
            Self::Blurred => "blurred",
            Self::NearDuplicate => "near_duplicate",
            Self::Straddles => "straddles_split",
            Self::NotListed => "not_listed",
            Self::DanglingLink => "dangling_link",
        }
    }
}

/// One picture that was left out; a line of `rejects.jsonl`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reject {
    /// Its name in the source; bytes that are not UTF-8 as `\xNN`.
    pub file: String,
    /// The kind of reason.
    pub reason: String,
    /// The value at fault.
    pub value: String,
    /// The object of the picture, from 0, where only a part of the picture was left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<u32>,
    /// Its number in `rejects.shard`, where it could be decoded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture: Option<u64>,
}

/// A reason with the value at fault, before the file's name is put to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// The kind of reason.
    pub reason: Reason,
    /// The value at fault.
    pub value: String,
}

impl Fault {
    /// A reason with the value at fault.
    pub fn new(reason: Reason, value: impl ToString) -> Self {
        Self { reason, value: value.to_string() }
    }
}

impl From<PictureError> for Fault {
    fn from(error: PictureError) -> Self {
        let reason = match &error {
            PictureError::UnknownFormat { .. } | PictureError::UnsupportedFormat { .. } => Reason::UnsupportedFormat,
            PictureError::TooLarge { .. } => Reason::TooLarge,
            PictureError::Encode { .. } => Reason::Damaged,
            // The reason says that it is.
            PictureError::Damaged { what } => return Self::new(Reason::Damaged, what),
        };
        Self::new(reason, error)
    }
}

impl From<ArchiveError> for Fault {
    fn from(error: ArchiveError) -> Self {
        match error {
            ArchiveError::TooLarge { limit, .. } => Self::new(Reason::TooLarge, format!("more than {} MiB", limit >> 20)),
            // Without the archive's own path: the list must not depend on where the source lies.
            ArchiveError::Entry { source, .. } => Self::new(Reason::UnreadableFile, source),
            other => Self::new(Reason::UnreadableFile, other),
        }
    }
}

/// How many pictures were left out, by reason; every reason is there.
#[must_use]
pub fn count(rejects: &[Reject]) -> BTreeMap<String, u64> {
    let mut counts: BTreeMap<String, u64> = Reason::ALL.iter().map(|r| (r.name().to_owned(), 0)).collect();
    for reject in rejects {
        *counts.entry(reject.reason.clone()).or_default() += 1;
    }
    counts
}
