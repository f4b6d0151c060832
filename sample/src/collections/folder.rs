//! Pictures as files in a folder. Each file appears atomically but is not synced: syncing thousands
//! of small files takes longer than generating them. Existing pictures are therefore verified, and
//! one torn by a power cut is generated again.

use std::collections::HashSet;
use std::path::Path;

use anyhow::Result;
use rayon::prelude::*;
use shared::archive::{Archive, stylegan};
use shared::fs::{self, FsError, TEMPORARY_SUFFIX};
use shared::nn::sampler::Sampler;
use shared::signal::Stop;

use super::manifest::{MANIFEST, Maker, Manifest};
use super::naming::Naming;
use super::pipeline::{self, Encoded, Work};
use super::request::{Outcome, Request};
use super::whole::{is_whole, most_bytes};
use crate::output::{self, lock_name};

/// Maximum bytes of a `sample.json`, enough for about ten thousand ranges of seeds.
const MANIFEST_LIMIT: u64 = 4 << 20;

/// The contents of a folder with a `sample.json`.
#[derive(Debug, Default)]
struct Found {
    /// Pictures with a name of ours, and their seeds.
    pictures: Vec<(String, Naming, u64)>,
    /// Leftovers of killed processes.
    temporary: Vec<String>,
    /// `dataset.json` exists.
    labels: bool,
}

/// Fills the folder `request.out`.
///
/// # Errors
/// Those of [`super::target::write`].
pub(super) fn write(sampler: &Sampler, request: &Request, stop: &Stop) -> Result<Outcome> {
    let out = &request.out;
    if out.exists() && !out.is_dir() {
        return Err(request
            .refused("it is a file; name a folder, or a file that ends in .zip")
            .into());
    }
    output::check_parent("--out", out)?;
    let is_new = !out.exists();
    fs::create_folder(out)?;
    let outcome = fill(sampler, request, stop);
    if outcome.is_err() && is_new && is_empty(out) {
        // The first error is the one to report.
        let _ = fs::remove(out);
    }
    outcome
}

fn fill(sampler: &Sampler, request: &Request, stop: &Stop) -> Result<Outcome> {
    let (out, maker) = (&request.out, &request.maker);
    let _claim = request.claim(out.join(lock_name("")))?;
    let manifest = Manifest::new(maker, &request.seeds).to_bytes()?;
    let found = match out.join(MANIFEST).exists() {
        true => Found::list(request)?,
        false => Found::nothing(request)?,
    };
    let pictures = found.accept(request)?;
    for name in &found.temporary {
        fs::remove(out.join(name))?;
    }
    if fs::read(out.join(MANIFEST)).ok().as_ref() != Some(&manifest) {
        // Labels of fewer pictures than exist would stop a trainer; they are rewritten at the end.
        if found.labels {
            fs::remove(out.join(stylegan::LABELS))?;
        }
        fs::write(out.join(MANIFEST), &manifest)?;
    }
    let kept = whole_of(out, &pictures, maker)?;
    let (mut bytes, mut made) = (kept.iter().map(|(_, bytes)| bytes).sum::<u64>(), 0);
    let kept: HashSet<u64> = kept.into_iter().map(|(seed, _)| seed).collect();
    let (total, before) = (request.seeds.count(), kept.len() as u64);
    let missing = request.seeds.iter().filter(|seed| !kept.contains(seed));
    let mut folders = HashSet::new();
    let stopped =
        pipeline::run(sampler, request, Work { seeds: missing, total, before }, stop, |chunk| {
            let named = |(seed, png): Encoded| (out.join(maker.naming.name_of(seed)), png);
            let files: Vec<_> = chunk.into_iter().map(named).collect();
            for folder in files.iter().filter_map(|(path, _)| path.parent()) {
                if folder != out && !folders.contains(folder) {
                    fs::create_folder(folder)?;
                    folders.insert(folder.to_owned());
                }
            }
            files.par_iter().try_for_each(|(path, png)| fs::write_unsynced(path, &[png]))?;
            made += files.len() as u64;
            bytes += files.iter().map(|(_, png)| png.len() as u64).sum::<u64>();
            Ok(())
        })?;
    if let Some(code) = stopped {
        return Ok(Outcome::Stopped { kept: before + made, code });
    }
    if let Some(labels) = request.labels(sampler) {
        fs::write(out.join(stylegan::LABELS), labels.as_bytes())?;
    }
    Ok(Outcome::Done { made, bytes })
}

/// Leftovers of killed processes in `folder` and its subfolders, with names relative to `prefix`;
/// [`Archive`] hides them.
fn temporaries(folder: &Path, prefix: &str) -> Result<Vec<String>> {
    let failed = |source| FsError { operation: "list", path: folder.to_owned(), source };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type().map_err(failed)?.is_dir() {
            found.extend(temporaries(&entry.path(), &format!("{name}/"))?);
        } else if name.ends_with(TEMPORARY_SUFFIX) && name != lock_name("") {
            found.push(name);
        }
    }
    Ok(found)
}

