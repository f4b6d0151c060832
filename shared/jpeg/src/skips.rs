//! The lookup of a Huffman table for skipping blocks: several codes at once, of which only the end
//! is needed.

use crate::bits::{Bits, LOOKUP_BITS};

/// Upper bound of bits consumed by an entry of [`Skips`].
pub(super) const SKIP_LENGTH: u32 = 18;

/// The codes of a [`crate::huffman::Table`] for skipping blocks.
pub(super) struct Skips(pub(super) [Skip; 1 << LOOKUP_BITS]);

impl Skips {
    #[inline(always)]
    pub(super) fn look(&self, bits: &Bits<'_>) -> Skip {
        self.0[bits.peek(LOOKUP_BITS)]
    }
}

/// Several codes to skip at once.
#[derive(Clone, Copy)]
pub(super) struct Skip(u32);

impl Skip {
    /// Nothing is known; it advances by 64, so that one test finds this and an overfull block.
    pub(super) const NONE: Self = Self(64 << 8);

    pub(super) fn new(length: u32, forward: usize, value: i32) -> Self {
        Self((value as u32) << 16 | (forward as u32) << 8 | length)
    }

    /// Bits, at most [`SKIP_LENGTH`].
    #[inline(always)]
    pub(super) fn length(self) -> u32 {
        self.0 & 0xff
    }

    /// Coefficients to advance, 64 if nothing is known, plus [`crate::huffman::Pair::END`] if the
    /// block ends there.
    #[inline(always)]
    pub(super) fn forward(self) -> usize {
        (self.0 >> 8 & 0xff) as usize
    }

    /// The DC difference, 0 for AC coefficients.
    #[inline(always)]
    pub(super) fn value(self) -> i32 {
        self.0 as i32 >> 16
    }
}
