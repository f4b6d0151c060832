//! Flags → requests.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{Parser, Subcommand};
use shared::cli::{Ending, UsageError};
use shared::nn::device::{DeviceChoice, memory};
use shared::nn::ops::Precision;
use shared::nn::run::Which;
use shared::nn::sampler::Sampler;
use shared::picture::{Picture, grid};
use shared::signal::Stop;

use crate::seeds::Seeds;
use crate::{animation, collection, timelapse, walk};

/// Render what a run learned.
#[derive(Debug, Parser)]
#[command(name = "sample", version, after_help = EXAMPLES)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  sample grid runs/birds --out grid.png                         seeds 0-63, eight in a row
  sample grid runs/flowers --out classes.png --by-class --seeds 0-7
  sample grid runs/birds --out best.png --seeds 3,17,40-47 --columns 5 --scale 2
  sample images runs/birds --out fakes.zip -n 5000              pictures to measure
  sample timelapse runs/birds --out learning.gif                how the same latents changed
  sample walk runs/birds --out walk.gif --seeds 0-5             through six pictures and back to the first";

/// Where pictures come from.
#[derive(Debug, clap::Args)]
struct Source {
    /// Folder of the run.
    run: PathBuf,
    /// best (by KID; the latest where none was measured), latest, or a step.
    #[arg(long, default_value = "best")]
    checkpoint: Which,
    /// auto, cpu, cuda, cuda:INDEX or cubecl-cpu (`train devices` lists what there is).
    #[arg(long, default_value = "auto")]
    device: DeviceChoice,
    /// Only pictures of this class, by name or number, of a run that learned classes. Default: seeds go round all of them.
    #[arg(long, value_name = "CLASS")]
    class: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Pictures side by side in a PNG.
    Grid {
        #[command(flatten)]
        source: Source,
        /// PNG to write.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// Which pictures.
        #[arg(long, default_value = "0-63")]
        seeds: Seeds,
        /// Pictures in a row.
        #[arg(long, default_value_t = 8)]
        columns: usize,
        /// Pixels between pictures.
        #[arg(long, default_value_t = 2)]
        padding: u32,
        /// Enlarge each pixel this many times.
        #[arg(long, default_value_t = 1)]
        scale: u32,
        /// A row for each class, of a run that learned classes; the seeds stand beside each other.
        #[arg(long, conflicts_with_all = ["class", "columns"])]
        by_class: bool,
    },
    /// Many pictures as PNG files in a folder or zip.
    Images {
        #[command(flatten)]
        source: Source,
        /// Folder, or a file that ends in .zip.
        #[arg(long, value_name = "FOLDER|ZIP")]
        out: PathBuf,
        /// How many.
        #[arg(short = 'n', default_value_t = 5000)]
        n: u64,
        /// The first seed; the others follow.
        #[arg(long, default_value_t = 0)]
        seed_start: u64,
    },
    /// The run's sheets of fixed latents as a GIF.
    Timelapse {
        /// Folder of the run.
        run: PathBuf,
        /// GIF to write.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// At most this many of the sheets, evenly spread.
        #[arg(long, default_value_t = 100)]
        frames: usize,
        /// Frames a second.
        #[arg(long, default_value_t = 10.0)]
        fps: f64,
        /// Enlarge each pixel this many times.
        #[arg(long, default_value_t = 1)]
        scale: u32,
    },
    /// A closed path through latent space as a GIF.
    Walk {
        #[command(flatten)]
        source: Source,
        /// GIF to write.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// The pictures it passes.
        #[arg(long, default_value = "0-7")]
        seeds: Seeds,
        /// Frames in all.
        #[arg(long, default_value_t = 120)]
        frames: usize,
        /// Frames a second.
        #[arg(long, default_value_t = 20.0)]
        fps: f64,
        /// Enlarge each pixel this many times.
        #[arg(long, default_value_t = 4)]
        scale: u32,
    },
}

/// The most pixels of a picture or of all frames of an animation together; beyond that memory would be the limit.
const PIXEL_LIMIT: u64 = 1 << 28;

impl Source {
    fn open(&self) -> Result<Sampler> {
        // A seed's picture must not depend on the device more than it has to.
        Precision::F32.set();
        let (sampler, meta) = Sampler::open(&self.run, self.checkpoint, &self.device.open()?)?;
        tracing::info!("checkpoint of step {}, epoch {}", meta.step, meta.epoch);
        Ok(match &self.class {
            None => sampler,
            Some(class) => sampler.of_class(class)?,
        })
    }
}

