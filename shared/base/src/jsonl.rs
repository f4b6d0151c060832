//! Append-only logs, one JSON object a line. A line is written by one `write`. When a log is opened
//! again, a tail torn by a crash goes, and with it the lines of steps that will be repeated. A line
//! before the end that cannot be read is damage of another kind: it is kept apart in a file beside
//! the log, and what follows it stays.
//!
//! ```
//! use fledge_base::{fs, jsonl};
//! use serde_json::json;
//!
//! let file = std::env::temp_dir().join(format!("fledge-jsonl-example-{}", std::process::id()));
//! # fs::remove(&file)?;
//! let mut log = jsonl::JsonLines::open(&file, |_| true)?;
//! (1..=3).try_for_each(|step| log.push(&json!({"step": step})))?;
//! // A run that resumes behind step 2 keeps the lines up to there.
//! let log = jsonl::JsonLines::open(&file, |line| line["step"].as_u64() <= Some(2))?;
//! assert_eq!(jsonl::read(&file)?.len(), 2);
//! # drop(log);
//! # fs::remove(&file)?;
//! # Ok::<(), fs::FsError>(())
//! ```

use std::io::{BufRead, BufReader};
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::Value;

use crate::fs::{self, AppendFile, FsError, Result};

/// A log opened for appending.
#[derive(Debug)]
pub struct JsonLines {
    file: AppendFile,
}

impl JsonLines {
    /// Opens the log. Lines for which `keep` is false go, as does a torn end; lines that are no
    /// objects go to the file of the log's name and `.damaged`, with a warning.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn open(path: impl Into<PathBuf>, keep: impl FnMut(&Value) -> bool) -> Result<Self> {
        let mut file = AppendFile::open(path)?;
        let failed = |source| FsError { operation: "read", path: file.path().to_owned(), source };
        let scan = Scan::of(BufReader::new(file.reader()), keep).map_err(failed)?;
        match scan.start() {
            Some(start) if start < scan.length => file.truncate(start as u64)?,
            Some(_) => {}
            None => {
                let path = file.path().to_owned();
                scan.sort_out(&path)?;
                // The file that was open is no longer the one of that name.
                file = AppendFile::open(path)?;
            }
        }
        if scan.unended {
            file.append(b"\n")?;
        }
        Ok(Self { file })
    }

    /// Appends one line.
    ///
    /// # Errors
    /// When the value is not JSON or the file cannot be written.
    pub fn push<T: Serialize>(&mut self, line: &T) -> Result<()> {
        let failed = |e: serde_json::Error| FsError {
            operation: "append to",
            path: self.file.path().to_owned(),
            source: e.into(),
        };
        let mut bytes = serde_json::to_vec(line).map_err(failed)?;
        bytes.push(b'\n');
        self.file.append(&bytes)
    }

    /// Makes the lines so far durable.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn sync(&self) -> Result<()> {
        self.file.sync()
    }
}

/// The lines found in a log.
#[derive(Debug, Default, PartialEq)]
struct Scan {
    /// Bytes of the file.
    length: usize,
    /// Bytes of the lines to keep, in as few pieces as possible.
    kept: Vec<Range<usize>>,
    /// The last of these lines lacks its end.
    unended: bool,
    /// Numbers, from 1, and bytes of the damaged lines.
    damaged: Vec<(usize, Range<usize>)>,
}

impl Scan {
    fn of(mut reader: impl BufRead, mut keep: impl FnMut(&Value) -> bool) -> std::io::Result<Self> {
        let (mut scan, mut line) = (Self::default(), Vec::new());
        for number in 1.. {
            line.clear();
            let bytes = scan.length..scan.length + reader.read_until(b'\n', &mut line)?;
            if bytes.is_empty() {
                break;
            }
            scan.length = bytes.end;
            let ended = line.ends_with(b"\n");
            match object(&line) {
                Some(object) if keep(&object) => {
                    scan.unended = !ended;
                    match scan.kept.last_mut().filter(|last| last.end == bytes.start) {
                        Some(last) => last.end = bytes.end,
                        None => scan.kept.push(bytes),
                    }
                }
                None if ended => scan.damaged.push((number, bytes)),
                // To be repeated; or torn: it was being written when the process or the machine
                // went down.
                _ => {}
            }
        }
        Ok(scan)
    }

    /// The length of the prefix to keep, if nothing behind it is kept.
    fn start(&self) -> Option<usize> {
        match &self.kept[..] {
            _ if !self.damaged.is_empty() => None,
            [] => Some(0),
            [only] if only.start == 0 => Some(only.end),
            _ => None,
        }
    }

    /// Moves damaged lines out of the log `path` and removes those that are not kept.
    fn sort_out(&self, path: &Path) -> Result<()> {
        let text = fs::read(path)?;
        if !self.damaged.is_empty() {
            let mut name = path.as_os_str().to_owned();
            name.push(".damaged");
            let mut apart = AppendFile::open(PathBuf::from(name))?;
            for (number, bytes) in &self.damaged {
                tracing::warn!(
                    "{}: line {number} is damaged; it is kept in {}",
                    path.display(),
                    apart.path().display()
                );
                apart.append(&text[bytes.clone()])?;
            }
            apart.sync()?;
        }
        let kept: Vec<&[u8]> = self.kept.iter().map(|bytes| &text[bytes.clone()]).collect();
        fs::write(path, &kept.concat())
    }
}

fn object(line: &[u8]) -> Option<Value> {
    serde_json::from_slice::<Value>(line).ok().filter(Value::is_object)
}

