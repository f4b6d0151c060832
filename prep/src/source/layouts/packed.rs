//! Files of many pictures of one size: what IDX and CIFAR have in common.

use shared::archive::{Archive, Name};

use crate::source::{SourceError, text};

/// Largest number of pictures of a file; a listing of them stays below 3 GB.
pub(super) const PICTURE_LIMIT: u64 = 1 << 24;
/// Labels are read in pieces of about this many bytes of the file.
const PIECE: u64 = 4 << 20;

/// A file of the archive and its index.
#[derive(Clone, Copy)]
pub(super) struct Packed<'a> {
    archive: &'a Archive,
    at: usize,
}

impl<'a> Packed<'a> {
    pub(super) fn new(archive: &'a Archive, at: usize) -> Self {
        Self { archive, at }
    }

    /// The name in the archive.
    pub(super) fn name(&self) -> &'a Name {
        &self.archive.names()[self.at]
    }

    /// Number of bytes, unpacked.
    pub(super) fn len(&self) -> Result<u64, SourceError> {
        Ok(self.archive.unpacked_len(self.at)?)
    }

    /// Reads a range of it.
    pub(super) fn read(&self, offset: u64, length: u64) -> Result<Vec<u8>, SourceError> {
        Ok(self.archive.read_range(self.at, offset, length)?)
    }

    /// The byte at `within` of every record.
    ///
    /// # Errors
    /// When the file ends before the last record.
    pub(super) fn column(
        &self,
        records: u64,
        record: u64,
        within: u64,
    ) -> Result<Vec<u8>, SourceError> {
        let mut column = Vec::with_capacity(records as usize);
        let step = (PIECE / record).max(1);
        for first in (0..records).step_by(step as usize) {
            let bytes = self.read(first * record, step.min(records - first) * record)?;
            column.extend(bytes.iter().skip(within as usize).step_by(record as usize));
        }
        Ok(column)
    }

    /// An error of this file.
    pub(super) fn bad(&self, what: impl Into<String>) -> SourceError {
        SourceError::table(self.archive, &self.name().to_string(), what)
    }

    /// Checks the number of pictures against the limit.
    pub(super) fn check_count(&self, count: u64) -> Result<(), SourceError> {
        if count > PICTURE_LIMIT {
            return Err(self.bad(format!(
                "{count} pictures are more than the {PICTURE_LIMIT} that one file may hold"
            )));
        }
        Ok(())
    }
}

/// The non-empty lines of a small file of names, without a byte order mark.
pub(super) fn lines(bytes: &[u8]) -> Vec<String> {
    let text = text::plain(bytes);
    let lines = text.split(|&b| b == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
    lines.map(|line| Name(line.to_vec()).to_string()).collect()
}
