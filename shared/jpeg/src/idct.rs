//! The inverse cosine transform of a block: that of Loeffler, Ligtenberg and Moschytz ("Practical
//! fast 1-D DCT algorithms with 11 multiplications", ICASSP 1989) in the fixed point of libjpeg's
//! `islow`, so that every pixel equals libjpeg's.
//!
//! The transform is linear up to its rounding, so its odd half is written here as the four sums of
//! products that the rotations amount to: modulo 2³² that is the same number. Coefficients are
//! stored in an order of rows that suits vectors: [`PLACE`].

use crate::instructions::Instructions;

/// Fraction bits of the constants.
const CONST_BITS: u32 = 13;
/// Fraction bits kept between the two passes.
const PASS1_BITS: u32 = 2;
/// The shift after the first pass.
const FIRST_SHIFT: u32 = CONST_BITS - PASS1_BITS;
/// The shift after the second pass; 3 is the transform's own scale of 8.
const SECOND_SHIFT: u32 = CONST_BITS + PASS1_BITS + 3;

/// 1.0.
const ONE: i16 = 1 << CONST_BITS;
/// Rows 2 and 6: 0.541196100, 1.306562965 (its sum with 0.765366865), −1.306562964 (its difference
/// to 1.847759065).
const EVEN: [i16; 3] = [4433, 10703, -10704];
/// The contributions of rows 7, 5, 3, 1 (columns) to the four odd sums (rows): the rotations by
/// 0.298631336, 2.053119869, 3.072711026, 1.501321110, −0.899976223, −2.562915447, −1.961570560,
/// −0.390180644, 1.175875602, multiplied out.
const ODD: [[i16; 4]; 4] = [
    [-11363, 9633, -6436, 2260],
    [9633, 2261, -11362, 6437],
    [-6436, -11362, -2259, 9633],
    [2260, 6437, 9633, 11363],
];

/// The position of coefficient row `r` in a block: rows 0 and 4, 1 and 5, and so on, are
/// neighbours.
const ROW_PLACE: [u8; 8] = [0, 2, 4, 6, 1, 3, 5, 7];

/// Maps the zigzag number of a coefficient plus 1 to its position in a block. Numbers beyond the
/// 63rd share one position, until the decoder notices.
pub(super) const PLACE: [u8; 128] = place();

const fn place() -> [u8; 128] {
    let mut places = [63; 128];
    let (mut row, mut column, mut k) = (0i32, 0i32, 1);
    while k <= 64 {
        places[k] = ROW_PLACE[row as usize] * 8 + column as u8;
        // Even diagonals run up, odd ones down.
        let up = (row + column) % 2 == 0;
        let (ahead, aside) = if up { (column, row) } else { (row, column) };
        let (ahead, aside) = if ahead == 7 {
            (ahead, aside + 1)
        } else {
            (ahead + 1, if aside > 0 { aside - 1 } else { 0 })
        };
        (row, column) = if up { (aside, ahead) } else { (ahead, aside) };
        k += 1;
    }
    places
}

/// A quantisation table or the coefficients of a block, by [`PLACE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(align(32))]
pub(super) struct Block(pub(super) [i16; 64]);

impl Block {
    pub(super) const ZERO: Self = Self([0; 64]);
}

/// Rows of samples.
pub(super) type Samples = [[u8; 8]; 8];

/// The samples of a block with a DC coefficient only: all the same.
pub(super) fn flat(dc: i16, quantisation: &Block) -> u8 {
    let dc = i32::from(dc.wrapping_mul(quantisation.0[0])).wrapping_shl(PASS1_BITS);
    (((dc + 16) >> (PASS1_BITS + 3)) + 128).clamp(0, 255) as u8
}

