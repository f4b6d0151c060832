//! A data set as PNG files, in a folder or a zip: `train/001.Some_class/000123.png`, the number being the one in the source.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use shared::dataset::{Dataset, DatasetError};
use shared::fs::{self, AtomicFolder, FsError};
use shared::picture::{Picture, PictureError};
use shared::signal::Stop;
use thiserror::Error;
use zip::write::SimpleFileOptions;

use crate::output::{self, OutputError};

/// Why nothing was exported.
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

/// How an export ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// So many pictures were written.
    Done(usize),
    /// A signal came; nothing is left behind. The exit code to end with.
    Stopped(u8),
}

/// Writes all pictures of `dataset` to `out`: a zip if its name says so, else a folder. Refuses to replace either.
///
/// # Errors
/// When there is something already, a record is damaged, or writing fails; nothing is left then.
pub fn export(dataset: &Dataset, out: &Path, stop: &Stop) -> Result<Outcome, ExportError> {
    if out.extension().is_some_and(|e| e.eq_ignore_ascii_case("zip")) {
        return to_zip(dataset, out, stop);
    }
    let out = output::resolve(out)?;
    if !output::is_free(&out)? {
        return Err(output::refused(&out, "it is not empty; choose another --out".into()).into());
    }
    let staged = AtomicFolder::create(&out)?;
    let mut folders = std::collections::HashSet::new();
    let outcome = each(dataset, stop, |name, png| {
        if let Some(folder) = staged.path().join(name).parent()
            && folders.insert(folder.to_owned())
        {
            fs::create_folder(folder)?;
        }
        Ok(staged.write_unsynced(name, png)?)
    })?;
    if let Outcome::Done(_) = outcome {
        staged.commit()?;
    }
    Ok(outcome)
}

fn to_zip(dataset: &Dataset, out: &Path, stop: &Stop) -> Result<Outcome, ExportError> {
    if out.exists() {
        return Err(output::refused(out, "it exists; choose another --out".into()).into());
    }
    let failed = |source: io::Error| FsError { operation: "write", path: out.to_owned(), source };
    // PNG is compressed already; and without the time of day the same data set gives the same bytes.
    let stored = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    let mut zip = zip::ZipWriter::new(io::BufWriter::with_capacity(1 << 20, fs::AtomicFile::create(out)?));
    let outcome = each(dataset, stop, |name, png| {
        zip.start_file(name, stored).map_err(|e| failed(e.into()))?;
        Ok(zip.write_all(png).map_err(failed)?)
    })?;
    if let Outcome::Done(_) = outcome {
        let buffered = zip.finish().map_err(|e| failed(e.into()))?;
        buffered.into_inner().map_err(|e| failed(e.into_error()))?.commit()?;
    }
    Ok(outcome)
}

/// Hands every picture over as a name and a PNG.
fn each(
    dataset: &Dataset,
    stop: &Stop,
    mut write: impl FnMut(&str, &[u8]) -> Result<(), ExportError>,
) -> Result<Outcome, ExportError> {
    let manifest = dataset.manifest();
    let mut count = 0;
    for summary in &manifest.splits {
        let split = dataset.split(&summary.name)?;
        for i in 0..split.len() {
            if let Some(code) = stop.exit_code() {
                return Ok(Outcome::Stopped(code));
            }
            let record = split.record(i)?;
            let picture = Picture {
                width: manifest.size,
                height: manifest.size,
                channels: manifest.channels,
                pixels: record.pixels.to_vec(),
            };
            let class = record.label.and_then(|label| manifest.classes.get(label as usize));
            write(&name_of(split.name(), class.map(String::as_str), record.source), &picture.to_png()?)?;
            count += 1;
        }
    }
    Ok(Outcome::Done(count))
}

/// A class may be called anything; a name in a folder may not.
fn name_of(split: &str, class: Option<&str>, source: u64) -> String {
    let safe = |c: char| if c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | ' ') { c } else { '_' };
    let class: String = class.unwrap_or_default().chars().map(safe).collect();
    let class = class.trim_start_matches('.');
    let folder = if class.is_empty() { PathBuf::from(split) } else { Path::new(split).join(class) };
    // `/` on every system: it is also the name in a zip.
    format!("{}/{source:06}.png", folder.to_string_lossy().replace('\\', "/"))
}
