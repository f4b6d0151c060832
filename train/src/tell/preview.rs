//! Previews before a run: the layers of its networks, and the augmentation.

use std::path::Path;

use anyhow::Result;
use shared::cli::Ending;
use shared::fs;
use shared::nn::config::{DataConfig, RunConfig, Settings};
use shared::nn::device::DeviceChoice;
use shared::nn::preset;
use shared::nn::task::Role;

use crate::augment;
use crate::run::options::Options;
use crate::run::preparation::prepare;

/// Pictures per row of an augmentation preview.
const PREVIEW_PICTURES: usize = 8;

/// Writes a sheet that shows the augmentation of the first pictures of the data set.
///
/// # Errors
/// If the data is unusable or the file cannot be written.
pub fn preview_augment(options: &Options, file: &Path) -> Result<Ending> {
    let (config, batches) = prepare(options)?;
    let pictures = batches.first(PREVIEW_PICTURES)?;
    let sheet = augment::preview(&config.settings.augment, &pictures, config.seed);
    fs::create_folder_for(file)?;
    fs::write(file, &sheet.to_png()?)?;
    shared::cli::tell(&format!("{}\n", file.display()));
    Ok(Ending::Done)
}

/// Number of classes in a summary, if settings ask for classes and nothing gives their number.
const SUMMARY_CLASSES: usize = 10;

/// The pictures for a summary; `None` leaves the value to the preset or the data set.
#[derive(Clone, Copy, Debug, Default)]
pub struct Shape {
    /// Height and width.
    pub size: Option<usize>,
    /// 1 or 3.
    pub channels: Option<usize>,
    /// More than 0 makes both networks conditional.
    pub classes: Option<usize>,
}

/// A table of the layers of every role's network, with shapes and parameter counts. No weights are
/// drawn, so it is instant at any size.
///
/// # Errors
/// If the data set cannot be read, or the networks cannot be built for the pictures.
pub fn summary(
    name: &str,
    settings: &Settings,
    data: Option<&Path>,
    shape: Shape,
) -> Result<String> {
    let preset = preset::find(name)?;
    let ((mut size, mut channels), mut classes) = (preset.extent, Vec::new());
    if let Some(path) = data {
        let dataset = shared::dataset::Dataset::open(path)?;
        let manifest = dataset.manifest();
        (size, channels, classes) =
            (manifest.size as usize, manifest.channels as usize, manifest.classes.clone());
    }
    let mut settings = settings.clone();
    let counted = |count: usize| (0..count).map(|class| class.to_string()).collect();
    match shape.classes {
        Some(0) => (settings, classes) = (settings.with(None, &["cond=none".into()])?, Vec::new()),
        Some(count) => {
            classes = counted(count);
            if !settings.cond.is_on() {
                settings = settings.with(None, &[format!("cond={}", preset.conditional)])?;
            }
        }
        None if classes.is_empty() && settings.cond.is_on() => classes = counted(SUMMARY_CLASSES),
        None => {}
    }
    let (size, channels) = (shape.size.unwrap_or(size), shape.channels.unwrap_or(channels));
    settings.check_size(size)?;
    let config = RunConfig::new(
        name,
        settings,
        0,
        DataConfig { classes, ..DataConfig::of_extent(size, channels) },
    );
    let device = DeviceChoice::Cpu.open()?;
    let table = |role| config.outline(role, &device).summary(&title(role), size, channels);
    let tables: Vec<String> = config.settings.task.roles().iter().map(table).collect();
    Ok(format!("{}\n", tables.join("\n")))
}

/// "Generator", "Generator ab".
fn title(role: &Role) -> String {
    let words = role.name.replace('_', " ");
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
