//! Pictures in a zip, uncompressed. The zip appears atomically; until then it grows under a
//! temporary name, where it remains after a kill, a signal or an error. The next command truncates
//! it after its last intact picture and resumes: the bytes equal those of an uninterrupted command.
//! Usable pictures of a zip begun for another request of the same origin are copied.

use std::path::{Path, PathBuf};

use anyhow::Result;
use shared::archive::stylegan;
use shared::archive::zip_writer::{ZipWriter, read_leftover};
use shared::cli::one_line;
use shared::fs;
use shared::nn::sampler::Sampler;
use shared::signal::Stop;

use super::manifest::{MANIFEST, Manifest};
use super::pipeline::{self, Work};
use super::request::{Outcome, Request};
use super::whole::has_extent;
use crate::output::{self, lock_beside};

/// Maximum bytes of a member of an unfinished zip.
const LARGEST: u64 = 64 << 20;

/// Writes the zip `request.out`.
///
/// # Errors
/// Those of [`super::target::write`].
pub(super) fn write(sampler: &Sampler, request: &Request, stop: &Stop) -> Result<Outcome> {
    let out = &request.out;
    output::check_parent("--out", out)?;
    let _claim = request.claim(lock_beside(out))?;
    if out.exists() && !request.force {
        return Err(request
            .refused("it exists; choose another name, or use --force to replace it")
            .into());
    }
    let leftovers = fs::leftovers_of(out)?;
    let mut best: Option<(&PathBuf, u64)> = None;
    for path in &leftovers {
        let usable = usable_of(path, request)?;
        if usable > best.map_or(0, |(_, most)| most) {
            best = Some((path, usable));
        }
    }
    let before = best.map_or(0, |(_, usable)| usable);
    let (mut zip, mut made) = (begin(request, best)?, 0);
    let temporary = zip.temporary().to_owned();
    let ended = match fill(sampler, request, before, stop, &mut zip, &mut made) {
        Ok(None) => zip.commit().map(|()| None).map_err(Into::into),
        Ok(Some(code)) => zip.leave().map(|()| Some(code)).map_err(Into::into),
        Err(error) => {
            drop(zip);
            Err(error)
        }
    };
    let others = leftovers.iter().filter(|path| **path != temporary);
    match ended {
        Ok(stopped) => {
            let kept = before + made;
            if kept == 0 {
                fs::remove(&temporary)?;
            }
            // Their pictures are in the new zip. A leftover that cannot be removed does no harm.
            for path in others.filter(|_| kept > 0) {
                fs::remove(path).unwrap_or_else(|error| tracing::warn!("{}", one_line(&error)));
            }
            let Some(code) = stopped else {
                let bytes = std::fs::metadata(out).map_or(0, |facts| facts.len());
                return Ok(Outcome::Done { made, bytes });
            };
            Ok(Outcome::Stopped { kept, code })
        }
        Err(error) => {
            // The first error is reported; the next command finds leftovers.
            let kept = usable_of(&temporary, request).unwrap_or(0);
            if kept > before {
                others.for_each(|path| drop(fs::remove(path)));
            } else if best.is_none_or(|(path, _)| *path != temporary) {
                drop(fs::remove(&temporary));
            }
            match kept.max(before) {
                0 => {}
                kept => tracing::warn!(
                    "{kept} of {} pictures are kept; the same command resumes",
                    request.seeds.count()
                ),
            }
            Err(error)
        }
    }
}

/// A zip with `sample.json` and the usable pictures of `best`; `best` itself if it was begun for
/// the same request.
fn begin(request: &Request, best: Option<(&PathBuf, u64)>) -> Result<ZipWriter> {
    let manifest = Manifest::new(&request.maker, &request.seeds).to_bytes()?;
    if let Some((path, usable)) = best
        && first_of(path)? == manifest
    {
        let mut zip = ZipWriter::resume(path, &request.out)?;
        zip.add(MANIFEST, &manifest)?;
        let end = copy(path, usable, &mut zip)?;
        if zip.go_on(end) {
            return Ok(zip);
        }
    }
    let mut zip = ZipWriter::resumable(&request.out)?;
    zip.add(MANIFEST, &manifest)?;
    if let Some((path, usable)) = best {
        copy(path, usable, &mut zip)?;
    }
    Ok(zip)
}

