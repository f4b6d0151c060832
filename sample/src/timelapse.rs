//! The sheets of fixed latents of a run, one after the other, the epoch drawn under each.

use std::path::Path;

use anyhow::{Result, bail};
use rayon::prelude::*;
use shared::nn::run::Run;
use shared::picture::{CAPTION_HEIGHT, Limits, Picture};

/// Pixels around the caption.
const MARGIN: u32 = 4;

/// Pictures of the caption's pixel size.
const CAPTION_SCALE: u32 = 2;

/// At most `frames` of the run's sheets, evenly spread, the first and last among them, each with its epoch.
///
/// # Errors
/// When the run has no sheets or one cannot be read.
pub fn frames(run: &Path, frames: usize) -> Result<Vec<Picture>> {
    let chosen = Run::open(run)?.sheets_over_time(frames)?;
    if chosen.is_empty() {
        bail!("{} has no sheets in samples/: it was trained with samples.every = 0", run.display());
    }
    chosen
        .into_par_iter()
        .map(|(epoch, path)| {
            let sheet = Picture::decode(&shared::fs::read_bounded(&path, 1 << 28)?, &Limits::default())
                .map_err(|e| anyhow::anyhow!("{}: {}", path.display(), shared::cli::one_line(&e)))?;
            Ok(captioned(&sheet, &format!("EPOCH {epoch}")))
        })
        .collect()
}

fn captioned(sheet: &Picture, text: &str) -> Picture {
    let band = CAPTION_HEIGHT * CAPTION_SCALE + 2 * MARGIN;
    let mut frame = Picture::filled(sheet.width, sheet.height + band, sheet.channels, 0);
    frame.paste(sheet, 0, 0);
    frame.draw_text(text, MARGIN, sheet.height + MARGIN, CAPTION_SCALE, [255; 3]);
    frame
}
