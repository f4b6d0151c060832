//! Pictures in a zip, stored as they are. It appears under its name whole; until then it grows under a temporary one. What an
//! interrupted call left there is copied, as far as it is whole, into the file of the next one, which goes on behind it: the result is the
//! same bytes as if nobody had interrupted it.

use std::path::{Path, PathBuf};

use anyhow::Result;
use shared::archive::stylegan;
use shared::archive::zip_writer::{ZipWriter, read_leftover};
use shared::fs;
use shared::nn::sampler::Sampler;
use shared::signal::Stop;

use super::manifest::{MANIFEST, Manifest};
use super::pipeline::{self, Work};
use super::whole::has_extent;
use super::{Outcome, Request};
use crate::output::{self, lock_beside};

/// The most bytes of a file in an unfinished zip, whatever made it.
const LARGEST: u64 = 64 << 20;

/// Writes the zip `request.out`.
///
/// # Errors
/// As [`super::write`].
pub(super) fn write(sampler: &Sampler, request: &Request, stop: &Stop) -> Result<Outcome> {
    let out = &request.out;
    output::check_parent("--out", out)?;
    let _claim = request.claim(lock_beside(out))?;
    if out.exists() && !request.force {
        return Err(request.refused("it exists; choose another name, or --force to replace it").into());
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
    let (mut zip, mut made) = (ZipWriter::resumable(out)?, 0);
    let temporary = zip.temporary().to_owned();
    // What earlier calls left goes only when as much of it is in the new file, which stays where it is after any error.
    match fill(sampler, request, stop, best, &mut zip, &mut made) {
        Ok(None) => {
            leftovers.iter().try_for_each(fs::remove)?;
            zip.commit()?;
            let bytes = std::fs::metadata(out).map_or(0, |facts| facts.len());
            Ok(Outcome::Done { made, bytes })
        }
        Ok(Some(code)) => {
            let kept = before + made;
            zip.leave()?;
            match kept {
                0 => fs::remove(&temporary)?,
                _ => leftovers.iter().try_for_each(fs::remove)?,
            }
            Ok(Outcome::Stopped { kept, code })
        }
        Err(error) => {
            drop(zip);
            let kept = usable_of(&temporary, request).unwrap_or(0);
            // The first error is the one to report; what cannot be removed now is found by the next call.
            match kept > before {
                true => leftovers.iter().for_each(|path| drop(fs::remove(path))),
                false => drop(fs::remove(&temporary)),
            }
            if kept.max(before) > 0 {
                tracing::warn!("{} of {} pictures are kept; the same command goes on", kept.max(before), request.seeds.count());
            }
            Err(error)
        }
    }
}

/// Puts everything into `zip`, first what of `best` can be used, and counts in `made` what is new; the exit code to end with, if a signal
/// came.
fn fill(
    sampler: &Sampler,
    request: &Request,
    stop: &Stop,
    best: Option<(&PathBuf, u64)>,
    zip: &mut ZipWriter,
    made: &mut u64,
) -> Result<Option<u8>> {
    zip.add(MANIFEST, &Manifest::new(&request.maker, &request.seeds).to_bytes()?)?;
    if let Some((path, usable)) = best {
        copy(path, usable, zip)?;
    }
    let before = best.map_or(0, |(_, usable)| usable);
    let work = Work { seeds: request.seeds.iter().skip(before as usize), total: request.seeds.count(), before };
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

/// How many pictures of an unfinished zip can be gone on from: whole ones, the first of those asked for.
///
/// # Errors
/// When it holds pictures of another request and there is no `--force`, or it cannot be read.
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
        // The zip has a sum of every picture; only one whose header was still to be written can be empty.
        if bytes.is_empty() || differences.is_empty() && !has_extent(&bytes, &request.maker) {
            return Ok(false);
        }
        match expected.next() {
            Some(seed) if others == 0 && differences.is_empty() && request.maker.naming.name_of(seed) == name => usable += 1,
            _ => others += 1,
        }
        Ok(true)
    })?;
    if others == 0 {
        return Ok(usable);
    }
    if request.force {
        // Of the same maker what comes first can still be used.
        return Ok(usable);
    }
    let mend = "ask for the same again, choose another --out, or --force to start over";
    let what = match &differences[..] {
        [] => {
            let (there, asked, seeds) = (usable + others, request.seeds.count(), request.seeds.shown());
            format!("an interrupted call left {there} pictures, which are not the first of the {asked} of seeds {seeds}")
        }
        _ => format!("an interrupted call left {others} pictures of another request: {}", differences.join("; ")),
    };
    Err(request.refused(&format!("{what}. Then {mend}")).into())
}

/// Copies the first `pictures` pictures of an unfinished zip.
fn copy(path: &Path, pictures: u64, zip: &mut ZipWriter) -> Result<()> {
    let mut left = pictures;
    read_leftover(path, LARGEST, |name, bytes| -> Result<bool> {
        if name != MANIFEST {
            zip.add(name, &bytes)?;
            left -= 1;
        }
        Ok(left > 0)
    })
}
