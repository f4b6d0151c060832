//! The published weights: their name, where they come from, where they are kept, and how a file is recognised.

use std::path::PathBuf;

use super::cache;
use crate::cli::UsageError;

/// A file that somebody published, pinned.
#[derive(Clone, Copy, Debug)]
pub struct Published {
    /// File name, here and there.
    pub name: &'static str,
    /// Where it is offered.
    pub url: &'static str,
    /// SHA-256 in lower-case hexadecimal.
    pub sha256: &'static str,
    /// Length in bytes.
    pub bytes: u64,
}

/// TensorFlow's Inception of 2015-12-05 as converted by pytorch-fid; torch-fidelity offers the same bytes.
pub const INCEPTION: Published = Published {
    name: "pt_inception-2015-12-05-6726825d.pth",
    url: "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/pt_inception-2015-12-05-6726825d.pth",
    sha256: "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
    bytes: 95_628_359,
};

impl Published {
    /// Where `evaluate weights --fetch` keeps it.
    ///
    /// # Errors
    /// When the system names no cache folder.
    pub fn path(&self) -> Result<PathBuf, UsageError> {
        let folder = cache::folder().ok_or_else(|| {
            UsageError("no folder to keep weights in: set XDG_CACHE_HOME or HOME, or name a file with --weights".into())
        })?;
        Ok(folder.join("weights").join(self.name))
    }

    /// The kept file, if it is there.
    ///
    /// # Errors
    /// When it is not: the text says how to get it with and without a network.
    pub fn find(&self) -> Result<PathBuf, UsageError> {
        let path = self.path()?;
        if path.is_file() {
            return Ok(path);
        }
        Err(UsageError(format!(
            "no weights: run `evaluate weights --fetch`, or download {} and put it at {}, or name a file with --weights, or use --features random for a smoke run",
            self.url,
            path.display()
        )))
    }
}