/// The samples of a block.
#[inline(always)]
pub(super) fn transform(block: &Block, quantisation: &Block, with: impl Instructions) -> Samples {
    #[cfg(target_arch = "x86_64")]
    if with.avx2().is_some() {
        // SAFETY: a value of `Avx2` exists only if the machine supports it.
        return unsafe { avx2::transform(block, quantisation) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = with;
    transform_anywhere(block, quantisation)
}

/// The samples of a block, on any machine.
fn transform_anywhere(block: &Block, quantisation: &Block) -> Samples {
    let mut work = [[0i32; 8]; 8];
    for (column, sums) in (0..8).zip(work.iter_mut()) {
        let of = |row: usize| {
            let at = usize::from(ROW_PLACE[row]) * 8 + column;
            i32::from(block.0[at].wrapping_mul(quantisation.0[at]))
        };
        let round = 1 << (FIRST_SHIFT - 1);
        // Vector code packs the sums into 16 bits here.
        *sums = pass([0, 1, 2, 3, 4, 5, 6, 7].map(of)).map(|sum| {
            (sum.wrapping_add(round) >> FIRST_SHIFT).clamp(i16::MIN.into(), i16::MAX.into())
        });
    }
    let mut samples = [[0; 8]; 8];
    for (row, samples) in (0..8).zip(samples.iter_mut()) {
        // The rounding, and 128 for the level.
        let round = (1 << (SECOND_SHIFT - 1)) + (128 << SECOND_SHIFT);
        let sums = pass(work.map(|column| column[row]));
        *samples = sums.map(|sum| (sum.wrapping_add(round) >> SECOND_SHIFT).clamp(0, 255) as u8);
    }
    samples
}

/// One column or row, with [`CONST_BITS`] extra fraction bits.
fn pass(x: [i32; 8]) -> [i32; 8] {
    let times = |value: i32, constant: i16| value.wrapping_mul(constant.into());
    let (even0, even1) = (times(x[0].wrapping_add(x[4]), ONE), times(x[0].wrapping_sub(x[4]), ONE));
    let even2 = times(x[2], EVEN[0]).wrapping_add(times(x[6], EVEN[2]));
    let even3 = times(x[2], EVEN[1]).wrapping_add(times(x[6], EVEN[0]));
    let even = [
        even0.wrapping_add(even3),
        even1.wrapping_add(even2),
        even1.wrapping_sub(even2),
        even0.wrapping_sub(even3),
    ];
    let sources = [x[7], x[5], x[3], x[1]];
    let odd = ODD.map(|row| {
        row.iter().zip(sources).fold(0i32, |sum, (&c, x)| sum.wrapping_add(times(x, c)))
    });
    let mut out = [0; 8];
    for k in 0..4 {
        out[k] = even[k].wrapping_add(odd[3 - k]);
        out[7 - k] = even[k].wrapping_sub(odd[3 - k]);
    }
    out
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    //! [`transform_anywhere`](super::transform_anywhere) with vectors of 16 numbers.

    use std::arch::x86_64::*;

    use super::{Block, EVEN, FIRST_SHIFT, ODD, ONE, SECOND_SHIFT, Samples};

    /// Two constants for `_mm256_madd_epi16`, side by side in each 32 bits.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn pair(first: i16, second: i16) -> __m256i {
        _mm256_set1_epi32(i32::from(second) << 16 | i32::from(first) & 0xffff)
    }

    /// Interleaves row 0 and row 4 in the two halves to pairs of their numbers, the first four
    /// columns in the lower half.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn interleave(halves: __m256i) -> __m256i {
        let quarters = _mm256_permute4x64_epi64::<0b11_01_10_00>(halves);
        let order = _mm256_setr_epi8(
            0, 1, 8, 9, 2, 3, 10, 11, 4, 5, 12, 13, 6, 7, 14, 15, 0, 1, 8, 9, 2, 3, 10, 11, 4, 5,
            12, 13, 6, 7, 14, 15,
        );
        _mm256_shuffle_epi8(quarters, order)
    }

    /// Eight columns at once; `rows`: 0 and 4, 1 and 5, 2 and 6, 3 and 7. The result is transposed,
    /// in the same order.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn pass<const SHIFT: i32>(rows: [__m256i; 4], round: __m256i) -> [__m256i; 4] {
        let (p04, p26) = (interleave(rows[0]), interleave(rows[2]));
        let (low, high) =
            (_mm256_unpacklo_epi16(rows[3], rows[1]), _mm256_unpackhi_epi16(rows[3], rows[1]));
        let (p31, p75) = (
            _mm256_permute2x128_si256::<0x20>(low, high),
            _mm256_permute2x128_si256::<0x31>(low, high),
        );
        let even0 = _mm256_add_epi32(_mm256_madd_epi16(p04, pair(ONE, ONE)), round);
        let even1 = _mm256_add_epi32(_mm256_madd_epi16(p04, pair(ONE, -ONE)), round);
        let even2 = _mm256_madd_epi16(p26, pair(EVEN[0], EVEN[2]));
        let even3 = _mm256_madd_epi16(p26, pair(EVEN[1], EVEN[0]));
        let even = [
            _mm256_add_epi32(even0, even3),
            _mm256_add_epi32(even1, even2),
            _mm256_sub_epi32(even1, even2),
            _mm256_sub_epi32(even0, even3),
        ];
        let odd = |k: usize| {
            let [c7, c5, c3, c1] = ODD[3 - k];
            _mm256_add_epi32(
                _mm256_madd_epi16(p75, pair(c7, c5)),
                _mm256_madd_epi16(p31, pair(c3, c1)),
            )
        };
        let odd = [odd(0), odd(1), odd(2), odd(3)];
        let upper = |k: usize| _mm256_srai_epi32::<SHIFT>(_mm256_add_epi32(even[k], odd[k]));
        let lower = |k: usize| _mm256_srai_epi32::<SHIFT>(_mm256_sub_epi32(even[k], odd[k]));
        // Sum 4 is the difference of pair 3, sum 7 that of pair 0.
        let p = [
            _mm256_packs_epi32(upper(0), lower(3)),
            _mm256_packs_epi32(upper(1), lower(2)),
            _mm256_packs_epi32(upper(2), lower(1)),
            _mm256_packs_epi32(upper(3), lower(0)),
        ];
        let (a, b) = (_mm256_unpacklo_epi16(p[0], p[1]), _mm256_unpacklo_epi16(p[2], p[3]));
        let (c, d) = (_mm256_unpackhi_epi16(p[0], p[1]), _mm256_unpackhi_epi16(p[2], p[3]));
        let (ab0, ab1) = (_mm256_unpacklo_epi32(a, b), _mm256_unpackhi_epi32(a, b));
        let (cd0, cd1) = (_mm256_unpacklo_epi32(c, d), _mm256_unpackhi_epi32(c, d));
        [
            _mm256_unpacklo_epi64(ab0, cd0),
            _mm256_unpackhi_epi64(ab0, cd0),
            _mm256_unpacklo_epi64(ab1, cd1),
            _mm256_unpackhi_epi64(ab1, cd1),
        ]
    }

    /// As [`super::transform_anywhere`].
    #[target_feature(enable = "avx2")]
    #[inline]
    pub(super) fn transform(block: &Block, quantisation: &Block) -> Samples {
        let load = |from: &Block, k: usize| {
            // SAFETY: both are 64 numbers, aligned to 32 bytes, and `k` is below 4, so 16 numbers
            // follow.
            unsafe { _mm256_load_si256(from.0.as_ptr().add(16 * k).cast()) }
        };
        let scaled = |k: usize| _mm256_mullo_epi16(load(block, k), load(quantisation, k));
        let rows = [scaled(0), scaled(1), scaled(2), scaled(3)];
        let columns =
            pass::<{ FIRST_SHIFT as i32 }>(rows, _mm256_set1_epi32(1 << (FIRST_SHIFT - 1)));
        let round = (1 << (SECOND_SHIFT - 1)) + (128 << SECOND_SHIFT);
        let rows = pass::<{ SECOND_SHIFT as i32 }>(columns, _mm256_set1_epi32(round));
        let first = _mm256_packus_epi16(rows[0], rows[1]);
        let second = _mm256_packus_epi16(rows[2], rows[3]);
        [
            _mm256_extract_epi64::<0>(first).to_le_bytes(),
            _mm256_extract_epi64::<1>(first).to_le_bytes(),
            _mm256_extract_epi64::<0>(second).to_le_bytes(),
            _mm256_extract_epi64::<1>(second).to_le_bytes(),
            _mm256_extract_epi64::<2>(first).to_le_bytes(),
            _mm256_extract_epi64::<3>(first).to_le_bytes(),
            _mm256_extract_epi64::<2>(second).to_le_bytes(),
            _mm256_extract_epi64::<3>(second).to_le_bytes(),
        ]
    }
}
