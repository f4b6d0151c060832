//! Append-only logs, one JSON object a line. A line is written by one `write`; a tail torn by a crash is cut off when the
//! log is opened again, and lines of steps that will be repeated are cut off with it.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::Value;

use crate::fs::{self, FsError, Result};

/// A log opened for appending.
#[derive(Debug)]
pub struct JsonLines {
    path: PathBuf,
    file: File,
}

impl JsonLines {
    /// Opens the log, cutting off a torn last line and everything from the first line on for which `keep` is false.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn open(path: impl Into<PathBuf>, keep: impl FnMut(&Value) -> bool) -> Result<Self> {
        let path = path.into();
        let file = fs::open_append(&path)?;
        let good = length_to_keep(&file, keep).map_err(|source| FsError { operation: "read", path: path.clone(), source })?;
        file.set_len(good).map_err(|source| FsError { operation: "repair", path: path.clone(), source })?;
        Ok(Self { path, file })
    }

    /// Appends one line.
    ///
    /// # Errors
    /// When the value is not JSON or the file cannot be written.
    pub fn push<T: Serialize>(&mut self, line: &T) -> Result<()> {
        let failed = |source| FsError { operation: "append to", path: self.path.clone(), source };
        let mut bytes = serde_json::to_vec(line).map_err(|e| failed(e.into()))?;
        bytes.push(b'\n');
        self.file.write_all(&bytes).map_err(failed)
    }

    /// Makes the lines so far durable.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn sync(&self) -> Result<()> {
        self.file.sync_data().map_err(|source| FsError { operation: "sync", path: self.path.clone(), source })
    }
}

fn length_to_keep(file: &File, mut keep: impl FnMut(&Value) -> bool) -> std::io::Result<u64> {
    let mut reader = BufReader::new(file);
    let (mut good, mut line) = (0, Vec::new());
    while reader.read_until(b'\n', &mut line)? > 0 {
        let whole = line.ends_with(b"\n") && serde_json::from_slice::<Value>(&line).is_ok_and(|v| keep(&v));
        if !whole {
            break;
        }
        good += line.len() as u64;
        line.clear();
    }
    Ok(good)
}

/// The whole lines of a log; a torn last line is left out, a file that is absent has none.
///
/// # Errors
/// When the file exists but cannot be read.
pub fn read(path: &Path) -> Result<Vec<Value>> {
    if !path.exists() {
        return Ok(Vec::new());
    }
    let text = fs::read(path)?;
    Ok(text.split(|&b| b == b'\n').map_while(|line| serde_json::from_slice(line).ok()).collect())
}

/// The lines of a log that are JSON, whatever stands between them, and the numbers (from 1) of those that are not; a torn last line is left
/// out. For who looks at a log; who goes on with it wants [`JsonLines::open`].
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
        match serde_json::from_slice(line) {
            Ok(value) => sound.push(value),
            Err(_) if line.ends_with(b"\n") => damaged.push(number),
            Err(_) => {}
        }
    }
    Ok((sound, damaged))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_tail_is_cut_off_and_no_step_stands_twice() {
        let path = std::env::temp_dir().join(format!("fledge-jsonl-{}", std::process::id()));
        fs::write(&path, b"{\"step\":1}\n{\"step\":2}\n{\"step\":3}\n{\"st").expect("write");
        let mut log = JsonLines::open(&path, |v| v["step"].as_u64() <= Some(2)).expect("open");
        log.push(&serde_json::json!({"step": 3})).expect("push");
        drop(log);
        let steps: Vec<_> = read(&path).expect("read").iter().map(|v| v["step"].as_u64()).collect();
        assert_eq!(steps, [Some(1), Some(2), Some(3)]);
        fs::remove(&path).expect("clear");
    }

    #[test]
    fn who_looks_at_a_log_sees_every_sound_line_and_hears_which_are_not() {
        let path = std::env::temp_dir().join(format!("fledge-jsonl-sound-{}", std::process::id()));
        fs::write(&path, b"{\"step\":1}\n{\"st\xff\n{\"step\":3}\n{\"st").expect("write");
        let (sound, damaged) = read_sound(&path).expect("read");
        assert_eq!(sound.iter().map(|v| v["step"].as_u64()).collect::<Vec<_>>(), [Some(1), Some(3)]);
        assert_eq!(damaged, [2]);
        fs::remove(&path).expect("clear");
        assert_eq!(read_sound(&path).expect("absent"), (vec![], vec![]));
    }
}
