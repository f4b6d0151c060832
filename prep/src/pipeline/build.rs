//! A build: listing the sources, preparing what is missing, and writing the data set or a part of
//! it.

use std::path::{Path, PathBuf};
use std::time::Instant;

use shared::dataset::MANIFEST;
use shared::fs;
use shared::log::Progress;
use shared::signal::Stop;
use shared::threads::Pool;

use super::assemble::{Assembled, Assembler};
use super::error::BuildError;
use super::options::BuildOptions;
use super::outcome::{BuildOutcome, BuildReport};
use super::plan::Plan;
use super::prepare::{PreparedPicture, Preparer};
use super::record::PictureRecord;
use super::work::WorkFolder;
use super::{queue, up_to_date, work};
use crate::dataset::files::{is_ours, part_name};
use crate::dataset::folder;
use crate::source::account;

/// Pictures that a thread takes at a time …
const GROUP: usize = 8;
/// … unless there are few.
const SMALL_BUILD: usize = 512;
/// Largest number of bytes of prepared pictures that wait to be written.
const WAITING_BYTES: usize = 16 << 20;

/// Builds the data set or a part of it, resumes an interrupted build, or finds that the data set is
/// up to date.
///
/// # Errors
/// When the source cannot be used, the folder holds something else, or writing fails; the folder is
/// then as it was.
pub fn build(options: &BuildOptions, stop: &Stop) -> Result<BuildOutcome, BuildError> {
    let started = Instant::now();
    // First, because listing the source may take a while.
    folder::check(&options.out)?;
    let threads = Pool::new(options.jobs);
    let plan = threads.install(|| Plan::new(options))?;
    let out = folder::resolve(&options.out)?;
    folder::holds_only(&out, is_ours)?;
    let stopped = || BuildOutcome::Stopped(stop.exit_code().unwrap_or(130));
    let described = work::describe(&plan, options);
    let account = account::lines(&plan.manifest.account);
    if let Some((part, of)) = options.part {
        if !out.exists() {
            // A merge killed at its very end leaves the parts under another name.
            fs::recover_folder(&out)?;
        }
        refuse_data_set(&out, options)?;
        fs::create_folder(&out)?;
        let path = out.join(part_name(part, of));
        let _claim = folder::claim(&path)?;
        tracing::info!("{}", account.trim_end());
        let work_folder = WorkFolder::resume(path, described)?;
        return Ok(match run(&plan, options, &work_folder, stop, |_, _| Ok(()))? {
            Some(_) => BuildOutcome::Part(work_folder.path().to_owned(), work_folder.work.taken()),
            None => stopped(),
        });
    }
    let _claim = folder::claim(&out)?;
    fs::recover_folder(&out)?;
    if let Some(manifest) = threads.install(|| up_to_date::existing(&out, &plan, options))? {
        // A build killed after its last rename leaves this.
        fs::remove(beside(&out))?;
        return Ok(BuildOutcome::UpToDate(manifest));
    }
    tracing::info!("{}", account.trim_end());
    let guard = Guard { folder: WorkFolder::resume(beside(&out), described)? };
    tracing::debug!("listed after {:.3} s", started.elapsed().as_secs_f64());
    let Some((resumed, report)) =
        guard.unless_failed(whole(&plan, options, &guard.folder, &out, stop))?
    else {
        return Ok(guard.keep(stopped()));
    };
    tracing::debug!("written after {:.3} s", started.elapsed().as_secs_f64());
    fs::remove(guard.folder.path())?;
    let Assembled { manifest, pictures, notes } = report;
    Ok(BuildOutcome::Built(BuildReport {
        manifest,
        pictures,
        resumed,
        notes,
        seconds: started.elapsed().as_secs_f64(),
    }))
}

/// Prepares all pictures and writes the data set; returns how many had been prepared before, or
/// `None` after a signal.
fn whole(
    plan: &Plan,
    options: &BuildOptions,
    folder: &WorkFolder,
    out: &Path,
    stop: &Stop,
) -> Result<Option<(u64, Assembled)>, BuildError> {
    let mut assembler = Assembler::new(&folder.work, out)?;
    let taken = |records: &[PictureRecord], pixels: &[&[u8]]| {
        assembler.push(records, &mut pixels.iter().copied())
    };
    let Some(resumed) = run(plan, options, folder, stop, taken)? else { return Ok(None) };
    tracing::debug!("all pictures prepared");
    Ok(assembler.finish(std::slice::from_ref(folder), stop)?.map(|report| (resumed, report)))
}

