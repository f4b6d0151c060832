//! Frames → GIF with one palette for all of them, so that still parts do not flicker.

use std::collections::HashMap;
use std::io::{self, Write};
use std::path::Path;

use anyhow::{Result, bail};
use color_quant::NeuQuant;
use gif::{Encoder, Frame, Repeat};
use rayon::prelude::*;
use shared::fs;
use shared::picture::Picture;

/// Pixels that the palette is learned from; more change it no further.
const PALETTE_SAMPLES: usize = 400_000;

/// NeuQuant's sampling factor: 1 looks at every pixel it is given.
const PALETTE_QUALITY: i32 = 3;

/// Colours of a GIF.
const COLORS: usize = 256;

/// Writes `frames` (all of one extent) as a GIF that repeats for ever, `fps` frames a second; the last frame stays `hold`
/// seconds longer.
///
/// # Errors
/// When there are no frames, they differ in extent or are too large for the format, or the file cannot be written.
pub fn write_gif(path: &Path, frames: &[Picture], fps: f64, hold: f64) -> Result<()> {
    let Some(first) = frames.first() else { bail!("{}: an animation needs at least one frame", path.display()) };
    if frames.iter().any(|f| (f.width, f.height) != (first.width, first.height)) {
        bail!("{}: the frames differ in extent: they come from sheets of different settings", path.display());
    }
    let (Ok(width), Ok(height)) = (u16::try_from(first.width), u16::try_from(first.height)) else {
        bail!(
            "{}: {}×{} pixels are too many for a GIF; use fewer --columns or a smaller --scale",
            path.display(),
            first.width,
            first.height
        );
    };
    let quantizer = palette(frames);
    let table = quantizer.color_map_rgb();
    let indexed: Vec<Vec<u8>> = frames.par_iter().map(|frame| index(frame, &quantizer)).collect();
    // GIF counts in hundredths of a second, and viewers slow down anything below 2.
    let delay = (100.0 / fps).round().clamp(2.0, f64::from(u16::MAX)) as u16;
    let last_delay = delay.saturating_add((hold * 100.0).round().clamp(0.0, f64::from(u16::MAX)) as u16);
    fs::write_with(path, |out| {
        let mut encoder = Encoder::new(&mut *out, width, height, &table).map_err(io::Error::other)?;
        encoder.set_repeat(Repeat::Infinite).map_err(io::Error::other)?;
        let count = indexed.len();
        for (i, buffer) in indexed.into_iter().enumerate() {
            let delay = if i + 1 == count { last_delay } else { delay };
            let frame = Frame { width, height, delay, buffer: buffer.into(), ..Frame::default() };
            encoder.write_frame(&frame).map_err(io::Error::other)?;
        }
        drop(encoder);
        out.flush()
    })?;
    Ok(())
}

/// Colours of a frame's pixels, opaque RGBA.
fn colors(frame: &Picture) -> impl Iterator<Item = [u8; 4]> + '_ {
    let channels = frame.channels as usize;
    frame.pixels.chunks_exact(channels).map(move |p| if channels < 3 { [p[0], p[0], p[0], 255] } else { [p[0], p[1], p[2], 255] })
}

fn palette(frames: &[Picture]) -> NeuQuant {
    let total: usize = frames.iter().map(|f| f.pixels.len() / f.channels as usize).sum();
    let step = total.div_ceil(PALETTE_SAMPLES).max(1);
    let samples: Vec<u8> = frames.iter().flat_map(colors).step_by(step).flatten().collect();
    NeuQuant::new(PALETTE_QUALITY, COLORS, &samples)
}

fn index(frame: &Picture, quantizer: &NeuQuant) -> Vec<u8> {
    let mut known = HashMap::new();
    colors(frame).map(|c| *known.entry(c).or_insert_with(|| quantizer.index_of(&c) as u8)).collect()
}
