//! JSON files that people read and that carry the CRC of every one of their bytes.
//!
//! The last member of the object is `"crc32": "xxxxxxxx"`: CRC-32 of the whole file with those
//! eight digits replaced by zeros. The next reader detects an edit by hand.
//!
//! ```
//! use fledge_base::{fs, sealed};
//!
//! let file = std::env::temp_dir().join(format!("fledge-sealed-example-{}.json", std::process::id()));
//! sealed::write(&file, &serde_json::json!({"size": 64}))?;
//! let value: serde_json::Value = sealed::read(&file, "build it again")?;
//! assert_eq!(value["size"], 64);
//! fs::write(&file, String::from_utf8_lossy(&fs::read(&file)?).replace("64", "65").as_bytes())?;
//! assert!(sealed::read::<serde_json::Value>(&file, "build it again").is_err());
//! # fs::remove(&file)?;
//! # Ok::<(), sealed::SealedError>(())
//! ```

use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

use crate::fs::{self, FsError};

/// The end of a sealed file, around its digits.
const TAIL: (&[u8], &[u8]) = (b",\n  \"crc32\": \"", b"\"\n}\n");
const DIGITS: usize = 8;

/// Manifests and checkpoint records stay far below this; a reader never allocates more.
const SIZE_LIMIT: u64 = 32 << 20;

/// Why a sealed file was not accepted.
#[derive(Debug, Error)]
pub enum SealedError {
    /// It could not be read or written.
    #[error(transparent)]
    File(#[from] FsError),
    /// Its bytes are not those that were written.
    #[error("{path} is damaged: {what}; {mend}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The check that failed.
        what: String,
        /// The remedy.
        mend: &'static str,
    },
    /// The bytes are whole but are not this kind of record.
    #[error("{path} is not what was expected: {what}")]
    Unexpected {
        /// The file.
        path: PathBuf,
        /// The error of the decoder.
        what: String,
    },
}

/// The bytes of `value` (a struct with at least one field) as a sealed file.
///
/// # Errors
/// When the value is no JSON object.
pub fn to_bytes<T: Serialize>(value: &T) -> Result<Vec<u8>, serde_json::Error> {
    let mut bytes = serde_json::to_vec_pretty(value)?;
    if !bytes.ends_with(b"\n}") {
        return Err(serde::ser::Error::custom("only an object with members can be sealed"));
    }
    bytes.truncate(bytes.len() - 2);
    bytes.extend_from_slice(TAIL.0);
    let at = bytes.len();
    bytes.extend_from_slice(&[b'0'; DIGITS]);
    bytes.extend_from_slice(TAIL.1);
    let digits = format!("{:08x}", crc32fast::hash(&bytes));
    bytes[at..at + DIGITS].copy_from_slice(digits.as_bytes());
    Ok(bytes)
}

/// Checks the seal of `bytes` and decodes them. `path` is only named in errors, `mend` says what
/// the user can do.
///
/// # Errors
/// When the seal does not hold or the content is no `T`.
pub fn from_bytes<T: DeserializeOwned>(
    bytes: &[u8],
    path: &Path,
    mend: &'static str,
) -> Result<T, SealedError> {
    let damaged =
        |what: &str| SealedError::Damaged { path: path.to_owned(), what: what.to_owned(), mend };
    let tail = TAIL.0.len() + DIGITS + TAIL.1.len();
    let at = bytes.len().checked_sub(tail).ok_or_else(|| damaged("it is cut off"))? + TAIL.0.len();
    if &bytes[at - TAIL.0.len()..at] != TAIL.0 || &bytes[at + DIGITS..] != TAIL.1 {
        return Err(damaged("its checksum line is missing"));
    }
    let mut blank = bytes.to_vec();
    blank[at..at + DIGITS].fill(b'0');
    let computed = format!("{:08x}", crc32fast::hash(&blank));
    if bytes[at..at + DIGITS] != *computed.as_bytes() {
        return Err(damaged(&format!("checksum mismatch (computed {computed})")));
    }
    // The member `crc32` is no field of T: cut it off, so that T may deny unknown fields.
    let mut object = bytes[..at - TAIL.0.len()].to_vec();
    object.extend_from_slice(b"\n}");
    serde_json::from_slice(&object)
        .map_err(|e| SealedError::Unexpected { path: path.to_owned(), what: e.to_string() })
}

/// Writes `value` sealed to `path`, whole or not at all.
///
/// # Errors
/// When encoding or writing fails.
pub fn write<T: Serialize>(path: &Path, value: &T) -> Result<(), SealedError> {
    let bytes = to_bytes(value)
        .map_err(|e| SealedError::Unexpected { path: path.to_owned(), what: e.to_string() })?;
    Ok(fs::write(path, &bytes)?)
}

/// Reads a sealed file.
///
/// # Errors
/// When it cannot be read, its seal does not hold, or its content is no `T`.
pub fn read<T: DeserializeOwned>(path: &Path, mend: &'static str) -> Result<T, SealedError> {
    from_bytes(&fs::read_bounded(path, SIZE_LIMIT)?, path, mend)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize, serde::Deserialize, PartialEq, Debug)]
    #[serde(deny_unknown_fields)]
    struct Example {
        version: u32,
        name: String,
    }

    #[test]
    fn every_changed_byte_truncation_and_addition_is_refused() {
        let example = Example { version: 1, name: "bird".into() };
        let bytes = to_bytes(&example).expect("seal");
        let open = |b: &[u8]| from_bytes::<Example>(b, Path::new("x.json"), "write it again");
        assert_eq!(open(&bytes).expect("open"), example);
        for i in 0..bytes.len() {
            for bit in 0..8 {
                let mut damaged = bytes.clone();
                damaged[i] ^= 1 << bit;
                let error = open(&damaged).expect_err("a changed byte was accepted").to_string();
                assert!(error.contains("x.json"), "{error}");
            }
            assert!(open(&bytes[..i]).is_err());
        }
        assert!(open(&[&bytes[..], b"\n"].concat()).is_err());
    }
}
