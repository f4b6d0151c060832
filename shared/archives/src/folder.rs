//! The files in and below a folder.

#[cfg(unix)]
use std::borrow::Cow;
use std::fs::{DirEntry, Metadata};
use std::io;
#[cfg(unix)]
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::name::Name;
use super::passed_over::{PassedOver, Why};
use super::stamp::Stamp;
use fledge_base::fs::{FsError, TEMPORARY_SUFFIX};

/// Maps the index of an entry to its path.
#[derive(Debug)]
pub(super) struct Folder {
    /// Length of every file in bytes when it was listed.
    lengths: Vec<u64>,
    #[cfg(unix)]
    root: PathBuf,
    /// Whether `\` separates the parts of the files' names.
    #[cfg(unix)]
    backslashes: bool,
    /// On other systems a name's bytes do not convert back to a path.
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

/// The sorted names, the access to them, the stamp over them, and the skipped entries.
type Inventory = (Vec<Name>, Folder, [u8; 32], Vec<PassedOver>);

impl Folder {
    /// Lists the folder without the folders of these real paths: the sorted names, the skipped
    /// entries, and the stamp over the files.
    pub(super) fn list(root: &Path, without: &[PathBuf]) -> Result<Inventory, FsError> {
        let Listed { files: mut found, mut passed_over } = list(root, &[], &[], without)?;
        #[cfg(unix)]
        let backslashes = separate(&mut found, &mut passed_over);
        passed_over.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        found.par_sort_unstable_by(|a, b| a.name.cmp(&b.name));
        let mut stamp = Stamp::new("folder");
        found.iter().for_each(|file| stamp.add(&file.name.0, file.facts));
        let lengths = found.iter().map(|file| file.facts.0).collect();
        #[cfg(unix)]
        let folder = Self { lengths, root: root.to_owned(), backslashes };
        #[cfg(not(unix))]
        let folder = Self { lengths, paths: found.iter().map(|file| file.path.clone()).collect() };
        Ok((found.into_iter().map(|file| file.name).collect(), folder, stamp.finish(), passed_over))
    }

    /// Bytes of entry `index` when it was listed.
    pub(super) fn length(&self, index: usize) -> u64 {
        self.lengths[index]
    }

    /// The path of entry `index`, called `name`.
    #[cfg(unix)]
    pub(super) fn path(&self, _index: usize, name: &Name) -> PathBuf {
        let mut name = Cow::Borrowed(&name.0);
        if self.backslashes {
            name.to_mut().iter_mut().filter(|b| **b == b'/').for_each(|b| *b = b'\\');
        }
        self.root.join(std::ffi::OsStr::from_bytes(&name))
    }

    /// The path of entry `index`, called `name`.
    #[cfg(not(unix))]
    pub(super) fn path(&self, index: usize, _name: &Name) -> PathBuf {
        self.paths[index].clone()
    }
}

/// If all files are at the top and some are called `a\b.png`, as when a careless program unpacks a
/// zip from Windows, replaces `\` by `/`. Returns true if it did.
#[cfg(unix)]
fn separate(found: &mut [Found], passed_over: &mut [PassedOver]) -> bool {
    let mut names: Vec<&mut Name> = found.iter_mut().map(|file| &mut file.name).collect();
    names.extend(passed_over.iter_mut().map(|other| &mut other.name));
    let flat = names.iter().all(|name| !name.0.contains(&b'/'))
        && names.iter().any(|name| name.0.contains(&b'\\'));
    // The conversion must be reversible.
    let plain = |part: &[u8]| !part.is_empty() && part != b"." && part != b"..";
    let separated = flat && names.iter().all(|name| name.0.split(|&b| b == b'\\').all(plain));
    if separated {
        names
            .iter_mut()
            .flat_map(|name| &mut name.0)
            .filter(|b| **b == b'\\')
            .for_each(|b| *b = b'/');
    }
    separated
}

/// Length and modification time; 0 for what the file system does not report.
pub(super) fn facts(meta: &Metadata) -> (u64, i128) {
    let since = |time: std::time::SystemTime| match time.duration_since(std::time::UNIX_EPOCH) {
        Ok(after) => after.as_nanos() as i128,
        Err(before) => -(before.duration().as_nanos() as i128),
    };
    (meta.len(), meta.modified().map_or(0, since))
}

/// The kind of an entry of a folder.
enum Kind {
    File(Found),
    /// With the prefix of its files' names.
    Folder(PathBuf, Vec<u8>),
    Neither(PassedOver),
}

/// The files in and below a folder, in any order.
#[derive(Default)]
struct Listed {
    files: Vec<Found>,
    passed_over: Vec<PassedOver>,
}

impl Listed {
    fn join(mut self, other: Self) -> Self {
        self.files.extend(other.files);
        self.passed_over.extend(other.passed_over);
        self
    }

