//! Exporting a data set as PNG files, to a folder or a zip.
//!
//! Files lie by class, `train/001.Some_class/000123.png` with the number in the source, or as
//! NVIDIA's StyleGAN trainers read them, `00000/img00000000.png` beside the labels in
//! `dataset.json`.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use shared::archive::stylegan::{self, Index};
use shared::archive::zip_writer::ZipWriter;
use shared::dataset::{Dataset, DatasetError};
use shared::fs::{self, AtomicFolder, FsError};
use shared::picture::PictureError;
use shared::signal::Stop;
use thiserror::Error;

use super::folder::{self, OutputError};

/// Options of an export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportOptions {
    /// Names of the exported files.
    pub layout: ExportLayout,
    /// The split to export; `None`: all.
    pub split: Option<String>,
}

/// Names of the exported files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportLayout {
    /// A folder for each split and in it one for each class.
    ByClass,
    /// The output of `dataset_tool.py` of StyleGAN2-ADA and StyleGAN3: numbers in the order of the
    /// data set, classes in `dataset.json`.
    StyleGan,
}

/// Errors of an export.
#[derive(Debug, Error)]
pub enum ExportError {
    /// The data set cannot be read.
    #[error("{0}")]
    Dataset(#[from] DatasetError),
    /// The target must not be written.
    #[error("{0}")]
    Output(#[from] OutputError),
    /// Writing failed.
    #[error("{0}")]
    File(#[from] FsError),
    /// A picture cannot be encoded.
    #[error("{0}")]
    Encode(#[from] PictureError),
}

/// The outcome of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportOutcome {
    /// So many pictures were written.
    Done(usize),
    /// Stopped by a signal, to end with this exit code; nothing is left behind.
    Stopped(u8),
}

/// Writes pictures of `dataset` to `out`: a zip if the name ends in `.zip`, else a folder. Refuses
/// to replace either.
///
/// # Errors
/// When `out` exists, there is no such split, a record is damaged, or writing fails; then nothing
/// is left behind.
pub fn export(
    dataset: &Dataset,
    out: &Path,
    options: &ExportOptions,
    stop: &Stop,
) -> Result<ExportOutcome, ExportError> {
    if out.extension().is_some_and(|e| e.eq_ignore_ascii_case("zip")) {
        return to_zip(dataset, out, options, stop);
    }
    let out = folder::resolve(out)?;
    if !folder::is_free(&out)? {
        return Err(folder::refused(&out, "it is not empty; choose another --out".into()).into());
    }
    let staged = AtomicFolder::create(&out)?;
    let mut folders = HashSet::new();
    let outcome = each(dataset, options, stop, |name, bytes| {
        if let Some(folder) = staged.path().join(name).parent()
            && folders.insert(folder.to_owned())
        {
            fs::create_folder(folder)?;
        }
        Ok(staged.write_unsynced(name, bytes)?)
    })?;
    if let ExportOutcome::Done(_) = outcome {
        staged.commit()?;
    }
    Ok(outcome)
}

fn to_zip(
    dataset: &Dataset,
    out: &Path,
    options: &ExportOptions,
    stop: &Stop,
) -> Result<ExportOutcome, ExportError> {
    if out.exists() {
        return Err(folder::refused(out, "it exists; choose another --out".into()).into());
    }
    fs::remove_leftovers_of(out)?;
    let mut zip = ZipWriter::create(out)?;
    let outcome = each(dataset, options, stop, |name, bytes| Ok(zip.add(name, bytes)?))?;
    if let ExportOutcome::Done(_) = outcome {
        zip.commit()?;
    }
    Ok(outcome)
}

/// Passes every picture to `write` as a name and a PNG, and last the labels if the layout keeps
/// them in a file.
fn each(
    dataset: &Dataset,
    options: &ExportOptions,
    stop: &Stop,
    mut write: impl FnMut(&str, &[u8]) -> Result<(), ExportError>,
) -> Result<ExportOutcome, ExportError> {
    let manifest = dataset.manifest();
    let names: Vec<&str> = match &options.split {
        Some(name) => vec![name],
        None => manifest.splits.iter().map(|split| split.name.as_str()).collect(),
    };
    let mut taken = HashMap::new();
    let mut index = Index::new(&manifest.classes);
    let mut count = 0;
    for name in names {
        let split = dataset.split(name)?;
        for i in 0..split.len() {
            if let Some(code) = stop.exit_code() {
                return Ok(ExportOutcome::Stopped(code));
            }
            let record = split.record(i)?;
            let picture = split.picture(i)?;
            let file = match options.layout {
                ExportLayout::ByClass => {
                    let class = record.label.and_then(|label| manifest.classes.get(label as usize));
                    let stem =
                        stem(name, class.map(String::as_str), record.source & u64::from(u32::MAX));
                    // Several crops can come from one picture of the source.
                    let times = taken.entry(stem.clone()).and_modify(|n| *n += 1).or_insert(1);
                    if *times == 1 { format!("{stem}.png") } else { format!("{stem}-{times}.png") }
                }
                ExportLayout::StyleGan => {
                    let file = stylegan::name_of(count as u64);
                    index.add(&file, record.label);
                    index.add_split(&file, name);
                    file
                }
            };
            write(&file, &picture.to_png()?)?;
            count += 1;
        }
    }
    if options.layout == ExportLayout::StyleGan {
        write(stylegan::LABELS, index.to_json().as_bytes())?;
    }
    Ok(ExportOutcome::Done(count))
}

/// A path without suffix. A class may have any name; a file may not.
fn stem(split: &str, class: Option<&str>, source: u64) -> String {
    let safe =
        |c: char| if c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | ' ') { c } else { '_' };
    let class: String = class.unwrap_or_default().chars().map(safe).collect();
    let class = class.trim_start_matches('.');
    let folder = if class.is_empty() { PathBuf::from(split) } else { Path::new(split).join(class) };
    // `/` on every system: it is also the name in a zip.
    format!("{}/{source:06}", folder.to_string_lossy().replace('\\', "/"))
}
