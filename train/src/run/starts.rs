//! The settings of a run, some of which a later start may change, and the log of its starts,
//! `starts.jsonl`: time, devices, version and changed settings of each. Nothing is computed from
//! the log.

use std::path::Path;

use anyhow::Result;
use burn::tensor::Device;
use serde::Serialize;
use shared::cli::UsageError;
use shared::fs::FsError;
use shared::jsonl::{self, JsonLines};
use shared::nn::config::{Change, DataConfig, RunConfig};
use shared::nn::device::describe;
use shared::nn::devices::DeviceList;
use shared::nn::run::{Run, Which};
use shared::{clock, fs};

use crate::run::folder::{Earlier, earlier};
use crate::run::remembered::Flags;
use crate::tell::numbers::few;

/// File name of the log in the run folder.
pub const STARTS: &str = "starts.jsonl";

/// One start of a run.
#[derive(Clone, Debug, Serialize)]
pub struct Start {
    /// Number of steps completed before.
    step: u64,
    /// RFC 3339, UTC.
    time: String,
    /// Comma-separated if there are several.
    device: String,
    /// Number of CPU threads.
    threads: usize,
    /// Version of the program.
    version: &'static str,
    /// Changed settings.
    changes: Vec<Change>,
}

impl Start {
    /// A start after `step`, now, on `devices`.
    #[must_use]
    pub fn now(step: u64, devices: &[Device], changes: Vec<Change>) -> Self {
        let device = devices.iter().map(describe).collect::<Vec<_>>().join("; ");
        let (time, threads, version) =
            (clock::now(), rayon::current_num_threads(), env!("CARGO_PKG_VERSION"));
        Self { step, time, device, threads, version, changes }
    }

