//! A finished file: all features of a set.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use super::entry::{CHUNK, Entry, HEADER_LIMIT, Header, MAGIC};
use crate::features::Features;
use fledge_base::{frame, fs};

/// Reads the header at the start of a file, and its length in bytes.
pub(super) fn header(file: &mut (impl Read + Seek)) -> Result<(Header, u64), String> {
    let mut start = Vec::new();
    let read = file
        .seek(SeekFrom::Start(0))
        .and_then(|_| file.by_ref().take(HEADER_LIMIT).read_to_end(&mut start));
    read.map_err(|e| e.to_string())?;
    let (header, used) = frame::decode::<Header>(&start).map_err(|e| e.to_string())?;
    if header.magic != MAGIC {
        return Err("it is of another version".into());
    }
    file.seek(SeekFrom::Start(used as u64)).map_err(|e| e.to_string())?;
    Ok((header, used as u64))
}

/// Appends `count` numbers to `values`, using a buffer of at most [`CHUNK`] bytes.
pub(super) fn read_values(
    file: &mut impl Read,
    count: usize,
    values: &mut Vec<f32>,
    crc: &mut crc32fast::Hasher,
) -> io::Result<()> {
    let mut bytes = vec![0; CHUNK.min(4 * count)];
    let mut left = 4 * count;
    while left > 0 {
        let chunk = &mut bytes[..CHUNK.min(left)];
        file.read_exact(chunk)?;
        crc.update(chunk);
        values.extend(chunk.as_chunks().0.iter().map(|&b| f32::from_le_bytes(b)));
        left -= chunk.len();
    }
    Ok(())
}

/// Reads the features at `path`, if the file is whole and its header, apart from the facts, is
/// `expected`.
pub(super) fn read(path: &Path, expected: &Entry) -> Result<Features, String> {
    let text = |e: io::Error| e.to_string();
    let mut file = File::open(path).map_err(text)?;
    let length = file.metadata().map_err(text)?.len();
    let (header, used) = header(&mut file)?;
    if !expected.is_of(&header) {
        return Err("its header belongs to another set".into());
    }
    let (count, dimensions) = (expected.count(), expected.dimensions());
    // Never allocates more than the file holds.
    let rest = length.checked_sub(used + 4).ok_or("it is cut off")?;
    if Some(rest) != header.count.checked_mul(header.dimensions * 4) {
        return Err(format!("it holds {rest} bytes of features"));
    }
    let (mut values, mut crc) = (Vec::with_capacity(count * dimensions), crc32fast::Hasher::new());
    read_values(&mut file, count * dimensions, &mut values, &mut crc).map_err(text)?;
    let mut stored = [0; 4];
    file.read_exact(&mut stored).map_err(text)?;
    if crc.finalize() != u32::from_le_bytes(stored) {
        return Err("checksum mismatch".into());
    }
    Ok(Features::new(values, dimensions))
}

/// Writes the finished file of `entry`: whole or not at all.
pub(super) fn write(entry: &Entry, values: &[f32]) -> fs::Result<()> {
    fs::write_with(&entry.path, |file| {
        file.write_all(&frame::encode(&entry.header).map_err(io::Error::other)?)?;
        let (mut bytes, mut crc) = (Vec::with_capacity(CHUNK), crc32fast::Hasher::new());
        for chunk in values.chunks(CHUNK / 4) {
            bytes.clear();
            bytes.extend(chunk.iter().flat_map(|v| v.to_le_bytes()));
            crc.update(&bytes);
            file.write_all(&bytes)?;
        }
        file.write_all(&crc.finalize().to_le_bytes())
    })
}
