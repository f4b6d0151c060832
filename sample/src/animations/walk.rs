//! `sample walk`: one path through latent space, or a grid of paths, as an animation.

use std::path::PathBuf;
use std::str::FromStr;

use anyhow::Result;
use clap::Args;
use shared::cli::{Ending, UsageError};
use shared::nn::sampler::Wish;
use shared::picture::{Picture, grid};
use shared::signal::Stop;

use super::animation::AnimationArgs;
use super::frames::Frames;
use crate::latents::choice::{Chosen, PickArgs};
use crate::latents::path::Easing;
use crate::latents::route::{Keys, Route, RouteArgs};
use crate::output;
use crate::stills::layout::Layout;

const EXAMPLES: &str = "\
Examples:
  sample walk runs/birds --out walk.gif                                   through seeds 0 to 7 and back
  sample walk runs/birds --out walk.webp --seeds 3,17,5 --frames 90 --easing smooth
  sample walk runs/birds --out wall.gif --grid 6x6                        36 walks side by side
  sample walk runs/birds --out walk.mp4 --frames 600 --fps 30 --scale 8   needs ffmpeg
  sample walk runs/birds --out frames/ --frames 240                       numbered PNG files
  sample walk runs/faces --out walk.gif --truncation 0.7 --space z        with styles, the default is --space w
In a class-conditional run, a walk stays in the class of its first seed, or in --class.";

/// Default number of keys of a walk, and of each walk in a grid.
const KEYS: u64 = 8;
const KEYS_IN_GRID: u64 = 4;
/// Maximum walks of a grid.
const CELLS_LIMIT: usize = 4096;
/// Maximum frames, nine hours at 30 a second: more are a typing error.
const FRAMES_LIMIT: usize = 1_000_000;

/// Columns and rows, as `6x4`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Extent {
    columns: usize,
    rows: usize,
}

impl FromStr for Extent {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("expected columns and rows like 6x4, at most {CELLS_LIMIT} in all");
        let (columns, rows) = text.split_once(['x', '×', 'X']).ok_or_else(wrong)?;
        let number = |part: &str| {
            part.trim().parse().ok().filter(|n| (1..=CELLS_LIMIT).contains(n)).ok_or_else(wrong)
        };
        let extent = Self { columns: number(columns)?, rows: number(rows)? };
        if extent.columns * extent.rows > CELLS_LIMIT { Err(wrong()) } else { Ok(extent) }
    }
}

/// Flags of `sample walk`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct WalkArgs {
    #[command(flatten)]
    pick: PickArgs,
    /// Animation to write: .gif, .apng, .png, .webp, .mp4, .mkv, .webm, or a folder for numbered
    /// frames
    #[arg(long, value_name = "FILE|FOLDER")]
    out: PathBuf,
    /// Number of frames
    #[arg(long, default_value_t = 120)]
    frames: usize,
    #[command(flatten)]
    route: RouteArgs,
    /// Speed between two pictures
    #[arg(long, value_enum, default_value = "linear")]
    easing: Easing,
    /// End at the last picture instead of returning to the first
    #[arg(long)]
    open: bool,
    /// A grid of walks; --seeds are distributed evenly among them
    #[arg(long, value_name = "COLUMNSxROWS")]
    grid: Option<Extent>,
    /// Pixels between the walks of a grid, before scaling
    #[arg(long, default_value_t = 2, requires = "grid", value_parser = clap::value_parser!(u32).range(0..=1024))]
    padding: u32,
    #[command(flatten)]
    animation: AnimationArgs,
}

/// The pictures along one or more paths.
struct Walk {
    route: Route,
    cells: Vec<Keys>,
    frames: usize,
    layout: Layout,
    /// Side and channels of a picture.
    size: usize,
    channels: usize,
}

impl Frames for Walk {
    fn count(&self) -> usize {
        self.frames
    }

    fn extent(&self) -> Result<(u32, u32, u32)> {
        let (width, height) = match self.cells.len() {
            1 => (self.size as u32, self.size as u32),
            count => self.layout.extent_of_grid(count, self.size),
        };
        Ok((width, height, self.channels as u32))
    }

    fn pictures_in_one(&self) -> usize {
        self.cells.len()
    }

    fn render(&self, indices: &[usize]) -> Result<Vec<Picture>> {
        let frame = |&frame: &usize| self.cells.iter().map(move |keys| (keys, frame));
        let pictures = self.route.pictures(indices.iter().flat_map(frame), self.frames);
        if self.cells.len() == 1 {
            return Ok(pictures);
        }
        let Layout { columns, padding } = self.layout;
        Ok(pictures.chunks(self.cells.len()).map(|frame| grid(frame, columns, padding)).collect())
    }
}

/// Runs `sample walk`.
///
/// # Errors
/// When a flag is invalid, the run cannot be read, or the animation cannot be written.
pub fn run(args: WalkArgs) -> Result<Ending> {
    args.animation.check(&args.out)?;
    output::check_outside("--out", &args.out, &args.pick.source.run)?;
    if !(1..=FRAMES_LIMIT).contains(&args.frames) {
        return Err(
            UsageError(format!("--frames {}: expected 1 to {FRAMES_LIMIT}", args.frames)).into()
        );
    }
    let (sampler, meta) = args.pick.open()?;
    let extent = args.grid.unwrap_or(Extent { columns: 1, rows: 1 });
    let count = extent.columns * extent.rows;
    let keys = if count == 1 { KEYS } else { KEYS_IN_GRID };
    let chosen = args.pick.choice.of(&sampler, 0..keys * count as u64)?;
    check_keys(chosen.len(), extent)?;
    let route = args.route.route(sampler, args.easing, !args.open)?;
    let keys = |keys: &[Chosen]| {
        route.keys(&keys.iter().map(|key| key.wish.clone()).collect::<Vec<Wish>>())
    };
    let cells = chosen.chunks(chosen.len() / count).map(keys).collect();
    let layout = Layout { columns: extent.columns, padding: args.padding };
    let data = &meta.config.data;
    let walk = Walk {
        route,
        cells,
        frames: args.frames,
        layout,
        size: data.size,
        channels: data.channels,
    };
    args.animation.write(&args.out, &walk, 0.0, &Stop::listen()?)
}

/// Checks that `given` pictures can be distributed among the walks of a grid.
fn check_keys(given: usize, Extent { columns, rows }: Extent) -> Result<(), UsageError> {
    let count = columns * rows;
    let walks = if count == 1 {
        "a walk".into()
    } else {
        format!("the {count} walks of --grid {columns}x{rows}")
    };
    let least = 2 * count;
    let text = if !given.is_multiple_of(count) {
        let next = given.next_multiple_of(count);
        let fitting =
            if next > least { format!("{} or {next}", next - count) } else { least.to_string() };
        format!("{given} cannot be distributed evenly among {walks}; use {fitting}")
    } else if given < least {
        format!("{given} for {walks}; each needs at least 2, {least} in all")
    } else {
        return Ok(());
    };
    Err(UsageError(format!("--seeds, --latents: {text}")))
}