    /// Appends it to the run's log, and reports a change of device or version since the last start.
    ///
    /// # Errors
    /// If the log cannot be read or written.
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

/// Makes `config` the run's settings from now on: rejects changes that are not allowed, reports the
/// others, appends the start to `starts.jsonl`, and writes `config.toml` and `flags.toml`.
///
/// # Errors
/// If a setting differs that the run's state depends on (all of them are named with both values),
/// or if a file cannot be written.
pub fn settle(run: &Run, config: &RunConfig, flags: &Flags, devices: &[Device]) -> Result<()> {
    let earlier = earlier(run)?;
    let changes = earlier.as_ref().map_or_else(Vec::new, |earlier| earlier.config.changes(config));
    refuse(run, earlier.as_ref(), config, &changes)?;
    for Change { key, was, now, .. } in
        changes.iter().filter(|change| !CHECKSUMS.contains(&&*change.key))
    {
        tracing::info!("{key}: {was} → {now}");
    }
    // Logged before it takes effect: twice rather than never, if the program is killed in between.
    Start::now(run.step_of(Which::Latest)?.unwrap_or(0), devices, changes).note(run)?;
    flags.remember(run)?;
    Ok(fs::write(run.file("config.toml"), toml::to_string(config)?.as_bytes())?)
}

/// Rejects settings with which the run in `out`, if there is one, cannot be resumed.
///
/// # Errors
/// If there are any; all of them are named with both values.
pub fn check(out: Option<&Path>, config: &RunConfig) -> Result<()> {
    let Some(out) = out else { return Ok(()) };
    let run = Run::open(out)?;
    let earlier = earlier(&run)?;
    let changes = earlier.as_ref().map_or_else(Vec::new, |earlier| earlier.config.changes(config));
    refuse(&run, earlier.as_ref(), config, &changes)
}

/// Keys of the data whose values mean nothing to people.
const CHECKSUMS: [&str; 2] = ["data.fingerprint", "data.content"];

fn refuse(
    run: &Run,
    earlier: Option<&Earlier>,
    config: &RunConfig,
    changes: &[Change],
) -> Result<()> {
    // Without a checkpoint, nothing has been computed that could depend on a setting.
    let (Some(earlier), Some(step)) = (earlier, run.step_of(Which::Latest)?) else { return Ok(()) };
    let (of_data, of_settings): (Vec<&Change>, Vec<&Change>) =
        changes.iter().filter(|change| !change.is_free).partition(|change| is_of_data(&change.key));
    let mut whys: Vec<String> = of_settings
        .iter()
        .map(|change| {
            format!("{} = {} (now {})", change.key, short(&change.was), short(&change.now))
        })
        .collect();
    let mut ways = Vec::new();
    if !whys.is_empty() {
        ways.push("omit the flags that change this to resume it".to_owned());
    }
    if !of_data.is_empty() {
        whys.push(format!(
            "other data: {}",
            differences(&earlier.config.data, &config.data).join("; ")
        ));
        ways.push("pass its own data set to resume it".to_owned());
    }
    if whys.is_empty() {
        return Ok(());
    }
    ways.push(format!(
        "start a new run from its weights: {}",
        successor(run, step, &earlier.flags, config, changes)
    ));
    ways.push("or start this one over with --restart".into());
    Err(UsageError(format!(
        "{} was started with {}; {}",
        run.folder().display(),
        whys.join(", "),
        ways.join(", ")
    ))
    .into())
}

/// True if a key identifies the data set; mirroring and direction are in `data`, but are settings.
fn is_of_data(key: &str) -> bool {
    key.starts_with("data.") && key != "data.mirror" && key != "data.direction"
}

/// The differences between a data set and the run's, for people.
fn differences(was: &DataConfig, now: &DataConfig) -> Vec<String> {
    let mut list = Vec::new();
    if was.pictures != now.pictures && was.pictures > 0 {
        list.push(format!("{} pictures, now {}", was.pictures, now.pictures));
    }
    if was.size != now.size {
        list.push(format!("{0}×{0} pixels, now {1}×{1}", was.size, now.size));
    }
    if was.channels != now.channels {
        let name = |channels| if channels == 1 { "grey" } else { "colour" };
        list.push(format!("{}, now {}", name(was.channels), name(now.channels)));
    }
    if was.classes != now.classes {
        let beyond = |list: &[String], other: &[String]| -> Vec<String> {
            list.iter().filter(|class| !other.contains(class)).cloned().collect()
        };
        let (gone, new) = (beyond(&was.classes, &now.classes), beyond(&now.classes, &was.classes));
        list.push(format!("{} classes, now {}", was.classes.len(), now.classes.len()));
        for (classes, what) in [(gone, "gone"), (new, "new")] {
            if !classes.is_empty() {
                list.push(format!("{what}: {}", few(&classes)));
            }
        }
        if list
            .last()
            .is_some_and(|last| last.ends_with(&format!("classes, now {}", now.classes.len())))
        {
            list.push("in another order".into());
        }
    }
    let contents = |data: &DataConfig| data.other.as_ref().map(|other| other.content.clone());
    if contents(was) != contents(now) {
        list.push("another second data set".into());
    }
    if list.is_empty() {
        let count = if now.pictures > 0 && was.pictures == now.pictures {
            format!("as many pictures ({})", now.pictures)
        } else {
            "pictures".into()
        };
        let same = was.fingerprint == now.fingerprint;
        let source = if same {
            "from the same source, but selected, cropped or split differently"
        } else {
            "of another source"
        };
        list.push(format!("{count} {source}"));
    }
    list
}

/// The command that starts another run from this one's weights after `step`, with `changes`.
pub(crate) fn successor(
    run: &Run,
    step: u64,
    flags: &Flags,
    config: &RunConfig,
    changes: &[Change],
) -> String {
    let folder = run.folder().display().to_string();
    let free = (2..)
        .map(|n| format!("{}-{n}", folder.trim_end_matches('/')))
        .find(|name| !Path::new(name).exists());
    let mut words =
        vec!["train".to_owned(), "--init-from".into(), word(&format!("{folder}@{step}"))];
    words.extend(["--data".into(), word(&config.data.path)]);
    if let Some(other) = &config.data.other {
        words.extend(["--data".into(), word(&other.path)]);
    }
    words.extend(["--out".into(), word(&free.unwrap_or_default())]);
    if let Some(weights) = &flags.weights {
        words.extend(["--weights".into(), word(&weights.display().to_string())]);
    }
    if let Some(device) = flags.device.as_ref().filter(|device| **device != DeviceList::auto()) {
        words.extend(["--device".into(), device.to_string()]);
    }
    if config.seed != 0 {
        words.extend(["--seed".into(), config.seed.to_string()]);
    }
    for Change { key, now, .. } in changes {
        match key.as_str() {
            "data.mirror" => words.push(format!("--mirror={now}")),
            "data.direction" => words.push(format!("--direction={}", now.trim_matches('"'))),
            "preset" => words.extend(["--preset".into(), word(now.trim_matches('"'))]),
            "seed" | "init" | "version" => {}
            key if is_of_data(key) => {}
            // A bare word works as well as a quoted one.
            key => {
                words.extend(["--set".into(), word(&format!("{key}={}", now.trim_matches('"')))])
            }
        }
    }
    words.join(" ")
}

/// Quotes a word for the shell.
fn word(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./@=+,:".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

/// Number of a value's characters shown in a refusal: enough of a checksum to see that it differs.
const SHOWN: usize = 48;

fn short(value: &str) -> String {
    match value.char_indices().nth(SHOWN) {
        None => value.to_owned(),
        Some(_) => value.chars().take(SHOWN / 3).chain(['…']).collect(),
    }
}
