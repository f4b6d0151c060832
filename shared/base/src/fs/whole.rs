//! Whole files at once.

use std::io::{self, Write};
use std::path::Path;

use super::atomic::AtomicFile;
use super::error::{Result, failed};

/// Writes a whole file: it holds either what it held before or `bytes`.
///
/// # Errors
/// When any step fails; the old content stays.
pub fn write(path: impl AsRef<Path>, bytes: &[u8]) -> Result<()> {
    let path = path.as_ref();
    let mut file = AtomicFile::create(path)?;
    file.write_all(bytes).map_err(failed("write", path))?;
    file.commit()
}

/// Writes a whole file through a buffered writer, for content that is produced piecewise.
///
/// # Errors
/// When `fill` or any step fails; the old content stays.
pub fn write_with(
    path: impl AsRef<Path>,
    fill: impl FnOnce(&mut io::BufWriter<AtomicFile>) -> io::Result<()>,
) -> Result<()> {
    let path = path.as_ref();
    let mut buffered = io::BufWriter::with_capacity(1 << 20, AtomicFile::create(path)?);
    fill(&mut buffered).map_err(failed("write", path))?;
    // into_inner flushes; dropping a BufWriter would swallow the error.
    let file = buffered.into_inner().map_err(|e| failed("write", path)(e.into_error()))?;
    file.commit()
}
