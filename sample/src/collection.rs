//! Many pictures into a folder or a zip, `seed-00000012.png` each, a batch at a time.

use std::io::{self, Write};
use std::path::Path;

use anyhow::Result;
use rayon::prelude::*;
use shared::cli::{Ending, UsageError};
use shared::fs::{self, AtomicFile, FsError};
use shared::log::Progress;
use shared::nn::sampler::Sampler;
use shared::picture::PictureError;
use shared::signal::Stop;
use zip::write::SimpleFileOptions;

/// Pictures generated before they are written.
const CHUNK: usize = 64;

/// Writes the pictures of `seeds` to `out`: a zip if its name says so, else a folder. In a folder, files that are there already
/// are kept, so that an interrupted call can be repeated; a zip appears whole or not at all.
///
/// # Errors
/// When `out` is a zip that exists, or cannot be written.
pub fn write(sampler: &Sampler, seeds: std::ops::Range<u64>, out: &Path, stop: &Stop) -> Result<Ending> {
    if out.extension().is_some_and(|e| e.eq_ignore_ascii_case("zip")) {
        return to_zip(sampler, seeds, out, stop);
    }
    fs::create_folder(out)?;
    fs::remove_leftovers(out)?;
    let missing: Vec<u64> = seeds.filter(|&seed| !out.join(name_of(seed)).exists()).collect();
    each(sampler, &missing, stop, |name, png| Ok(fs::write(out.join(name), png)?))
}

fn to_zip(sampler: &Sampler, seeds: std::ops::Range<u64>, out: &Path, stop: &Stop) -> Result<Ending> {
    if out.exists() {
        return Err(UsageError(format!("--out {}: it exists; choose another name or remove it", out.display())).into());
    }
    let failed = |source: io::Error| FsError { operation: "write", path: out.to_owned(), source };
    // PNG is compressed already; without the time of day the same seeds give the same bytes.
    let stored = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    let mut zip = zip::ZipWriter::new(io::BufWriter::with_capacity(1 << 20, AtomicFile::create(out)?));
    let seeds: Vec<u64> = seeds.collect();
    let ending = each(sampler, &seeds, stop, |name, png| {
        zip.start_file(name, stored).map_err(|e| failed(e.into()))?;
        Ok(zip.write_all(png).map_err(failed)?)
    })?;
    if ending == Ending::Done {
        let buffered = zip.finish().map_err(|e| failed(e.into()))?;
        buffered.into_inner().map_err(|e| failed(e.into_error()))?.commit()?;
    }
    Ok(ending)
}

fn each(sampler: &Sampler, seeds: &[u64], stop: &Stop, mut write: impl FnMut(&str, &[u8]) -> Result<()>) -> Result<Ending> {
    let progress = Progress::new("pictures", seeds.len() as u64);
    for seeds in seeds.chunks(CHUNK) {
        if let Some(code) = stop.exit_code() {
            return Ok(Ending::Stopped(code));
        }
        let pictures = sampler.pictures(seeds);
        let encoded: Result<Vec<Vec<u8>>, PictureError> = pictures.par_iter().map(|p| p.to_png()).collect();
        for (seed, png) in seeds.iter().zip(encoded?) {
            write(&name_of(*seed), &png)?;
        }
        progress.add(seeds.len() as u64);
    }
    Ok(Ending::Done)
}

fn name_of(seed: u64) -> String {
    format!("seed-{seed:08}.png")
}
