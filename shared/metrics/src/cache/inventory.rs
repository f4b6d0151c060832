//! What lies in the cache, for people.

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
    /// What it holds; none where its header cannot be read or is of another version.
    pub facts: Option<Facts>,
    /// Pictures of the set.
    pub count: u64,
    /// Numbers a picture.
    pub dimensions: u64,
    /// Bytes on disk.
    pub bytes: u64,
    /// When it was last written.
    pub changed: SystemTime,
    /// How far it is.
    pub state: State,
}

/// How far a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// All features are in it.
    Finished,
    /// An extraction is under way or was interrupted.
    Unfinished {
        /// Pictures whose features are in it.
        done: u64,
    },
    /// Left by a process that was killed while it wrote, damaged, or of another version: of no use
    /// any more.
    Useless,
}

impl FeatureCache {
    /// The folder, where there is one.
    #[must_use]
    pub fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// All files in it, the newest first; none where the folder is not there yet. Checksums of
    /// features are not looked at.
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
            // One that another process removes meanwhile is not there.
            kept.extend(look_at(&entry.map_err(failed)?.path()));
        }
        kept.sort_unstable_by(|a, b| (b.changed, &b.path).cmp(&(a.changed, &a.path)));
        Ok(kept)
    }

    /// Removes a file; gives false where another process is writing it.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn remove(&self, kept: &Kept) -> fs::Result<bool> {
        // Whoever has the unfinished file also writes the temporary one that becomes the finished
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

/// What the names of all files of one set of features have in common: `KEY.features`, `KEY.part`,
/// `.KEY.features.….fledge-tmp`.
fn key_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.trim_start_matches('.').split('.').next().unwrap_or_default().to_owned()
}

/// The file at `path`, if it is one of the cache's.
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
