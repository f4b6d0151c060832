//! `sample sheet`: the effect of the principal directions of latent space on a picture, one
//! direction per row.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::RangeInclusive;

use anyhow::Result;
use clap::Args;
use shared::cli::{Ending, UsageError};
use shared::nn::latent;
use shared::nn::sampler::Wish;
use shared::picture::Picture;
use shared::plot::short;

use crate::latents::choice::{Chosen, PickArgs};
use crate::latents::directions::{self, Direction};
use crate::stills::layout::{Layout, Words};
use crate::stills::still::StillArgs;

const EXAMPLES: &str = "\
Examples:
  sample sheet runs/birds --out directions.png                              the eight strongest directions, around seed 0
  sample sheet runs/birds --out directions.png --seeds 5 --directions 12 --range 6
  sample sheet runs/birds --out third.png --seeds 0-7 --only 3              one direction, one row for each of eight pictures";

/// Default number of directions.
const DIRECTIONS: usize = 8;
/// Maximum range in standard deviations; beyond it nothing of a picture is left.
const RANGE_LIMIT: f64 = 100.0;

/// Flags of `sample sheet`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct SheetArgs {
    #[command(flatten)]
    pick: PickArgs,
    /// Number of directions, strongest first [default: 8, or all if fewer]
    #[arg(long)]
    directions: Option<usize>,
    /// Only the direction with this number, 1 being the strongest, for all --seeds
    #[arg(long, value_name = "NUMBER", conflicts_with = "directions")]
    only: Option<usize>,
    /// Pictures in a row; with an odd number, the middle one is the original
    #[arg(long, default_value_t = 7)]
    columns: usize,
    /// Distance from the original to both ends of a row, in standard deviations of a latent value
    #[arg(long, default_value_t = 3.0)]
    range: f64,
    #[command(flatten)]
    still: StillArgs,
}

impl SheetArgs {
    /// The numbers of the directions shown, from 1, of `there` directions.
    fn shown(&self, there: usize) -> Result<RangeInclusive<usize>, UsageError> {
        let known = |flag: &str, n: usize| match n {
            n if (1..=there).contains(&n) => Ok(n),
            n => Err(UsageError(format!("--{flag} {n}: this run has the directions 1 to {there}"))),
        };
        match (self.only, self.directions) {
            (Some(n), _) => known("only", n).map(|n| n..=n),
            (None, Some(n)) => known("directions", n).map(|n| 1..=n),
            (None, None) => Ok(1..=DIRECTIONS.min(there)),
        }
    }

    /// The distance of each column from the original.
    fn steps(&self) -> Vec<f64> {
        let last = (self.columns - 1) as f64;
        (0..self.columns).map(|i| self.range * (2.0 * i as f64 / last - 1.0)).collect()
    }
}

/// Runs `sample sheet`.
///
/// # Errors
/// When a flag is invalid, the run cannot be read, or the picture cannot be written.
pub fn run(args: SheetArgs) -> Result<Ending> {
    let _claim = args.still.claim(&args.pick.source.run)?;
    if !(2..=1001).contains(&args.columns) {
        return Err(UsageError(format!("--columns {}: expected 2 to 1001", args.columns)).into());
    }
    if !(args.range > 0.0 && args.range <= RANGE_LIMIT) {
        return Err(UsageError(format!(
            "--range {}: expected a number above 0, at most {RANGE_LIMIT}",
            args.range
        ))
        .into());
    }
    let (sampler, meta) = args.pick.open()?;
    let latents = sampler.latents()?;
    let generator = sampler.generator().dcgan().ok_or_else(|| {
        UsageError(
            "sheet: the directions of latent space are those of a first dense layer, which this generator.family lacks".into(),
        )
    })?;
    let chosen = args.pick.choice.of(&sampler, 0..1)?;
    // With normalisation by class, each class has its own directions.
    let mut all: BTreeMap<u32, Vec<Direction>> = BTreeMap::new();
    for class in chosen.iter().map(|picture| picture.wish.class) {
        if let Entry::Vacant(place) = all.entry(class) {
            place.insert(directions::of(generator, class)?);
        }
    }
    let shown = args.shown(latents.length)?;
    if chosen.len() > 1 && args.only.is_none() {
        let text = format!(
            "--only NUMBER is needed for {} pictures: a row shows one direction of one picture",
            chosen.len()
        );
        return Err(UsageError(text).into());
    }
    let layout = Layout { columns: args.columns, padding: args.still.padding };
    let steps = args.steps();
    let directions: Vec<(&Chosen, usize, &Direction)> = chosen
        .iter()
        .flat_map(|picture| shown.clone().map(move |number| (picture, number)))
        .map(|(picture, number)| (picture, number, &all[&picture.wish.class][number - 1]))
        .collect();
    let name = |&(picture, number, direction): &(&Chosen, usize, &Direction)| match args.only {
        Some(_) => picture.name.clone(),
        None => format!("{number}: {:.0}%", 100.0 * direction.share),
    };
    let columns = steps
        .iter()
        .map(|step| if *step > 0.0 { format!("+{}", short(*step)) } else { short(*step) })
        .collect();
    let words =
        Words { rows: directions.iter().map(name).collect(), columns, captions: Vec::new() };
    args.still.check_room(
        &layout,
        directions.len() * steps.len(),
        args.still.cell(&meta),
        &words,
    )?;
    let moved = |picture: &Chosen, direction: &Direction, step: f64| {
        let along = picture.wish.latent.iter().zip(&direction.vector);
        let mut latent: Vec<f32> = along.map(|(z, v)| (f64::from(*z) + step * v) as f32).collect();
        latent::onto_support(&latents, &mut latent);
        Wish { latent, ..picture.wish.clone() }
    };
    let row = |&(picture, _, direction): &(&Chosen, usize, &Direction)| {
        steps.iter().map(|step| moved(picture, direction, *step)).collect::<Vec<_>>()
    };
    let wishes: Vec<Wish> = directions.iter().flat_map(row).collect();
    let pictures: Vec<Picture> =
        sampler.pictures_of(&wishes).iter().map(|p| p.enlarge(args.still.scale)).collect();
    args.still.write(&layout.sheet(&pictures, &words))?;
    Ok(Ending::Done)
}
