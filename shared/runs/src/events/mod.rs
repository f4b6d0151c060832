//! TensorBoard event files: scalars and PNG pictures by step, and the tags of a run's scalars. Each
//! start of the program adds a file to the folder. A file begins with the format version and, when
//! a run resumes, with a marker that makes TensorBoard drop later steps of earlier files.
//!
//! A file is a sequence of TFRecords: length (u64), its masked CRC-32C, the message, its masked
//! CRC-32C, all little-endian. Each record is one `write`, and readers skip a torn last record.
//!
//! ```
//! use fledge_runs::events::Events;
//!
//! let folder = std::env::temp_dir().join(format!("fledge-events-example-{}", std::process::id()));
//! # fledge_base::fs::create_folder(&folder)?;
//! let mut events = Events::open(&folder, 0)?;
//! events.scalars(100, &[("loss/g", 0.7), ("loss/d", 1.2)])?;
//! events.sync()?;
//! # fledge_base::fs::remove_folder(&folder)?;
//! # Ok::<(), fledge_base::fs::FsError>(())
//! ```

mod crc32c;

use std::path::Path;
use std::time::SystemTime;

use serde_json::Value;

use fledge_base::fs::{self, AppendFile, FsError, Result};
use fledge_base::protobuf::Message;
use fledge_models::task::TaskName;

/// Prefix of every event file's name; TensorBoard looks for `tfevents`.
pub const PREFIX: &str = "events.out.tfevents.";

/// Contents of a file's first record. Since version 2 readers drop steps at the marker of a start
/// instead of guessing.
const FILE_VERSION: &str = "brain.Event:2";

/// Field numbers of `Event`.
mod event {
    pub(super) const WALL_TIME: u64 = 1;
    pub(super) const STEP: u64 = 2;
    pub(super) const FILE_VERSION: u64 = 3;
    pub(super) const SUMMARY: u64 = 5;
    pub(super) const SESSION_LOG: u64 = 7;
}

/// `SessionLog`: the field number, and the value for a program start.
const STATUS: u64 = 1;
const START: u64 = 1;

/// Field numbers of `Summary` and `Summary.Value`.
const VALUE: u64 = 1;
const TAG: u64 = 1;
const SIMPLE_VALUE: u64 = 2;
const IMAGE: u64 = 4;

/// Field numbers of `Summary.Image`: height, width, channels, the encoded file.
const IMAGE_FIELDS: [u64; 4] = [1, 2, 3, 4];
const RGB: u64 = 3;

/// Tags of the scalars common to all tasks, with their keys in `stats.jsonl`.
const SCALARS: &[(&str, &str)] = &[
    ("ada/p", "aug_p"),
    ("kid", "kid"),
    ("progress/epoch", "epoch"),
    ("progress/kimg", "kimg"),
    ("progress/seconds", "seconds"),
    ("speed/img_per_s", "img_per_s"),
    ("speed/wait_percent", "wait"),
    ("speed/kid_seconds", "kid_seconds"),
    ("memory/mb", "memory_mb"),
];

/// The scalars in a line of `stats.jsonl` from a run of `task`; missing and null keys are skipped.
#[must_use]
pub fn scalars_of(line: &Value, task: TaskName) -> Vec<(String, f32)> {
    let measures =
        task.measures().iter().map(|measure| (measure.tag.to_owned(), measure.key.to_owned()));
    let norms = task
        .roles()
        .iter()
        .map(|role| (format!("gradient/{}", role.short), format!("{}_norm", role.short)));
    let rates = task
        .roles()
        .iter()
        .map(|role| (format!("rate/{}", role.short), format!("lr_{}", role.short)));
    let common = SCALARS.iter().map(|(tag, key)| ((*tag).to_owned(), (*key).to_owned()));
    let all = measures.chain(norms).chain(rates).chain(common);
    all.filter_map(|(tag, key)| Some((tag, line[&key].as_f64()? as f32))).collect()
}

/// An open event file.
#[derive(Debug)]
pub struct Events {
    file: AppendFile,
}

