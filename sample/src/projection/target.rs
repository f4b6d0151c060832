//! The picture that is projected: the centre square of a file, in the generator's extent.

use std::path::Path;

use anyhow::{Result, anyhow};
use shared::cli::one_line;
use shared::fs;
use shared::picture::kernel::{Kernel, Weights};
use shared::picture::{Limits, Picture, Window};

/// Maximum bytes of the file and its pixels.
const LIMITS: Limits = Limits { bytes: 1 << 30 };
/// Bits of a weight after the point, as in Pillow.
const BITS: u32 = 22;

/// Reads the picture at `path`: its centre square, by Pillow's Lanczos to `size` pixels a side, in
/// `channels`, 1 or 3.
///
/// # Errors
/// When the file cannot be read or decoded.
pub fn read(path: &Path, size: u32, channels: u32) -> Result<Picture> {
    let bytes = fs::read_bounded(path, LIMITS.bytes)?;
    let picture = Picture::decode(&bytes, &LIMITS)
        .map_err(|error| anyhow!("{}: {}", path.display(), one_line(&error)))?;
    let side = picture.width.min(picture.height);
    let (left, top) = ((picture.width - side) / 2, (picture.height - side) / 2);
    let square = picture.cut(Window { left, top, width: side, height: side });
    let scaled = resized(&square, size);
    Ok(if channels == 1 { grey(&scaled) } else { scaled })
}

/// ITU-R BT.601 luma in fixed point, as Pillow computes it.
fn grey(picture: &Picture) -> Picture {
    let weigh = |p: &[u8; 3]| {
        let sum =
            u32::from(p[0]) * 19595 + u32::from(p[1]) * 38470 + u32::from(p[2]) * 7471 + 0x8000;
        (sum >> 16) as u8
    };
    let pixels = picture.pixels.as_chunks::<3>().0.iter().map(weigh).collect();
    Picture { channels: 1, pixels, ..*picture }
}

/// A square in `size` pixels a side: rows, then columns, each rounded to 8 bits (Pillow's
/// `Resample.c`).
fn resized(square: &Picture, size: u32) -> Picture {
    if square.width == size {
        return square.clone();
    }
    let weights = Kernel::LANCZOS.weights(square.width, size);
    let n = square.channels as usize;
    let (side, size_px) = (square.width as usize, size as usize);
    // [side, size, n]: pixels of a row lie n apart, then rows of the result a row apart.
    let rows: Vec<u8> = square
        .pixels
        .chunks_exact(side * n)
        .flat_map(|row| scaled(&weights, n, |i, c| row[i * n + c]))
        .collect();
    let columns: Vec<Vec<u8>> =
        (0..size_px).map(|x| scaled(&weights, n, |i, c| rows[(i * size_px + x) * n + c])).collect();
    let pixels = (0..size_px)
        .flat_map(|y| columns.iter().flat_map(move |column| column[y * n..][..n].iter().copied()))
        .collect();
    Picture { width: size, height: size, channels: square.channels, pixels }
}

/// A line of pixels of `n` channels, scaled; `at` gives the value of a pixel and channel.
fn scaled(weights: &Weights, n: usize, at: impl Fn(usize, usize) -> u8) -> Vec<u8> {
    let one = f64::from(1u32 << BITS);
    let pixel = |(start, factors): (usize, &[f64])| {
        let factors: Vec<i64> = factors.iter().map(|w| (w * one).round() as i64).collect();
        let channel = |c: usize| {
            let products = factors.iter().zip(start..).map(|(w, i)| w * i64::from(at(i, c)));
            let sum = products.sum::<i64>() + (1i64 << (BITS - 1));
            (sum >> BITS).clamp(0, 255) as u8
        };
        (0..n).map(channel).collect::<Vec<u8>>()
    };
    weights.iter().flat_map(pixel).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_colour_stays_and_a_ramp_keeps_its_mean_at_every_extent() {
        for size in [7, 16, 40] {
            let flat = resized(&Picture::filled(23, 23, 3, 77), size);
            assert_eq!(flat, Picture::filled(size, size, 3, 77));
            let ramp: Vec<u8> = (0..23 * 23).map(|i| (i % 23 * 10) as u8).collect();
            let ramp = Picture { width: 23, height: 23, channels: 1, pixels: ramp };
            let scaled = resized(&ramp, size);
            let mean = |p: &Picture| {
                p.pixels.iter().map(|v| f64::from(*v)).sum::<f64>() / p.pixels.len() as f64
            };
            assert!((mean(&scaled) - mean(&ramp)).abs() < 1.0, "{size}");
            let size = size as usize;
            assert!(scaled.pixels[..size].windows(2).all(|pair| pair[0] <= pair[1]));
            assert!(scaled.pixels.chunks(size).all(|row| *row == scaled.pixels[..size]));
        }
    }
}