/// The work folder of the data set `out`.
fn beside(out: &Path) -> PathBuf {
    let name = out.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    out.with_file_name(format!(".{name}.work{}", fs::TEMPORARY_SUFFIX))
}

/// A work folder that is removed when a build fails, so that a full disk is not left full; it stays
/// after a kill or a signal.
struct Guard {
    folder: WorkFolder,
}

impl Guard {
    fn unless_failed<T>(&self, result: Result<T, BuildError>) -> Result<T, BuildError> {
        if result.is_err() {
            // The first error is the one to report.
            let _ = fs::remove(self.folder.path());
        }
        result
    }

    fn keep(self, outcome: BuildOutcome) -> BuildOutcome {
        tracing::info!(
            "finished work is kept in {}; the same command resumes",
            self.folder.path().display()
        );
        outcome
    }
}

/// Prepares the pictures of the missing chunks, and passes every chunk to `taken` in the order of
/// the plan: its records, and the pixels of each of their crops that has some.
/// Returns how many pictures had been prepared before, or `None` after a signal.
fn run(
    plan: &Plan,
    options: &BuildOptions,
    folder: &WorkFolder,
    stop: &Stop,
    mut taken: impl FnMut(&[PictureRecord], &[&[u8]]) -> Result<(), BuildError>,
) -> Result<Option<u64>, BuildError> {
    let all = folder.work.first..folder.work.end;
    let missing: Vec<u64> = folder.missing().collect();
    let places: Vec<u64> = missing.iter().flat_map(|&chunk| folder.work.range(chunk)).collect();
    let resumed = folder.work.taken() as usize - places.len();
    if resumed > 0 {
        tracing::info!(
            "{resumed} of {} pictures were prepared before; resuming",
            resumed + places.len()
        );
    }
    let preparer = Preparer::new(plan, options, false);
    let progress = Progress::new("prep build", places.len() as u64);
    // A thread takes several pictures at a time, so that threads rarely wake each other.
    let group = if places.len() < SMALL_BUILD { 1 } else { GROUP };
    let groups: Vec<&[u64]> = places.chunks(group).collect();
    let window = WAITING_BYTES / folder.work.manifest.layout().pixel_bytes() / group;
    let mut chunks = all.peekable();
    let mut given = missing.iter().copied().peekable();
    // Existing chunks are passed on when those before them are done.
    let mut hand_over = |waiting: &mut Vec<PreparedPicture>| -> Result<(), BuildError> {
        while let Some(&chunk) = chunks.peek() {
            if given.peek() != Some(&chunk) {
                let there = folder.read(chunk)?;
                let pixels: Vec<&[u8]> = there.pixels(&folder.work.manifest).collect();
                taken(&there.records, &pixels)?;
            } else if waiting.len() == folder.work.range(chunk).count() {
                given.next();
                let (records, pixels) = folder.write(chunk, std::mem::take(waiting))?;
                let crops = records.iter().zip(&pixels).flat_map(|(record, pixels)| {
                    pixels.chunks_exact(record.layout(&folder.work.manifest).pixel_bytes())
                });
                taken(&records, &crops.collect::<Vec<_>>())?;
            } else {
                return Ok(());
            }
            chunks.next();
        }
        Ok(())
    };
    let mut waiting: Vec<PreparedPicture> = Vec::new();
    hand_over(&mut waiting)?;
    let prepare =
        |&place: &u64| stop.exit_code().is_none().then(|| preparer.prepare(place as usize));
    let work = |i: usize| groups[i].iter().map(prepare).collect::<Option<Vec<PreparedPicture>>>();
    let sink = |_, prepared: Option<Vec<PreparedPicture>>| {
        for prepared in prepared.ok_or(None)? {
            progress.add(1);
            waiting.push(prepared);
            hand_over(&mut waiting).map_err(Some)?;
        }
        Ok(())
    };
    match queue::in_order(
        options.jobs,
        groups.len(),
        window.clamp(2 * options.jobs, 256),
        work,
        sink,
    ) {
        Ok(()) => Ok(Some(resumed as u64)),
        Err(None) => Ok(None),
        Err(Some(error)) => Err(error),
    }
}

/// Refuses to build a part inside a data set.
fn refuse_data_set(out: &Path, options: &BuildOptions) -> Result<(), BuildError> {
    if out.join(MANIFEST).exists() {
        let what = "it holds a data set; choose another --out for the parts".into();
        return Err(folder::refused(&options.out, what).into());
    }
    Ok(())
}
