//! Descriptions of files that cannot be opened as an archive, in the user's words.

use std::io;

use ::zip::result::ZipError;

use fledge_pictures as picture;

/// Number of bytes examined to detect a file's kind.
pub(super) const FIRST: usize = 1024;

/// First bytes of other formats in which people pack folders and tables.
const PACKED: [(&[u8], &str); 9] = [
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\0", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"7z\xbc\xaf\x27\x1c", "7-Zip"),
    (b"Rar!", "RAR"),
    (b"\x04\x22\x4d\x18", "LZ4"),
    (b"LZIP", "lzip"),
    (b"\x1f\x9d", "compress"),
    (b"MSCF", "CAB"),
];

/// First bytes of unsupported tables of pictures.
const TABLES: [(&[u8], &str); 3] = [
    (b"PAR1", "a Parquet table"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (b"ARROW1", "an Arrow table"),
];

/// The kind of a file by its first bytes, if it is known and not a supported archive.
pub(super) fn no_archive(first: &[u8]) -> Option<String> {
    if first.is_empty() {
        return Some("it is empty: 0 bytes".into());
    }
    if first.iter().all(|&b| b == 0) {
        return Some("it begins with zeros only: a tar file without members, or a download that was not finished".into());
    }
    if let Some((_, method)) = PACKED.iter().find(|(magic, _)| first.starts_with(magic)) {
        return Some(format!("it is packed with {method}, which is not read; unpack it first"));
    }
    if let Some((_, what)) = TABLES.iter().find(|(magic, _)| first.starts_with(magic)) {
        return Some(format!("it is {what}, which is not read; write its pictures to files first"));
    }
    if first.starts_with(b"PK\x07\x08") {
        return Some("it is one part of a zip in several parts; join them first (zip -s 0 parts.zip --out whole.zip)".into());
    }
    if first.starts_with(b"PK") {
        return None;
    }
    if first.starts_with(b"version https://git-lfs") {
        return Some(
            "it is a pointer of Git LFS, not the file itself; git lfs pull fetches that".into(),
        );
    }
    match picture::format_name(first) {
        Some("HTML") => Some("it is an HTML page: the server sent a page (a login, a confirmation) in place of the file".into()),
        Some(format) => Some(format!("it is one picture ({format}); name the folder that it lies in")),
        None => None,
    }
}

/// The reason why a file is not a readable zip.
pub(super) fn bad_zip(first: &[u8], error: ZipError) -> String {
    if first.starts_with(b"PK") {
        return match error {
            ZipError::InvalidArchive(_) => {
                "it begins like a zip, but the directory at its end is missing or damaged: it is cut off".into()
            }
            other => format!("its directory cannot be read: {}", io::Error::from(other)),
        };
    }
    let shown = &first[..first.len().min(8)];
    format!("its format is unknown; it starts with \"{}\"", shown.escape_ascii())
}
