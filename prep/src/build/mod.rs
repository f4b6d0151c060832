//! Sources become a data set: pictures are read, decoded, cut and scaled on all cores, and written in the order of the listing, so
//! that the bytes are the same for any number of threads, of parts, and of interruptions.
//!
//! | module | holds |
//! |---|---|
//! | [`options`] | what to build, and how the manifest notes it |
//! | [`plan`] | which pictures, settled before the first is read |
//! | [`prepare`] | one picture |
//! | [`queue`] | many pictures on several threads, in order, in bounded memory |
//! | [`work`] | where prepared pictures wait, so that a killed build goes on |
//! | [`assemble`] | what depends on all pictures, and writing the data set |
//! | `parts` | a build in parts, and their joining |
//! | `existing` | whether what is there is what was asked for |
//! | [`trial`] | what each filter would leave out |

pub mod assemble;
mod error;
mod existing;
pub mod options;
mod parts;
pub mod plan;
pub mod prepare;
pub mod queue;
mod splits;
pub mod trial;
pub mod work;

use std::path::{Path, PathBuf};
use std::time::Instant;

use shared::dataset::{MANIFEST, Manifest};
use shared::fs;
use shared::log::Progress;
use shared::signal::Stop;
use shared::threads::Pool;

use self::assemble::Assembler;
pub use self::assemble::Notes;
pub use self::error::BuildError;
pub use self::options::{Division, Options, Side};
pub use self::parts::merge;
use self::parts::part_numbers;
use self::plan::Plan;
use self::prepare::{Outcome as Prepared, Preparer, Record};
use self::work::Folder;
use crate::account;
use crate::output;
use crate::reject::REJECTS;

/// The name of the sheet of pictures in a data set's folder.
pub const PREVIEW: &str = "preview.png";
/// Pictures that a thread takes at a time …
const GROUP: usize = 8;
/// … unless there are few.
const SMALL_BUILD: usize = 512;
/// Prepared pictures that wait for their turn to be written, at most, in bytes.
const WAITING_BYTES: usize = 16 << 20;

/// The parts of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// For training.
    Train,
    /// For measuring while training.
    Val,
    /// For measuring at the end.
    Test,
}

impl Split {
    /// All, in the order in which they are written.
    pub const ALL: [Self; 3] = [Self::Train, Self::Val, Self::Test];

    /// The name in files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Val => "val",
            Self::Test => "test",
        }
    }
}

/// How a build ended.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// The data set was there already, from the same source and settings.
    UpToDate(Manifest),
    /// The data set was written.
    Built(Report),
    /// A part was made, of so many pictures; `prep merge` joins it with the others.
    Part(PathBuf, u64),
    /// A signal came; the data set is as it was, and the same command goes on. The exit code to end with.
    Stopped(u8),
}

/// What a build did.
#[derive(Clone, Debug)]
pub struct Report {
    /// The data set's manifest.
    pub manifest: Manifest,
    /// Pictures looked at, rejected ones included.
    pub pictures: u64,
    /// Those of them that an interrupted build had prepared already.
    pub resumed: u64,
    /// What there is to say beside the manifest.
    pub notes: Notes,
    /// How long it took.
    pub seconds: f64,
}

/// Builds the data set or a part of it, goes on with one that was interrupted, or finds that it is there already.
///
/// # Errors
/// When the source cannot be used, the folder holds something else, or writing fails; the folder is then as it was.
pub fn build(options: &Options, stop: &Stop) -> Result<Outcome, BuildError> {
    let started = Instant::now();
    // Before the source is listed, which may take a while.
    output::check(&options.out)?;
    let threads = Pool::new(options.jobs);
    let plan = threads.install(|| Plan::new(options))?;
    let out = output::resolve(&options.out)?;
    output::holds_only(&out, is_ours)?;
    let stopped = || Outcome::Stopped(stop.exit_code().unwrap_or(130));
    let described = work::describe(&plan, options);
    let account = account::lines(&plan.manifest.account);
    if let Some((part, of)) = options.part {
        if !out.exists() {
            // A merge that was killed at its very end has the parts under another name.
            fs::recover_folder(&out)?;
        }
        parts::refuse_data_set(&out, options)?;
        fs::create_folder(&out)?;
        let path = out.join(parts::part_name(part, of));
        let _claim = output::claim(&path)?;
        tracing::info!("{}", account.trim_end());
        let folder = Folder::resume(path, described)?;
        return Ok(match run(&plan, options, &folder, stop, |_, _| Ok(()))? {
            Some(_) => Outcome::Part(folder.path().to_owned(), folder.work.taken()),
            None => stopped(),
        });
    }
    let _claim = output::claim(&out)?;
    fs::recover_folder(&out)?;
    if let Some(manifest) = threads.install(|| existing::existing(&out, &plan, options))? {
        // Killed between its last rename and its end, a build leaves this.
        fs::remove(beside(&out))?;
        return Ok(Outcome::UpToDate(manifest));
    }
    tracing::info!("{}", account.trim_end());
    let guard = Guard { folder: Folder::resume(beside(&out), described)? };
    tracing::debug!("listed after {:.3} s", started.elapsed().as_secs_f64());
    let Some((resumed, report)) = guard.unless_failed(whole(&plan, options, &guard.folder, &out, stop))? else {
        return Ok(guard.keep(stopped()));
    };
    tracing::debug!("written after {:.3} s", started.elapsed().as_secs_f64());
    fs::remove(guard.folder.path())?;
    let assemble::Report { manifest, pictures, notes } = report;
    Ok(Outcome::Built(Report { manifest, pictures, resumed, notes, seconds: started.elapsed().as_secs_f64() }))
}

