//! `sample sheet`: what the principal directions of latent space do to a picture, one direction a row.

use anyhow::Result;
use clap::Args;
use shared::cli::{Ending, UsageError};
use shared::nn::latent;
use shared::nn::sampler::Wish;
use shared::picture::Picture;
use shared::plot::short;

use crate::choice::PickArgs;
use crate::directions::{self, Direction};
use crate::layout::{Layout, Words};
use crate::still::StillArgs;

const EXAMPLES: &str = "\
Examples:
  sample sheet runs/birds --out directions.png                              the eight strongest directions, around seed 0
  sample sheet runs/birds --out directions.png --seeds 5 --directions 12 --range 6
  sample sheet runs/birds --out third.png --seeds 0-7 --only 3              one direction, a row for each of eight pictures";

/// Beyond so many standard deviations nothing is left of a picture.
const RANGE_LIMIT: f64 = 100.0;

/// Flags of `sample sheet`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct SheetArgs {
    #[command(flatten)]
    pick: PickArgs,
    /// How many directions, the strongest first
    #[arg(long, default_value_t = 8)]
    directions: usize,
    /// Only the direction of this number, 1 being the strongest, for all --seeds
    #[arg(long, value_name = "NUMBER", conflicts_with = "directions")]
    only: Option<usize>,
    /// Pictures in a row; of an odd number the middle one is the picture itself
    #[arg(long, default_value_t = 7)]
    columns: usize,
    /// How far the ends of a row are from the picture, in standard deviations of a latent value
    #[arg(long, default_value_t = 3.0)]
    range: f64,
    #[command(flatten)]
    still: StillArgs,
}

impl SheetArgs {
    /// Which of `all` directions are shown, by number.
    fn shown<'a>(&self, all: &'a [Direction]) -> Result<Vec<(usize, &'a Direction)>, UsageError> {
        let there = all.len();
        let wrong = |flag: &str, n| UsageError(format!("--{flag} {n}: this run has the directions 1 to {there}"));
        match self.only {
            Some(n) if !(1..=there).contains(&n) => Err(wrong("only", n)),
            Some(n) => Ok(vec![(n, &all[n - 1])]),
            None if !(1..=there).contains(&self.directions) => Err(wrong("directions", self.directions)),
            None => Ok((1..).zip(&all[..self.directions]).collect()),
        }
    }

    /// How far each column is from the picture.
    fn steps(&self) -> Vec<f64> {
        let last = (self.columns - 1) as f64;
        (0..self.columns).map(|i| self.range * (2.0 * i as f64 / last - 1.0)).collect()
    }
}

/// Carries out `sample sheet`.
///
/// # Errors
/// When a flag cannot be carried out, the run cannot be read, or the picture cannot be written.
pub fn run(args: SheetArgs) -> Result<Ending> {
    args.still.check()?;
    if !(2..=1001).contains(&args.columns) {
        return Err(UsageError(format!("--columns {}: expected 2 to 1001", args.columns)).into());
    }
    if !(args.range > 0.0 && args.range <= RANGE_LIMIT) {
        return Err(UsageError(format!("--range {}: expected a number above 0, at most {RANGE_LIMIT}", args.range)).into());
    }
    let (sampler, meta) = args.pick.open()?;
    let config = sampler.generator().config();
    let chosen = args.pick.choice.of(&sampler, 0..1)?;
    let all = directions::of(sampler.generator(), chosen[0].wish.class)?;
    let shown = args.shown(&all)?;
    if chosen.len() > 1 && args.only.is_none() {
        let text = format!(
            "--only NUMBER is needed for {} pictures: a row would else be a direction and a picture at once",
            chosen.len()
        );
        return Err(UsageError(text).into());
    }
    let layout = Layout { columns: args.columns, padding: args.still.padding };
    args.still.check_room(&layout, chosen.len().saturating_mul(shown.len() * args.columns), args.still.cell(&meta))?;
    let (steps, mut wishes, mut rows) = (args.steps(), Vec::new(), Vec::new());
    for picture in &chosen {
        for (number, direction) in &shown {
            let share = 100.0 * direction.share;
            rows.push(if args.only.is_some() { picture.name.clone() } else { format!("{number}: {share:.0}%") });
            wishes.extend(steps.iter().map(|step| {
                let moved = picture.wish.latent.iter().zip(&direction.vector).map(|(z, v)| (f64::from(*z) + step * v) as f32);
                let mut latent: Vec<f32> = moved.collect();
                latent::onto_support(config, &mut latent);
                Wish { latent, ..picture.wish.clone() }
            }));
        }
    }
    let pictures: Vec<Picture> = sampler.pictures_of(&wishes).iter().map(|p| p.enlarge(args.still.scale)).collect();
    let columns = steps.iter().map(|step| if *step > 0.0 { format!("+{}", short(*step)) } else { short(*step) }).collect();
    args.still.write(&layout.sheet(&pictures, &Words { rows, columns, captions: Vec::new() }))?;
    Ok(Ending::Done)
}