    fn neither(passed_over: PassedOver) -> Self {
        Self { files: Vec::new(), passed_over: vec![passed_over] }
    }
}

/// Lists everything in and below `folder`, whose names begin with `prefix`. Links are followed, but
/// not into one of the folders `above` it. Outputs of this program, finished or not, are excluded.
/// Querying lengths and times is most of the work, so several threads do it.
fn list(
    folder: &Path,
    prefix: &[u8],
    above: &[PathBuf],
    without: &[PathBuf],
) -> Result<Listed, FsError> {
    let failed = |source| FsError { operation: "list", path: folder.to_owned(), source };
    let real = folder.canonicalize().map_err(failed)?;
    let passed_over = |why| {
        let name = Name(prefix.strip_suffix(b"/").unwrap_or(prefix).to_vec());
        Ok(Listed::neither(PassedOver { name, why }))
    };
    if above.contains(&real) {
        return passed_over(Why::Loop);
    }
    if !above.is_empty() && without.contains(&real) {
        return Ok(Listed::default());
    }
    let entries: Vec<DirEntry> =
        std::fs::read_dir(folder).and_then(Iterator::collect).map_err(failed)?;
    if !above.is_empty() && is_made(&entries) {
        return passed_over(Why::Made);
    }
    let above = [above, &[real]].concat();
    let below = |entry: &DirEntry| match kind(entry, prefix) {
        Kind::File(file) => Ok(Listed { files: vec![file], passed_over: Vec::new() }),
        Kind::Folder(path, prefix) => list(&path, &prefix, &above, without),
        Kind::Neither(passed_over) => Ok(Listed::neither(passed_over)),
    };
    let is_temporary = |entry: &&DirEntry| {
        entry.file_name().as_encoded_bytes().ends_with(TEMPORARY_SUFFIX.as_bytes())
    };
    let found = entries.par_iter().filter(|entry| !is_temporary(entry)).map(below);
    found.try_reduce(Listed::default, |one, other| Ok(one.join(other)))
}

/// Returns true if a folder holds a data set of `prep` (a manifest beside shards) or a run of
/// `train` (settings beside the log of its starts).
fn is_made(entries: &[DirEntry]) -> bool {
    let has = |wanted: &str| entries.iter().any(|entry| entry.file_name() == wanted);
    let shards =
        || entries.iter().any(|entry| entry.file_name().as_encoded_bytes().ends_with(b".shard"));
    (has("dataset.json") && shards()) || (has("config.toml") && has("starts.jsonl"))
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

/// The reason why nothing but the name of an entry is known.
fn nowhere(entry: &DirEntry, error: &io::Error) -> Why {
    match std::fs::read_link(entry.path()) {
        Err(_) => Why::Unreadable,
        Ok(_) if error.kind() == io::ErrorKind::PermissionDenied => Why::Unreadable,
        Ok(to)
            if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) =>
        {
            Why::DanglingLink { to: Name(to.as_os_str().as_encoded_bytes().to_vec()) }
        }
        // Too many links; the error has no kind of its own yet.
        Ok(_) => Why::Loop,
    }
}
