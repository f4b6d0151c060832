//! A listing of the cache for people, and removal.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::entry::{FINISHED, Facts, UNFINISHED};
use super::store::FeatureCache;
use super::{finished, part};
use fledge_base::fs::{self, FsError, TEMPORARY_SUFFIX};

/// A file in the cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The file.
    pub path: PathBuf,
    /// Its description; `None` if the header cannot be read or has another version.
    pub facts: Option<Facts>,
    /// Number of pictures.
    pub count: u64,
    /// Numbers per picture.
    pub dimensions: u64,
    /// Size on disk in bytes.
    pub bytes: u64,
    /// Time of the last write.
    pub changed: SystemTime,
    /// State of completion.
    pub state: State,
}

/// State of completion of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// All features are stored.
    Finished,
    /// An extraction is running or was interrupted.
    Unfinished {
        /// Pictures whose features are stored.
        done: u64,
    },
    /// No longer usable: left by a process killed while writing, damaged, or of another version.
    Useless,
}

impl FeatureCache {
    /// The cache folder, if there is one.
    #[must_use]
    pub fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// All files in the cache, newest first; empty if the folder does not exist yet. Checksums of
    /// features are not verified.
    ///
    /// # Errors
    /// If the folder cannot be listed.
    pub fn list(&self) -> fs::Result<Vec<Kept>> {
        let Some(folder) = self.folder.as_ref().filter(|folder| folder.exists()) else {
            return Ok(Vec::new());
        };
        let failed = |source| FsError { operation: "list", path: folder.clone(), source };
        let mut kept = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(failed)? {
            // A file that another process has just removed is skipped.
            kept.extend(look_at(&entry.map_err(failed)?.path()));
        }
        kept.sort_unstable_by(|a, b| (b.changed, &b.path).cmp(&(a.changed, &a.path)));
        Ok(kept)
    }

    /// Removes a file; returns false if another process is writing it.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn remove(&self, kept: &Kept) -> fs::Result<bool> {
        // The owner of the unfinished file also writes the temporary file that becomes the finished
        // one.
        let being_written = kept.path.extension().is_none_or(|e| e != FINISHED);
        if being_written
            && part::is_busy(
                &kept.path.with_file_name(format!("{}.{UNFINISHED}", key_of(&kept.path))),
            )
        {
            return Ok(false);
        }
        fs::remove(&kept.path).map(|()| true)
    }
}

/// The key in the names of all files of one set of features: `KEY.features`, `KEY.part`,
/// `.KEY.features.….fledge-tmp`.
fn key_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.trim_start_matches('.').split('.').next().unwrap_or_default().to_owned()
}

/// Inspects the file at `path`; `None` if it is not one of the cache's.
fn look_at(path: &Path) -> Option<Kept> {
    let is = |extension: &str| path.extension().is_some_and(|e| e == extension);
    if !is(FINISHED) && !is(UNFINISHED) && !path.to_string_lossy().ends_with(TEMPORARY_SUFFIX) {
        return None;
    }
    let file = File::open(path).ok()?;
    let meta = file.metadata().ok().filter(std::fs::Metadata::is_file)?;
    let (bytes, changed) = (meta.len(), meta.modified().unwrap_or(SystemTime::UNIX_EPOCH));
    let mut file = BufReader::new(file);
    let useless = Kept {
        path: path.to_owned(),
        facts: None,
        count: 0,
        dimensions: 0,
        bytes,
        changed,
        state: State::Useless,
    };
    let Ok((header, used)) = finished::header(&mut file) else { return Some(useless) };
    let state = if is(FINISHED) {
        State::Finished
    } else if is(UNFINISHED) {
        State::Unfinished { done: part::rows(&mut file, (used, bytes), header.dimensions) }
    } else {
        State::Useless
    };
    Some(Kept {
        facts: Some(header.facts),
        count: header.count,
        dimensions: header.dimensions,
        state,
        ..useless
    })
}
