//! Conversion of rows of components to pixels, with the rounding of libjpeg (ITU-T T.871: YCbCr by
//! ITU-R BT.601, full range) and, for four colours, of Pillow's conversion to RGB.

use crate::header::Color;
use crate::instructions::Instructions;

/// Pixels converted at once.
const LANES: usize = 32;

impl Color {
    /// Bytes per pixel.
    pub(super) fn channels(self) -> u32 {
        if self == Self::Grey { 1 } else { 3 }
    }

    /// Writes a row of pixels from `rows`, one per component, each as long as `out` in pixels.
    #[inline(always)]
    pub(super) fn convert(self, rows: [&[u8]; 4], out: &mut [u8], with: impl Instructions) {
        match self {
            Self::Grey => out.copy_from_slice(rows[0]),
            Self::Rgb => each::<false>(out, rows, with),
            Self::YCbCr => each::<true>(out, rows, with),
            Self::Cmyk => each_of_four(out, rows, |inks| inks),
            Self::Ycck => each_of_four(out, rows, |[y, cb, cr, k]| {
                let [r, g, b] = pixel_of_ycc(y, cb, cr);
                [255 - r, 255 - g, 255 - b, k]
            }),
        }
    }
}

/// A group of samples for each of three components.
type Group = [[u8; LANES]; 3];

/// Converts (from YCbCr if `YCC` is true) and interleaves, [`LANES`] pixels at a time. No closure
/// is passed on: it would not be vectorised.
#[inline(always)]
fn each<const YCC: bool>(out: &mut [u8], rows: [&[u8]; 4], with: impl Instructions) {
    let [first, second, third, _] = rows;
    let (wholes, rest) = out.as_chunks_mut::<{ 3 * LANES }>();
    let ((a, a_rest), (b, b_rest), (c, c_rest)) =
        (first.as_chunks(), second.as_chunks(), third.as_chunks());
    for (((out, a), b), c) in wholes.iter_mut().zip(a).zip(b).zip(c) {
        one::<YCC>([*a, *b, *c], out, with);
    }
    if !rest.is_empty() {
        let (mut group, mut last) = ([[0; LANES]; 3], [0; 3 * LANES]);
        for (group, rest) in group.iter_mut().zip([a_rest, b_rest, c_rest]) {
            group[..rest.len()].copy_from_slice(rest);
        }
        one::<YCC>(group, &mut last, with);
        rest.copy_from_slice(&last[..rest.len()]);
    }
}

#[inline(always)]
fn one<const YCC: bool>(group: Group, out: &mut [u8; 3 * LANES], with: impl Instructions) {
    let group = if YCC { rgb_of_ycc(group) } else { group };
    #[cfg(target_arch = "x86_64")]
    if with.avx2().is_some() {
        // SAFETY: a value of `Avx2` exists only if the machine supports it.
        return unsafe { avx2::interleave(&group, out) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = with;
    let [r, g, b] = group;
    for (i, pixel) in out.as_chunks_mut::<3>().0.iter_mut().enumerate() {
        *pixel = [r[i], g[i], b[i]];
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::*;

    use super::{Group, LANES};

    /// For each of the three thirds of 16 pixels and each colour: the source pixel of each byte, -1
    /// for none.
    const ORDER: [[[i8; 16]; 3]; 3] = order();

    const fn order() -> [[[i8; 16]; 3]; 3] {
        let mut order = [[[-1; 16]; 3]; 3];
        let mut at = 0;
        while at < 48 {
            order[at / 16][at % 3][at % 16] = (at / 3) as i8;
            at += 1;
        }
        order
    }

    /// Interleaves R, G and B.
    #[target_feature(enable = "avx2")]
    #[inline]
    pub(super) fn interleave(group: &Group, out: &mut [u8; 3 * LANES]) {
        // SAFETY: each row of the group is 32 bytes.
        let load = |row: &[u8; LANES]| unsafe { _mm256_loadu_si256(row.as_ptr().cast()) };
        let colors = [load(&group[0]), load(&group[1]), load(&group[2])];
        let (first, second) = out.split_at_mut(3 * LANES / 2);
        for ((order, first), second) in
            ORDER.iter().zip(first.chunks_exact_mut(16)).zip(second.chunks_exact_mut(16))
        {
            let mut third = _mm256_setzero_si256();
            for (order, color) in order.iter().zip(colors) {
                // SAFETY: an order is 16 bytes.
                let order =
                    unsafe { _mm256_broadcastsi128_si256(_mm_loadu_si128(order.as_ptr().cast())) };
                third = _mm256_or_si256(third, _mm256_shuffle_epi8(color, order));
            }
            // SAFETY: both are 16 bytes.
            unsafe {
                _mm_storeu_si128(first.as_mut_ptr().cast(), _mm256_castsi256_si128(third));
                _mm_storeu_si128(second.as_mut_ptr().cast(), _mm256_extracti128_si256::<1>(third));
            }
        }
    }
}

/// 65536 times 1.402 − 1, 2 − 1.772, 0.34414 and 1 − 0.71414: the parts of libjpeg's constants that
/// fit 16 bits.
const RED: i16 = 26345;
const BLUE: i16 = -14942;
const GREEN_CB: i32 = -22554;
const GREEN_CR: i32 = 18734;

#[inline(always)]
fn rgb_of_ycc([y, cb, cr]: Group) -> Group {
    let (mut r, mut g, mut b) = ([0; LANES], [0; LANES], [0; LANES]);
    for i in 0..LANES {
        [r[i], g[i], b[i]] = pixel_of_ycc(y[i], cb[i], cr[i]);
    }
    [r, g, b]
}

/// R = Y + 1.402·Cr, G = Y − 0.34414·Cb − 0.71414·Cr, B = Y + 1.772·Cb, with Cb and Cr offset by
/// −128, each sum of products rounded as `(sum · 65536 + 32768) >> 16`.
#[inline(always)]
fn pixel_of_ycc(y: u8, cb: u8, cr: u8) -> [u8; 3] {
    let (y, cb, cr) = (i16::from(y), i16::from(cb) - 128, i16::from(cr) - 128);
    // ((2·x·c >> 16) + 1) >> 1 is (x·c + 32768) >> 16, within 16 bits.
    let scaled = |x: i16, c: i16| (((i32::from(2 * x) * i32::from(c)) >> 16) as i16 + 1) >> 1;
    let green = (i32::from(cb) * GREEN_CB + i32::from(cr) * GREEN_CR + 32768) >> 16;
    let rgb = [y + cr + scaled(cr, RED), y - cr + green as i16, y + 2 * cb + scaled(cb, BLUE)];
    rgb.map(|value| value.clamp(0, 255) as u8)
}

/// Pixels of four components; `inks` converts them to Adobe's inks, 255 for none.
#[inline(always)]
fn each_of_four(out: &mut [u8], rows: [&[u8]; 4], inks: impl Fn([u8; 4]) -> [u8; 4]) {
    for (i, pixel) in out.as_chunks_mut::<3>().0.iter_mut().enumerate() {
        let [c, m, y, k] = inks(rows.map(|row| row[i])).map(|stored| 255 - stored);
        *pixel = [c, m, y].map(|ink| without_ink(ink, 255 - k));
    }
}

/// The light that an ink lets through over a ground of brightness `light`: light − ink·light/255,
/// rounded.
fn without_ink(ink: u8, light: u8) -> u8 {
    let product = u32::from(ink) * u32::from(light) + 128;
    light - ((product + (product >> 8)) >> 8) as u8
}
