//! `sample morph`: the path between two pictures, step by step in a row.

use anyhow::Result;
use clap::Args;
use shared::cli::{Ending, UsageError};
use shared::picture::Picture;

use crate::latents::path::Easing;
use crate::latents::route::RouteArgs;
use crate::source::{DrawArgs, SourceArgs};
use crate::stills::layout::{Layout, Words};
use crate::stills::still::StillArgs;

const EXAMPLES: &str = "\
Examples:
  sample morph runs/birds 3 17 --out morph.png                    ten steps from seed 3 to seed 17
  sample morph runs/birds 3 17 5 9 --out morph.png --steps 8      two rows: 3 to 17, 5 to 9
  sample walk runs/birds --seeds 3,17 --out morph.gif             the same as an animation
In a class-conditional run, a row stays in the class of its first seed, or in --class.";

/// Maximum steps of a row.
const STEPS_LIMIT: usize = 4096;

/// Flags of `sample morph`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct MorphArgs {
    #[command(flatten)]
    source: SourceArgs,
    /// Pairs of first and last seed, one row per pair
    #[arg(required = true, num_args = 2.., value_name = "SEED")]
    seeds: Vec<u64>,
    #[command(flatten)]
    draw: DrawArgs,
    /// Pictures in a row, including both ends
    #[arg(long, default_value_t = 10)]
    steps: usize,
    #[command(flatten)]
    route: RouteArgs,
    /// Label the rows with their seeds
    #[arg(long)]
    labels: bool,
    #[command(flatten)]
    still: StillArgs,
}

/// Runs `sample morph`.
///
/// # Errors
/// When a flag is invalid, the run cannot be read, or the picture cannot be written.
pub fn run(args: MorphArgs) -> Result<Ending> {
    let _claim = args.still.claim(&args.source.run)?;
    if !(2..=STEPS_LIMIT).contains(&args.steps) {
        return Err(
            UsageError(format!("--steps {}: expected 2 to {STEPS_LIMIT}", args.steps)).into()
        );
    }
    let (pairs, rest) = args.seeds.as_chunks::<2>();
    if let [alone] = rest {
        return Err(UsageError(format!("seed {alone} has no partner: seeds come in pairs")).into());
    }
    let (sampler, meta) = args.source.sampler(&args.draw)?;
    let route = args.route.route(sampler.clone(), Easing::Linear, false)?;
    let layout = Layout { columns: args.steps, padding: args.still.padding };
    let rows = if args.labels {
        pairs.iter().map(|[from, to]| format!("{from} > {to}")).collect()
    } else {
        Vec::new()
    };
    let words = Words { rows, ..Words::default() };
    args.still.check_room(&layout, pairs.len() * args.steps, args.still.cell(&meta), &words)?;
    let keys: Vec<_> =
        pairs.iter().map(|pair| route.keys(&pair.map(|seed| sampler.wish(seed)))).collect();
    let places = keys.iter().flat_map(|keys| (0..args.steps).map(move |step| (keys, step)));
    let pictures: Vec<Picture> = route
        .pictures(places, args.steps)
        .iter()
        .map(|picture| picture.enlarge(args.still.scale))
        .collect();
    args.still.write(&layout.sheet(&pictures, &words))?;
    Ok(Ending::Done)
}
