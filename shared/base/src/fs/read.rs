//! Reading files, with their names in the errors.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::error::{Result, failed};

/// Reads a whole file.
///
/// # Errors
/// When it cannot be opened or read; the path is named.
pub fn read(path: impl AsRef<Path>) -> Result<Vec<u8>> {
    let path = path.as_ref();
    std::fs::read(path).map_err(failed("read", path))
}

/// Reads at most `limit` bytes of a file and fails if there are more.
///
/// # Errors
/// When the file cannot be read or is larger than `limit`.
pub fn read_bounded(path: impl AsRef<Path>, limit: u64) -> Result<Vec<u8>> {
    let path = path.as_ref();
    let file = File::open(path).map_err(failed("read", path))?;
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes).map_err(failed("read", path))?;
    if bytes.len() as u64 > limit {
        let too_large = io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("it is larger than the {limit} bytes expected of it"),
        );
        return Err(failed("read", path)(too_large));
    }
    Ok(bytes)
}

/// Reads at most the first `limit` bytes of a file.
///
/// # Errors
/// When the file cannot be read.
pub fn read_start(path: impl AsRef<Path>, limit: u64) -> Result<Vec<u8>> {
    let path = path.as_ref();
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(limit).read_to_end(&mut bytes))
        .map_err(failed("read", path))?;
    Ok(bytes)
}
