//! `crops SOURCE OUT SIZE PADDING` writes the decoded pixels and the crop of every picture of a
//! source.
//!
//! `tools/check_crop.py` compares the crops with TensorFlow's from the same pixels.

use std::path::PathBuf;

use anyhow::{Context, Result};
use prep::pixels::{Resampling, crop_and_resize};
use prep::source::Content;
use prep::source::layouts::cub;
use rayon::prelude::*;
use shared::archive::Archive;
use shared::fs;
use shared::picture::{Limits, Picture};

fn main() -> Result<()> {
    let mut words = std::env::args().skip(1);
    let mut word = || words.next().context("usage: crops SOURCE OUT SIZE PADDING");
    let (source, out) = (PathBuf::from(word()?), PathBuf::from(word()?));
    let (size, padding): (u32, f64) = (word()?.parse()?, word()?.parse()?);
    let archive = Archive::open(&source)?;
    let listing = cub::read(&archive)?;
    let lines: Result<Vec<String>> = listing
        .pictures
        .par_iter()
        .map(|entry| {
            let Content::File(name) = &entry.content else { anyhow::bail!("not a picture file") };
            let at = archive
                .find(&[&listing.root[..], &name.0].concat())
                .context("a listed file is missing")?;
            let picture = Picture::decode(&archive.read(at, 64 << 20)?, &Limits::default())?;
            let given =
                entry.objects.first().map(|o| o.bounding_box).context("a picture has no box")?;
            let window = given
                .window(padding, picture.width, picture.height)
                .context("a box lies outside")?;
            let pixels = crop_and_resize(&picture, window, size, size, Resampling::Area);
            let crop = Picture { width: size, height: size, channels: 3, pixels };
            fs::write(out.join(format!("{}.decoded.png", entry.id)), &picture.to_png()?)?;
            fs::write(out.join(format!("{}.crop.png", entry.id)), &crop.to_png()?)?;
            let line = serde_json::json!({
                "id": entry.id,
                "file": name.to_string(),
                "box": [given.x, given.y, given.width, given.height],
                "window": [window.top, window.left, window.height, window.width],
            });
            Ok(line.to_string() + "\n")
        })
        .collect();
    fs::write(out.join("crops.jsonl"), lines?.concat().as_bytes())?;
    Ok(())
}
