//! Event files of TensorBoard: scalars and PNG pictures by step. A folder has a file for each start
//! of the program; each begins with the version of the format and, where a run goes on, with a mark
//! that makes TensorBoard drop what an earlier file has of later steps. What the scalars of a run
//! are called stands here, too.
//!
//! A file is a row of TFRecords: length (u64), its masked CRC-32C, the message, its masked CRC-32C,
//! all little-endian. One `write` makes one record, and a reader passes over a torn last one.

mod crc32c;

use std::path::Path;
use std::time::SystemTime;

use serde_json::Value;

use fledge_base::fs::{self, AppendFile, FsError, Result};
use fledge_base::protobuf::Message;
use fledge_models::task::TaskName;

/// The start of every name of an event file; TensorBoard looks for `tfevents`.
pub const PREFIX: &str = "events.out.tfevents.";

/// What the first record of a file says. Since version 2 a reader drops steps by the mark of a
/// start and not by guessing.
const FILE_VERSION: &str = "brain.Event:2";

/// Numbers of the fields of `Event`.
mod event {
    pub(super) const WALL_TIME: u64 = 1;
    pub(super) const STEP: u64 = 2;
    pub(super) const FILE_VERSION: u64 = 3;
    pub(super) const SUMMARY: u64 = 5;
    pub(super) const SESSION_LOG: u64 = 7;
}

/// Of `SessionLog`: the field, and the value that says that a program started.
const STATUS: u64 = 1;
const START: u64 = 1;

/// Of `Summary` and `Summary.Value`.
const VALUE: u64 = 1;
const TAG: u64 = 1;
const SIMPLE_VALUE: u64 = 2;
const IMAGE: u64 = 4;

/// Of `Summary.Image`: height, width, channels, the encoded file.
const IMAGE_FIELDS: [u64; 4] = [1, 2, 3, 4];
const RGB: u64 = 3;

/// Tags of the scalars that every task has, and the keys of `stats.jsonl` that they come from.
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

/// The scalars of a line of `stats.jsonl` of a run of `task`; what it lacks or has as null is left
/// out.
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

/// An event file that is being written.
#[derive(Debug)]
pub struct Events {
    file: AppendFile,
}

impl Events {
    /// Begins the event file of this start in `folder`, after `done` steps: TensorBoard then drops
    /// what earlier files have of later ones.
    ///
    /// # Errors
    /// When the file cannot be created or written; it is named.
    pub fn open(folder: &Path, done: u64) -> Result<Self> {
        // TensorBoard reads the files of a folder in the order of their names, so the time comes
        // first, and a later start has a later one even where clocks are set back.
        let second = (now() as u64).max(last_second(folder)?.saturating_add(1));
        let path = folder.join(format!("{PREFIX}{second:010}.{}.{}", host(), std::process::id()));
        let mut events = Self { file: AppendFile::open(path)? };
        events.push(&moment().bytes(event::FILE_VERSION, FILE_VERSION))?;
        let start = Message::default().integer(STATUS, START);
        // A run that begins writes the picture of step 0, one that goes on does not.
        let first = if done == 0 { 0 } else { done + 1 };
        events.push(&moment().integer(event::STEP, first).message(event::SESSION_LOG, &start))?;
        Ok(events)
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// Writes values of `step`, each under its tag: letters, digits, `_`, `-`, and `/` between a
    /// group and a name.
    ///
    /// # Errors
    /// When the file cannot be written; it is named.
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
    /// When the file cannot be written; it is named.
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

    /// Makes the records so far durable.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn sync(&self) -> Result<()> {
        self.file.sync()
    }

    fn push(&mut self, message: &Message) -> Result<()> {
        self.file.append(&record(message.encoded()))
    }
}

/// An event of now, without content.
fn moment() -> Message {
    Message::default().double(event::WALL_TIME, now())
}

/// Seconds since 1970.
fn now() -> f64 {
    SystemTime::UNIX_EPOCH.elapsed().map_or(0.0, |elapsed| elapsed.as_secs_f64())
}

/// The latest time in the names of a folder's event files; 0 where it has none.
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

/// The machine's name as a part of a file's name.
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

/// A message as a TFRecord.
fn record(message: &[u8]) -> Vec<u8> {
    let length = (message.len() as u64).to_le_bytes();
    let checksum = |bytes: &[u8]| crc32c::masked(bytes).to_le_bytes();
    [&length[..], &checksum(&length), message, &checksum(message)].concat()
}

#[cfg(test)]
mod tests;
