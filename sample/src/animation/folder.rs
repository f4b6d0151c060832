//! Frames → a folder of PNG files, `frame-000000.png` and so on.

use std::path::Path;

use anyhow::Result;
use rayon::prelude::*;
use shared::cli::UsageError;
use shared::fs::AtomicFolder;
use shared::picture::Picture;

use super::stage::Sink;

/// A folder of frames being filled; it appears whole.
pub struct FrameFolder {
    folder: AtomicFolder,
    written: usize,
    bytes: u64,
}

impl FrameFolder {
    /// Whether frames may go to `out`: nothing is there, or an empty folder.
    ///
    /// # Errors
    /// When something is there, or there is no folder that it could be in.
    pub fn check(out: &Path) -> Result<(), UsageError> {
        let refuse = |what: &str| Err(UsageError(format!("--out {}: {what}", out.display())));
        let above = out.parent().filter(|above| !above.as_os_str().is_empty());
        match std::fs::read_dir(out).map(|entries| entries.count()) {
            Ok(0) => Ok(()),
            Ok(_) => refuse("the folder is not empty; choose another name or remove it"),
            Err(_) if out.exists() => refuse("it is a file; choose a name with an ending, or remove it"),
            Err(_) if above.is_some_and(|above| !above.is_dir()) => refuse("there is no folder in which it could be"),
            Err(_) => Ok(()),
        }
    }

    /// Begins the folder `out`.
    ///
    /// # Errors
    /// When it cannot be created.
    pub fn create(out: &Path) -> Result<Self> {
        Ok(Self { folder: AtomicFolder::create(out)?, written: 0, bytes: 0 })
    }
}

impl Sink for FrameFolder {
    fn push(&mut self, frames: Vec<Picture>) -> Result<()> {
        let first = self.written;
        let write = |(i, frame): (usize, &Picture)| {
            let png = frame.to_png()?;
            self.folder.write_unsynced(format!("frame-{:06}.png", first + i), &png)?;
            Ok(png.len() as u64)
        };
        let bytes: Result<Vec<u64>> = frames.par_iter().enumerate().map(write).collect();
        self.bytes += bytes?.iter().sum::<u64>();
        self.written += frames.len();
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<u64> {
        self.folder.commit()?;
        Ok(self.bytes)
    }
}
