//! The members of a zip file.

use std::io::{self, Read};

use ::zip::result::ZipError;
use ::zip::{CompressionMethod, ZipArchive};

use super::error::ArchiveError;
use super::links::Member;
use super::name::Name;
use super::passed_over::Why;
use super::shared_file::SharedFile;
use super::unpack::{self, Counted};

/// Mask of the file type in a Unix mode, and the type of a symbolic link.
const KIND: u32 = 0o170_000;
const SYMLINK: u32 = 0o120_000;
/// Upper bound of a path; a symbolic link's target is the member's content.
const PATH_LIMIT: u64 = 4096;

/// An open zip file.
#[derive(Debug)]
pub(super) struct Zip {
    /// A clone shares the directory and the file, so it is free.
    zip: ZipArchive<SharedFile>,
    file: SharedFile,
}

/// The entries of a zip, in the order of its directory.
type Members = Vec<(Name, Member<usize>)>;

impl Zip {
    /// Reads the directory at the zip's end: names and numbers of all files.
    pub(super) fn list(file: SharedFile) -> Result<(Self, Members), ZipError> {
        let zip = Self { zip: ZipArchive::new(file.clone())?, file };
        let found = zip
            .zip
            .file_names_raw()
            .enumerate()
            .map(|(i, name)| (Name(name.to_vec()), zip.member_kind(i, name)));
        let found = found.collect();
        Ok((zip, found))
    }

    fn member_kind(&self, number: usize, name: &[u8]) -> Member<usize> {
        // Only the directory is read, and the few links.
        let Ok(entry) = self.zip.by_index_data(number) else { return Member::File(number) };
        if name.ends_with(b"/") {
            Member::Folder
        } else if entry.encrypted() {
            Member::Other(Why::Encrypted)
        } else if entry.unix_mode().is_some_and(|mode| mode & KIND == SYMLINK) {
            self.read(number, PATH_LIMIT).map_or(Member::File(number), Member::Symlink)
        } else {
            Member::File(number)
        }
    }

    /// Length of file `number` in bytes, as the zip claims.
    pub(super) fn length(&self, number: usize) -> u64 {
        self.zip.clone().by_index_raw(number).map_or(0, |file| file.size())
    }

    /// The first bytes of file `number`.
    pub(super) fn first(&self, number: usize, length: u64) -> io::Result<Vec<u8>> {
        let mut zip = self.zip.clone();
        let mut bytes = Vec::new();
        zip.by_index(number)?.take(length).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Unpacks file `number`, at most `limit` bytes of it.
    pub(super) fn read(&self, number: usize, limit: u64) -> io::Result<Vec<u8>> {
        let mut zip = self.zip.clone();
        let file = zip.by_index(number)?;
        let mut bytes = Vec::new();
        // The size is a claim of the archive: it only sets the initial reservation. Callers rely on
        // it as an upper bound, so more data are an error.
        let claimed = file.size();
        bytes.reserve_exact(claimed.min(limit).min(1 << 20) as usize + 1);
        file.take(limit.min(claimed.saturating_add(1))).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > claimed {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("it unpacks to more than the {claimed} bytes noted of it"),
            ));
        }
        Ok(bytes)
    }

    /// File `number` for random access: its position in the zip if it is stored, else unpacked to a
    /// scratch file. Its CRC is checked either way.
    pub(super) fn member(
        &self,
        number: usize,
        name: &Name,
        failed: impl Fn(io::Error) -> ArchiveError,
    ) -> Result<SharedFile, ArchiveError> {
        let mut zip = self.zip.clone();
        let mut file = zip.by_index(number).map_err(|e| failed(e.into()))?;
        let (place, size) = (file.data_start(), file.size());
        if file.compression() == CompressionMethod::Stored {
            io::copy(&mut file, &mut io::sink()).map_err(&failed)?;
            let window = place.and_then(|place| self.file.window(place, size));
            return window.ok_or_else(|| failed(io::ErrorKind::UnexpectedEof.into()));
        }
        unpack::to_scratch(
            Counted::new(file, &name.to_string(), size),
            unpack::UNPACKED_LIMIT,
            failed,
        )
    }
}
