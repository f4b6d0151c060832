//! What a start of a run finds and leaves there: the settings it was begun with, which a later start may change in part, and a line in
//! `starts.jsonl` with what a later reader may want to know: when, on what, by which version, and which settings were others from there
//! on. Nothing is computed from that line.

use anyhow::Result;
use burn::tensor::Device;
use serde::Serialize;
use shared::cli::UsageError;
use shared::fs::FsError;
use shared::jsonl::{self, JsonLines};
use shared::nn::config::{Change, RunConfig};
use shared::nn::device::describe;
use shared::nn::run::{Run, Which};
use shared::{clock, fs};

use crate::folder::earlier;

/// The name of the log in the run's folder.
pub const STARTS: &str = "starts.jsonl";

/// One start of a run.
#[derive(Clone, Debug, Serialize)]
pub struct Start {
    /// Steps done before.
    step: u64,
    /// RFC 3339, UTC.
    time: String,
    /// Of several, each in turn.
    device: String,
    /// Of the CPU.
    threads: usize,
    /// Of the program.
    version: &'static str,
    /// Settings that were others before.
    changes: Vec<Change>,
}

impl Start {
    /// A start after `step`, now, on `devices`.
    #[must_use]
    pub fn now(step: u64, devices: &[Device], changes: Vec<Change>) -> Self {
        let device = devices.iter().map(describe).collect::<Vec<_>>().join("; ");
        let (time, threads, version) = (clock::now(), rayon::current_num_threads(), env!("CARGO_PKG_VERSION"));
        Self { step, time, device, threads, version, changes }
    }

    /// Adds it to the run's log, and tells where device or version are others than at the last start.
    ///
    /// # Errors
    /// When the log cannot be read or written.
    pub fn note(&self, run: &Run) -> Result<(), FsError> {
        let path = run.file(STARTS);
        if let Some(last) = jsonl::read(&path)?.last() {
            for (key, now) in [("device", self.device.as_str()), ("version", self.version)] {
                match last[key].as_str() {
                    Some(was) if was != now => tracing::info!("{key}: {was} → {now}"),
                    _ => {}
                }
            }
        }
        let mut lines = JsonLines::open(path, |_| true)?;
        lines.push(self)?;
        lines.sync()
    }
}

/// Takes `config` for the run's settings from now on: refuses what may not change, tells what does, notes the start and what it
/// starts with in `starts.jsonl`, and writes `config.toml`.
///
/// # Errors
/// When a setting differs that the run's state depends on; all of them are named with both values. When a file cannot be written.
pub fn settle(run: &Run, config: &RunConfig, devices: &[Device]) -> Result<()> {
    let changes = earlier(run)?.map_or_else(Vec::new, |earlier| earlier.changes(config));
    refuse(run, &changes)?;
    for Change { key, was, now, .. } in &changes {
        tracing::info!("{key}: {was} → {now}");
    }
    // Noted before it is so: twice rather than never, if the program is killed in between.
    Start::now(run.step_of(Which::Latest)?.unwrap_or(0), devices, changes).note(run)?;
    Ok(fs::write(run.file("config.toml"), toml::to_string(config)?.as_bytes())?)
}

/// Refuses the changes that a run cannot go on with.
///
/// # Errors
/// When there are such; all of them are named with both values.
pub fn refuse(run: &Run, changes: &[Change]) -> Result<(), UsageError> {
    let kept: Vec<&Change> = changes.iter().filter(|change| !change.is_free).collect();
    if kept.is_empty() {
        return Ok(());
    }
    let list: Vec<String> =
        kept.iter().map(|change| format!("{} = {} (now {})", change.key, short(&change.was), short(&change.now))).collect();
    let data = kept.iter().any(|change| change.key.starts_with("data."));
    let (pictures, list) = (if data { ", --data as it was" } else { "" }, list.join(", "));
    Err(UsageError(format!(
        "{} was begun with {list}: repeat the earlier values{pictures}, choose another --out, or --restart",
        run.folder().display()
    )))
}

/// Characters of a value that a refusal shows: enough of a checksum to see that it is another.
const SHOWN: usize = 48;

fn short(value: &str) -> String {
    match value.char_indices().nth(SHOWN) {
        None => value.to_owned(),
        Some(_) => value.chars().take(SHOWN / 3).chain(['…']).collect(),
    }
}
