//! Flags, and the validated options that they become.

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use shared::cli::UsageError;
use shared::threads::ThreadsFlag;

use super::build::BuildArgs;
use super::values::threads;
use crate::dataset::export::{ExportLayout, ExportOptions};
use crate::synth::SynthOptions;

/// Turns pictures into a data set for `train`, and looks after it.
#[derive(Debug, Parser)]
#[command(name = "prep", version, after_help = EXAMPLES)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// How many threads compute.
    #[command(flatten)]
    pub threads: ThreadsFlag,
    /// For file systems without locks: take an --out that another program has marked as its own, once that runs no more.
    #[arg(long, global = true)]
    pub no_lock: bool,
}

const EXAMPLES: &str = "Examples:
  prep synth --out drawn                       a drawn source to try things out
  prep build drawn --out data                  cut and scale it to 64x64
  prep build CUB_200_2011.zip --out birds64    the same from a zip of real birds
  prep build pictures/ --out data --dry-run    what would be left out, and why
  prep show birds64 --out sheet.png            look at it
  prep verify birds64                          check every byte

Results go to stdout, progress to stderr. Exit codes: 0 done, 1 failed, 2 wrong usage, 3 data damaged, 129/130/143/152 stopped by HUP/INT/TERM/XCPU.";

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Build a data set from pictures in any common layout.
    Build(Box<BuildArgs>),
    /// Join the parts that `prep build --part` made.
    #[command(after_help = "Examples:
  for i in 1 2 3 4; do prep build huge.tar --out huge --part $i/4; done; prep merge huge
  sbatch --array=1-8 --wrap 'prep build huge.tar --out huge --part $SLURM_ARRAY_TASK_ID/8'; then: prep merge huge
  parallel prep build huge.tar --out huge --part {}/8 ::: $(seq 8) && prep merge huge")]
    Merge {
        /// The folder in which the parts are; the data set takes their place.
        dir: PathBuf,
    },
    /// Check every byte of a data set and name every damaged file.
    #[command(after_help = "Example:\n  prep verify birds64        exit code 3 if anything is damaged")]
    Verify {
        /// The data set's folder.
        dir: PathBuf,
    },
    /// Show what a data set holds, and some of its pictures on a sheet.
    #[command(after_help = "Examples:\n  prep show birds64\n  prep show birds64 --split val --out val.png --columns 16 -n 256
  prep show birds64 --rejects --out rejects.png
  prep show birds64 --crops CUB_200_2011.zip --out crops.png -n 24 --columns 3")]
    Show(ShowArgs),
    /// Write the pictures of a data set as PNG files into a folder or a zip.
    Export(ExportArgs),
    /// Draw a small source with boxes, in the layout of Caltech-UCSD Birds.
    #[command(after_help = "Examples:\n  prep synth --out drawn\n  prep synth --out drawn -n 500 --seed 7")]
    Synth(SynthArgs),
}

/// Flags of `prep show`.
#[derive(Debug, clap::Args)]
pub struct ShowArgs {
    /// The data set's folder.
    pub dir: PathBuf,
    /// Write a sheet of pictures to this PNG file.
    #[arg(long)]
    pub out: Option<PathBuf>,
    /// The split the sheet shows.
    #[arg(long, default_value = "train")]
    pub split: String,
    /// Pictures in a row of the sheet.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..))]
    pub columns: u16,
    /// Pictures on the sheet, spread evenly over the split.
    #[arg(short, long = "number", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..))]
    pub number: u16,
    /// Without the classes' names below the pictures.
    #[arg(long)]
    pub plain: bool,
    /// The sheet shows what was left out, with the reasons.
    #[arg(long, requires = "out", conflicts_with_all = ["split", "crops"])]
    pub rejects: bool,
    /// The sheet shows pictures of this source with boxes (red) and what is cut out (green), and the results beside them.
    #[arg(long, requires = "out", value_name = "SOURCE", num_args = 1.., conflicts_with = "split")]
    pub crops: Vec<PathBuf>,
}

/// Flags of `prep export`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  prep export birds64 --out pictures
  prep export birds64 --out pictures.zip --split val
  prep export birds64 --out birds64-stylegan.zip --stylegan")]
pub struct ExportArgs {
    /// The data set's folder.
    pub dir: PathBuf,
    /// The folder, or the zip if the name ends in .zip.
    #[arg(long)]
    pub out: PathBuf,
    /// Call files as NVIDIA's StyleGAN trainers want them, with the classes in dataset.json.
    #[arg(long)]
    stylegan: bool,
    /// The split to write, or all [default: all; with --stylegan train].
    #[arg(long)]
    split: Option<String>,
}

/// Flags of `prep synth`.
#[derive(Debug, clap::Args)]
pub struct SynthArgs {
    /// The folder to draw into.
    #[arg(long)]
    out: PathBuf,
    /// Pictures.
    #[arg(short, long = "number", default_value_t = 2000, value_parser = clap::value_parser!(u32).range(1..))]
    number: u32,
    /// Another seed, other pictures.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Threads [default: --threads].
    #[arg(long, short)]
    jobs: Option<usize>,
    /// Replace pictures that were drawn with other flags.
    #[arg(long)]
    force: bool,
}

impl Command {
    /// The threads that the command's own flag asks for.
    #[must_use]
    pub fn jobs(&self) -> Option<usize> {
        match self {
            Self::Build(args) => args.jobs,
            Self::Synth(args) => args.jobs,
            Self::Merge { .. } | Self::Verify { .. } | Self::Show(_) | Self::Export(_) => None,
        }
    }
}

impl ExportArgs {
    /// The options that the flags mean.
    #[must_use]
    pub fn options(&self) -> ExportOptions {
        let layout = if self.stylegan { ExportLayout::StyleGan } else { ExportLayout::ByClass };
        let split = match self.split.as_deref() {
            Some("all") => None,
            Some(name) => Some(name.to_owned()),
            // What is measured with must not be trained on.
            None if self.stylegan => Some("train".to_owned()),
            None => None,
        };
        ExportOptions { layout, split }
    }
}

impl SynthArgs {
    /// Checks every value.
    ///
    /// # Errors
    /// When a value is out of range; the text names the flag.
    pub fn into_options(self) -> Result<SynthOptions, UsageError> {
        let jobs = threads(self.jobs)?;
        Ok(SynthOptions { out: self.out, count: self.number as usize, seed: self.seed, jobs, force: self.force })
    }
}
