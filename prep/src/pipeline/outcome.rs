//! The outcome of a build or a merge.

use std::path::PathBuf;

use shared::dataset::Manifest;

use super::assemble::Notes;

/// The outcome of a build.
#[derive(Clone, Debug)]
pub enum BuildOutcome {
    /// The data set is there already, from the same source and settings.
    UpToDate(Manifest),
    /// The data set is written.
    Built(BuildReport),
    /// A part of so many pictures is made; `prep merge` joins it with the others.
    Part(PathBuf, u64),
    /// Stopped by a signal, to end with this exit code: the data set is as it was, and the same
    /// command resumes.
    Stopped(u8),
}

/// The result of a build.
#[derive(Clone, Debug)]
pub struct BuildReport {
    /// The data set's manifest.
    pub manifest: Manifest,
    /// Pictures looked at, rejected ones included.
    pub pictures: u64,
    /// Those of them that an interrupted build had prepared already.
    pub resumed: u64,
    /// Remarks beside the manifest.
    pub notes: Notes,
    /// Seconds taken.
    pub seconds: f64,
}
