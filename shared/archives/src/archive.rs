//! A folder or an archive file, listed and read.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rayon::prelude::*;

use super::error::ArchiveError;
use super::folder::{self, Folder};
use super::name::{Name, is_picture, says_nothing};
use super::passed_over::{PassedOver, Why};
use super::shared_file::SharedFile;
use super::stamp::Stamp;
use super::zip::Zip;
use super::{kind, links, npy, tar, unpack};
use fledge_base::fs::{self, FsError};
use fledge_pictures as picture;

/// A listed folder or archive file.
#[derive(Debug)]
pub struct Archive {
    path: PathBuf,
    names: Vec<Name>,
    store: Store,
    passed_over: Vec<PassedOver>,
    stamp: [u8; 32],
    /// The members opened for partial reads.
    members: Mutex<HashMap<usize, Member>>,
    /// The entries that are pictures, determined on demand.
    pictures: OnceLock<Vec<usize>>,
}

/// A member that can be read at any position, once the first reader has opened it; others wait
/// meanwhile.
type Member = Arc<Mutex<Option<SharedFile>>>;

#[derive(Debug)]
enum Store {
    Folder(Folder),
    /// The files' numbers in the order of the names.
    Zip(Zip, Vec<usize>),
    /// The files' offsets and lengths in the order of the names.
    Tar(SharedFile, Vec<(u64, u64)>),
}

