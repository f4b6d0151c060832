//! A folder or a zip file read through one interface: sorted names, bounded reads, from any number of threads.
//!
//! Names are bytes, relative to the top, with `/` between their parts. Nothing is ever unpacked to disk, so a name that
//! points elsewhere is only a name. It is not responsible for what is inside the files.

use std::collections::HashSet;
use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;
use zip::ZipArchive;

use crate::fs::FsError;

/// What the names of pictures that can be decoded end in.
const PICTURE_SUFFIXES: [&[u8]; 3] = [b".png", b".jpg", b".jpeg"];

/// The name of an entry; usually but not always UTF-8.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(pub Vec<u8>);

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            f.write_str(chunk.valid())?;
            chunk.invalid().iter().try_for_each(|byte| write!(f, "\\x{byte:02x}"))?;
        }
        Ok(())
    }
}

/// Why an archive or an entry could not be read.
#[derive(Debug, Error)]
pub enum ArchiveError {
    /// The folder or file itself could not be read.
    #[error(transparent)]
    File(#[from] FsError),
    /// It is neither a folder nor a zip file, or the zip's directory is damaged.
    #[error("{path} is neither a folder nor a zip file that can be read")]
    NoArchive {
        /// What was opened.
        path: PathBuf,
        /// What the zip reader said.
        source: zip::result::ZipError,
    },
    /// One entry could not be read.
    #[error("cannot read {name} in {path}")]
    Entry {
        /// The archive.
        path: PathBuf,
        /// The entry.
        name: Name,
        /// What the reader said.
        source: io::Error,
    },
    /// An entry is larger than the reader allows.
    #[error("{name} in {path} has more than the {limit} bytes allowed")]
    TooLarge {
        /// The archive.
        path: PathBuf,
        /// The entry.
        name: Name,
        /// The most bytes allowed.
        limit: u64,
    },
    /// No entry has the name that marks the root.
    #[error("{path} holds no {marker}, neither at its top nor in a folder below")]
    NoRoot {
        /// The archive.
        path: PathBuf,
        /// The name that was looked for.
        marker: String,
    },
    /// Several entries at the same depth have the name that marks the root.
    #[error("{path} holds {marker} several times: {first} and {second}; name the folder that is meant")]
    ManyRoots {
        /// The archive.
        path: PathBuf,
        /// The name that was looked for.
        marker: String,
        /// One place.
        first: Name,
        /// Another.
        second: Name,
    },
}

/// A folder or a zip file, listed.
#[derive(Debug)]
pub struct Archive {
    path: PathBuf,
    names: Vec<Name>,
    store: Store,
}

#[derive(Debug)]
enum Store {
    /// The paths in the order of the names.
    Folder(Vec<PathBuf>),
    /// The entries' numbers in the order of the names. A clone shares the directory and the file, so it costs nothing.
    Zip(ZipArchive<SharedFile>, Vec<usize>),
}

impl Archive {
    /// Lists a folder with all below it, or a zip file.
    ///
    /// # Errors
    /// When it cannot be listed, or is neither.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, ArchiveError> {
        let path = path.into();
        let failed = |source| FsError { operation: "open", path: path.clone(), source };
        if std::fs::metadata(&path).map_err(failed)?.is_dir() {
            let mut found = Vec::new();
            list(&path, &mut Vec::new(), &mut HashSet::new(), &mut found)?;
            found.sort_unstable();
            let (names, paths) = found.into_iter().unzip();
            return Ok(Self { path, names, store: Store::Folder(paths) });
        }
        let file = SharedFile::new(File::open(&path).map_err(failed)?).map_err(failed)?;
        let zip = ZipArchive::new(file).map_err(|source| ArchiveError::NoArchive { path: path.clone(), source })?;
        let mut found: Vec<(Name, usize)> = zip.file_names_raw().enumerate().map(|(i, n)| (Name(n.to_vec()), i)).collect();
        found.retain(|(name, _)| !name.0.ends_with(b"/"));
        found.sort_unstable();
        let (names, numbers) = found.into_iter().unzip();
        Ok(Self { path, names, store: Store::Zip(zip, numbers) })
    }

    /// The folder or the zip file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The names of all files in it, sorted by their bytes.
    #[must_use]
    pub fn names(&self) -> &[Name] {
        &self.names
    }