impl Found {
    /// Lists a folder without `sample.json`.
    ///
    /// # Errors
    /// When it contains more than hidden files and those of the system: their origin is unknown.
    fn nothing(request: &Request) -> Result<Self> {
        let out = &request.out;
        let failed = |source| FsError { operation: "list", path: out.clone(), source };
        let mut found = Self::default();
        for entry in std::fs::read_dir(out).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name().to_string_lossy().into_owned();
            if fs::byproduct(name.as_bytes()).is_none() {
                let what = format!(
                    "it contains {name}, but no {MANIFEST} with its origin; choose another --out"
                );
                return Err(request.refused(&what).into());
            }
            if name.ends_with(TEMPORARY_SUFFIX) && name != lock_name("") {
                found.temporary.push(name);
            }
        }
        Ok(found)
    }

    /// Lists a folder and its subfolders. Other files, such as notes, are ignored.
    ///
    /// # Errors
    /// When there is a picture with a foreign name: it would be measured with the others.
    fn list(request: &Request) -> Result<Self> {
        let archive = Archive::open(&request.out)?;
        let foreign: HashSet<usize> = archive.pictures().collect();
        let mut found = Self { temporary: temporaries(&request.out, "")?, ..Self::default() };
        for (i, name) in archive.names().iter().map(ToString::to_string).enumerate() {
            let ours =
                Naming::ALL.iter().find_map(|naming| Some((*naming, naming.seed_of(&name)?)));
            match ours {
                Some((naming, seed)) => found.pictures.push((name, naming, seed)),
                None if foreign.contains(&i) => {
                    let what = format!(
                        "it contains {name}, which sample did not write; choose another --out"
                    );
                    return Err(request.refused(&what).into());
                }
                None if name == stylegan::LABELS => found.labels = true,
                None => {}
            }
        }
        Ok(found)
    }

    /// The existing pictures that belong to the request; with `--force` the others are removed.
    ///
    /// # Errors
    /// When there are pictures of another request without `--force`, or `sample.json` is damaged.
    fn accept(&self, request: &Request) -> Result<Vec<(String, u64)>> {
        let (out, maker) = (&request.out, &request.maker);
        if self.pictures.is_empty() {
            return Ok(Vec::new());
        }
        let path = out.join(MANIFEST);
        let made = match Manifest::from_bytes(&fs::read_bounded(&path, MANIFEST_LIMIT)?, &path) {
            Ok(there) => there.maker.differences(maker),
            Err(error) if request.force => vec![error.to_string()],
            Err(error) => return Err(error.into()),
        };
        if !made.is_empty() && !request.force {
            let mend = "Repeat that request, choose another --out, or use --force to start over";
            return Err(request
                .refused(&format!(
                    "its pictures are of another request: {}. {mend}",
                    made.join("; ")
                ))
                .into());
        }
        let stays = |naming: Naming, seed| {
            made.is_empty() && naming == maker.naming && request.seeds.contains(seed)
        };
        let (stay, go): (Vec<_>, Vec<_>) =
            self.pictures.iter().partition(|(_, naming, seed)| stays(*naming, *seed));
        if !go.is_empty() && !request.force {
            let (there, asked) = (self.pictures.len(), request.seeds.count());
            let what = format!(
                "it contains {there} pictures, {} of them not among the {asked} of seeds {}",
                go.len(),
                request.seeds.shown()
            );
            let mend = "include all of them (-n, --seed-start), choose another --out, or use --force to remove them";
            return Err(request.refused(&format!("{what}; {mend}")).into());
        }
        // The labels go first: labels of missing pictures would stop a trainer.
        if !go.is_empty() && self.labels {
            fs::remove(out.join(stylegan::LABELS))?;
        }
        let mut folders = HashSet::new();
        for (name, ..) in go {
            let path = out.join(name);
            fs::remove(&path)?;
            folders.extend(path.parent().filter(|folder| folder != out).map(Path::to_owned));
        }
        folders.iter().filter(|folder| is_empty(folder)).try_for_each(fs::remove)?;
        Ok(stay.into_iter().map(|(name, _, seed)| (name.clone(), *seed)).collect())
    }
}

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none())
}

/// The seed and bytes of each intact picture.
fn whole_of(out: &Path, pictures: &[(String, u64)], maker: &Maker) -> Result<Vec<(u64, u64)>> {
    let look = |(name, seed): &(String, u64)| {
        let png = fs::read_bounded(out.join(name), most_bytes(maker)).unwrap_or_default();
        if !is_whole(&png, maker) {
            tracing::warn!("{name} is damaged: it is generated again");
            return None;
        }
        Some((*seed, png.len() as u64))
    };
    Ok(pictures.par_iter().filter_map(look).collect())
}
