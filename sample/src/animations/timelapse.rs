//! `sample timelapse`: pictures of fixed latents over the course of training, each frame captioned
//! with its epoch.

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow, bail};
use clap::Args;
use rayon::prelude::*;
use shared::cli::{Ending, UsageError, one_line};
use shared::nn::device::DeviceChoice;
use shared::nn::run::{Run, Which, spread};
use shared::nn::sampler::Wish;
use shared::picture::{
    CAPTION_HEIGHT, Limits, Picture, PictureError, PictureFile, caption_width, grid,
};
use shared::signal::Stop;

use super::animation::AnimationArgs;
use super::frames::Frames;
use crate::latents::choice::ChoiceArgs;
use crate::output;
use crate::source::{DrawArgs, SourceArgs};
use crate::stills::layout::Layout;

const EXAMPLES: &str = "\
Examples:
  sample timelapse runs/birds --out learning.gif                       the sheets that the run drew in training
  sample timelapse runs/birds --out learning.mp4 --frames 300 --fps 30
  sample timelapse runs/birds --out steps.gif --seeds 0-15 --columns 4 --fps 2     from the kept checkpoints";

/// Additional seconds of the last frame.
const HOLD: f64 = 2.0;
/// Pixels around the caption.
const MARGIN: u32 = 4;
/// Pixels of a dot of the caption.
const CAPTION_SCALE: u32 = 2;
/// Maximum pictures of a frame rendered from a checkpoint.
const PICTURES_LIMIT: usize = 4096;
/// Pixels between them.
const PADDING: u32 = 2;
/// Maximum bytes of a sheet's file and pixels: 13,000 pixels a side, far more than a run draws.
const SHEET_LIMITS: Limits = Limits { bytes: 1 << 30 };

/// Flags of `sample timelapse`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct TimelapseArgs {
    /// Folder of the run
    run: PathBuf,
    /// Animation to write: .gif, .apng, .png, .webp, .mp4, .mkv, .webm, or a folder for numbered
    /// frames
    #[arg(long, value_name = "FILE|FOLDER")]
    out: PathBuf,
    /// Maximum frames, evenly spread over training
    #[arg(long, default_value_t = 100)]
    frames: usize,
    #[command(flatten)]
    choice: ChoiceArgs,
    /// Pictures in a row, with --seeds or --latents
    #[arg(long, default_value_t = 8, requires = "ChoiceArgs", value_parser = clap::value_parser!(u16).range(1..=4096))]
    columns: u16,
    /// Device of the generator, with --seeds or --latents: auto, cpu, cuda, cuda:INDEX or
    /// cubecl-cpu
    #[arg(long, default_value = "auto", requires = "ChoiceArgs")]
    device: DeviceChoice,
    /// Use the trained weights instead of their moving average (EMA), with --seeds or --latents
    #[arg(long, requires = "ChoiceArgs")]
    no_ema: bool,
    #[command(flatten)]
    draw: DrawArgs,
    /// Omit the caption with the epoch
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

/// Applies `read` to the file of the sheet at `path`.
fn of_sheet<T>(path: &Path, read: impl FnOnce(&[u8]) -> Result<T, PictureError>) -> Result<T> {
    let bytes = shared::fs::read_bounded(path, SHEET_LIMITS.bytes)?;
    read(&bytes).map_err(|e| anyhow!("{}: {}", path.display(), one_line(&e)))
}

impl Frames for Sheets {
    fn count(&self) -> usize {
        self.sheets.len()
    }

    fn extent(&self) -> Result<(u32, u32, u32)> {
        let Some((_, path)) = self.sheets.first() else { bail!("there are no sheets") };
        let sides = of_sheet(path, |bytes| {
            PictureFile::open(bytes).map(|file| (file.width(), file.height()))
        })?;
        let (width, height) = if self.captioned { captioned_extent(sides) } else { sides };
        // Grey sheets are also decoded as RGB.
        Ok((width, height, 3))
    }

    fn render(&self, indices: &[usize]) -> Result<Vec<Picture>> {
        let sheet = |&i: &usize| {
            let (epoch, path) = &self.sheets[i];
            let sheet = of_sheet(path, |bytes| Picture::decode(bytes, &SHEET_LIMITS))?;
            Ok(if self.captioned { captioned(&sheet, *epoch) } else { sheet })
        };
        indices.par_iter().map(sheet).collect()
    }
}

/// Kept checkpoints, by step.
struct Checkpoints {
    run: PathBuf,
    steps: Vec<u64>,
    device: DeviceChoice,
    no_ema: bool,
    draw: DrawArgs,
    wishes: Vec<Wish>,
    layout: Layout,
    /// Side and channels of a picture.
    size: usize,
    channels: usize,
    captioned: bool,
}

impl Checkpoints {
    fn source(&self, step: u64) -> SourceArgs {
        SourceArgs {
            run: self.run.clone(),
            checkpoint: Which::Step(step),
            no_ema: self.no_ema,
            role: None,
            device: self.device,
        }
    }
}

impl Frames for Checkpoints {
    fn count(&self) -> usize {
        self.steps.len()
    }

    fn extent(&self) -> Result<(u32, u32, u32)> {
        let sides = self.layout.extent_of_grid(self.wishes.len(), self.size);
        let (width, height) = if self.captioned { captioned_extent(sides) } else { sides };
        Ok((width, height, self.channels as u32))
    }

    fn pictures_in_one(&self) -> usize {
        self.wishes.len()
    }

