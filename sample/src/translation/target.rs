//! Results as PNG files in a folder or zip, which appears when all are there.

use std::collections::HashSet;
use std::path::Path;

use anyhow::Result;
use shared::archive::zip_writer::ZipWriter;
use shared::cli::UsageError;
use shared::fs::{self, AtomicFolder, Claim};

use crate::animations::folder::FrameFolder;
use crate::output;

/// A folder or zip in progress; dropped before its commit, it leaves nothing.
pub struct Target {
    content: Content,
    bytes: u64,
    _claim: Claim,
}

enum Content {
    Folder(AtomicFolder, HashSet<String>),
    Zip(Box<ZipWriter>),
}

impl Target {
    /// Starts `out`: a zip if its suffix is `.zip`, otherwise a folder.
    ///
    /// # Errors
    /// When it exists and is no empty folder, has no place, or another process writes it.
    pub fn create(out: &Path) -> Result<Self> {
        let is_zip = out.extension().is_some_and(|e| e.eq_ignore_ascii_case("zip"));
        if is_zip && !out.is_dir() {
            if out.exists() {
                let text = format!("--out {}: it exists; choose another name", out.display());
                return Err(UsageError(text).into());
            }
            output::check_parent("--out", out)?;
            let claim = output::claim("--out", out)?;
            return Ok(Self {
                content: Content::Zip(Box::new(ZipWriter::create(out)?)),
                bytes: 0,
                _claim: claim,
            });
        }
        let place = FrameFolder::place(out)?;
        let claim = output::claim("--out", &place)?;
        let content = Content::Folder(AtomicFolder::create(&place)?, HashSet::new());
        Ok(Self { content, bytes: 0, _claim: claim })
    }

    /// Adds a file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn add(&mut self, name: &str, bytes: &[u8]) -> Result<()> {
        match &mut self.content {
            Content::Folder(folder, made) => {
                if let Some((above, _)) = name.rsplit_once('/')
                    && made.insert(above.to_owned())
                {
                    fs::create_folder(folder.path().join(above))?;
                }
                folder.write_unsynced(name, bytes)?;
            }
            Content::Zip(zip) => zip.add(name, bytes)?,
        }
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    /// Gives it its name; returns the bytes of all files.
    ///
    /// # Errors
    /// When it cannot be renamed.
    pub fn commit(self) -> Result<u64> {
        match self.content {
            Content::Folder(folder, _) => folder.commit()?,
            Content::Zip(zip) => zip.commit()?,
        }
        Ok(self.bytes)
    }
}
