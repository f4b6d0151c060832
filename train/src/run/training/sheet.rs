//! The pictures of a sheet.

use anyhow::Result;
use shared::nn::config::{SamplesConfig, Settings};
use shared::nn::sampler::Sampler;
use shared::picture::{Picture, grid};

use crate::data::batches::{Batches, Shown};
use crate::watch::epoch_log::SHEET_PADDING;

/// A sheet as PNG.
pub(crate) fn sheet(pictures: &[Picture], columns: usize) -> Result<Vec<u8>> {
    Ok(grid(pictures, columns, SHEET_PADDING).to_png()?)
}

/// The pictures of a sheet.
#[derive(Debug)]
pub(crate) struct Samples {
    /// What the generator made.
    pub(crate) made: Vec<Picture>,
    /// Each source, what was made of it, and its target if it has one; `None` without sources.
    beside: Option<Vec<Picture>>,
    columns: usize,
}

impl Samples {
    /// The sheet as PNG.
    pub(crate) fn png(&self) -> Result<Vec<u8>> {
        let Some(cells) = &self.beside else { return sheet(&self.made, self.columns) };
        sheet(cells, self.columns * (cells.len() / self.made.len().max(1)))
    }
}

/// The pictures of a sheet: from the same latents each time, or from the same sources.
pub(crate) fn samples(
    sampler: &Sampler,
    batches: &Batches,
    config: &SamplesConfig,
) -> Result<Samples> {
    let SamplesConfig { pictures: count, columns, .. } = *config;
    if sampler.latents().is_ok() {
        let made = sampler.pictures(&(0..count as u64).collect::<Vec<_>>());
        return Ok(Samples { made, beside: None, columns });
    }
    let shown = batches.shown(count)?;
    let sources: Vec<Picture> = shown.iter().map(|shown| shown.source.clone()).collect();
    let made = sampler.translated(&sources);
    if !batches.translates() {
        return Ok(Samples { made, beside: None, columns });
    }
    let row = |(Shown { source, target }, made): (Shown, &Picture)| {
        [Some(source), Some(made.clone()), target].into_iter().flatten()
    };
    let beside = shown.into_iter().zip(&made).flat_map(row).collect();
    Ok(Samples { made, beside: Some(beside), columns })
}

/// Estimated size of a sheet of samples in bytes: it begins as noise, which PNG hardly compresses,
/// and ends up like the pictures, which it does. Half-way between the two is slightly above the
/// average observed in runs of 64×64.
pub(crate) fn sheet_bytes(batches: &Batches, settings: &Settings) -> Result<u64> {
    let shown = batches.shown(settings.samples.pictures)?;
    // Of each source there is a translation, which is as large.
    let copies = if batches.translates() { 2 } else { 1 };
    let pictures: Vec<Picture> = shown
        .into_iter()
        .flat_map(|Shown { source, target }| vec![source; copies].into_iter().chain(target))
        .collect();
    let unpacked = pictures.iter().map(|picture| picture.pixels.len() as u64).sum();
    Ok(u64::midpoint(sheet(&pictures, settings.samples.columns)?.len() as u64, unpacked))
}