impl Archive {
    /// Lists a folder recursively, a zip file, or a tar file, which may be gzipped; the kind of a
    /// file is detected from its content. A gzipped tar is unpacked, in constant memory, to a
    /// scratch file in the folder for temporary files (`TMPDIR`).
    ///
    /// # Errors
    /// If it cannot be listed, is neither, or is damaged.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, ArchiveError> {
        Self::open_without(path, &[])
    }

    /// [`Archive::open`] without the folders in `without`, given by their real paths, and
    /// everything below them.
    ///
    /// # Errors
    /// As [`Archive::open`].
    pub fn open_without(
        path: impl Into<PathBuf>,
        without: &[PathBuf],
    ) -> Result<Self, ArchiveError> {
        let path = path.into();
        let failed = |source| FsError { operation: "open", path: path.clone(), source };
        let meta = std::fs::metadata(&path).map_err(failed)?;
        if meta.is_dir() {
            let (names, folder, stamp, passed_over) = Folder::list(&path, without)?;
            return Ok(Self {
                path,
                names,
                store: Store::Folder(folder),
                passed_over,
                stamp,
                members: Mutex::default(),
                pictures: OnceLock::new(),
            });
        }
        if !meta.is_file() {
            // Opening a pipe would wait for a writer.
            return Err(ArchiveError::NoArchive {
                path,
                source: io::Error::other("it is a pipe or a device"),
            });
        }
        let opened = File::open(&path).map_err(failed)?;
        let mut stamp = Stamp::new("file");
        stamp.add(b"", folder::facts(&opened.metadata().map_err(failed)?));
        let (names, store, passed_over) =
            Store::open(SharedFile::new(opened).map_err(failed)?, &path)?;
        Ok(Self {
            path,
            names,
            store,
            passed_over,
            stamp: stamp.finish(),
            members: Mutex::default(),
            pictures: OnceLock::new(),
        })
    }

    /// The folder or the archive file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The names of all files, sorted by their bytes. A name that an archive has twice refers to
    /// the last file of that name.
    #[must_use]
    pub fn names(&self) -> &[Name] {
        &self.names
    }

    /// The entries that cannot be read, sorted by name: dangling links, devices, encrypted members.
    #[must_use]
    pub fn passed_over(&self) -> &[PassedOver] {
        &self.passed_over
    }

    /// The index of the entry of that name.
    #[must_use]
    pub fn find(&self, name: &[u8]) -> Option<usize> {
        self.names.binary_search_by(|n| n.0.as_slice().cmp(name)).ok()
    }

    /// A cheap check for changes: a SHA-256 over the names, lengths and modification times of a
    /// folder's files, or over length and modification time of an archive file, as they were when
    /// it was opened. It is not a fingerprint: a copy has a different one, and a change that keeps
    /// the length and resets the time (`touch -r`), or falls into the same tick of the file
    /// system's clock, goes unnoticed.
    #[must_use]
    pub fn stamp(&self) -> [u8; 32] {
        self.stamp
    }

    /// The indices of the entries with a picture's suffix ([`PICTURE_SUFFIXES`](crate::PICTURE_SUFFIXES)), or without a
    /// suffix and with a picture's first bytes, in the order of their names. Hidden files and
    /// by-products of operating systems ([`fs::byproduct`]) are left out.
    pub fn pictures(&self) -> impl Iterator<Item = usize> + '_ {
        self.pictures.get_or_init(|| self.find_pictures()).iter().copied()
    }

    fn find_pictures(&self) -> Vec<usize> {
        let begins_so = |i: usize| self.first(i).is_ok_and(|first| picture::is_read(&first));
        let is_one = |i: &usize| {
            is_picture(&self.names[*i].0) || (says_nothing(&self.names[*i].0) && begins_so(*i))
        };
        (0..self.names.len()).into_par_iter().filter(is_one).collect()
    }

    /// The first bytes of an entry, enough to detect its format.
    ///
    /// # Errors
    /// If it cannot be read.
    ///
    /// # Panics
    /// If there is no such entry.
    pub fn first(&self, index: usize) -> Result<Vec<u8>, ArchiveError> {
        match &self.store {
            // Without its CRC, which covers all of it.
            Store::Zip(zip, numbers) => zip
                .first(numbers[index], kind::FIRST as u64)
                .map_err(|source| self.failed(index, source)),
            _ => self.read_start(index, kind::FIRST as u64),
        }
    }

    /// The folder of the file `marker`, ending in `/`, or empty for the top. The shallowest one
    /// counts.
    ///
    /// # Errors
    /// If there is none, or several at the same depth.
    pub fn root_of(&self, marker: &str) -> Result<Vec<u8>, ArchiveError> {
        let depth = |root: &[u8]| root.iter().filter(|&&b| b == b'/').count();
        let prefix = |name: &Name| name.0.strip_suffix(marker.as_bytes()).map(<[u8]>::to_vec);
        let mut roots: Vec<Vec<u8>> = self.names.iter().filter_map(prefix).collect();
        roots.retain(|root| {
            (root.is_empty() || root.ends_with(b"/")) && fs::byproduct(root).is_none()
        });
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
    /// If it cannot be read (a zip's CRC included) or is larger than `limit`.
    ///
    /// # Panics
    /// If there is no such entry.
    pub fn read(&self, index: usize, limit: u64) -> Result<Vec<u8>, ArchiveError> {
        let name = &self.names[index];
        if self.length(index) > limit {
            return Err(ArchiveError::TooLarge {
                path: self.path.clone(),
                name: name.clone(),
                limit,
            });
        }
        let bytes = self.read_start(index, limit.saturating_add(1))?;
        if bytes.len() as u64 > limit {
            return Err(ArchiveError::TooLarge {
                path: self.path.clone(),
                name: name.clone(),
                limit,
            });
        }
        Ok(bytes)
    }

    /// The first bytes of entry `index`, at most `most`.
    fn read_start(&self, index: usize, most: u64) -> Result<Vec<u8>, ArchiveError> {
        let name = &self.names[index];
        let failed = |source| self.failed(index, source);
        Ok(match &self.store {
            Store::Folder(folder) => {
                let file = File::open(folder.path(index, name)).map_err(failed)?;
                let length = file.metadata().map_or(0, |m| m.len());
                // One extra byte detects the end without another call.
                let mut bytes = Vec::with_capacity((length + 1).min(most) as usize);
                file.take(most).read_to_end(&mut bytes).map_err(failed)?;
                bytes
            }
            Store::Zip(zip, numbers) => zip.read(numbers[index], most).map_err(failed)?,
            Store::Tar(file, places) => {
                let (start, length) = places[index];
                read_at(file, start, length.min(most)).map_err(failed)?
            }
        })
    }

    /// Length of entry `index` in bytes as claimed by its archive, which may be wrong; 0 if
    /// unknown.
    ///
    /// # Panics
    /// If there is no such entry.
    #[must_use]
    pub fn length(&self, index: usize) -> u64 {
        match &self.store {
            Store::Folder(folder) => folder.length(index),
            Store::Zip(zip, numbers) => zip.length(numbers[index]),
            Store::Tar(_, places) => places[index].1,
        }
    }

    /// Reads `length` bytes of entry `index` from byte `offset` on; meant for the few files that
    /// hold many pictures each. If the file is gzipped, judging by its first bytes, the positions
    /// refer to its unpacked content. A compressed file, gzipped or in a zip, is unpacked to a
    /// scratch file on first use and kept unpacked; every file read in this way stays open.
    ///
    /// # Errors
    /// If the entry cannot be read or unpacked (to 64 GiB at most), or ends earlier.
    ///
    /// # Panics
    /// If there is no such entry.
    pub fn read_range(
        &self,
        index: usize,
        offset: u64,
        length: u64,
    ) -> Result<Vec<u8>, ArchiveError> {
        read_at(&self.member(index)?, offset, length).map_err(|e| self.failed(index, e))
    }

    /// The number of bytes of entry `index` that [`Archive::read_range`] can read.
    ///
    /// # Errors
    /// If the entry cannot be read or unpacked.
    ///
    /// # Panics
    /// If there is no such entry.
    pub fn unpacked_len(&self, index: usize) -> Result<u64, ArchiveError> {
        Ok(self.member(index)?.len())
    }

    /// Entry `index` as a file that can be read at any position.
    fn member(&self, index: usize) -> Result<SharedFile, ArchiveError> {
        let member = self
            .members
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(index)
            .or_default()
            .clone();
        let mut member = member.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = &*member {
            return Ok(file.clone());
        }
        let name = &self.names[index];
        let failed = |source| self.failed(index, source);
        let packed = match &self.store {
            Store::Folder(folder) => {
                File::open(folder.path(index, name)).and_then(SharedFile::new).map_err(failed)?
            }
            Store::Zip(zip, numbers) => zip.member(numbers[index], name, failed)?,
            Store::Tar(file, places) => {
                let (start, length) = places[index];
                file.window(start, length)
                    .ok_or_else(|| failed(io::ErrorKind::UnexpectedEof.into()))?
            }
        };
        let gzipped = unpack::is_gzipped(&packed).map_err(failed)?;
        let file = if gzipped {
            unpack::gunzip_to_scratch(&packed, &name.to_string(), failed)?
        } else {
            packed
        };
        Ok(member.insert(file).clone())
    }

    fn failed(&self, index: usize, source: io::Error) -> ArchiveError {
        ArchiveError::Entry { path: self.path.clone(), name: self.names[index].clone(), source }
    }
}