    fn render(&self, indices: &[usize]) -> Result<Vec<Picture>> {
        let sheet = |&i: &usize| {
            let (sampler, meta) = self.source(self.steps[i]).sampler(&self.draw)?;
            let sheet =
                grid(&sampler.pictures_of(&self.wishes), self.layout.columns, self.layout.padding);
            Ok(if self.captioned { captioned(&sheet, meta.epoch) } else { sheet })
        };
        indices.iter().map(sheet).collect()
    }
}

/// Runs `sample timelapse`.
///
/// # Errors
/// When the run has no sheets, one cannot be read, or the animation cannot be written.
pub fn run(args: TimelapseArgs) -> Result<Ending> {
    args.animation.check(&args.out)?;
    output::check_outside("--out", &args.out, &args.run)?;
    if args.frames == 0 {
        return Err(UsageError("--frames 0: at least 1".into()).into());
    }
    let run = Run::open(&args.run)?;
    let captioned = !args.no_caption;
    let stop = Stop::listen()?;
    if args.choice.is_given() {
        let steps = spread(&run.steps()?, args.frames);
        let Some(&first) = steps.first() else {
            bail!("{} has no checkpoint yet", args.run.display())
        };
        let mut checkpoints = Checkpoints {
            run: args.run,
            steps,
            device: args.device,
            no_ema: args.no_ema,
            draw: args.draw,
            wishes: Vec::new(),
            layout: Layout { columns: usize::from(args.columns), padding: PADDING },
            size: 0,
            channels: 0,
            captioned,
        };
        // Latents, classes, extents and dropout are the same at every checkpoint.
        let (sampler, meta) = checkpoints.source(first).sampler(&checkpoints.draw)?;
        (checkpoints.size, checkpoints.channels) =
            (meta.config.data.size, meta.config.data.channels);
        checkpoints.wishes =
            args.choice.of(&sampler, [])?.into_iter().map(|chosen| chosen.wish).collect();
        let count = checkpoints.wishes.len();
        if count > PICTURES_LIMIT {
            let text = format!(
                "--seeds, --latents: {count} pictures in a frame, at most {PICTURES_LIMIT}"
            );
            return Err(UsageError(text).into());
        }
        return args.animation.write(&args.out, &checkpoints, HOLD, &stop);
    }
    if args.draw.is_given() {
        let text = "--class, --truncation, --cutoff, --noise: the run's sheets are already drawn; --seeds LIST renders its checkpoints";
        return Err(UsageError(text.into()).into());
    }
    let sheets = Sheets { sheets: of_one_extent(&run, args.frames)?, captioned };
    if sheets.count() == 0 {
        bail!(
            "{} has no sheets in samples/: it was trained with samples.every = 0; --seeds 0-15 renders its checkpoints",
            args.run.display()
        );
    }
    args.animation.write(&args.out, &sheets, HOLD, &stop)
}

/// At most `frames` of the run's sheets, evenly spread, all of the most frequent extent, or the
/// latest of equally frequent ones. Sheets of other extents, drawn before `samples.pictures` was
/// changed, are skipped with a warning.
fn of_one_extent(run: &Run, frames: usize) -> Result<Vec<(u64, PathBuf)>> {
    let all = run.sheets_over_time(usize::MAX)?;
    let extent = |(_, path): &(u64, PathBuf)| {
        of_sheet(path, |bytes| PictureFile::open(bytes).map(|file| (file.width(), file.height())))
    };
    let extents: Vec<(u32, u32)> = all.par_iter().map(extent).collect::<Result<_>>()?;
    let count = |of: &(u32, u32)| extents.iter().filter(|extent| *extent == of).count();
    // `max_by_key` returns the last of equal ones.
    let Some(&chosen) = extents.iter().max_by_key(|extent| count(extent)) else {
        return Ok(Vec::new());
    };
    let (taken, others): (Vec<_>, Vec<_>) =
        all.into_iter().zip(extents).partition(|(_, extent)| *extent == chosen);
    if let [((first, _), (width, height)), ..] = &others[..] {
        let last = others.last().map_or(*first, |((epoch, _), _)| *epoch);
        tracing::warn!(
            "{} of {} sheets are skipped: they are not {}×{} like the others (epochs {first} to {last}; the first is \
             {width}×{height}); --seeds 0-15 renders the checkpoints at one extent",
            others.len(),
            others.len() + taken.len(),
            chosen.0,
            chosen.1
        );
    }
    let sheets: Vec<(u64, PathBuf)> = taken.into_iter().map(|(sheet, _)| sheet).collect();
    Ok(spread(&sheets, frames))
}

/// Width and height of a sheet with its caption.
fn captioned_extent((width, height): (u32, u32)) -> (u32, u32) {
    let band = CAPTION_HEIGHT * CAPTION_SCALE + 2 * MARGIN;
    // A narrow sheet is widened, so that every frame has room for its caption and the same extent.
    (
        width.max(caption_width("EPOCH 00000") * CAPTION_SCALE + 2 * MARGIN),
        height.saturating_add(band),
    )
}

fn captioned(sheet: &Picture, epoch: u64) -> Picture {
    let (width, height) = captioned_extent((sheet.width, sheet.height));
    let mut frame = Picture::filled(width, height, sheet.channels, 0);
    frame.paste(sheet, (width - sheet.width) / 2, 0);
    frame.draw_text(
        &format!("EPOCH {epoch}"),
        MARGIN,
        sheet.height + MARGIN,
        CAPTION_SCALE,
        [255; 3],
    );
    frame
}
