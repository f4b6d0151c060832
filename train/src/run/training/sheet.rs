//! The pictures of a sheet.

use anyhow::Result;
use shared::nn::config::Settings;
use shared::nn::sampler::Sampler;
use shared::picture::{Picture, grid};

use crate::data::batches::Batches;
use crate::watch::epoch_log::SHEET_PADDING;

/// A sheet as PNG.
pub(crate) fn sheet(pictures: &[Picture], columns: usize) -> Result<Vec<u8>> {
    Ok(grid(pictures, columns, SHEET_PADDING).to_png()?)
}

/// The pictures of a sheet: from the same latents each time, or from the pictures on the sheet of
/// reals.
pub(crate) fn samples(sampler: &Sampler, batches: &Batches, count: usize) -> Result<Vec<Picture>> {
    match sampler.latents() {
        Ok(_) => Ok(sampler.pictures(&(0..count as u64).collect::<Vec<_>>())),
        Err(_) => Ok(sampler.translated(&batches.first(count)?)),
    }
}

/// Estimated size of a sheet of samples in bytes: it begins as noise, which PNG hardly compresses,
/// and ends up like the pictures, which it does. Half-way between the two is slightly above the
/// average observed in runs of 64×64.
pub(crate) fn sheet_bytes(batches: &Batches, settings: &Settings) -> Result<u64> {
    let pictures = batches.first(settings.samples.pictures)?;
    let unpacked = pictures.iter().map(|picture| picture.pixels.len() as u64).sum();
    Ok(u64::midpoint(sheet(&pictures, settings.samples.columns)?.len() as u64, unpacked))
}
