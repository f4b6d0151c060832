//! Flags → what each command is asked for.

use anyhow::Result;
use clap::{Parser, Subcommand};
use shared::cli::{Ending, UsageError};
use shared::nn::device::memory;
use shared::threads::ThreadsFlag;

use crate::{compare, export, grid, images, latents, morph, sheet, timelapse, truncation, walk};

/// Render what a run learned.
#[derive(Debug, Parser)]
#[command(name = "sample", version, after_help = EXAMPLES)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    threads: ThreadsFlag,
    /// For file systems without locks: write an --out that another program has marked as its own, once that runs no more.
    #[arg(long, global = true)]
    no_lock: bool,
}

const EXAMPLES: &str = "\
Examples:
  sample grid runs/birds --out grid.png                         seeds 0-63, eight in a row
  sample grid runs/flowers --out classes.png --by-class --seeds 0-7
  sample grid runs/birds --out best.png --seeds 3,17,40-47 --columns 5 --scale 2
  sample compare runs/birds --data birds64 --out compare.png    real pictures beside generated ones
  sample images runs/birds --out fakes.zip -n 5000              pictures to measure
  sample timelapse runs/birds --out learning.gif                how the same latents changed
  sample walk runs/birds --out walk.gif --seeds 0-5             through six pictures and back to the first
  sample sheet runs/birds --out directions.png                  what the directions of latent space do
  sample export runs/birds --onnx birds.onnx                    the generator for onnxruntime and browsers
Every command has more of them: sample COMMAND --help";

#[derive(Debug, Subcommand)]
enum Command {
    /// Pictures side by side
    Grid(grid::GridArgs),
    /// Many pictures as PNG files in a folder or zip
    Images(images::ImagesArgs),
    /// Generated pictures beside real ones, or beside the training pictures nearest to them
    Compare(compare::CompareArgs),
    /// How pictures of fixed latents changed in training, as an animation
    Timelapse(timelapse::TimelapseArgs),
    /// A path through latent space as an animation
    Walk(walk::WalkArgs),
    /// The way from one picture to another, step by step
    Morph(morph::MorphArgs),
    /// What the principal directions of latent space do to a picture
    Sheet(sheet::SheetArgs),
    /// The same seeds at several thresholds of truncation
    Truncation(truncation::TruncationArgs),
    /// The latent vectors of seeds as a file of numpy
    Latents(latents::LatentsArgs),
    /// The generator as a file for other programs: ONNX, PyTorch
    Export(export::ExportArgs),
}

impl Args {
    /// Does what the flags ask for and prints the path of what was written.
    ///
    /// # Errors
    /// When a flag is wrong, there is no such checkpoint, or the file cannot be written.
    pub fn run(self) -> Result<Ending> {
        self.threads.start();
        if self.no_lock {
            shared::fs::forgo_locks();
        }
        let render = || match self.command {
            Command::Grid(args) => grid::run(args),
            Command::Images(args) => images::run(args),
            Command::Compare(args) => compare::run(args),
            Command::Timelapse(args) => timelapse::run(args),
            Command::Walk(args) => walk::run(args),
            Command::Morph(args) => morph::run(args),
            Command::Sheet(args) => sheet::run(args),
            Command::Truncation(args) => truncation::run(args),
            Command::Latents(args) => latents::run(args),
            Command::Export(args) => export::run(args),
        };
        memory::watch(render).map_err(|_| UsageError("the device is out of memory: --device cpu".into()))?
    }
}