impl Store {
    /// Detects the kind of the file, and lists it.
    fn open(file: SharedFile, path: &Path) -> Result<Opened, ArchiveError> {
        let failed = |source| FsError { operation: "read", path: path.to_owned(), source };
        let damaged = |source| ArchiveError::Damaged { path: path.to_owned(), source };
        let no_archive = |what: String| ArchiveError::NoArchive {
            path: path.to_owned(),
            source: io::Error::other(what),
        };
        if unpack::is_gzipped(&file).map_err(failed)? {
            let mut first = Vec::new();
            unpack::gunzip(&file).take(512).read_to_end(&mut first).map_err(damaged)?;
            let is_tar = first.first_chunk().is_some_and(tar::begins_tar);
            if !is_tar {
                return Err(no_archive(
                    "it is gzipped, but is no tar file; name the folder that it lies in".into(),
                ));
            }
            return Self::tar(unpack::gunzip_to_scratch(&file, &path.to_string_lossy(), damaged)?)
                .map_err(damaged);
        }
        let first: [u8; kind::FIRST] = file.first().map_err(failed)?;
        let (block, _) = first.split_first_chunk().unwrap_or((&[0; 512], &[]));
        if tar::begins_tar(block) {
            return Self::tar(file).map_err(damaged);
        }
        if npy::begins_array(&first) {
            // A file with one member, itself.
            let name = path.file_name().unwrap_or(path.as_os_str()).as_encoded_bytes();
            let whole = (0, file.len());
            return Ok((vec![Name(name.to_vec())], Self::Tar(file, vec![whole]), Vec::new()));
        }
        let there =
            usize::try_from(file.len()).map_or(first.len(), |length| length.min(first.len()));
        if let Some(what) = kind::no_archive(&first[..there]) {
            return Err(no_archive(what));
        }
        let (zip, found) =
            Zip::list(file).map_err(|e| no_archive(kind::bad_zip(&first[..there], e)))?;
        let (files, passed_over) = links::resolve(found).map_err(damaged)?;
        if files.is_empty()
            && !passed_over.is_empty()
            && passed_over.iter().all(|other| other.why == Why::Encrypted)
        {
            return Err(no_archive(
                "all its files are encrypted; unpack it with its password and name the folder"
                    .into(),
            ));
        }
        let (names, numbers) = sorted(files);
        Ok((names, Self::Zip(zip, numbers), in_order(passed_over)))
    }

    fn tar(file: SharedFile) -> io::Result<Opened> {
        let (files, passed_over) = links::resolve(tar::members(&file)?)?;
        let (names, places) = sorted(files);
        Ok((names, Self::Tar(file, places), in_order(passed_over)))
    }
}

/// The names of a file's members, their positions, and the entries that are not files.
type Opened = (Vec<Name>, Store, Vec<PassedOver>);

fn in_order(mut passed_over: Vec<PassedOver>) -> Vec<PassedOver> {
    passed_over.sort_by(|a, b| a.name.cmp(&b.name));
    passed_over
}

/// Sorted by name; among equal names, the last in the archive.
fn sorted<T>(mut found: Vec<(Name, T)>) -> (Vec<Name>, Vec<T>) {
    found.reverse();
    found.sort_by(|(a, _), (b, _)| a.cmp(b));
    found.dedup_by(|(later, _), (kept, _)| later == kept);
    found.into_iter().unzip()
}

/// The `length` bytes at `offset`; never allocates more than the file holds.
fn read_at(file: &SharedFile, offset: u64, length: u64) -> io::Result<Vec<u8>> {
    let mut window = file.window(offset, length).ok_or_else(|| {
        let what =
            format!("{length} bytes from byte {offset} on are needed, but it has {}", file.len());
        io::Error::new(io::ErrorKind::UnexpectedEof, what)
    })?;
    let mut bytes = vec![0; length as usize];
    window.read_exact(&mut bytes)?;
    Ok(bytes)
}