impl Events {
    /// Creates the event file of this start in `folder`, after `done` steps: TensorBoard then drops
    /// later steps of earlier files.
    ///
    /// # Errors
    /// If the file cannot be created or written; the error names it.
    pub fn open(folder: &Path, done: u64) -> Result<Self> {
        // TensorBoard reads a folder's files in the order of their names, so the time comes first,
        // and a later start gets a later time even if the clock was set back.
        let second = (now() as u64).max(last_second(folder)?.saturating_add(1));
        let path = folder.join(format!("{PREFIX}{second:010}.{}.{}", host(), std::process::id()));
        let mut events = Self { file: AppendFile::open(path)? };
        events.push(&moment().bytes(event::FILE_VERSION, FILE_VERSION))?;
        let start = Message::default().integer(STATUS, START);
        // A new run writes the picture of step 0; a resumed one does not.
        let first = if done == 0 { 0 } else { done + 1 };
        events.push(&moment().integer(event::STEP, first).message(event::SESSION_LOG, &start))?;
        Ok(events)
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// Writes the scalars of `step`, each under its tag: letters, digits, `_`, `-`, and `/` between
    /// group and name.
    ///
    /// # Errors
    /// If the file cannot be written; the error names it.
    pub fn scalars(&mut self, step: u64, values: &[(impl AsRef<str>, f32)]) -> Result<()> {
        let summary = values.iter().fold(Message::default(), |summary, (tag, value)| {
            summary.message(
                VALUE,
                &Message::default().bytes(TAG, tag.as_ref()).float(SIMPLE_VALUE, *value),
            )
        });
        self.push(&moment().integer(event::STEP, step).message(event::SUMMARY, &summary))
    }

    /// Writes a picture of `step`: the bytes of a PNG file of `width` × `height` pixels.
    ///
    /// # Errors
    /// If the file cannot be written; the error names it.
    pub fn picture(
        &mut self,
        step: u64,
        tag: &str,
        width: u32,
        height: u32,
        png: &[u8],
    ) -> Result<()> {
        let [rows, columns, channels, encoded] = IMAGE_FIELDS;
        let image = Message::default().integer(rows, height.into()).integer(columns, width.into());
        let image = image.integer(channels, RGB).bytes(encoded, png);
        let value = Message::default().bytes(TAG, tag).message(IMAGE, &image);
        let summary = Message::default().message(VALUE, &value);
        self.push(&moment().integer(event::STEP, step).message(event::SUMMARY, &summary))
    }

    /// Flushes all records to disk.
    ///
    /// # Errors
    /// If the system call fails.
    pub fn sync(&self) -> Result<()> {
        self.file.sync()
    }

    fn push(&mut self, message: &Message) -> Result<()> {
        self.file.append(&record(message.encoded()))
    }
}

/// An event with the current time and no content.
fn moment() -> Message {
    Message::default().double(event::WALL_TIME, now())
}

/// Seconds since 1970.
fn now() -> f64 {
    SystemTime::UNIX_EPOCH.elapsed().map_or(0.0, |elapsed| elapsed.as_secs_f64())
}

/// The latest time in the names of a folder's event files, or 0 if it has none.
fn last_second(folder: &Path) -> Result<u64> {
    let failed = |source| FsError { operation: "list", path: folder.to_owned(), source };
    let mut last = 0;
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        let digits = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.split('.').next());
        last = last.max(digits.and_then(|digits| digits.parse().ok()).unwrap_or(0));
    }
    Ok(last)
}

/// The host name, made safe for use in a file name.
fn host() -> String {
    let name = fs::read_start("/proc/sys/kernel/hostname", 256)
        .or_else(|_| fs::read_start("/etc/hostname", 256));
    let name = name.ok().map(|bytes| String::from_utf8_lossy(&bytes).trim().to_owned());
    let name = name.or_else(|| std::env::var("COMPUTERNAME").ok()).unwrap_or_default();
    let plain: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || "-_".contains(c) { c } else { '-' })
        .collect();
    if plain.is_empty() { "localhost".into() } else { plain }
}

/// Frames a message as a TFRecord.
fn record(message: &[u8]) -> Vec<u8> {
    let length = (message.len() as u64).to_le_bytes();
    let checksum = |bytes: &[u8]| crc32c::masked(bytes).to_le_bytes();
    [&length[..], &checksum(&length), message, &checksum(message)].concat()
}

#[cfg(test)]
mod tests;
