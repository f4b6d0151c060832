//! The header of a lossy WebP's key frame (RFC 6386, sections 9 and 19.2), as far as a decoder
//! allocates by it: extents and the lengths of its partitions.

/// The extents of a key frame, after its partitions were found to lie within its bytes.
pub(super) fn extents(bytes: &[u8]) -> Result<(u32, u32), String> {
    let cut_off = || "its frame header is cut off".to_owned();
    let &[a, b, c, 0x9d, 0x01, 0x2a, w0, w1, h0, h1, ref rest @ ..] = bytes else {
        return Err(cut_off());
    };
    let tag = u32::from_le_bytes([a, b, c, 0]);
    if tag & 1 != 0 {
        return Err("it begins with a frame that builds on another".into());
    }
    let first = (tag >> 5) as usize;
    let (first, rest) = rest.split_at_checked(first).ok_or_else(cut_off)?;
    let partitions = 1usize << partition_bits(first);
    let sizes = rest.get(..3 * (partitions - 1)).ok_or_else(cut_off)?;
    let held: usize =
        sizes.chunks_exact(3).map(|s| u32::from_le_bytes([s[0], s[1], s[2], 0]) as usize).sum();
    if held > rest.len() - sizes.len() {
        return Err(format!(
            "its partitions claim {held} bytes, it has {}",
            rest.len() - sizes.len()
        ));
    }
    // The upper two bits are a hint for enlarging.
    Ok((
        u32::from(u16::from_le_bytes([w0, w1]) & 0x3fff),
        u32::from(u16::from_le_bytes([h0, h1]) & 0x3fff),
    ))
}

/// Reads the fields of the first partition up to the binary logarithm of the number of the others.
fn partition_bits(first: &[u8]) -> u32 {
    let mut fields = Fields::new(first);
    // Kind of colours, clamping.
    fields.bits(2);
    if fields.flag() {
        let (map, values) = (fields.flag(), fields.flag());
        if values {
            fields.flag();
            fields.optional(4, 8);
            fields.optional(4, 7);
        }
        if map {
            fields.optional(3, 8);
        }
    }
    // Kind, strength and sharpness of the filter at edges.
    fields.bits(10);
    if fields.flag() && fields.flag() {
        fields.optional(8, 7);
    }
    fields.bits(2)
}

/// Bits of equal probability from a boolean entropy coder (section 7).
struct Fields<'a> {
    rest: &'a [u8],
    value: u32,
    range: u32,
    shifted: u32,
}

impl<'a> Fields<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        let mut fields = Self { rest: bytes, value: 0, range: 255, shifted: 0 };
        fields.value = fields.byte() << 8;
        fields.value |= fields.byte();
        fields
    }

    /// Past the end there are zeros.
    fn byte(&mut self) -> u32 {
        let (byte, rest) = self.rest.split_first().unwrap_or((&0, &[]));
        self.rest = rest;
        u32::from(*byte)
    }

    fn flag(&mut self) -> bool {
        let split = 1 + (((self.range - 1) * 128) >> 8);
        let bit = self.value >= split << 8;
        if bit {
            self.range -= split;
            self.value -= split << 8;
        } else {
            self.range = split;
        }
        while self.range < 128 {
            self.value <<= 1;
            self.range <<= 1;
            self.shifted += 1;
            if self.shifted == 8 {
                self.shifted = 0;
                self.value |= self.byte();
            }
        }
        bit
    }

    fn bits(&mut self, n: u32) -> u32 {
        (0..n).fold(0, |value, _| value << 1 | u32::from(self.flag()))
    }

    /// Skips `count` fields of `n` bits, each behind a flag that says whether it is there.
    fn optional(&mut self, count: u32, n: u32) {
        for _ in 0..count {
            if self.flag() {
                self.bits(n);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Codes bits of equal probability, as section 7.3 describes: a carry may run back into what
    /// was written.
    fn coded(bits: &[u32]) -> Vec<u8> {
        let (mut low, mut range, mut shifted) = (0u128, 255u128, 0u32);
        for bit in bits {
            let split = 1 + (((range - 1) * 128) >> 8);
            if *bit == 1 {
                low += split;
                range -= split;
            } else {
                range = split;
            }
            while range < 128 {
                (low, range, shifted) = (low << 1, range << 1, shifted + 1);
            }
        }
        // The first byte of the value stands above all shifts.
        (low << (120 - shifted)).to_be_bytes().to_vec()
    }

    /// A key frame of 20 × 10 pixels with segments, filter deltas, and `partitions` of the given
    /// lengths before the last.
    fn frame(log2: u32, lengths: &[u8], held: usize) -> Vec<u8> {
        let mut bits = vec![0, 0, 1, 1, 1, 1];
        // Four quantizers, of which the second is there; no filter strengths; one probability of
        // three.
        bits.extend([
            0, 1, 1, 0, 1, 1, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 1, 0, 1, 0, 1, 1, 0,
        ]);
        // The filter; deltas that are updated, the last of eight.
        bits.extend([
            0, 1, 0, 1, 1, 0, 1, 1, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 1, 1, 0, 1, 1,
        ]);
        bits.extend([log2 >> 1, log2 & 1, 1, 0, 1]);
        let first = coded(&bits);
        let mut bytes = vec![0x10, 0, 0, 0x9d, 0x01, 0x2a, 20, 0, 10, 0x40];
        bytes[..3].copy_from_slice(&((first.len() as u32) << 5).to_le_bytes()[..3]);
        bytes.extend(first);
        lengths.iter().for_each(|&length| bytes.extend([length, 0, 0]));
        bytes.resize(bytes.len() + held, 0);
        bytes
    }

    #[test]
    fn the_extents_and_the_number_of_partitions_are_read() {
        assert_eq!(extents(&frame(0, &[], 9)), Ok((20, 10)));
        assert_eq!(extents(&frame(2, &[5, 6, 7], 19)), Ok((20, 10)));
    }

    #[test]
    fn partitions_that_claim_more_than_there_is_are_refused() {
        assert_eq!(
            extents(&frame(2, &[5, 6, 7], 17)),
            Err("its partitions claim 18 bytes, it has 17".into())
        );
        assert_eq!(extents(&frame(3, &[1, 2, 3], 11)), Err("its frame header is cut off".into()));
        assert!(extents(&frame(0, &[], 0)[..20]).is_err());
    }
}