    /// The number of the entry of that name.
    #[must_use]
    pub fn find(&self, name: &[u8]) -> Option<usize> {
        self.names.binary_search_by(|n| n.0.as_slice().cmp(name)).ok()
    }

    /// The numbers of the entries that are called like a PNG or a JPEG, in the order of their names. Hidden files and what
    /// macOS adds to a zip are left out.
    pub fn pictures(&self) -> impl Iterator<Item = usize> + '_ {
        let is_picture = |name: &[u8]| {
            let lower = name.to_ascii_lowercase();
            let hidden = name.split(|&b| b == b'/').any(|part| part.starts_with(b".") || part == b"__MACOSX");
            !hidden && PICTURE_SUFFIXES.iter().any(|suffix| lower.ends_with(suffix))
        };
        self.names.iter().enumerate().filter(move |(_, name)| is_picture(&name.0)).map(|(i, _)| i)
    }

    /// Where the file `marker` lies: what stands before it in its name, ending in `/` or empty. The shallowest counts.
    ///
    /// # Errors
    /// When there is none, or several at the same depth.
    pub fn root_of(&self, marker: &str) -> Result<Vec<u8>, ArchiveError> {
        let depth = |root: &[u8]| root.iter().filter(|&&b| b == b'/').count();
        let prefix = |name: &Name| name.0.strip_suffix(marker.as_bytes()).map(<[u8]>::to_vec);
        let mut roots: Vec<Vec<u8>> = self.names.iter().filter_map(prefix).collect();
        roots.retain(|root| (root.is_empty() || root.ends_with(b"/")) && !root.starts_with(b"__MACOSX/"));
        roots.sort_by_key(|root| depth(root));
        match &roots[..] {
            [] => Err(ArchiveError::NoRoot { path: self.path.clone(), marker: marker.to_owned() }),
            [first, second, ..] if depth(first) == depth(second) => Err(ArchiveError::ManyRoots {
                path: self.path.clone(),
                marker: marker.to_owned(),
                first: Name(first.clone()),
                second: Name(second.clone()),
            }),
            [first, ..] => Ok(first.clone()),
        }
    }

    /// Reads entry `index` of [`Archive::names`], at most `limit` bytes of it.
    ///
    /// # Errors
    /// When it cannot be read (a zip's CRC included) or is larger than `limit`.
    ///
    /// # Panics
    /// When there is no such entry.
    pub fn read(&self, index: usize, limit: u64) -> Result<Vec<u8>, ArchiveError> {
        let name = &self.names[index];
        let failed = |source| ArchiveError::Entry { path: self.path.clone(), name: name.clone(), source };
        let mut bytes = Vec::new();
        match &self.store {
            Store::Folder(paths) => {
                let file = File::open(&paths[index]).map_err(failed)?;
                bytes.reserve_exact(file.metadata().map_or(0, |m| m.len()).min(limit) as usize + 1);
                file.take(limit + 1).read_to_end(&mut bytes).map_err(failed)?;
            }
            Store::Zip(zip, numbers) => {
                let mut zip = zip.clone();
                let file = zip.by_index(numbers[index]).map_err(|e| failed(e.into()))?;
                // The size is a claim of the archive: it only sets how much is reserved at first.
                bytes.reserve_exact(file.size().min(limit).min(1 << 20) as usize + 1);
                file.take(limit + 1).read_to_end(&mut bytes).map_err(failed)?;
            }
        }
        if bytes.len() as u64 > limit {
            return Err(ArchiveError::TooLarge { path: self.path.clone(), name: name.clone(), limit });
        }
        Ok(bytes)
    }
}

/// Adds all files at and below `folder`. Links are followed, but not into a folder that is being listed.
fn list(
    folder: &Path,
    prefix: &mut Vec<u8>,
    above: &mut HashSet<PathBuf>,
    found: &mut Vec<(Name, PathBuf)>,
) -> Result<(), FsError> {
    let failed = |source| FsError { operation: "list", path: folder.to_owned(), source };
    let real = folder.canonicalize().map_err(failed)?;
    if !above.insert(real.clone()) {
        return Ok(());
    }
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let (path, length) = (entry.path(), prefix.len());
        prefix.extend_from_slice(entry.file_name().as_encoded_bytes());
        // A link that leads nowhere is no file.
        match std::fs::metadata(&path) {
            Ok(meta) if meta.is_dir() => {
                prefix.push(b'/');
                list(&path, prefix, above, found)?;
            }
            Ok(meta) if meta.is_file() => found.push((Name(prefix.clone()), path)),
            _ => {}
        }
        prefix.truncate(length);
    }
    above.remove(&real);
    Ok(())
}

