//! A bit reader for entropy-coded data: byte stuffing is undone on the fly, and a marker ends the
//! data.

use crate::fault::Fault;

/// Bits indexed by one lookup of a Huffman table. 11 keep two tables within half of a first-level
/// cache.
pub(super) const LOOKUP_BITS: u32 = 11;

/// Reads bits, the highest of a byte first. Past the end it returns zeros and counts them, so that
/// the decoder's loops need no check for each code, only one for each block: [`Bits::overrun`].
#[derive(Clone, Copy)]
pub(super) struct Bits<'a> {
    data: &'a [u8],
    /// The next byte to load.
    at: usize,
    /// No byte of `at..clean` is 0xff.
    clean: usize,
    /// The next bits, from the highest down. Below the first `count` are zeros or bits that will be
    /// loaded there.
    buffer: u64,
    count: u32,
    /// Number of trailing bits of `count` that lie past the end of the data.
    padding: u32,
}

impl<'a> Bits<'a> {
    pub(super) fn new(data: &'a [u8]) -> Self {
        Self { data, at: 0, clean: find_marker_byte(data, 0), buffer: 0, count: 0, padding: 0 }
    }

    /// Makes at least 56 bits available.
    #[inline(always)]
    pub(super) fn refill(&mut self) {
        if self.at.wrapping_add(8) <= self.clean
            && let Some(word) = self.data.get(self.at..).and_then(<[u8]>::first_chunk)
        {
            // Whole bytes are counted; the rest of the word is loaded again with the next one, to
            // the same position.
            self.buffer |= u64::from_be_bytes(*word) >> (self.count & 63);
            self.at = self.at.wrapping_add((63 - (self.count & 63)) as usize / 8);
            self.count |= 56;
        } else {
            *self = self.refill_slowly();
        }
    }

    /// Byte by byte, near 0xff and at the end. By value, so that the callers can keep their reader
    /// in registers.
    #[cold]
    #[inline(never)]
    fn refill_slowly(mut self) -> Self {
        while self.count < 56 {
            let byte = match self.data.get(self.at) {
                Some(0xff) => {
                    let next = self.data[self.at..]
                        .iter()
                        .position(|&byte| byte != 0xff)
                        .map(|skip| self.at + skip);
                    match next {
                        Some(next) if self.data[next] == 0 => {
                            self.at = next + 1;
                            Some(0xff)
                        }
                        _ => None,
                    }
                }
                Some(&byte) => {
                    self.at += 1;
                    Some(byte)
                }
                None => None,
            };
            if byte.is_none() {
                self.padding = self.padding.saturating_add(8);
            }
            self.buffer |= u64::from(byte.unwrap_or(0)) << (56 - self.count);
            self.count += 8;
        }
        if self.at >= self.clean {
            self.clean = find_marker_byte(self.data, self.at);
        }
        self
    }

    /// The next `n` bits (1 to 16), without consuming them.
    #[inline(always)]
    pub(super) fn peek(&self, n: u32) -> usize {
        (self.buffer >> (64 - n)) as usize
    }

    /// Consumes `n` bits (at most 31) of those loaded by [`Bits::refill`].
    #[inline(always)]
    pub(super) fn consume(&mut self, n: u32) {
        self.buffer <<= n & 63;
        self.count = self.count.wrapping_sub(n);
    }

    /// The value of `size` bits (0 to 15) as ITU-T T.81 F.2.2.1 extends it: a leading zero means a
    /// negative number.
    #[inline(always)]
    pub(super) fn signed(&mut self, size: u32) -> i32 {
        if size == 0 {
            return 0;
        }
        let value = self.peek(size) as i32;
        self.consume(size);
        extend(value, size)
    }

    /// One bit.
    #[inline(always)]
    pub(super) fn bit(&mut self) -> bool {
        let bit = self.buffer >> 63 == 1;
        self.consume(1);
        bit
    }

    /// Returns true if more bits were consumed than the data hold.
    #[inline(always)]
    pub(super) fn overrun(&self) -> bool {
        self.count < self.padding
    }

    /// The error to report for an invalid code: past the end, the zeros often form one.
    #[cold]
    pub(super) fn or_end(&self, fault: Fault) -> Fault {
        if self.overrun() { Fault::EndsEarly } else { fault }
    }

    /// Continues after restart marker number `index` (modulo 8); the remaining bits before it are
    /// dropped.
    #[must_use]
    pub(super) fn restart(&mut self, index: u32) -> bool {
        // Bytes may be loaded ahead, but never across a marker, so the next marker is the right
        // one.
        let mut at = find_marker_byte(self.data, self.at);
        loop {
            match self.data.get(at + 1) {
                Some(0xff) => at += 1,
                Some(0) => at = find_marker_byte(self.data, at + 2),
                Some(&marker) if u32::from(marker) == 0xd0 + index % 8 => break,
                _ => return false,
            }
        }
        let at = at + 2;
        *self = Self {
            at,
            clean: find_marker_byte(self.data, at),
            buffer: 0,
            count: 0,
            padding: 0,
            data: self.data,
        };
        true
    }
}

/// ITU-T T.81, figure F.12: the lower half of the numbers of `size` bits (1 to 15) are the negative
/// ones.
#[inline(always)]
pub(super) fn extend(value: i32, size: u32) -> i32 {
    if value >> (size - 1) == 0 { value - (1 << size) + 1 } else { value }
}

/// The position of the next 0xff from `from` on; the length of the data if there is none.
pub(super) fn find_marker_byte(data: &[u8], from: usize) -> usize {
    let mut at = from.min(data.len());
    // Blocks without an early exit, which the compiler turns into vector code.
    while let Some(block) = data[at..].first_chunk::<32>() {
        if block.iter().fold(0, |found, &byte| found | u8::from(byte == 0xff)) != 0 {
            break;
        }
        at += 32;
    }
    data[at..].iter().position(|&byte| byte == 0xff).map_or(data.len(), |offset| at + offset)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn bits_come_in_order_however_often_they_are_refilled(
            data in prop::collection::vec(prop_oneof![Just(0xff), any::<u8>()], 1..80),
            takes in prop::collection::vec((1u32..=16, 1..4), 1..80),
        ) {
            let stuffed: Vec<u8> = data.iter().flat_map(|&b| if b == 0xff { vec![b, 0] } else { vec![b] }).collect();
            let plain = |at: usize| data.get(at / 8).is_some_and(|byte| byte >> (7 - at % 8) & 1 == 1);
            let (mut bits, mut at) = (Bits::new(&stuffed), 0);
            for (n, refills) in takes {
                for _ in 0..refills {
                    bits.refill();
                }
                let expected = (at..at + n as usize).fold(0, |value, at| value << 1 | usize::from(plain(at)));
                prop_assert_eq!(bits.peek(n), expected);
                bits.consume(n);
                at += n as usize;
                prop_assert_eq!(bits.overrun(), at > 8 * data.len());
            }
        }
    }
}