impl Args {
    /// Does what the flags ask for and prints the path of what was written.
    ///
    /// # Errors
    /// When a flag is wrong, there is no such checkpoint, or the file cannot be written.
    pub fn run(self) -> Result<Ending> {
        memory::watch(|| self.render()).map_err(|_| UsageError("the device is out of memory: --device cpu".into()))?
    }

    fn render(self) -> Result<Ending> {
        match self.command {
            Command::Grid { source, out, seeds, columns, padding, scale, by_class } => {
                require(columns > 0, "--columns 0: at least 1")?;
                require_scale(scale)?;
                let sampler = source.open()?;
                let (pictures, columns) = match by_class {
                    false => (sampler.pictures(&seeds.0), columns),
                    true => (by_class_of(&sampler, &seeds.0)?, seeds.0.len()),
                };
                require_room(&pictures, scale)?;
                let pictures: Vec<Picture> = pictures.iter().map(|p| p.enlarge(scale)).collect();
                shared::fs::write(&out, &grid(&pictures, columns.min(pictures.len()), padding.min(1024)).to_png()?)?;
                done(&out)
            }
            Command::Images { source, out, n, seed_start } => {
                require(n > 0, "-n 0: at least 1")?;
                let end = seed_start.checked_add(n).ok_or_else(|| UsageError(format!("--seed-start {seed_start}: too large")))?;
                match collection::write(&source.open()?, seed_start..end, &out, &Stop::listen()?)? {
                    Ending::Done => done(&out),
                    stopped => Ok(stopped),
                }
            }
            Command::Timelapse { run, out, frames, fps, scale } => {
                require(frames > 0, "--frames 0: at least 1")?;
                require_scale(scale)?;
                let frames = timelapse::frames(&run, frames)?;
                require_room(&frames, scale)?;
                animate(&out, &frames, fps, scale, 2.0)
            }
            Command::Walk { source, out, seeds, frames, fps, scale } => {
                require(frames > 0, "--frames 0: at least 1")?;
                require_scale(scale)?;
                let sampler = source.open()?;
                let keys: Vec<Vec<f32>> = seeds.0.iter().map(|&seed| sampler.latent(seed)).collect();
                let frames = sampler.pictures_of_latents(&walk::path(&keys, frames));
                require_room(&frames, scale)?;
                animate(&out, &frames, fps, scale, 0.0)
            }
        }
    }
}

/// The pictures of `seeds` in each class, one class after the other.
fn by_class_of(sampler: &Sampler, seeds: &[u64]) -> Result<Vec<Picture>, UsageError> {
    let classes = sampler.classes().len();
    require(classes > 0, "--by-class: this run was trained without classes (cond = none)")?;
    Ok((0..classes as u32).flat_map(|class| sampler.clone().of_index(class).pictures(seeds)).collect())
}

fn require(holds: bool, text: &str) -> Result<(), UsageError> {
    if holds { Ok(()) } else { Err(UsageError(text.to_owned())) }
}

fn require_scale(scale: u32) -> Result<(), UsageError> {
    require((1..=64).contains(&scale), &format!("--scale {scale}: expected 1 to 64"))
}

fn require_room(pictures: &[Picture], scale: u32) -> Result<(), UsageError> {
    let pixels: u64 = pictures.iter().map(|p| u64::from(p.width) * u64::from(p.height)).sum();
    let total = pixels * u64::from(scale).pow(2);
    require(
        total <= PIXEL_LIMIT,
        &format!("{total} pixels are too many (at most {PIXEL_LIMIT}); use fewer pictures or a smaller --scale"),
    )
}

fn animate(out: &Path, frames: &[Picture], fps: f64, scale: u32, hold: f64) -> Result<Ending> {
    require(fps > 0.0 && fps <= 50.0, &format!("--fps {fps}: a GIF shows more than 0 and at most 50"))?;
    let frames: Vec<Picture> = frames.iter().map(|f| f.enlarge(scale)).collect();
    animation::write_gif(out, &frames, fps, hold)?;
    done(out)
}

fn done(out: &Path) -> Result<Ending> {
    println!("{}", out.display());
    Ok(Ending::Done)
}
