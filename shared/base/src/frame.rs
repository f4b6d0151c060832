//! Length- and CRC-framed bincode records:
//! `[u32 length][payload][u32 CRC-32 of length and payload]`, little-endian. Nothing is decoded
//! before the CRC holds, and all bytes of the payload must be consumed.
//!
//! ```
//! use fledge_base::frame;
//!
//! let mut bytes = frame::encode(&(7u32, "seven"))?;
//! let (value, length): ((u32, String), usize) = frame::decode(&bytes)?;
//! assert_eq!((value.0, value.1.as_str(), length), (7, "seven", bytes.len()));
//! bytes[5] ^= 1;
//! assert!(frame::decode::<(u32, String)>(&bytes).is_err());
//! # Ok::<(), frame::FrameError>(())
//! ```

use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

/// The most bytes one frame's payload may take. Headers and shard indexes are far smaller; a
/// damaged length cannot ask for more memory than this.
pub const PAYLOAD_LIMIT: usize = 32 << 20;

/// Bytes of a frame beside its payload: the length and the CRC.
pub const OVERHEAD: usize = 8;

/// Why a frame was not accepted.
#[derive(Debug, Error)]
pub enum FrameError {
    /// The bytes end inside the frame.
    #[error("the file ends inside a record ({have} of {want} bytes)")]
    Truncated {
        /// Bytes that are there.
        have: usize,
        /// Bytes that the frame needs.
        want: usize,
    },
    /// The length field is beyond [`PAYLOAD_LIMIT`].
    #[error("a record claims {0} bytes, more than the {PAYLOAD_LIMIT} allowed")]
    TooLong(usize),
    /// The stored and the computed CRC differ.
    #[error("checksum mismatch (stored {stored:08x}, computed {computed:08x})")]
    Checksum {
        /// As written in the file.
        stored: u32,
        /// The CRC of the bytes found.
        computed: u32,
    },
    /// The payload has the right CRC but is no such record: written by another version.
    #[error("a record cannot be decoded: {0}")]
    Decode(String),
    /// The value cannot be encoded within the limit.
    #[error("a record cannot be encoded: {0}")]
    Encode(String),
}

/// The bytes of bincode 1.x: fixed-width little-endian integers.
fn layout() -> bincode::config::Configuration<
    bincode::config::LittleEndian,
    bincode::config::Fixint,
    bincode::config::Limit<PAYLOAD_LIMIT>,
> {
    bincode::config::legacy().with_limit::<PAYLOAD_LIMIT>()
}

/// Encodes `value` as one frame.
///
/// # Errors
/// When the value takes more than [`PAYLOAD_LIMIT`] bytes.
pub fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, FrameError> {
    let payload = bincode::serde::encode_to_vec(value, layout())
        .map_err(|e| FrameError::Encode(e.to_string()))?;
    if payload.len() > PAYLOAD_LIMIT {
        return Err(FrameError::TooLong(payload.len()));
    }
    let mut frame = Vec::with_capacity(payload.len() + OVERHEAD);
    frame.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    frame.extend_from_slice(&payload);
    frame.extend_from_slice(&crc32fast::hash(&frame).to_le_bytes());
    Ok(frame)
}

/// Decodes the frame at the start of `bytes`; gives the value and the number of bytes it took.
///
/// # Errors
/// When the frame is cut off, its CRC does not hold, or its payload is no `T`.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<(T, usize), FrameError> {
    let truncated = |want| FrameError::Truncated { have: bytes.len(), want };
    let length = bytes.first_chunk::<4>().ok_or_else(|| truncated(OVERHEAD))?;
    let length = u32::from_le_bytes(*length) as usize;
    if length > PAYLOAD_LIMIT {
        return Err(FrameError::TooLong(length));
    }
    let total = length + OVERHEAD;
    let covered = bytes.get(..total - 4).ok_or_else(|| truncated(total))?;
    let stored = bytes
        .get(total - 4..)
        .and_then(|b| b.first_chunk::<4>())
        .ok_or_else(|| truncated(total))?;
    let (stored, computed) = (u32::from_le_bytes(*stored), crc32fast::hash(covered));
    if stored != computed {
        return Err(FrameError::Checksum { stored, computed });
    }
    let (value, used) = bincode::serde::decode_from_slice(&covered[4..], layout())
        .map_err(|e| FrameError::Decode(e.to_string()))?;
    if used != length {
        return Err(FrameError::Decode(format!("{} bytes are left over", length - used)));
    }
    Ok((value, total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_changed_byte_and_every_truncation_is_refused() {
        let frame = encode(&(7u32, "birds".to_string(), vec![1u8, 2, 3])).expect("encode");
        type Record = (u32, String, Vec<u8>);
        assert!(decode::<Record>(&frame).is_ok());
        for i in 0..frame.len() {
            let mut damaged = frame.clone();
            damaged[i] ^= 1;
            assert!(decode::<Record>(&damaged).is_err(), "byte {i}");
            assert!(decode::<Record>(&frame[..i]).is_err(), "cut at {i}");
        }
    }

    #[test]
    fn a_payload_with_bytes_left_over_is_refused() {
        let frame = encode(&(1u32, 2u32)).expect("encode");
        assert!(matches!(decode::<u32>(&frame), Err(FrameError::Decode(_))));
    }

    #[test]
    fn a_huge_length_allocates_nothing() {
        let mut bytes = u32::MAX.to_le_bytes().to_vec();
        bytes.extend_from_slice(&[0; 100]);
        assert!(matches!(decode::<u32>(&bytes), Err(FrameError::TooLong(_))));
    }
}
