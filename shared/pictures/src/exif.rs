//! The orientation in an EXIF block, which is built like a TIFF file (EXIF 2.32, section 4.6).
//!
//! The standard wants a 16-bit number; cameras and programs also write other kinds of integers.

use image::metadata::Orientation;

/// The tag of the orientation.
const ORIENTATION: u32 = 0x0112;
/// The tag by which DNG files give the version of the format.
const DNG_VERSION: u32 = 0xc612;
/// The tag that says of a picture in a TIFF file what it is for; the lowest bit is set for a
/// preview.
const SUBFILE_TYPE: u32 = 0x00fe;

/// The orientation in the block; `None` if it is missing, malformed, or not from 1 to 8.
pub(super) fn orientation(block: &[u8]) -> Option<Orientation> {
    let value = Directory::first(block)?.integer(ORIENTATION)?;
    u8::try_from(value).ok().and_then(Orientation::from_exif)
}

/// Returns true if a TIFF file is the raw data of a camera, whose first picture is only a preview.
pub(super) fn is_raw(file: &[u8]) -> bool {
    let directory = Directory::first(file);
    directory.is_some_and(|d| {
        d.find(DNG_VERSION).is_some() || d.integer(SUBFILE_TYPE).is_some_and(|kind| kind & 1 == 1)
    })
}

/// The first list of tags of a block.
struct Directory<'a> {
    /// Its entries of 12 bytes.
    entries: &'a [u8],
    little: bool,
}

impl<'a> Directory<'a> {
    fn first(block: &'a [u8]) -> Option<Self> {
        let little = match block.get(..4)? {
            b"II*\0" => true,
            b"MM\0*" => false,
            _ => return None,
        };
        let mut directory = Self { entries: &[], little };
        let at = directory.number(block.get(4..8)?) as usize;
        let count = directory.number(block.get(at..at.checked_add(2)?)?) as usize;
        // One that breaks off has the entries that are there.
        let rest = &block[at + 2..];
        directory.entries = &rest[..rest.len().min(12 * count)];
        Some(directory)
    }

    fn number(&self, bytes: &[u8]) -> u32 {
        let join = |number: u32, &byte: &u8| number << 8 | u32::from(byte);
        if self.little { bytes.iter().rev().fold(0, join) } else { bytes.iter().fold(0, join) }
    }

    fn find(&self, tag: u32) -> Option<&'a [u8]> {
        self.entries.chunks_exact(12).find(|entry| self.number(&entry[..2]) == tag)
    }

    /// The first value of a tag that is an integer of at most four bytes; negative ones come out
    /// large.
    fn integer(&self, tag: u32) -> Option<u32> {
        let entry = self.find(tag)?;
        // BYTE, SBYTE and UNDEFINED; SHORT and SSHORT; LONG and SLONG.
        let length = match self.number(&entry[2..4]) {
            1 | 6 | 7 => 1,
            3 | 8 => 2,
            4 | 9 => 4,
            _ => return None,
        };
        // More than four bytes would lie elsewhere.
        let count = self.number(&entry[4..8]);
        (1..=4 / length).contains(&count).then(|| self.number(&entry[8..8 + length as usize]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A block with an entry before the orientation.
    fn block(little: bool, kind: u16, count: u32, value: &[u8]) -> Vec<u8> {
        let two = |n: u16| if little { n.to_le_bytes() } else { n.to_be_bytes() };
        let four = |n: u32| if little { n.to_le_bytes() } else { n.to_be_bytes() };
        let mut bytes = if little { b"II*\0".to_vec() } else { b"MM\0*".to_vec() };
        bytes.extend(four(8));
        bytes.extend(two(2));
        bytes.extend([&two(0x010f)[..], &two(2), &four(4), b"abc\0"].concat());
        bytes.extend([&two(0x0112)[..], &two(kind), &four(count), value].concat());
        bytes.resize(8 + 2 + 24, 0);
        bytes.extend(four(0));
        bytes
    }

    #[test]
    fn every_kind_of_integer_is_read_in_both_orders_of_bytes() {
        for orientation_number in 1..=8u8 {
            let expected = Orientation::from_exif(orientation_number);
            for kind in [1, 6, 7] {
                assert_eq!(orientation(&block(true, kind, 1, &[orientation_number])), expected);
                assert_eq!(orientation(&block(false, kind, 1, &[orientation_number])), expected);
            }
            for (kind, length) in [(3, 2), (8, 2), (4, 4), (9, 4)] {
                let little: Vec<u8> =
                    u32::from(orientation_number).to_le_bytes()[..length].to_vec();
                let big: Vec<u8> =
                    u32::from(orientation_number).to_be_bytes()[4 - length..].to_vec();
                assert_eq!(orientation(&block(true, kind, 1, &little)), expected, "kind {kind}");
                assert_eq!(orientation(&block(false, kind, 1, &big)), expected, "kind {kind}");
            }
        }
    }

    #[test]
    fn what_is_no_orientation_turns_nothing() {
        for (kind, count, value) in
            [(3, 1, [0, 0, 0, 0]), (3, 1, [9, 0, 0, 0]), (4, 1, [6, 0, 1, 0]), (5, 1, [6, 0, 0, 0])]
        {
            assert_eq!(orientation(&block(true, kind, count, &value)), None);
        }
        assert_eq!(orientation(&block(true, 3, 3, &[6, 0, 0, 0])), None);
        let whole = block(true, 3, 1, &[6, 0]);
        for length in 0..8 + 2 + 24 {
            assert_eq!(orientation(&whole[..length]), None);
        }
    }
}
