//! Frames → a folder of PNG files, `frame-000000.png` and so on.

use std::path::{Path, PathBuf};

use anyhow::Result;
use rayon::prelude::*;
use shared::cli::UsageError;
use shared::fs::{self, AtomicFolder};
use shared::picture::Picture;

use super::stage::Sink;
use crate::output;

/// A folder of frames being filled; it appears whole.
pub struct FrameFolder {
    folder: AtomicFolder,
    written: usize,
    bytes: u64,
}

impl FrameFolder {
    /// Where the frames for `out` go: that folder, or the one that it is a link to. Nothing is there yet, or an empty folder ([`fs::is_vacant`]).
    ///
    /// # Errors
    /// When something is there, or whole frames could not appear there at once.
    pub fn place(out: &Path) -> Result<PathBuf, UsageError> {
        let refuse = |what: &str| Err(UsageError(format!("--out {}: {what}", out.display())));
        if out.file_name().is_none() {
            return refuse("it has no name of its own, which all frames could get at once; name a folder in it");
        }
        // Without a slash at the end, which would follow a link.
        let place: PathBuf = out.components().collect();
        match std::fs::read_dir(&place).map(|_| fs::is_vacant(&place)) {
            Ok(Err(error)) => refuse(&error.source.to_string()),
            Ok(Ok(true)) => match place.canonicalize() {
                Ok(place) if is_mounted(&place) => refuse("it is a disk of its own, which keeps its name; name a folder in it"),
                Ok(place) => Ok(place),
                Err(error) => refuse(&error.to_string()),
            },
            Ok(Ok(false)) => refuse("the folder is not empty; choose another name or remove it"),
            Err(error) if place.is_dir() => refuse(&error.to_string()),
            Err(_) if place.exists() => refuse("it is a file; choose a name with an ending, or remove it"),
            Err(_) if place.is_symlink() => refuse("it is a link to what is not there; choose another name or remove it"),
            Err(_) => output::check_parent("--out", &place).map(|()| place),
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

/// Whether a disk begins at the folder `place`, whose name no other folder can get then.
#[cfg(unix)]
fn is_mounted(place: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let disk = |path: &Path| std::fs::metadata(path).map(|meta| meta.dev()).ok();
    place.parent().is_some_and(|above| disk(place) != disk(above))
}

/// Elsewhere disks have names of their own.
#[cfg(not(unix))]
fn is_mounted(_: &Path) -> bool {
    false
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn where_a_disk_begins_no_frames_are_made() {
        assert!(is_mounted(Path::new("/proc")) && !is_mounted(Path::new("/proc/self")));
    }
}
