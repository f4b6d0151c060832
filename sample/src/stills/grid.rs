//! `sample grid`: pictures side by side.

use anyhow::Result;
use clap::Args;
use shared::cli::{Ending, UsageError};
use shared::nn::sampler::{Sampler, Wish};
use shared::picture::{Picture, caption_fitting};

use crate::latents::choice::{Chosen, PickArgs};
use crate::stills::layout::{Layout, Words};
use crate::stills::still::StillArgs;

const EXAMPLES: &str = "\
Examples:
  sample grid runs/birds --out grid.png                                   seeds 0-63, eight per row
  sample grid runs/birds --out best.webp --seeds 3,17,40-47 --columns 5 --scale 2 --labels
  sample grid runs/birds --out safe.jpg --truncation 0.7                  better pictures with less variety
  sample grid runs/flowers --out classes.png --by-class --seeds 0-7       one row per class
  sample grid runs/birds --out mine.png --latents z.npy                   latent vectors from a file";

/// Default seeds.
const SEEDS: std::ops::Range<u64> = 0..64;
/// Default seeds of each class.
const SEEDS_OF_CLASS: std::ops::Range<u64> = 0..8;
/// Maximum pictures in a row: more are a typing error.
const COLUMNS_LIMIT: usize = 4096;

/// Maximum width of a class name in a caption, in dots: a dozen letters.
const CLASS_DOTS: u32 = 72;

/// Flags of `sample grid`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct GridArgs {
    #[command(flatten)]
    pick: PickArgs,
    /// Pictures in a row
    #[arg(long, default_value_t = 8)]
    columns: usize,
    /// One row per class of a class-conditional run, one column per seed
    #[arg(long, conflicts_with_all = ["class", "columns"])]
    by_class: bool,
    /// Label each picture with its seed (or its row in --latents) and class
    #[arg(long)]
    labels: bool,
    #[command(flatten)]
    still: StillArgs,
}

/// Runs `sample grid`.
///
/// # Errors
/// When a flag is invalid, the run cannot be read, or the picture cannot be written.
pub fn run(args: GridArgs) -> Result<Ending> {
    let _claim = args.still.claim(&args.pick.source.run)?;
    if !(1..=COLUMNS_LIMIT).contains(&args.columns) {
        return Err(UsageError(format!(
            "--columns {}: expected 1 to {COLUMNS_LIMIT}",
            args.columns
        ))
        .into());
    }
    let (sampler, meta) = args.pick.open()?;
    if args.by_class && sampler.classes().is_empty() {
        return Err(UsageError(
            "--by-class: this run was trained without classes (cond = none)".into(),
        )
        .into());
    }
    let chosen =
        args.pick.choice.of(&sampler, if args.by_class { SEEDS_OF_CLASS } else { SEEDS })?;
    let rows = if args.by_class { sampler.classes().len() } else { 1 };
    let layout = Layout {
        columns: if args.by_class { chosen.len() } else { args.columns },
        padding: args.still.padding,
    };
    let words = words(&args, &sampler, &chosen);
    args.still.check_room(
        &layout,
        chosen.len().saturating_mul(rows),
        args.still.cell(&meta),
        &words,
    )?;
    let wishes: Vec<Wish> = match args.by_class {
        false => chosen.into_iter().map(|c| c.wish).collect(),
        true => {
            let row = |class| chosen.iter().map(move |c| Wish { class, ..c.wish.clone() });
            (0..rows as u32).flat_map(row).collect()
        }
    };
    let pictures: Vec<Picture> =
        sampler.pictures_of(&wishes).iter().map(|p| p.enlarge(args.still.scale)).collect();
    args.still.write(&layout.sheet(&pictures, &words))?;
    Ok(Ending::Done)
}

/// The labels of the pictures.
fn words(args: &GridArgs, sampler: &Sampler, chosen: &[Chosen]) -> Words {
    let class = |wish: &Wish| {
        let name = sampler.classes().get(wish.class as usize);
        name.map(|name| format!(" {}", caption_fitting(name, CLASS_DOTS))).unwrap_or_default()
    };
    match (args.labels, args.by_class) {
        (false, _) => Words::default(),
        (true, false) => {
            let captions = chosen.iter().map(|c| format!("{}{}", c.name, class(&c.wish))).collect();
            Words { captions, ..Words::default() }
        }
        (true, true) => {
            let columns = chosen.iter().map(|c| c.name.clone()).collect();
            Words { rows: sampler.classes().to_vec(), columns, captions: Vec::new() }
        }
    }
}
