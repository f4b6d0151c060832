//! Checking every byte of a data set. All damaged files are named, not only the first.

use std::path::Path;

use rayon::prelude::*;
use shared::cli::one_line;
use shared::dataset::{self, DatasetError, FileSummary, MANIFEST, Manifest};

/// The result of a check.
#[derive(Clone, Debug)]
pub struct Verification {
    /// The manifest, which is sound.
    pub manifest: Manifest,
    /// Number of bytes checked.
    pub bytes: u64,
    /// One line for every damaged or missing file.
    pub damaged: Vec<String>,
    /// Shards in the folder that belong to no split.
    pub strays: Vec<String>,
}

/// Checks the data set in `dir`.
///
/// # Errors
/// When there is no data set, or its manifest is damaged, so that nothing is known about the other
/// files.
pub fn verify(dir: &Path) -> Result<Verification, DatasetError> {
    let manifest = dataset::read_manifest(dir)?;
    let files: Vec<&FileSummary> =
        manifest.splits.iter().flat_map(|s| &s.shards).chain(&manifest.files).collect();
    let mut damaged: Vec<String> = files
        .par_iter()
        .filter_map(|file| dataset::verify_file(dir, file).err().map(|e| one_line(&e)))
        .collect();
    if damaged.is_empty()
        && let Err(error) = dataset::Dataset::open(dir)
    {
        damaged.push(one_line(&error));
    }
    let is_stray =
        |name: &String| name.ends_with(".shard") && !files.iter().any(|file| file.name == *name);
    let listed = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let mut strays: Vec<String> =
        listed.map(|e| e.file_name().to_string_lossy().into_owned()).filter(is_stray).collect();
    strays.sort_unstable();
    let bytes = files.iter().map(|file| file.bytes).sum::<u64>()
        + std::fs::metadata(dir.join(MANIFEST)).map_or(0, |m| m.len());
    Ok(Verification { manifest, bytes, damaged, strays })
}
