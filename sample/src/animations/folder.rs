//! Frames → a folder of PNG files: `frame-000000.png` and so on.

use std::path::{Path, PathBuf};

use anyhow::Result;
use rayon::prelude::*;
use shared::cli::UsageError;
use shared::fs::{self, AtomicFolder};
use shared::picture::Picture;

use super::stage::Sink;
use crate::output;

/// A folder of frames in progress; it appears atomically.
pub struct FrameFolder {
    folder: AtomicFolder,
    written: usize,
    bytes: u64,
}

impl FrameFolder {
    /// The folder of the frames for `out`: itself, or its target if it is a link. It does not
    /// exist, or is empty ([`fs::is_vacant`]).
    ///
    /// # Errors
    /// When it is not empty, or cannot be replaced atomically.
    pub fn place(out: &Path) -> Result<PathBuf, UsageError> {
        let refuse = |what: &str| Err(UsageError(format!("--out {}: {what}", out.display())));
        if out.file_name().is_none() {
            return refuse("it has no name to rename a folder to; choose a folder in it");
        }
        // Without a trailing slash, which would follow a link.
        let place: PathBuf = out.components().collect();
        match std::fs::read_dir(&place).map(|_| fs::is_vacant(&place)) {
            Ok(Err(error)) => refuse(&error.source.to_string()),
            Ok(Ok(true)) => match place.canonicalize() {
                Ok(place) if is_mounted(&place) => {
                    refuse("it is a mount point, which cannot be replaced; choose a folder in it")
                }
                Ok(place) => Ok(place),
                Err(error) => refuse(&error.to_string()),
            },
            Ok(Ok(false)) => refuse("the folder is not empty; choose another name or remove it"),
            Err(error) if place.is_dir() => refuse(&error.to_string()),
            Err(_) if place.exists() => {
                refuse("it is a file; choose a name with a suffix, or remove it")
            }
            Err(_) if place.is_symlink() => {
                refuse("it is a dangling link; choose another name or remove it")
            }
            Err(_) => output::check_parent("--out", &place).map(|()| place),
        }
    }

    /// Creates the folder `out`.
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

/// Reports if `place` is a mount point, which cannot be replaced.
#[cfg(unix)]
fn is_mounted(place: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let disk = |path: &Path| std::fs::metadata(path).map(|meta| meta.dev()).ok();
    place.parent().is_some_and(|above| disk(place) != disk(above))
}

/// Other systems have no mount points among folders.
#[cfg(not(unix))]
fn is_mounted(_: &Path) -> bool {
    false
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_mount_point_is_detected() {
        assert!(is_mounted(Path::new("/proc")) && !is_mounted(Path::new("/proc/self")));
    }
}