/// A file that many readers share, each at its own place. Positioned reads, unlike a map, give an error and not a signal when
/// the file shrinks meanwhile.
#[derive(Clone, Debug)]
struct SharedFile {
    file: Arc<File>,
    position: u64,
    length: u64,
}

impl SharedFile {
    fn new(file: File) -> io::Result<Self> {
        let length = file.metadata()?.len();
        Ok(Self { file: Arc::new(file), position: 0, length })
    }
}

impl Read for SharedFile {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        #[cfg(unix)]
        let n = std::os::unix::fs::FileExt::read_at(&*self.file, bytes, self.position)?;
        #[cfg(windows)]
        let n = std::os::windows::fs::FileExt::seek_read(&*self.file, bytes, self.position)?;
        self.position += n as u64;
        Ok(n)
    }
}

impl Seek for SharedFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.length.checked_add_signed(by),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
        };
        self.position = position.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "a seek to before the start"))?;
        Ok(self.position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs;

    fn scratch(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("fledge-archive-{}-{name}", std::process::id()));
        fs::remove(&folder).expect("clear scratch");
        fs::create_folder(folder.join("top/images")).expect("make scratch");
        for (name, bytes) in
            [("top/images.txt", "1 b.jpg"), ("top/images/b.jpg", "bb"), ("top/images/a.PNG", "a"), ("top/.x.png", "")]
        {
            fs::write(folder.join(name), bytes.as_bytes()).expect("write");
        }
        folder
    }

    fn zipped(folder: &Path) -> PathBuf {
        let path = folder.with_extension("zip");
        let source = Archive::open(folder).expect("open");
        fs::write_with(&path, |out| {
            let mut zip = zip::ZipWriter::new(out);
            for (i, name) in source.names().iter().enumerate().rev() {
                zip.start_file(name.to_string(), zip::write::SimpleFileOptions::default())?;
                io::Write::write_all(&mut zip, &source.read(i, 100).expect("read"))?;
            }
            zip.finish()?;
            Ok(())
        })
        .expect("write zip");
        path
    }

    #[test]
    fn a_folder_and_its_zip_read_the_same() {
        let folder = scratch("same");
        let zip = zipped(&folder);
        for path in [&folder, &zip] {
            let archive = Archive::open(path).expect("open");
            let names: Vec<_> = archive.names().iter().map(Name::to_string).collect();
            assert_eq!(names, ["top/.x.png", "top/images.txt", "top/images/a.PNG", "top/images/b.jpg"]);
            assert_eq!(archive.root_of("images.txt").expect("root"), b"top/");
            assert_eq!(archive.pictures().collect::<Vec<_>>(), [2, 3]);
            assert_eq!(archive.read(archive.find(b"top/images/b.jpg").expect("find"), 2).expect("read"), b"bb");
            assert!(matches!(archive.read(3, 1), Err(ArchiveError::TooLarge { .. })));
            assert!(matches!(archive.root_of("classes.txt"), Err(ArchiveError::NoRoot { .. })));
        }
        fs::remove(&folder).expect("clear");
        fs::remove(&zip).expect("clear");
    }

    #[test]
    fn a_file_that_is_no_zip_is_refused_by_name() {
        let folder = scratch("nozip");
        let error = Archive::open(folder.join("top/images.txt")).expect_err("opened").to_string();
        assert!(error.contains("images.txt"), "{error}");
        fs::remove(&folder).expect("clear");
    }

    #[cfg(unix)]
    #[test]
    fn a_link_to_a_folder_above_ends_the_listing() {
        let folder = scratch("loop");
        std::os::unix::fs::symlink(&folder, folder.join("top/again")).expect("link");
        assert_eq!(Archive::open(&folder).expect("open").names().len(), 4);
        fs::remove(&folder).expect("clear");
    }

    #[test]
    fn a_name_that_is_not_utf8_is_shown_with_escapes() {
        assert_eq!(Name(b"caf\xe9/\xc3\xa9.jpg".to_vec()).to_string(), "caf\\xe9/é.jpg");
    }
}
