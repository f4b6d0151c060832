//! A build in parts, on several machines perhaps, and their joining. The bytes are those of one build.

use std::path::{Path, PathBuf};
use std::time::Instant;

use shared::cli::DataError;
use shared::dataset::{Dataset, MANIFEST};
use shared::fs;
use shared::signal::Stop;

use super::work::Folder;
use super::{BuildError, Options, Outcome, Report, assemble, is_ours, options};
use crate::output;

/// Joins the parts that `prep build --part` made in `out` to a data set, which takes their place. A data set that is there already,
/// without parts, is left as it is: the same command was killed at its very end.
///
/// # Errors
/// When there are none, one is missing, unfinished or from another build, or writing fails; they are then as they were.
pub fn merge(out: &Path, stop: &Stop) -> Result<Outcome, BuildError> {
    let started = Instant::now();
    let out = output::resolve(out)?;
    output::holds_only(&out, is_ours)?;
    let _claim = output::claim(&out)?;
    fs::recover_folder(&out)?;
    if !output::entries(&out)?.iter().any(|name| part_numbers(name).is_some()) && out.join(MANIFEST).exists() {
        return Ok(Outcome::UpToDate(Dataset::open(&out)?.manifest().clone()));
    }
    let parts = parts_of(&out)?;
    let Some(assemble::Report { manifest, pictures, notes }) = assemble::assemble(&parts, &out, stop)? else {
        return Ok(Outcome::Stopped(stop.exit_code().unwrap_or(130)));
    };
    Ok(Outcome::Built(Report { manifest, pictures, resumed: 0, notes, seconds: started.elapsed().as_secs_f64() }))
}

/// Opens all parts in a folder, and checks that they are all there and belong together.
fn parts_of(out: &Path) -> Result<Vec<Folder>, BuildError> {
    let wrong = |path: PathBuf, what: String| BuildError::Part { path, source: DataError(what) };
    let of = output::entries(out)?.iter().filter_map(|name| part_numbers(name)).map(|(_, of)| of).max();
    let of =
        of.ok_or_else(|| wrong(out.to_owned(), "it holds no parts; `prep build --part 1/8` makes the first of eight".into()))?;
    let mut parts: Vec<Folder> = Vec::new();
    for part in 1..=of {
        let path = out.join(part_name(part, of));
        if !path.is_dir() {
            return Err(wrong(path, format!("it is missing: run `prep build` with --part {part}/{of}")));
        }
        let folder = Folder::open(path)?;
        if let Some(first) = parts.first()
            && first.work.key != folder.work.key
        {
            let differing = options::differences(&first.work.manifest.settings, &folder.work.manifest.settings);
            let why = if differing.is_empty() { "its source holds other files".to_owned() } else { differing.join(", ") };
            return Err(wrong(folder.path().to_owned(), format!("it does not belong to part 1 ({why})")));
        }
        if let Some(chunk) = folder.missing().next() {
            let what =
                format!("it is unfinished (chunk {chunk} is missing or damaged): run `prep build` with --part {part}/{of} again");
            return Err(wrong(folder.path().to_owned(), what));
        }
        parts.push(folder);
    }
    Ok(parts)
}

pub(super) fn part_name(part: u32, of: u32) -> String {
    format!("part-{part}-of-{of}")
}

pub(super) fn part_numbers(name: &str) -> Option<(u32, u32)> {
    let (part, of) = name.strip_prefix("part-")?.split_once("-of-")?;
    Some((part.parse().ok()?, of.parse().ok()?))
}

/// A part must not be put where a data set is.
pub(super) fn refuse_data_set(out: &Path, options: &Options) -> Result<(), BuildError> {
    if out.join(MANIFEST).exists() {
        let what = "it holds a data set; choose another --out for the parts".into();
        return Err(output::refused(&options.out, what).into());
    }
    Ok(())
}
