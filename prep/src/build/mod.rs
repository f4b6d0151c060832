//! A source becomes a data set: pictures are read, decoded, cut and scaled on all cores, and written in the order of the listing,
//! so that the bytes are the same for any number of threads.
//!
//! Everything is written in a folder beside the final one, which takes its name at the end: whoever looks sees the old data
//! set or the new one, at every moment and after every crash.

mod plan;
mod splits;

use std::path::PathBuf;
use std::time::Instant;

use rayon::prelude::*;
use shared::archive::{Archive, ArchiveError, Name};
use shared::cli::{DataError, UsageError};
use shared::dataset::{self, Dataset, DatasetError, FileSummary, MANIFEST, Manifest};
use shared::fs::{self, AtomicFolder, FsError};
use shared::log::Progress;
use shared::picture::{self, Picture, PictureError};
use shared::sealed::SealedError;
use shared::shard::{Layout, ShardError};
use shared::signal::Stop;
use thiserror::Error;

use crate::area;
use crate::crop::Window;
use crate::cub::{CubError, Entry};
use crate::fingerprint::{self, FileHash};
use crate::output::{self, OutputError};
use crate::reject::{self, Fault, REJECTS, Reason, Reject};
use crate::sheet;
use crate::verify::verify;
pub use plan::{CropRule, Plan, Split};
use splits::SplitWriter;

/// The name of the sheet of pictures in a data set's folder.
pub const PREVIEW: &str = "preview.png";
/// Pictures of one batch wait in memory until they are written; enough of them to keep all threads busy.
const BATCH_PICTURES: usize = 512;
/// … but no more than this, in bytes.
const BATCH_BYTES: usize = 64 << 20;

/// What to build, from what, and how.
#[derive(Clone, Debug)]
pub struct Options {
    /// A folder or a zip file.
    pub source: PathBuf,
    /// The data set's folder.
    pub out: PathBuf,
    /// Height and width of the pictures, in pixels.
    pub size: u32,
    /// Which part of a picture is taken.
    pub crop: CropRule,
    /// Where the splits come from.
    pub division: dataset::Division,
    /// The classes to take, by name or number; empty: all.
    pub classes: Vec<String>,
    /// Threads.
    pub jobs: usize,
    /// Replace another data set.
    pub force: bool,
    /// Memory that one picture may take while it is decoded, in MiB.
    pub max_picture_mb: u64,
    /// The most bytes of one shard.
    pub shard_bytes: u64,
}

/// A shard of this size is copied, checked and cached as one piece without hurry.
pub const SHARD_BYTES: u64 = 256 << 20;

