//! The kinds of unused files, by their names.

use shared::archive::{Archive, Name, PassedOver, Why, is_picture};
use shared::fs::{Byproduct, byproduct};

use super::path::base_of;

/// The kind of an unused file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum UnusedKind {
    /// A picture in a supported format.
    Picture,
    /// A picture in an unsupported format, by its suffix.
    UnreadPicture(String),
    /// A table or annotation, by its suffix.
    Table(String),
    /// An archive or a compressed file, by its suffix.
    Packed(String),
    /// A link that leads nowhere or out of the archive.
    Link,
    /// A device, an encrypted member, or anything else that cannot be read.
    Unreadable,
    /// A data set or a run.
    Made,
    /// Another file, by its suffix, which may be empty.
    Suffix(String),
    /// A system file.
    System,
    /// A hidden file.
    Hidden,
}

/// The record of `prep synth` beside its pictures; if it exists, the folder is complete.
pub const SYNTH_RECORD: &str = "synth.json";

/// Commands for links without target, or pictures replaced by pointer files.
pub const FETCH: &str =
    "`git annex get .`, `dvc pull` or `git lfs pull` fetches what they stand for";

/// Suffixes of unsupported pictures.
const PICTURES: [&str; 30] = [
    ".heic", ".heif", ".avif", ".jxl", ".jp2", ".j2k", ".jpx", ".tif", ".tiff", ".ppm", ".pgm",
    ".pbm", ".pnm", ".pam", ".tga", ".psd", ".svg", ".ico", ".exr", ".hdr", ".dds", ".dng", ".cr2",
    ".cr3", ".nef", ".arw", ".orf", ".rw2", ".raf", ".qoi",
];
/// Suffixes of tables and annotations; `.txt` has too many other uses.
const TABLES: [&str; 18] = [
    ".csv",
    ".tsv",
    ".json",
    ".jsonl",
    ".ndjson",
    ".xml",
    ".yaml",
    ".yml",
    ".xls",
    ".xlsx",
    ".parquet",
    ".arrow",
    ".mat",
    ".npy",
    ".npz",
    ".pkl",
    ".h5",
    ".tfrecord",
];
/// Suffixes of archives and compressed files.
const PACKED: [&str; 10] =
    [".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".zst", ".7z", ".rar", ".lmdb"];

impl UnusedKind {
    /// The kind of the file of that name.
    #[must_use]
    pub fn of(name: &[u8]) -> Self {
        match byproduct(name) {
            Some(Byproduct::Hidden) => return Self::Hidden,
            Some(Byproduct::System) => return Self::System,
            None if is_picture(name) => return Self::Picture,
            None => {}
        }
        let suffix = suffix(name);
        let is_one = |known: &[&str]| known.contains(&suffix.as_str());
        match () {
            () if is_one(&PICTURES) => Self::UnreadPicture(suffix),
            () if is_one(&TABLES) => Self::Table(suffix),
            () if is_one(&PACKED) => Self::Packed(suffix),
            () => Self::Suffix(suffix),
        }
    }

    /// The kind of a name that the archive passes over.
    #[must_use]
    pub fn of_passed_over(passed_over: &PassedOver) -> Self {
        match (byproduct(&passed_over.name.0), &passed_over.why) {
            (Some(Byproduct::Hidden), _) => Self::Hidden,
            (Some(Byproduct::System), _) => Self::System,
            (None, Why::DanglingLink { .. } | Why::LeadsOut { .. } | Why::Loop) => Self::Link,
            (None, Why::Made) => Self::Made,
            (None, _) => Self::Unreadable,
        }
    }

    /// The word for it in manifests.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Picture => "not_listed",
            Self::UnreadPicture(_) => "unread_picture",
            Self::Table(_) => "table",
            Self::Packed(_) => "packed",
            Self::Link => "link",
            Self::Unreadable => "unreadable",
            Self::Made => "made",
            Self::Suffix(_) => "suffix",
            Self::System => "system",
            Self::Hidden => "hidden",
        }
    }
}

/// The suffix with its dot, in lower case; may be empty.
fn suffix(name: &[u8]) -> String {
    let base = base_of(name);
    let dot = base.iter().rposition(|&b| b == b'.').filter(|&dot| dot > 0);
    Name(dot.map_or(&[][..], |dot| &base[dot..]).to_ascii_lowercase()).to_string()
}

/// The contents of an archive without pictures, in one clause.
#[must_use]
pub fn described(archive: &Archive) -> String {
    let (mut links, mut pictures, mut kept, mut others) = (Vec::new(), Vec::new(), 0, 0);
    for name in archive.names() {
        match UnusedKind::of(&name.0) {
            UnusedKind::UnreadPicture(_) => pictures.push(name),
            UnusedKind::System | UnusedKind::Hidden => kept += 1,
            _ => others += 1,
        }
    }
    for passed_over in archive.passed_over() {
        match UnusedKind::of_passed_over(passed_over) {
            UnusedKind::Link => links.push(passed_over),
            UnusedKind::System | UnusedKind::Hidden => kept += 1,
            _ => others += 1,
        }
    }
    let mut found = Vec::new();
    if let Some(first) = links.first() {
        found.push(format!(
            "{} that lead to no file, the first {} ({}): {FETCH}",
            counted(links.len(), "link"),
            first.name,
            first.why
        ));
    }
    if let Some(first) = pictures.first() {
        found.push(format!(
            "{} in a format that is not read, the first {first}: convert to PNG",
            counted(pictures.len(), "picture")
        ));
    }
    if kept > 0 {
        found.push(counted(kept, "hidden or system file"));
    }
    if others > 0 || found.is_empty() {
        found.push(counted(others, "other file"));
    }
    found.join("; ")
}

/// A number with its noun.
fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}
