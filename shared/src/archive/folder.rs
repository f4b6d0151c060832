//! The files at and below a folder.

use std::fs::{DirEntry, Metadata};
use std::io;
#[cfg(unix)]
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::{Name, PassedOver, Stamp, Why};
use crate::fs::FsError;

/// How to get from an entry's number to its path.
#[derive(Debug)]
pub(super) struct Folder {
    /// Bytes of every file when it was listed.
    lengths: Vec<u64>,
    #[cfg(unix)]
    root: PathBuf,
    /// Elsewhere a name's bytes do not make a path again.
    #[cfg(not(unix))]
    paths: Vec<PathBuf>,
}

/// A file that was found.
struct Found {
    name: Name,
    #[cfg(not(unix))]
    path: PathBuf,
    /// Bytes, and nanoseconds since 1970.
    facts: (u64, i128),
}

impl Folder {
    /// Lists the folder: the sorted names, the stamp over them, and what is no file.
    pub(super) fn list(root: &Path) -> Result<(Vec<Name>, Self, [u8; 32], Vec<PassedOver>), FsError> {
        let (mut found, mut passed_over) = (Vec::new(), Vec::new());
        for entry in list(root, &[], &[])? {
            match entry {
                Listed::File(file) => found.push(file),
                Listed::PassedOver(other) => passed_over.push(other),
            }
        }
        passed_over.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        found.par_sort_unstable_by(|a, b| a.name.cmp(&b.name));
        let mut stamp = Stamp::new("folder");
        found.iter().for_each(|file| stamp.add(&file.name.0, file.facts));
        let lengths = found.iter().map(|file| file.facts.0).collect();
        #[cfg(unix)]
        let folder = Self { lengths, root: root.to_owned() };
        #[cfg(not(unix))]
        let folder = Self { lengths, paths: found.iter().map(|file| file.path.clone()).collect() };
        Ok((found.into_iter().map(|file| file.name).collect(), folder, stamp.finish(), passed_over))
    }

    /// Bytes of entry `index` when it was listed.
    pub(super) fn length(&self, index: usize) -> u64 {
        self.lengths[index]
    }

    /// Where entry `index`, called `name`, lies.
    #[cfg(unix)]
    pub(super) fn path(&self, _index: usize, name: &Name) -> PathBuf {
        self.root.join(std::ffi::OsStr::from_bytes(&name.0))
    }

    /// Where entry `index`, called `name`, lies.
    #[cfg(not(unix))]
    pub(super) fn path(&self, index: usize, _name: &Name) -> PathBuf {
        self.paths[index].clone()
    }
}

/// Length and time of change; what a file system does not tell is 0.
pub(super) fn facts(meta: &Metadata) -> (u64, i128) {
    let since = |time: std::time::SystemTime| match time.duration_since(std::time::UNIX_EPOCH) {
        Ok(after) => after.as_nanos() as i128,
        Err(before) => -(before.duration().as_nanos() as i128),
    };
    (meta.len(), meta.modified().map_or(0, since))
}

/// What an entry of a folder turned out to be.
enum Kind {
    File(Found),
    /// With what the names of its files begin with.
    Folder(PathBuf, Vec<u8>),
    Neither(PassedOver),
}

/// One name below a folder.
enum Listed {
    File(Found),
    PassedOver(PassedOver),
}

/// All files at and below `folder`, whose names begin with `prefix`, in any order. Links are followed, but not into one of the
/// folders `above` it. Asking for lengths and times is most of the work, so several threads do it.
fn list(folder: &Path, prefix: &[u8], above: &[PathBuf]) -> Result<Vec<Listed>, FsError> {
    let failed = |source| FsError { operation: "list", path: folder.to_owned(), source };
    let real = folder.canonicalize().map_err(failed)?;
    if above.contains(&real) {
        let name = Name(prefix.strip_suffix(b"/").unwrap_or(prefix).to_vec());
        return Ok(vec![Listed::PassedOver(PassedOver { name, why: Why::Loop })]);
    }
    let above = [above, &[real]].concat();
    let entries: Vec<DirEntry> = std::fs::read_dir(folder).and_then(Iterator::collect).map_err(failed)?;
    let below = |entry: &DirEntry| match kind(entry, prefix) {
        Kind::File(file) => Ok(vec![Listed::File(file)]),
        Kind::Folder(path, prefix) => list(&path, &prefix, &above),
        Kind::Neither(other) => Ok(vec![Listed::PassedOver(other)]),
    };
    let found: Vec<Vec<Listed>> = entries.par_iter().map(below).collect::<Result<_, FsError>>()?;
    Ok(found.into_iter().flatten().collect())
}

fn kind(entry: &DirEntry, prefix: &[u8]) -> Kind {
    let is_link = entry.file_type().is_ok_and(|kind| kind.is_symlink());
    let meta = if is_link { std::fs::metadata(entry.path()) } else { entry.metadata() };
    let mut name = [prefix, entry.file_name().as_encoded_bytes()].concat();
    match meta {
        Ok(meta) if meta.is_dir() => {
            name.push(b'/');
            Kind::Folder(entry.path(), name)
        }
        Ok(meta) if meta.is_file() => Kind::File(Found {
            name: Name(name),
            #[cfg(not(unix))]
            path: entry.path(),
            facts: facts(&meta),
        }),
        Ok(_) => Kind::Neither(PassedOver { name: Name(name), why: Why::Special }),
        Err(error) => Kind::Neither(PassedOver { name: Name(name), why: nowhere(entry, &error) }),
    }
}

/// Why nothing can be said of an entry but its name.
fn nowhere(entry: &DirEntry, error: &io::Error) -> Why {
    match std::fs::read_link(entry.path()) {
        Err(_) => Why::Unreadable,
        Ok(_) if error.kind() == io::ErrorKind::PermissionDenied => Why::Unreadable,
        Ok(to) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Why::DanglingLink { to: Name(to.as_os_str().as_encoded_bytes().to_vec()) }
        }
        // Too many links; the error has no kind of its own yet.
        Ok(_) => Why::Loop,
    }
}
