//! The command line. Each command parses its own flags; nothing depends on this folder.

mod foreign;

use anyhow::Result;
use clap::{Parser, Subcommand};
use shared::cli::{Ending, UsageError};
use shared::nn::device::memory;
use shared::threads::ThreadsFlag;

pub use self::foreign::PROGRAM;
use crate::animations::{timelapse, walk};
use crate::collections::images;
use crate::export;
use crate::latents::file as latents;
use crate::projection;
use crate::stills::{compare, grid, mix, morph, sheet, truncation};
use crate::translation::command as translate;

/// Render pictures and animations of a trained run.
#[derive(Debug, Parser)]
#[command(name = "sample", version, after_help = EXAMPLES)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    threads: ThreadsFlag,
    /// Ignore the lock file of --out; only for file systems without locks, when no other program
    /// writes it.
    #[arg(long, global = true)]
    no_lock: bool,
}

const EXAMPLES: &str = "\
Examples:
  sample grid runs/birds --out grid.png                         seeds 0-63, eight per row
  sample grid runs/flowers --out classes.png --by-class --seeds 0-7
  sample grid runs/birds --out best.png --seeds 3,17,40-47 --columns 5 --scale 2
  sample compare runs/birds --data birds64 --out compare.png    real and generated pictures side by side
  sample images runs/birds --out fakes.zip -n 5000              pictures for evaluation
  sample translate runs/maps --input photos --out maps          every picture of a folder, at its own size
  sample timelapse runs/birds --out learning.gif                the same latents during training
  sample walk runs/birds --out walk.gif --seeds 0-5             through six latents and back
  sample sheet runs/birds --out directions.png                  principal directions of latent space
  sample mix runs/faces --out mix.png --rows 0-3 --columns 4-9  styles of some pictures in others
  sample project runs/faces --target me.jpg --out projected     the w that makes a given picture
  sample export runs/birds --onnx birds.onnx                    the generator for onnxruntime and browsers
  sample grid network.pkl --out grid.png --seeds 0-15           a network of stylegan2-ada-pytorch
More examples: sample COMMAND --help";

#[derive(Debug, Subcommand)]
enum Command {
    /// Pictures side by side
    Grid(grid::GridArgs),
    /// Many pictures as PNG files in a folder or zip
    Images(images::ImagesArgs),
    /// Pictures into pictures, by a generator that translates
    Translate(translate::TranslateArgs),
    /// Generated pictures beside real ones, or beside their nearest training pictures
    Compare(compare::CompareArgs),
    /// Pictures of fixed latents over the course of training, as an animation
    Timelapse(timelapse::TimelapseArgs),
    /// A path through latent space as an animation
    Walk(walk::WalkArgs),
    /// The path between two pictures, step by step
    Morph(morph::MorphArgs),
    /// Pictures with some of their styles from others, of a generator with styles
    Mix(mix::MixArgs),
    /// The styles and noise with which a generator makes a given picture
    Project(projection::ProjectArgs),
    /// The effect of the principal directions of latent space on a picture
    Sheet(sheet::SheetArgs),
    /// The same seeds at several truncation thresholds or values of psi
    Truncation(truncation::TruncationArgs),
    /// The latent vectors of seeds as a .npy file
    Latents(latents::LatentsArgs),
    /// The generator as a file for other programs: ONNX, PyTorch
    Export(export::ExportArgs),
}

impl Args {
    /// Runs the command and prints the path of its output.
    ///
    /// # Errors
    /// When a flag is invalid, the checkpoint does not exist, or the file cannot be written.
    pub fn run(self) -> Result<Ending> {
        self.threads.start();
        if self.no_lock {
            shared::fs::forgo_locks();
        }
        let render = || match self.command {
            Command::Grid(args) => grid::run(args),
            Command::Images(args) => images::run(args),
            Command::Translate(args) => translate::run(args),
            Command::Compare(args) => compare::run(args),
            Command::Timelapse(args) => timelapse::run(args),
            Command::Walk(args) => walk::run(args),
            Command::Morph(args) => morph::run(args),
            Command::Mix(args) => mix::run(args),
            Command::Project(args) => projection::run(args),
            Command::Sheet(args) => sheet::run(args),
            Command::Truncation(args) => truncation::run(args),
            Command::Latents(args) => latents::run(args),
            Command::Export(args) => export::run(args),
        };
        memory::watch(render)
            .map_err(|_| UsageError("the device is out of memory: --device cpu".into()))?
    }
}
