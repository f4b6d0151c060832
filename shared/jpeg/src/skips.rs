//! The lookup of a Huffman table for going past blocks: several codes at once, of which only their
//! end is wanted.

use crate::bits::{Bits, LOOKUP_BITS};

/// Bits that an entry of [`Skips`] takes at most.
pub(super) const SKIP_LENGTH: u32 = 18;

/// The codes of a [`crate::huffman::Table`] for going past blocks.
pub(super) struct Skips(pub(super) [Skip; 1 << LOOKUP_BITS]);

impl Skips {
    #[inline(always)]
    pub(super) fn look(&self, bits: &Bits<'_>) -> Skip {
        self.0[bits.peek(LOOKUP_BITS)]
    }
}

/// Several codes to go past at once.
#[derive(Clone, Copy)]
pub(super) struct Skip(u32);

impl Skip {
    /// Nothing is known; it goes 64 forward, so that one test finds this and a block that is too
    /// full.
    pub(super) const NONE: Self = Self(64 << 8);

    pub(super) fn new(length: u32, forward: usize, value: i32) -> Self {
        Self((value as u32) << 16 | (forward as u32) << 8 | length)
    }

    /// Bits, at most [`SKIP_LENGTH`].
    #[inline(always)]
    pub(super) fn length(self) -> u32 {
        self.0 & 0xff
    }

    /// Coefficients to go forward, 64 for nothing known, and [`crate::huffman::Pair::END`] more if
    /// the block ends there.
    #[inline(always)]
    pub(super) fn forward(self) -> usize {
        (self.0 >> 8 & 0xff) as usize
    }

    /// The DC difference, 0 of AC coefficients.
    #[inline(always)]
    pub(super) fn value(self) -> i32 {
        self.0 as i32 >> 16
    }
}