/// Adds all pictures after the first `before` to `zip`, counted in `made`. Returns the exit code
/// after a signal.
fn fill(
    sampler: &Sampler,
    request: &Request,
    before: u64,
    stop: &Stop,
    zip: &mut ZipWriter,
    made: &mut u64,
) -> Result<Option<u8>> {
    let work = Work {
        seeds: request.seeds.iter().skip(before as usize),
        total: request.seeds.count(),
        before,
    };
    let stopped = pipeline::run(sampler, request, work, stop, |chunk| {
        for (seed, png) in chunk {
            zip.add(&request.maker.naming.name_of(seed), &png)?;
            *made += 1;
        }
        Ok(())
    })?;
    if let Some(labels) = request.labels(sampler).filter(|_| stopped.is_none()) {
        zip.add(stylegan::LABELS, labels.as_bytes())?;
    }
    Ok(stopped)
}

/// The first member of an unfinished zip; empty if it is torn.
fn first_of(path: &Path) -> Result<Vec<u8>> {
    let mut first = Vec::new();
    read_leftover(path, LARGEST, |_, bytes| -> Result<bool> {
        first = bytes;
        Ok(false)
    })?;
    Ok(first)
}

/// The number of usable pictures of an unfinished zip: the intact first ones of the request.
///
/// # Errors
/// When it contains pictures of another request without `--force`, or cannot be read.
fn usable_of(path: &Path, request: &Request) -> Result<u64> {
    let (mut differences, mut is_known) = (Vec::new(), false);
    let (mut usable, mut others) = (0, 0);
    let mut expected = request.seeds.iter();
    read_leftover(path, LARGEST, |name, bytes| -> Result<bool> {
        if !is_known {
            let Ok(there) = Manifest::from_bytes(&bytes, path) else { return Ok(false) };
            differences = there.maker.differences(&request.maker);
            is_known = name == MANIFEST;
            return Ok(is_known);
        }
        // The zip has a checksum of every picture; only one with an unwritten header can be empty.
        if bytes.is_empty() || differences.is_empty() && !has_extent(&bytes, &request.maker) {
            return Ok(false);
        }
        match expected.next() {
            Some(seed)
                if others == 0
                    && differences.is_empty()
                    && request.maker.naming.name_of(seed) == name =>
            {
                usable += 1
            }
            _ => others += 1,
        }
        Ok(true)
    })?;
    if others == 0 {
        return Ok(usable);
    }
    if request.force {
        // The first pictures of the same origin are still usable.
        return Ok(usable);
    }
    let mend = "repeat that request, choose another --out, or use --force to start over";
    let what = match &differences[..] {
        [] => {
            let (there, asked, seeds) =
                (usable + others, request.seeds.count(), request.seeds.shown());
            format!(
                "an interrupted command left {there} pictures, which are not the first of the {asked} of seeds {seeds}"
            )
        }
        _ => format!(
            "an interrupted command left {others} pictures of another request: {}",
            differences.join("; ")
        ),
    };
    Err(request.refused(&format!("{what}; {mend}")).into())
}

/// Copies the first `pictures` pictures of an unfinished zip; returns their end in it.
fn copy(path: &Path, pictures: u64, zip: &mut ZipWriter) -> Result<u64> {
    let mut left = pictures;
    read_leftover(path, LARGEST, |name, bytes| -> Result<bool> {
        if name != MANIFEST {
            zip.add(name, &bytes)?;
            left -= 1;
        }
        Ok(left > 0)
    })
}
