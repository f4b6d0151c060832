//! The subcommands and their flags; those of `prep build` are in [`super::build`].

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use shared::cli::UsageError;
use shared::threads::ThreadsFlag;

use super::build::BuildArgs;
use super::values::threads;
use crate::dataset::export::{ExportLayout, ExportOptions};
use crate::synth::SynthOptions;

/// Turn pictures into a data set for `train`; check, show and export it.
#[derive(Debug, Parser)]
#[command(name = "prep", version, after_help = EXAMPLES)]
pub struct Args {
    /// The subcommand.
    #[command(subcommand)]
    pub command: Command,
    /// Number of threads.
    #[command(flatten)]
    pub threads: ThreadsFlag,
    /// For file systems without locks: take over an --out whose owner no longer runs.
    #[arg(long, global = true)]
    pub no_lock: bool,
}

const EXAMPLES: &str = "Examples:
  prep synth --out drawn                       draw a small source to try things out
  prep build drawn --out data                  crop and scale it to 64x64
  prep build CUB_200_2011.zip --out birds64    the same from a zip of real birds
  prep build pictures/ --out data --dry-run    list what would be left out, and why
  prep show birds64 --out sheet.png            a sheet of its pictures
  prep verify birds64                          check every byte

Results go to stdout, progress to stderr. Exit codes: 0 done, 1 failed, 2 wrong usage, 3 data damaged, 129/130/143/152 stopped by HUP/INT/TERM/XCPU.";

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Build a data set from pictures in any common layout.
    Build(Box<BuildArgs>),
    /// Join the parts built by `prep build --part`.
    #[command(after_help = "Examples:
  for i in 1 2 3 4; do prep build huge.tar --out huge --part $i/4; done; prep merge huge
  sbatch --array=1-8 --wrap 'prep build huge.tar --out huge --part $SLURM_ARRAY_TASK_ID/8'; then: prep merge huge
  parallel prep build huge.tar --out huge --part {}/8 ::: $(seq 8) && prep merge huge")]
    Merge {
        /// Folder of the parts; the data set replaces them.
        dir: PathBuf,
    },
    /// Check every byte of a data set and name every damaged file.
    #[command(
        after_help = "Example:\n  prep verify birds64        exit code 3 if anything is damaged"
    )]
    Verify {
        /// The data set's folder.
        dir: PathBuf,
    },
    /// Summarize a data set, and write a sheet of its pictures.
    #[command(
        after_help = "Examples:\n  prep show birds64\n  prep show birds64 --split val --out val.png --columns 16 -n 256
  prep show birds64 --rejects --out rejects.png
  prep show birds64 --crops CUB_200_2011.zip --out crops.png -n 24 --columns 3"
    )]
    Show(ShowArgs),
    /// Export the pictures of a data set as PNG files, to a folder or a zip.
    Export(ExportArgs),
    /// Draw a small source with boxes, in the layout of Caltech-UCSD Birds.
    #[command(
        after_help = "Examples:\n  prep synth --out drawn\n  prep synth --out drawn -n 500 --seed 7"
    )]
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
    /// Split to show on the sheet.
    #[arg(long, default_value = "train")]
    pub split: String,
    /// Pictures per row of the sheet.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..))]
    pub columns: u16,
    /// Pictures on the sheet, spread evenly over the split.
    #[arg(short, long = "number", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..))]
    pub number: u16,
    /// Leave out the class names below the pictures.
    #[arg(long)]
    pub plain: bool,
    /// Show the pictures that were left out, with the reasons.
    #[arg(long, requires = "out", conflicts_with_all = ["split", "crops"])]
    pub rejects: bool,
    /// Show pictures of this source with their boxes (red) and crop windows (green), and the crops
    /// beside them.
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
    /// Folder to write, or zip if the name ends in .zip.
    #[arg(long)]
    pub out: PathBuf,
    /// Name files as NVIDIA's StyleGAN trainers expect them, with the classes in dataset.json.
    #[arg(long)]
    stylegan: bool,
    /// Split to write, or all [default: all; with --stylegan train].
    #[arg(long)]
    split: Option<String>,
}

/// Flags of `prep synth`.
#[derive(Debug, clap::Args)]
pub struct SynthArgs {
    /// Folder to write.
    #[arg(long)]
    out: PathBuf,
    /// Number of pictures.
    #[arg(short, long = "number", default_value_t = 2000, value_parser = clap::value_parser!(u32).range(1..))]
    number: u32,
    /// Seed of the pictures.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Threads [default: --threads].
    #[arg(long, short)]
    jobs: Option<usize>,
    /// Replace pictures drawn with other flags.
    #[arg(long)]
    force: bool,
}

impl Command {
    /// The command's own `--jobs`.
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
    /// The validated options.
    #[must_use]
    pub fn options(&self) -> ExportOptions {
        let layout = if self.stylegan { ExportLayout::StyleGan } else { ExportLayout::ByClass };
        let split = match self.split.as_deref() {
            Some("all") => None,
            Some(name) => Some(name.to_owned()),
            // Pictures for measuring must not be trained on.
            None if self.stylegan => Some("train".to_owned()),
            None => None,
        };
        ExportOptions { layout, split }
    }
}

impl SynthArgs {
    /// Validates every value.
    ///
    /// # Errors
    /// When a value is out of range; the text names the flag.
    pub fn into_options(self) -> Result<SynthOptions, UsageError> {
        let jobs = threads(self.jobs)?;
        Ok(SynthOptions {
            out: self.out,
            count: self.number as usize,
            seed: self.seed,
            jobs,
            force: self.force,
        })
    }
}