/// Prepares all pictures and writes the data set; gives how many were prepared before, or `None` if a signal came.
fn whole(
    plan: &Plan,
    options: &Options,
    folder: &Folder,
    out: &Path,
    stop: &Stop,
) -> Result<Option<(u64, assemble::Report)>, BuildError> {
    let mut assembler = Assembler::new(&folder.work, out)?;
    let bytes = folder.work.manifest.layout().pixel_bytes();
    let taken = |records: &[Record], pixels: &[&[u8]]| {
        assembler.push(records, &mut pixels.iter().flat_map(|pixels| pixels.chunks_exact(bytes)))
    };
    let Some(resumed) = run(plan, options, folder, stop, taken)? else { return Ok(None) };
    tracing::debug!("all pictures prepared");
    Ok(assembler.finish(std::slice::from_ref(folder), stop)?.map(|report| (resumed, report)))
}

/// Where pictures wait while the data set `out` is built.
fn beside(out: &Path) -> PathBuf {
    let name = out.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    out.with_file_name(format!(".{name}.work{}", fs::TEMPORARY_SUFFIX))
}

/// A work folder that goes when a build fails, so that a full disk is not left full; it stays when the build is killed or stopped.
struct Guard {
    folder: Folder,
}

impl Guard {
    fn unless_failed<T>(&self, result: Result<T, BuildError>) -> Result<T, BuildError> {
        if result.is_err() {
            // The first error is the one to report.
            let _ = fs::remove(self.folder.path());
        }
        result
    }

    fn keep(self, outcome: Outcome) -> Outcome {
        tracing::info!("what is done is kept in {}; the same command goes on from there", self.folder.path().display());
        outcome
    }
}

/// Prepares the pictures of the chunks that are missing, and hands every chunk, its records and their pixels in any number of pieces, to `taken` in the order of the
/// plan; gives how many pictures were there already, or `None` if a signal came.
fn run(
    plan: &Plan,
    options: &Options,
    folder: &Folder,
    stop: &Stop,
    mut taken: impl FnMut(&[Record], &[&[u8]]) -> Result<(), BuildError>,
) -> Result<Option<u64>, BuildError> {
    let all = folder.work.first..folder.work.end;
    let missing: Vec<u64> = folder.missing().collect();
    let places: Vec<u64> = missing.iter().flat_map(|&chunk| folder.work.range(chunk)).collect();
    let resumed = folder.work.taken() as usize - places.len();
    if resumed > 0 {
        tracing::info!("{resumed} of {} pictures were prepared before; going on", resumed + places.len());
    }
    let preparer = Preparer::new(plan, options, false);
    let progress = Progress::new("prep build", places.len() as u64);
    // A thread takes several pictures at a time, so that threads seldom wake each other.
    let group = if places.len() < SMALL_BUILD { 1 } else { GROUP };
    let groups: Vec<&[u64]> = places.chunks(group).collect();
    let window = WAITING_BYTES / folder.work.manifest.layout().pixel_bytes() / group;
    let mut chunks = all.peekable();
    let mut given = missing.iter().copied().peekable();
    // Chunks that are there are handed over when those before them are done.
    let mut hand_over = |waiting: &mut Vec<Prepared>| -> Result<(), BuildError> {
        while let Some(&chunk) = chunks.peek() {
            if given.peek() != Some(&chunk) {
                let there = folder.read(chunk)?;
                let pixels: Vec<&[u8]> = there.pixels(folder.work.manifest.layout()).collect();
                taken(&there.records, &pixels)?;
            } else if waiting.len() == folder.work.range(chunk).count() {
                given.next();
                let (records, pixels) = folder.write(chunk, std::mem::take(waiting))?;
                taken(&records, &pixels.iter().map(Vec::as_slice).collect::<Vec<_>>())?;
            } else {
                return Ok(());
            }
            chunks.next();
        }
        Ok(())
    };
    let mut waiting: Vec<Prepared> = Vec::new();
    hand_over(&mut waiting)?;
    let prepare = |&place: &u64| stop.exit_code().is_none().then(|| preparer.prepare(place as usize));
    let work = |i: usize| groups[i].iter().map(prepare).collect::<Option<Vec<Prepared>>>();
    let sink = |_, prepared: Option<Vec<Prepared>>| {
        for prepared in prepared.ok_or(None)? {
            progress.add(1);
            waiting.push(prepared);
            hand_over(&mut waiting).map_err(Some)?;
        }
        Ok(())
    };
    match queue::in_order(options.jobs, groups.len(), window.clamp(2 * options.jobs, 256), work, sink) {
        Ok(()) => Ok(Some(resumed as u64)),
        Err(None) => Ok(None),
        Err(Some(error)) => Err(error),
    }
}

/// Whether a file of that name is part of a data set or of a build in parts.
fn is_ours(name: &str) -> bool {
    [MANIFEST, REJECTS, PREVIEW].contains(&name) || name.ends_with(".shard") || part_numbers(name).is_some()
}
