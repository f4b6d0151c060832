//! Joining the parts of a build. The result has the bytes of a build in one go.

use std::path::{Path, PathBuf};
use std::time::Instant;

use shared::cli::DataError;
use shared::dataset::{Dataset, MANIFEST};
use shared::fs;
use shared::signal::Stop;

use super::assemble::{self, Assembled};
use super::error::BuildError;
use super::options;
use super::outcome::{BuildOutcome, BuildReport};
use super::work::WorkFolder;
use crate::dataset::files::{is_ours, part_name, part_numbers};
use crate::dataset::folder;

/// Joins the parts that `prep build --part` made in `out` to a data set, which replaces them.
///
/// A data set without parts is left as it is: it is what a merge killed at its very end leaves.
///
/// # Errors
/// When there are no parts, one is missing, unfinished or from another build, or writing fails;
/// they are then as they were.
pub fn merge(out: &Path, stop: &Stop) -> Result<BuildOutcome, BuildError> {
    let started = Instant::now();
    let out = folder::resolve(out)?;
    folder::holds_only(&out, is_ours)?;
    let _claim = folder::claim(&out)?;
    fs::recover_folder(&out)?;
    if !folder::entries(&out)?.iter().any(|name| part_numbers(name).is_some())
        && out.join(MANIFEST).exists()
    {
        return Ok(BuildOutcome::UpToDate(Dataset::open(&out)?.manifest().clone()));
    }
    let parts = parts_of(&out)?;
    let Some(Assembled { manifest, pictures, notes }) = assemble::assemble(&parts, &out, stop)?
    else {
        return Ok(BuildOutcome::Stopped(stop.exit_code().unwrap_or(130)));
    };
    Ok(BuildOutcome::Built(BuildReport {
        manifest,
        pictures,
        resumed: 0,
        notes,
        seconds: started.elapsed().as_secs_f64(),
    }))
}

/// Opens all parts in a folder, and checks that none is missing and all belong together.
fn parts_of(out: &Path) -> Result<Vec<WorkFolder>, BuildError> {
    let wrong = |path: PathBuf, what: String| BuildError::Part { path, source: DataError(what) };
    let of =
        folder::entries(out)?.iter().filter_map(|name| part_numbers(name)).map(|(_, of)| of).max();
    let of = of.ok_or_else(|| {
        wrong(
            out.to_owned(),
            "it holds no parts; `prep build --part 1/8` makes the first of eight".into(),
        )
    })?;
    let mut parts: Vec<WorkFolder> = Vec::new();
    for part in 1..=of {
        let path = out.join(part_name(part, of));
        if !path.is_dir() {
            return Err(wrong(
                path,
                format!("it is missing: run `prep build` with --part {part}/{of}"),
            ));
        }
        let folder = WorkFolder::open(path)?;
        if let Some(first) = parts.first()
            && first.work.key != folder.work.key
        {
            let differing =
                options::differences(&first.work.manifest.settings, &folder.work.manifest.settings);
            let why = if differing.is_empty() {
                "its source holds other files".to_owned()
            } else {
                differing.join(", ")
            };
            return Err(wrong(
                folder.path().to_owned(),
                format!("it does not belong to part 1 ({why})"),
            ));
        }
        if let Some(chunk) = folder.missing().next() {
            let what = format!(
                "it is unfinished (chunk {chunk} is missing or damaged): run `prep build` with --part {part}/{of} again"
            );
            return Err(wrong(folder.path().to_owned(), what));
        }
        parts.push(folder);
    }
    Ok(parts)
}
