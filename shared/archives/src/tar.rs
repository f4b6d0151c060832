//! The members of a tar file: its headers are walked once, after that every member is a window of
//! the file.
//!
//! We walk the headers ourselves and leave their parsing to the library: the library would read a
//! long name of any length into memory, and only knows a member's position while it reads.

use std::io::{self, Read};

use tar::{EntryType, Header, PaxExtensions};

use super::links::Member;
use super::name::Name;
use super::passed_over::Why;
use super::shared_file::SharedFile;

/// Headers and contents start at multiples of it.
const BLOCK: u64 = 512;
/// Upper bound of names and attributes in a separate header; no file system has longer names.
const EXTENSION_LIMIT: u64 = 1 << 20;

/// Returns true if this is the first block of a tar file, by its checksum. Also true for files
/// older than the magic "ustar".
pub(super) fn begins_tar(block: &[u8; BLOCK as usize]) -> bool {
    let header = Header::from_byte_slice(block);
    header.cksum().is_ok_and(|sum| sum != 0 && sum == checksum(block))
}

/// Returns true if a block is all zeros: the end mark of a tar.
fn is_zero(block: &[u8; BLOCK as usize]) -> bool {
    block.iter().all(|&b| b == 0)
}

/// The sum of all bytes, those of the checksum itself counted as blanks (POSIX.1-1988, ustar).
fn checksum(block: &[u8; BLOCK as usize]) -> u32 {
    let sum = |bytes: &[u8]| bytes.iter().map(|&b| u32::from(b)).sum::<u32>();
    sum(&block[..148]) + 8 * u32::from(b' ') + sum(&block[156..])
}

/// The attributes of a member from the headers before its own.
#[derive(Default)]
struct Extensions {
    long_name: Option<Vec<u8>>,
    long_link: Option<Vec<u8>>,
    path: Option<Vec<u8>>,
    link_path: Option<Vec<u8>>,
    size: Option<u64>,
    sparse: bool,
}

/// The window of a file: its first byte and its length.
pub(super) type Window = (u64, u64);

/// All members in the order of the tar, files with their windows.
///
/// # Errors
/// If a header is damaged or a member reaches past the end of the file.
pub(super) fn members(file: &SharedFile) -> io::Result<Vec<(Name, Member<Window>)>> {
    let mut found = Vec::new();
    let (mut at, mut extensions) = (0, Extensions::default());
    loop {
        if at == file.len() {
            // GNU tar also regards it as the end; a file cut off exactly between two members looks
            // the same.
            tracing::warn!(
                "a tar file ends without its end mark after {} files: it may be cut off",
                found.len()
            );
            return Ok(found);
        }
        let block = block(file, at)?;
        if is_zero(&block) {
            return Ok(found);
        }
        if !begins_tar(&block) {
            return Err(damaged(format!(
                "the header at byte {at} does not have the checksum that it gives"
            )));
        }
        let header = Header::from_byte_slice(&block);
        let kind = header.entry_type();
        let own = matches!(
            kind,
            EntryType::XHeader
                | EntryType::XGlobalHeader
                | EntryType::GNULongName
                | EntryType::GNULongLink
        );
        let size = match extensions.size {
            Some(size) if !own => size,
            _ => {
                header.entry_size().map_err(|e| damaged(format!("the header at byte {at}: {e}")))?
            }
        };
        let start = content_start(file, at, header)?;
        // These have no data after their headers, whatever size they claim.
        let bare = kind.is_dir() || kind.is_hard_link() || kind.is_symlink() || kind.is_fifo();
        let size =
            if bare || kind.is_character_special() || kind.is_block_special() { 0 } else { size };
        let end = start.checked_add(size).filter(|&end| end <= file.len());
        let end = end.ok_or_else(|| {
            cut_off(&Name(header.path_bytes().into_owned()), start, size, file.len())
        })?;
        match kind {
            EntryType::GNULongName => {
                extensions.long_name = Some(until_nul(extension(file, start, size)?))
            }
            EntryType::XHeader => pax(&extension(file, start, size)?, &mut extensions),
            EntryType::GNULongLink => {
                extensions.long_link = Some(until_nul(extension(file, start, size)?))
            }
            EntryType::XGlobalHeader => {}
            _ => {
                let Extensions { long_name, long_link, path, link_path, sparse, .. } =
                    std::mem::take(&mut extensions);
                let name = path.or(long_name).unwrap_or_else(|| header.path_bytes().into_owned());
                let link = || {
                    link_path
                        .or(long_link)
                        .or_else(|| header.link_name_bytes().map(|l| l.into_owned()))
                        .unwrap_or_default()
                };
                let member = match kind {
                    // Before there was a type byte, a folder was recognised by its last character.
                    _ if kind.is_dir() => Member::Folder,
                    _ if kind.is_gnu_sparse() || sparse => Member::Other(Why::Sparse),
                    _ if kind.is_file() || kind.is_contiguous() => Member::File((start, size)),
                    _ if kind.is_symlink() => Member::Symlink(link()),
                    _ if kind.is_hard_link() => Member::HardLink(link()),
                    _ if kind.is_fifo()
                        || kind.is_character_special()
                        || kind.is_block_special() =>
                    {
                        Member::Other(Why::Special)
                    }
                    // The name of a volume, the list of a folder in an incremental dump: not a file
                    // to unpack.
                    _ => Member::Folder,
                };
                found.push((Name(name), member));
            }
        }
        // A last member that is not padded to a whole block is complete nevertheless.
        at = end.next_multiple_of(BLOCK).min(file.len());
    }
}

