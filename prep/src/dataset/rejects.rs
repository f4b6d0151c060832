//! Pictures that are left out, and the reasons.
//!
//! One bad picture among thousands must not stop a build, and must not vanish either:
//! it is counted in the manifest and listed in `rejects.jsonl`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use shared::archive::ArchiveError;
use shared::picture::PictureError;

/// The reasons for leaving out a picture; their names are part of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Reason {
    /// The listing names a missing file.
    MissingFile,
    /// The file exists but cannot be read.
    UnreadableFile,
    /// Not a picture in a supported format.
    UnsupportedFormat,
    /// Decoding it would exceed the memory limit.
    TooLarge,
    /// Damaged or truncated.
    Damaged,
    /// The listing has no box for it.
    NoBox,
    /// Its box has no area or is not finite.
    EmptyBox,
    /// The centre of its box lies outside the picture.
    BoxOutside,
    /// Its boxes were drawn on a picture of another shape, or are fractions among boxes in pixels.
    SizeMismatch,
    /// The listing has no class for it.
    NoLabel,
    /// The listing has no split for it.
    NoSplit,
    /// Too wide or too tall.
    Aspect,
    /// The window is too small.
    SmallSide,
    /// The box fills too small a share of the picture.
    SmallBox,
    /// An object of another class is in the window.
    Intruder,
    /// Nearly uniform in colour.
    Blank,
    /// Without sharp edges.
    Blurred,
    /// A near-duplicate of a picture that is taken.
    NearDuplicate,
    /// A near-duplicate of a picture of another split.
    Straddles,
    /// In the source, but not in its listing.
    NotListed,
    /// A link without a target in the source.
    DanglingLink,
}

impl Reason {
    /// All reasons.
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

/// A picture that is left out; a line of `rejects.jsonl`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reject {
    /// Its name in the source; bytes that are not UTF-8 as `\xNN`.
    pub file: String,
    /// The reason.
    pub reason: String,
    /// The value at fault.
    pub value: String,
    /// The number of the object, from 0, if only a crop of the picture is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<u32>,
    /// Its number in the shards of rejects, if it can be decoded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture: Option<u64>,
}

/// A reason with the value at fault, still without the name of the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// The reason.
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
            PictureError::UnknownFormat { .. } | PictureError::UnsupportedFormat { .. } => {
                Reason::UnsupportedFormat
            }
            PictureError::TooLarge { .. } => Reason::TooLarge,
            PictureError::Encode { .. } => Reason::Damaged,
            // The reason already says that it is damaged.
            PictureError::Damaged { what } => return Self::new(Reason::Damaged, what),
        };
        Self::new(reason, error)
    }
}

impl From<ArchiveError> for Fault {
    fn from(error: ArchiveError) -> Self {
        match error {
            ArchiveError::TooLarge { limit, .. } => {
                Self::new(Reason::TooLarge, format!("more than {} MiB", limit >> 20))
            }
            // Without the path of the archive: the list must not depend on the place of the source.
            ArchiveError::Entry { source, .. } => Self::new(Reason::UnreadableFile, source),
            other => Self::new(Reason::UnreadableFile, other),
        }
    }
}

/// The number of rejects by reason; every reason has an entry.
#[must_use]
pub fn count(rejects: &[Reject]) -> BTreeMap<String, u64> {
    let mut counts: BTreeMap<String, u64> =
        Reason::ALL.iter().map(|r| (r.name().to_owned(), 0)).collect();
    for reject in rejects {
        *counts.entry(reject.reason.clone()).or_default() += 1;
    }
    counts
}
