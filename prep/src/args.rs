//! Flags, and the validated options that they become.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};
use shared::cli::UsageError;
use shared::dataset::Division;

use crate::{build, synth};

/// The largest side of a picture, in pixels: above what a GAN of this kind learns, below what the shards hold.
const SIZE_LIMIT: u32 = 4096;

/// Turns pictures into a data set for `train`, and looks after it.
#[derive(Debug, Parser)]
#[command(name = "prep", version, after_help = EXAMPLES)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "Examples:
  prep synth --out drawn                       a drawn source to try things out
  prep build drawn --out data                  cut and scale it to 64x64
  prep build CUB_200_2011.zip --out birds64    the same from a zip of real birds
  prep verify birds64                          check every byte

Results go to stdout, progress to stderr. Exit codes: 0 done, 1 failed, 2 wrong usage, 3 data damaged, 130/143 stopped.";

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Build a data set from a folder or a zip of pictures with boxes.
    Build(BuildArgs),
    /// Check every byte of a data set and name every damaged file.
    #[command(after_help = "Example:\n  prep verify birds64        exit code 3 if anything is damaged")]
    Verify {
        /// The data set's folder.
        dir: PathBuf,
    },
    /// Show what a data set holds, and some of its pictures on a sheet.
    #[command(after_help = "Examples:\n  prep show birds64\n  prep show birds64 --split val --out val.png --columns 16 -n 256")]
    Show(ShowArgs),
    /// Write the pictures of a data set as PNG files into a folder or a zip.
    #[command(after_help = "Examples:\n  prep export birds64 --out pictures\n  prep export birds64 --out pictures.zip")]
    Export {
        /// The data set's folder.
        dir: PathBuf,
        /// The folder, or the zip if the name ends in .zip.
        #[arg(long)]
        out: PathBuf,
    },
    /// Draw a small source with boxes, in the layout of Caltech-UCSD Birds.
    #[command(after_help = "Examples:\n  prep synth --out drawn\n  prep synth --out drawn -n 500 --seed 7")]
    Synth(SynthArgs),
}

/// Flags of `prep build`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  prep build CUB_200_2011 --out birds64
  prep build birds.zip --out birds32 --size 32 --padding 0.1
  prep build birds.zip --out two --classes 001,017.Cardinal --val-fraction 0.2 --seed 1")]
pub struct BuildArgs {
    /// A folder or a zip file; the layout's root in it is found by itself.
    source: PathBuf,
    /// The data set's folder.
    #[arg(long)]
    out: PathBuf,
    /// The layout of the source.
    #[arg(long, value_enum, default_value_t = Format::Auto)]
    format: Format,
    /// Height and width of the pictures, in pixels.
    #[arg(long, default_value_t = 64)]
    size: u32,
    /// Which part of a picture is taken: a padded square around its box, or all of it (squeezed to a square).
    #[arg(long, value_enum, default_value_t = CropFlag::Bbox)]
    crop: CropFlag,
    /// What is added to the box's longer side, as a fraction of it [default: 0.25].
    #[arg(long)]
    padding: Option<f64>,
    /// Draw this part of the pictures for `val`, instead of the source's own split.
    #[arg(long, conflicts_with = "split_from_source")]
    val_fraction: Option<f64>,
    /// Take the source's own split: its test pictures become `val`. This is the default.
    #[arg(long)]
    split_from_source: bool,
    /// Take only these classes, by name or number, separated by commas.
    #[arg(long, value_delimiter = ',')]
    classes: Vec<String>,
    /// Threads [default: all cores].
    #[arg(long, short)]
    jobs: Option<usize>,
    /// Another seed, another draw for --val-fraction.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Memory one picture may take while it is decoded, in MiB; larger ones are rejected.
    #[arg(long, default_value_t = 64)]
    max_picture_mb: u64,
    /// Replace a data set that was built from something else, or is damaged.
    #[arg(long)]
    force: bool,
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
    /// Threads [default: all cores].
    #[arg(long, short)]
    jobs: Option<usize>,
    /// Replace pictures that were drawn with other flags.
    #[arg(long)]
    force: bool,
}

/// Layouts of a source.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// Found by what is in the source.
    Auto,
    /// Caltech-UCSD Birds: images.txt, bounding_boxes.txt and so on beside a folder images.
    Cub,
}

/// Which part of a picture is taken.
#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
enum CropFlag {
    /// A padded square around the box.
    Bbox,
    /// The whole picture.
    None,
}

fn within(flag: &str, value: impl Into<f64>, low: f64, high: f64) -> Result<(), UsageError> {
    let value = value.into();
    if (low..=high).contains(&value) {
        Ok(())
    } else {
        Err(UsageError(format!("{flag} {value}: it must lie between {low} and {high}")))
    }
}

fn threads(jobs: Option<usize>) -> Result<usize, UsageError> {
    let jobs = jobs.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    within("--jobs", jobs as f64, 1.0, 1024.0)?;
    Ok(jobs)
}

impl BuildArgs {
    /// Checks every value.
    ///
    /// # Errors
    /// When a value is out of range or a flag has no effect with another; the text names the flag.
    pub fn into_options(self) -> Result<build::Options, UsageError> {
        // The only layout there is; another is told apart when it comes.
        let (Format::Auto | Format::Cub) = self.format;
        within("--size", self.size, 1.0, f64::from(SIZE_LIMIT))?;
        within("--max-picture-mb", self.max_picture_mb as f64, 1.0, 65536.0)?;
        let crop = match (self.crop, self.padding) {
            (CropFlag::Bbox, padding) => build::CropRule::Bbox { padding: padding.unwrap_or(0.25) },
            (CropFlag::None, None) => build::CropRule::None,
            (CropFlag::None, Some(_)) => {
                return Err(UsageError("--padding needs a box: leave it away or use --crop bbox".into()));
            }
        };
        if let build::CropRule::Bbox { padding } = crop {
            within("--padding", padding, 0.0, 10.0)?;
        }
        let division = match self.val_fraction {
            Some(val_fraction) => {
                within("--val-fraction", val_fraction, 0.0, 0.99)?;
                Division::Draw { val_fraction, seed: self.seed }
            }
            None => Division::Source,
        };
        Ok(build::Options {
            source: self.source,
            out: self.out,
            size: self.size,
            crop,
            division,
            classes: self.classes,
            jobs: threads(self.jobs)?,
            force: self.force,
            max_picture_mb: self.max_picture_mb,
            shard_bytes: build::SHARD_BYTES,
        })
    }
}

impl SynthArgs {
    /// Checks every value.
    ///
    /// # Errors
    /// When a value is out of range; the text names the flag.
    pub fn into_options(self) -> Result<synth::Options, UsageError> {
        let jobs = threads(self.jobs)?;
        Ok(synth::Options { out: self.out, count: self.number as usize, seed: self.seed, jobs, force: self.force })
    }
}
