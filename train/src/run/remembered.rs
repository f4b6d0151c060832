//! Flags that are not settings. A run remembers them in `flags.toml`, so that a flag omitted from a
//! later start keeps its value. No result depends on them, which is why they are not part of
//! `config.toml`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use shared::cli::UsageError;
use shared::fs::{self, FsError};
use shared::nn::devices::DeviceList;
use shared::nn::run::Run;

use crate::data::feed::DataOn;
use crate::run::options::Options;

/// File name in the run folder.
pub const FLAGS: &str = "flags.toml";

/// Upper limit of its size; real files are far smaller.
const LIMIT_BYTES: u64 = 1 << 16;

/// The flags as given; `None` for those that were not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// Path of the data set, absolute.
    pub data: Option<PathBuf>,
    /// Path of the second data set of a translation between two, absolute.
    pub other: Option<PathBuf>,
    /// `--device`.
    pub device: Option<DeviceList>,
    /// `--data-on`.
    pub data_on: Option<DataOn>,
    /// `--weights`, absolute in the file.
    pub weights: Option<PathBuf>,
    /// `--save-every`.
    pub save_every: Option<Duration>,
    /// `--retries`.
    pub retries: Option<u64>,
    /// `--stop-after`.
    pub stop_after: Option<u64>,
}

/// The flags as stored. Fields added by later versions are ignored.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Written {
    data: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    other: Option<String>,
    device: Option<String>,
    data_on: Option<DataOn>,
    weights: Option<String>,
    save_every_seconds: Option<u64>,
    retries: Option<u64>,
    stop_after: Option<u64>,
}

impl Flags {
    /// The flags in effect for a start of `options` on `devices`.
    #[must_use]
    pub fn now(options: &Options, devices: &DeviceList) -> Self {
        Self {
            data: Some(options.data.clone()),
            other: options.other.clone(),
            device: Some(devices.clone()),
            data_on: Some(options.data_on),
            weights: options.weights.clone(),
            save_every: Some(options.save_every),
            retries: Some(options.retries),
            stop_after: Some(options.stop_after),
        }
    }

    /// The flags remembered by `run`; empty for runs of earlier versions. A file that cannot be
    /// parsed is reported and counts as empty.
    ///
    /// # Errors
    /// If the system refuses to read the file.
    pub fn read(run: &Run) -> Result<Self, FsError> {
        let path = run.file(FLAGS);
        if !path.exists() {
            return Ok(Self::default());
        }
        let text = String::from_utf8_lossy(&fs::read_bounded(&path, LIMIT_BYTES)?).into_owned();
        let read = toml::from_str::<Written>(&text).map_err(|error| error.message().to_owned());
        match read.and_then(|written| written.read().map_err(|error| error.to_string())) {
            Ok(flags) => Ok(flags),
            Err(why) => {
                tracing::warn!(
                    "{}: {why}; --device, --weights, --save-every, --retries and --stop-after are \
                     treated as not given",
                    path.display()
                );
                Ok(Self::default())
            }
        }
    }

    /// Falls back to the flags of `earlier` for those not given.
    #[must_use]
    pub fn or(self, earlier: Self) -> Self {
        Self {
            data: self.data.or(earlier.data),
            other: self.other.or(earlier.other),
            device: self.device.or(earlier.device),
            data_on: self.data_on.or(earlier.data_on),
            weights: self.weights.or(earlier.weights),
            save_every: self.save_every.or(earlier.save_every),
            retries: self.retries.or(earlier.retries),
            stop_after: self.stop_after.or(earlier.stop_after),
        }
    }

    /// Stores the flags in `run` and logs the changes.
    ///
    /// # Errors
    /// If a file cannot be read or written.
    pub fn remember(&self, run: &Run) -> Result<(), FsError> {
        let (before, now) = (Self::read(run)?.words(), self.words());
        for ((flag, was), (_, now)) in before.iter().zip(&now) {
            if let Some(was) = was.as_ref().filter(|was| Some(*was) != now.as_ref()) {
                tracing::info!("{flag}: {was} → {}", now.as_deref().unwrap_or("not given"));
            }
        }
        let text = toml::to_string(&self.written()).unwrap_or_default();
        fs::write(run.file(FLAGS), text.as_bytes())
    }

    /// Every flag with its value as users write it.
    fn words(&self) -> Vec<(&'static str, Option<String>)> {
        let Written { device, data_on, weights, save_every_seconds, retries, stop_after, .. } =
            self.written();
        let word = |on: DataOn| {
            serde_json::to_value(on).ok().and_then(|word| word.as_str().map(str::to_owned))
        };
        vec![
            ("--device", device),
            ("--data-on", data_on.and_then(word)),
            ("--weights", weights),
            ("--save-every", save_every_seconds.map(|seconds| format!("{seconds}s"))),
            ("--retries", retries.map(|n| n.to_string())),
            ("--stop-after", stop_after.map(|n| n.to_string())),
        ]
    }

    fn written(&self) -> Written {
        let absolute = |path: &PathBuf| {
            std::path::absolute(path).unwrap_or_else(|_| path.clone()).display().to_string()
        };
        Written {
            data: self.data.as_ref().map(absolute),
            other: self.other.as_ref().map(absolute),
            device: self.device.as_ref().map(ToString::to_string),
            data_on: self.data_on,
            weights: self.weights.as_ref().map(absolute),
            save_every_seconds: self.save_every.map(|time| time.as_secs()),
            retries: self.retries,
            stop_after: self.stop_after,
        }
    }

    /// Rejects remembered weights that are gone: without them the run would be measured
    /// differently, or not at all.
    ///
    /// # Errors
    /// If they are.
    pub fn require_weights(&self, out: Option<&Path>) -> Result<(), UsageError> {
        match &self.weights {
            Some(weights) if !weights.exists() => Err(UsageError(format!(
                "{} measures KID with {}, which no longer exists: pass the file with --weights \
                 FILE, or train without KID with --set evaluation.every=0",
                out.unwrap_or(Path::new("the run")).display(),
                weights.display()
            ))),
            _ => Ok(()),
        }
    }
}

impl Written {
    fn read(self) -> Result<Flags, UsageError> {
        Ok(Flags {
            data: self.data.map(PathBuf::from),
            other: self.other.map(PathBuf::from),
            device: self.device.map(|text| text.parse()).transpose()?,
            data_on: self.data_on,
            weights: self.weights.map(PathBuf::from),
            save_every: self.save_every_seconds.map(Duration::from_secs),
            retries: self.retries,
            stop_after: self.stop_after,
        })
    }
}
