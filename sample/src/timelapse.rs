//! `sample timelapse`: how pictures of fixed latents changed in training, the epoch drawn under each frame.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;
use rayon::prelude::*;
use shared::cli::{Ending, UsageError};
use shared::nn::device::DeviceChoice;
use shared::nn::run::{Run, Which, spread};
use shared::picture::{CAPTION_HEIGHT, Limits, Picture, caption_width, grid};
use shared::signal::Stop;

use crate::animation::{AnimationArgs, Frames};
use crate::seeds::Seeds;
use crate::source::{DrawArgs, SourceArgs};

const EXAMPLES: &str = "\
Examples:
  sample timelapse runs/birds --out learning.gif                       the sheets that the run drew while it learned
  sample timelapse runs/birds --out learning.mp4 --frames 300 --fps 30
  sample timelapse runs/birds --out steps.gif --seeds 0-15 --columns 4 --fps 2     from the checkpoints that are kept";

/// Seconds that the last frame stays.
const HOLD: f64 = 2.0;
/// Pixels around the caption.
const MARGIN: u32 = 4;
/// Pictures of the caption's pixel size.
const CAPTION_SCALE: u32 = 2;
/// The most pictures of a frame that is made here.
const SEEDS_LIMIT: usize = 4096;
/// The largest sheet that is read.
const SHEET_LIMIT: u64 = 1 << 28;

/// Flags of `sample timelapse`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct TimelapseArgs {
    /// Folder of the run
    run: PathBuf,
    /// Animation to write: .gif, .apng, .png, .webp, .mp4, .mkv, .webm, or a folder for numbered frames
    #[arg(long, value_name = "FILE|FOLDER")]
    out: PathBuf,
    /// At most this many frames, evenly spread over training
    #[arg(long, default_value_t = 100)]
    frames: usize,
    /// Pictures of these seeds from every checkpoint that is kept, in place of the sheets of the run
    #[arg(long, value_name = "LIST")]
    seeds: Option<Seeds>,
    /// Pictures in a row, with --seeds
    #[arg(long, default_value_t = 8, requires = "seeds", value_parser = clap::value_parser!(u16).range(1..=4096))]
    columns: u16,
    /// Where they are made, with --seeds: auto, cpu, cuda, cuda:INDEX or cubecl-cpu
    #[arg(long, default_value = "auto", requires = "seeds")]
    device: DeviceChoice,
    /// The weights as the optimizer left them, not their moving average (EMA), with --seeds
    #[arg(long, requires = "seeds")]
    no_ema: bool,
    #[command(flatten)]
    draw: DrawArgs,
    /// Leave out the line with the epoch
    #[arg(long)]
    no_caption: bool,
    #[command(flatten)]
    animation: AnimationArgs,
}

/// Sheets that the run drew, by epoch.
struct Sheets {
    sheets: Vec<(u64, PathBuf)>,
    captioned: bool,
}

impl Frames for Sheets {
    fn count(&self) -> usize {
        self.sheets.len()
    }

    fn render(&self, indices: &[usize]) -> Result<Vec<Picture>> {
        let sheet = |&i: &usize| {
            let (epoch, path) = &self.sheets[i];
            let sheet = Picture::decode(&shared::fs::read_bounded(path, SHEET_LIMIT)?, &Limits::default())
                .map_err(|e| anyhow::anyhow!("{}: {}", path.display(), shared::cli::one_line(&e)))?;
            Ok(if self.captioned { captioned(&sheet, *epoch) } else { sheet })
        };
        indices.par_iter().map(sheet).collect()
    }
}

/// Checkpoints that are kept, by step.
struct Checkpoints {
    run: PathBuf,
    steps: Vec<u64>,
    device: DeviceChoice,
    no_ema: bool,
    draw: DrawArgs,
    seeds: Vec<u64>,
    columns: usize,
    captioned: bool,
}

impl Frames for Checkpoints {
    fn count(&self) -> usize {
        self.steps.len()
    }

    fn pictures_in_one(&self) -> usize {
        self.seeds.len()
    }

    fn render(&self, indices: &[usize]) -> Result<Vec<Picture>> {
        let sheet = |&i: &usize| {
            let checkpoint = Which::Step(self.steps[i]);
            let source = SourceArgs { run: self.run.clone(), checkpoint, no_ema: self.no_ema, device: self.device };
            let (sampler, meta) = source.sampler(&self.draw)?;
            let sheet = grid(&sampler.pictures(&self.seeds), self.columns, 2);
            Ok(if self.captioned { captioned(&sheet, meta.epoch) } else { sheet })
        };
        indices.iter().map(sheet).collect()
    }
}

/// Carries out `sample timelapse`.
///
/// # Errors
/// When the run has no sheets, one cannot be read, or the animation cannot be written.
pub fn run(args: TimelapseArgs) -> Result<Ending> {
    args.animation.check(&args.out)?;
    if args.frames == 0 {
        return Err(UsageError("--frames 0: at least 1".into()).into());
    }
    let run = Run::open(&args.run)?;
    let captioned = !args.no_caption;
    let stop = Stop::listen()?;
    if let Some(seeds) = args.seeds {
        if seeds.0.len() > SEEDS_LIMIT {
            return Err(UsageError(format!("--seeds: {} pictures in a frame, at most {SEEDS_LIMIT}", seeds.0.len())).into());
        }
        let steps = spread(&run.steps()?, args.frames);
        if steps.is_empty() {
            bail!("{} has no checkpoint yet", args.run.display());
        }
        let checkpoints = Checkpoints {
            run: args.run,
            steps,
            device: args.device,
            no_ema: args.no_ema,
            draw: args.draw,
            seeds: seeds.0,
            columns: usize::from(args.columns),
            captioned,
        };
        return args.animation.write(&args.out, &checkpoints, HOLD, &stop);
    }
    if args.draw.class.is_some() || args.draw.truncation.is_some() {
        let text =
            "--class, --truncation: the sheets of a run are drawn already; --seeds LIST makes pictures from its checkpoints";
        return Err(UsageError(text.into()).into());
    }
    let sheets = Sheets { sheets: run.sheets_over_time(args.frames)?, captioned };
    if sheets.count() == 0 {
        bail!(
            "{} has no sheets in samples/: it was trained with samples.every = 0; --seeds 0-15 takes its checkpoints",
            args.run.display()
        );
    }
    args.animation.write(&args.out, &sheets, HOLD, &stop)
}

fn captioned(sheet: &Picture, epoch: u64) -> Picture {
    let text = format!("EPOCH {epoch}");
    let band = CAPTION_HEIGHT * CAPTION_SCALE + 2 * MARGIN;
    // A narrow sheet grows, so that every frame has the same extent and its whole caption.
    let width = sheet.width.max(caption_width("EPOCH 00000") * CAPTION_SCALE + 2 * MARGIN);
    let mut frame = Picture::filled(width, sheet.height + band, sheet.channels, 0);
    frame.paste(sheet, (width - sheet.width) / 2, 0);
    frame.draw_text(&text, MARGIN, sheet.height + MARGIN, CAPTION_SCALE, [255; 3]);
    frame
}