/// Why nothing was built.
#[derive(Debug, Error)]
pub enum BuildError {
    /// The source cannot be read.
    #[error("{0}")]
    Archive(#[from] ArchiveError),
    /// The listing cannot be used.
    #[error("{0}")]
    Cub(#[from] CubError),
    /// The options do not fit the source.
    #[error("{0}")]
    Usage(#[from] UsageError),
    /// The folder must not be written.
    #[error("{0}")]
    Output(#[from] OutputError),
    /// Writing failed.
    #[error("{0}")]
    File(#[from] FsError),
    /// Writing a shard failed.
    #[error("{0}")]
    Shard(#[from] ShardError),
    /// Writing the manifest failed.
    #[error("{0}")]
    Manifest(#[from] SealedError),
    /// The preview cannot be encoded.
    #[error("{0}")]
    Preview(#[from] PictureError),
    /// What was just written cannot be read.
    #[error("{0}")]
    Dataset(#[from] DatasetError),
    /// No picture for training is left.
    #[error("{path} gives no picture for training")]
    NothingLeft {
        /// The source.
        path: PathBuf,
        /// How many pictures were rejected, and why.
        source: DataError,
    },
    /// The threads cannot be started.
    #[error("cannot start {jobs} threads")]
    Threads {
        /// How many were asked for.
        jobs: usize,
        /// What the system said.
        source: rayon::ThreadPoolBuildError,
    },
}

/// How a build ended.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// The data set was there already, from the same source and settings.
    UpToDate(Manifest),
    /// The data set was written.
    Built(Report),
    /// A signal came; nothing was changed. The exit code to end with.
    Stopped(u8),
}

/// What a build did.
#[derive(Clone, Debug)]
pub struct Report {
    /// The data set's manifest.
    pub manifest: Manifest,
    /// Pictures looked at, rejected ones included.
    pub pictures: usize,
    /// How long it took.
    pub seconds: f64,
}

/// Builds the data set, or finds that it is there already.
///
/// # Errors
/// When the source cannot be used, the folder holds something else, or writing fails; the folder is then as it was.
pub fn build(options: &Options, stop: &Stop) -> Result<Outcome, BuildError> {
    let threads = rayon::ThreadPoolBuilder::new().num_threads(options.jobs).build();
    let threads = threads.map_err(|source| BuildError::Threads { jobs: options.jobs, source })?;
    threads.install(|| {
        let archive = Archive::open(&options.source)?;
        let plan = Plan::new(&archive, options)?;
        let out = output::resolve(&options.out)?;
        output::holds_only(&out, is_ours)?;
        if let Some(manifest) = existing(&out, &archive, &plan, options)? {
            return Ok(Outcome::UpToDate(manifest));
        }
        let builder = Builder { archive: &archive, plan: &plan, options, stop };
        match builder.run(&out)? {
            Some(report) => Ok(Outcome::Built(report)),
            None => Ok(Outcome::Stopped(stop.exit_code().unwrap_or(130))),
        }
    })
}

/// Whether a file of that name is part of a data set.
fn is_ours(name: &str) -> bool {
    [MANIFEST, REJECTS, PREVIEW].contains(&name) || name.ends_with(".shard")
}

/// The manifest of the data set that is there, if it is the one asked for. Refuses where another would be lost without `--force`.
fn existing(out: &std::path::Path, archive: &Archive, plan: &Plan, options: &Options) -> Result<Option<Manifest>, BuildError> {
    if output::is_free(out)? {
        return Ok(None);
    }
    match unchanged(out, archive, plan, options) {
        // Replaces only what differs, so that scripts may always say --force.
        Err(BuildError::Output(_)) if options.force => Ok(None),
        Ok(_) if options.force && verify(out).is_ok_and(|found| !found.damaged.is_empty()) => Ok(None),
        found => found.map(Some),
    }
}

/// The manifest of the data set that is there, which must be the one asked for.
fn unchanged(out: &std::path::Path, archive: &Archive, plan: &Plan, options: &Options) -> Result<Manifest, BuildError> {
    let other = |what: &str| output::refused(&options.out, format!("{what}; --force replaces it, another --out keeps it"));
    let opened = Dataset::open(out).map_err(|e| other(&format!("it holds a data set that cannot be used ({e})")))?;
    let manifest = opened.manifest().clone();
    if !plan.same_settings(&manifest) {
        return Err(other("it holds a data set that was built with other settings").into());
    }
    let names = plan.files().cloned().collect();
    let files = fingerprint::of_archive(archive, &plan.root, names, plan.read_limit());
    if fingerprint::of_files(files) != manifest.fingerprint {
        return Err(other("it holds a data set that was built from other pictures").into());
    }
    Ok(manifest)
}

struct Builder<'a> {
    archive: &'a Archive,
    plan: &'a Plan,
    options: &'a Options,
    stop: &'a Stop,
}

/// What became of one picture.
struct Prepared {
    content: FileHash,
    pixels: Result<Vec<u8>, Fault>,
}

impl Builder<'_> {
    /// Writes the data set; `None` if a signal came.
    fn run(&self, out: &std::path::Path) -> Result<Option<Report>, BuildError> {
        let started = Instant::now();
        let Self { plan, options, .. } = self;
        let staged = AtomicFolder::create(out)?;
        let layout = Layout { height: options.size, width: options.size, channels: 3 };
        let mut splits = Split::ALL.map(|split| SplitWriter::new(staged.path(), split.name(), layout, options.shard_bytes));
        let mut rejects = Vec::new();
        let mut files = fingerprint::of_archive(self.archive, &plan.root, plan.tables.clone(), plan.read_limit());
        let progress = Progress::new("prep build", plan.pictures.len() as u64);
        let batch = (BATCH_BYTES / layout.pixel_bytes()).clamp(options.jobs, BATCH_PICTURES.max(options.jobs));
        for entries in plan.pictures.chunks(batch) {
            let prepared: Vec<Option<Prepared>> =
                entries.par_iter().map(|(entry, split)| self.prepare(entry, *split, &progress)).collect();
            for ((entry, split), prepared) in entries.iter().zip(prepared) {
                // None: a signal came while the batch was under way.
                let Some(prepared) = prepared else { return Ok(None) };
                files.push((entry.name.clone(), prepared.content));
                match (prepared.pixels, split) {
                    (Ok(pixels), Some(split)) => splits[*split as usize].push(&pixels, entry.label, u64::from(entry.id))?,
                    (Ok(_), None) => rejects.push(rejected(&entry.name, Fault::new(Reason::NoSplit, entry.id))),
                    (Err(fault), _) => rejects.push(rejected(&entry.name, fault)),
                }
            }
        }
        drop(progress);
        let mut manifest = plan.settings.clone();
        manifest.splits = splits.into_iter().map(SplitWriter::finish).collect::<Result<_, _>>()?;
        manifest.fingerprint = fingerprint::of_files(files);
        manifest.rejects = reject::count(&rejects);
        if manifest.splits[Split::Train as usize].records == 0 {
            return Err(self.nothing_left(&manifest, &rejects));
        }
        let preview = sheet::preview(staged.path(), &manifest.splits[Split::Train as usize])?.to_png()?;
        let lines: String = rejects.iter().map(|reject| serde_json::json!(reject).to_string() + "\n").collect();
        for (name, bytes) in [(PREVIEW, &preview[..]), (REJECTS, lines.as_bytes())] {
            fs::write(staged.path().join(name), bytes)?;
            manifest.files.push(FileSummary::of(name, bytes));
        }
        shared::sealed::write(&staged.path().join(MANIFEST), &manifest)?;
        if self.stop.exit_code().is_some() {
            return Ok(None);
        }
        staged.commit()?;
        Ok(Some(Report { manifest, pictures: plan.pictures.len(), seconds: started.elapsed().as_secs_f64() }))
    }

    /// Reads, decodes, cuts and scales one picture; `None` if a signal came.
    fn prepare(&self, entry: &Entry, split: Option<Split>, progress: &Progress) -> Option<Prepared> {
        if self.stop.exit_code().is_some() {
            return None;
        }
        let mut content = None;
        let pixels = self.read(entry).and_then(|bytes| {
            content = fingerprint::of_bytes(&bytes);
            self.plan.check(entry, split)?;
            let limits = picture::Limits { bytes: self.options.max_picture_mb << 20 };
            let picture = Picture::decode(&bytes, &limits)?;
            Ok(area::crop_and_resize(&picture, self.window(entry, &picture)?, self.options.size))
        });
        progress.add(1);
        Some(Prepared { content, pixels })
    }

    fn read(&self, entry: &Entry) -> Result<Vec<u8>, Fault> {
        let at = self.archive.find(&[&self.plan.root[..], &entry.name.0].concat());
        let at = at.ok_or_else(|| Fault::new(Reason::MissingFile, entry.id))?;
        Ok(self.archive.read(at, self.plan.read_limit())?)
    }

    fn window(&self, entry: &Entry, picture: &Picture) -> Result<Window, Fault> {
        let (width, height) = (picture.width, picture.height);
        let CropRule::Bbox { padding } = self.options.crop else { return Ok(Window::whole(width, height)) };
        let given = entry.bounding_box.ok_or_else(|| Fault::new(Reason::NoBox, entry.id))?;
        let outside = || {
            let place = format!("box {} {} {} {}", given.x, given.y, given.width, given.height);
            Fault::new(Reason::BoxOutside, format!("{place} in a picture of {width}x{height}"))
        };
        given.window(padding, width, height).ok_or_else(outside)
    }

    fn nothing_left(&self, manifest: &Manifest, rejects: &[Reject]) -> BuildError {
        let reasons = manifest.rejects.iter().filter(|(_, n)| **n > 0).map(|(reason, n)| format!("{reason} {n}"));
        let first = rejects.first().map_or(String::new(), |r| format!("; the first: {} ({})", r.file, r.value));
        let why = if rejects.is_empty() { "none was listed".into() } else { reasons.collect::<Vec<_>>().join(", ") };
        BuildError::NothingLeft { path: self.options.source.clone(), source: DataError(format!("{why}{first}")) }
    }
}

fn rejected(name: &Name, fault: Fault) -> Reject {
    Reject { file: name.to_string(), reason: fault.reason.name(), value: fault.value }
}