/// One block; an error if the file ends within it.
fn block(file: &SharedFile, at: u64) -> io::Result<[u8; BLOCK as usize]> {
    let mut block = [0; BLOCK as usize];
    let window = file.window(at, BLOCK);
    let mut window = window.ok_or_else(|| {
        damaged(format!("a header at byte {at} is cut off by the end at {}", file.len()))
    })?;
    window.read_exact(&mut block)?;
    Ok(block)
}

/// The start of the member's bytes: after its header, and after the blocks with which an old sparse
/// file continues its map.
fn content_start(file: &SharedFile, header_at: u64, header: &Header) -> io::Result<u64> {
    let mut start = header_at + BLOCK;
    let mut more = header.entry_type().is_gnu_sparse()
        && header.as_gnu().is_some_and(tar::GnuHeader::is_extended);
    while more {
        let mut map = tar::GnuExtSparseHeader::new();
        *map.as_mut_bytes() = block(file, start)?;
        more = map.is_extended();
        start += BLOCK;
    }
    Ok(start)
}

/// The content of an extension header.
fn extension(file: &SharedFile, start: u64, size: u64) -> io::Result<Vec<u8>> {
    if size > EXTENSION_LIMIT {
        return Err(damaged(format!(
            "the name or attributes at byte {start} have {size} bytes, more than {EXTENSION_LIMIT}"
        )));
    }
    let mut bytes = vec![0; size as usize];
    file.window(start, size)
        .ok_or_else(|| damaged(format!("nothing is at byte {start}")))?
        .read_exact(&mut bytes)?;
    Ok(bytes)
}

fn until_nul(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.truncate(bytes.iter().position(|&b| b == 0).unwrap_or(bytes.len()));
    bytes
}

/// The POSIX.1-2001 attributes that matter here.
fn pax(bytes: &[u8], extensions: &mut Extensions) {
    for attribute in PaxExtensions::new(bytes).flatten() {
        match attribute.key_bytes() {
            b"path" => extensions.path = Some(attribute.value_bytes().to_vec()),
            b"linkpath" => extensions.link_path = Some(attribute.value_bytes().to_vec()),
            b"size" => extensions.size = attribute.value().ok().and_then(|size| size.parse().ok()),
            key if key.starts_with(b"GNU.sparse.") => extensions.sparse = true,
            _ => {}
        }
    }
}

fn damaged(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

fn cut_off(name: &Name, start: u64, size: u64, length: u64) -> io::Error {
    let what = format!(
        "{name} has {size} bytes from byte {start} on, but the file ends at {length}: it is cut off"
    );
    io::Error::new(io::ErrorKind::UnexpectedEof, what)
}