/// The lines of a log. A torn last line is left out; so is a damaged one before it, with a warning.
/// A file that is absent has none.
///
/// # Errors
/// When the file exists but cannot be read.
pub fn read(path: &Path) -> Result<Vec<Value>> {
    let (lines, damaged) = read_sound(path)?;
    damaged.iter().for_each(|number| {
        tracing::warn!("{}: line {number} is damaged and left out", path.display())
    });
    Ok(lines)
}

/// The lines of a log that are JSON, whatever stands between them, and the numbers (from 1) of
/// those that are not; a torn last line is left out. For readers of a log; a writer that continues
/// it wants [`JsonLines::open`].
///
/// # Errors
/// When the file exists but cannot be read.
pub fn read_sound(path: &Path) -> Result<(Vec<Value>, Vec<usize>)> {
    if !path.exists() {
        return Ok((Vec::new(), Vec::new()));
    }
    let text = fs::read(path)?;
    let (mut sound, mut damaged) = (Vec::new(), Vec::new());
    for (number, line) in (1..).zip(text.split_inclusive(|&b| b == b'\n')) {
        match object(line) {
            Some(value) => sound.push(value),
            None if line.ends_with(b"\n") => damaged.push(number),
            None => {}
        }
    }
    Ok((sound, damaged))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch(name: &str) -> PathBuf {
        let folder =
            std::env::temp_dir().join(format!("fledge-jsonl-{}-{name}", std::process::id()));
        fs::remove(&folder).expect("clear");
        fs::create_folder(&folder).expect("folder");
        folder
    }

    fn steps(path: &Path) -> Vec<u64> {
        read(path).expect("read").iter().filter_map(|v| v["step"].as_u64()).collect()
    }

    fn up_to(last: u64) -> impl FnMut(&Value) -> bool {
        move |line| line["step"].as_u64().is_some_and(|step| step <= last)
    }

    const THREE: &[u8] = b"{\"step\":1}\n{\"step\":2}\n{\"step\":3}\n";

    #[test]
    fn a_tail_torn_at_any_byte_is_cut_off_and_no_step_stands_twice_or_is_missing() {
        let folder = scratch("torn");
        let path = folder.join("log.jsonl");
        for (cut, done) in (0..=THREE.len()).flat_map(|cut| (1..=3).map(move |done| (cut, done))) {
            fs::write(&path, &THREE[..cut]).expect("write");
            // What the log lacks the run repeats.
            let there = steps(&path).len() as u64;
            let done = done.min(there);
            let mut log = JsonLines::open(&path, up_to(done)).expect("open");
            (done + 1..=4)
                .for_each(|step| log.push(&serde_json::json!({ "step": step })).expect("push"));
            drop(log);
            assert_eq!(steps(&path), [1, 2, 3, 4], "cut at {cut}, gone on after {done}");
            assert!(!folder.join("log.jsonl.damaged").exists());
        }
        fs::remove(&folder).expect("clear");
    }

    #[test]
    fn a_damaged_line_in_the_middle_is_kept_apart_and_what_follows_stays() {
        let folder = scratch("middle");
        let path = folder.join("log.jsonl");
        // Noise, a line that is not to be kept before others, one at the end, a torn one.
        let text =
            b"{\"step\":1}\n\xff\xfe{\"step\n{\"step\":9}\n{\"step\":2}\n{\"step\":3}\n{\"st";
        fs::write(&path, text).expect("write");
        assert_eq!(steps(&path), [1, 9, 2, 3]);
        let mut log = JsonLines::open(&path, up_to(2)).expect("open");
        log.push(&serde_json::json!({"step": 3})).expect("push");
        assert_eq!(fs::read(&path).expect("read"), THREE);
        assert_eq!(fs::read(folder.join("log.jsonl.damaged")).expect("read"), b"\xff\xfe{\"step\n");
        fs::remove(&folder).expect("clear");
    }

    #[test]
    fn of_a_log_with_any_byte_changed_every_other_line_stays() {
        let folder = scratch("bytes");
        let path = folder.join("log.jsonl");
        for (i, with) in
            (0..THREE.len()).flat_map(|i| [0u8, 0xff, b'{', b'\n'].map(move |with| (i, with)))
        {
            let mut text = THREE.to_vec();
            text[i] = with;
            fs::write(&path, &text).expect("write");
            drop(JsonLines::open(&path, up_to(3)).expect("open"));
            let (line, kept) = (i / 11, steps(&path));
            // The end of a line takes the next one with it.
            let lost = [line as u64 + 1, if i % 11 == 10 { line as u64 + 2 } else { 0 }];
            (1..=3)
                .filter(|step| !lost.contains(step))
                .for_each(|step| assert!(kept.contains(&step), "byte {i}: {kept:?}"));
        }
        fs::remove(&folder).expect("clear");
    }

    #[test]
    fn who_looks_at_a_log_sees_every_sound_line_and_hears_which_are_not() {
        let path = std::env::temp_dir().join(format!("fledge-jsonl-sound-{}", std::process::id()));
        fs::write(&path, b"{\"step\":1}\n{\"st\xff\n{\"step\":3}\n{\"st").expect("write");
        let (sound, damaged) = read_sound(&path).expect("read");
        assert_eq!(
            sound.iter().map(|v| v["step"].as_u64()).collect::<Vec<_>>(),
            [Some(1), Some(3)]
        );
        assert_eq!(damaged, [2]);
        fs::remove(&path).expect("clear");
        assert_eq!(read_sound(&path).expect("absent"), (vec![], vec![]));
    }
}
