//! `sample compare`: generated pictures beside real ones, or beside their nearest training
//! pictures.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use shared::cli::{Ending, UsageError};
use shared::dataset::{Dataset, Split};
use shared::metrics::nearest::nearest;
use shared::nn::checkpoint::Meta;
use shared::picture::{Picture, grid};
use shared::plot::nearest::{Near, Sample, most_extent, sheet};
use shared::rng;

use crate::latents::choice::{Chosen, PickArgs};
use crate::stills::layout::{Layout, Words};
use crate::stills::still::StillArgs;

const EXAMPLES: &str = "\
Examples:
  sample compare runs/birds --data birds64 --out compare.png                       64 real pictures, 64 generated ones
  sample compare runs/birds --data birds64 --out compare.png --columns 4 --rows 6 --split val
  sample compare runs/birds --data birds64 --out nearest.png --nearest 5           does it memorise?";

/// Real pictures beside generated ones.
const HALVES: Layout = Layout { columns: 2, padding: 16 };
/// Default rows beside the nearest training pictures.
const NEAREST_ROWS: usize = 8;

/// Flags of `sample compare`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct CompareArgs {
    #[command(flatten)]
    pick: PickArgs,
    /// Data set of `prep`
    #[arg(long, value_name = "DATASET")]
    data: PathBuf,
    /// Split of the data set [default: the training split]
    #[arg(long)]
    split: Option<String>,
    /// Pictures in a row of each half
    #[arg(long, default_value_t = 8)]
    columns: usize,
    /// Rows [default: 8, or as many as --seeds needs]
    #[arg(long)]
    rows: Option<usize>,
    /// Seed of the draw of real pictures
    #[arg(long, default_value_t = 0, value_name = "SEED")]
    real_seed: u64,
    /// Show the K nearest pictures of the split beside each generated one, by root-mean-square
    /// difference of pixels (`evaluate nearest` compares features)
    #[arg(long, value_name = "K", conflicts_with_all = ["columns", "real_seed", "padding"])]
    nearest: Option<usize>,
    #[command(flatten)]
    still: StillArgs,
}

/// Runs `sample compare`.
///
/// # Errors
/// When a flag is invalid, the run or the data set cannot be read, or the picture cannot be
/// written.
pub fn run(args: CompareArgs) -> Result<Ending> {
    let _claim = args.still.claim(&args.pick.source.run)?;
    for (flag, value) in
        [("--columns", Some(args.columns)), ("--rows", args.rows), ("--nearest", args.nearest)]
    {
        if value.is_some_and(|n| !(1..=4096).contains(&n)) {
            return Err(UsageError(format!(
                "{flag} {}: expected 1 to 4096",
                value.unwrap_or_default()
            ))
            .into());
        }
    }
    let dataset = Dataset::open(&args.data)?;
    let (sampler, meta) = args.pick.open()?;
    let split = dataset.split(args.split.as_deref().unwrap_or(&meta.config.data.split))?;
    fits(&args, &dataset, &meta)?;
    let columns = if args.nearest.is_some() { 1 } else { args.columns };
    let rows = args.rows.unwrap_or(NEAREST_ROWS);
    let beside = args.nearest.unwrap_or(1).min(split.len().max(1));
    let (cell, padding, title) = (args.still.cell(&meta), args.still.padding, title_of(&split));
    let check_room = |count: usize| match args.nearest {
        Some(_) => args.still.check_extent(most_extent(&title, count, beside, cell[0])),
        None => {
            let half =
                Layout { columns, padding }.geometry(count, cell, &Words::default()).extent();
            let half = half.map(|side| u32::try_from(side).unwrap_or(u32::MAX));
            args.still.check_room(&HALVES, 2, half, &words_of(&split))
        }
    };
    // Once before drawing, and again when the number of chosen pictures is known.
    if !args.pick.choice.is_given() {
        check_room(rows * columns)?;
    }
    let mut chosen = args.pick.choice.of(&sampler, 0..(rows * columns) as u64)?;
    if args.rows.is_some() {
        chosen.truncate(rows * columns);
    }
    check_room(chosen.len())?;
    let pictures = sampler.pictures_of(&chosen.iter().map(|c| c.wish.clone()).collect::<Vec<_>>());
    let picture = match args.nearest {
        Some(count) => beside_nearest(&args, &chosen, pictures, &split, count)?,
        None => halves(&args, &split, &pictures, of_class(&args, &dataset, &meta, &chosen)?)?,
    };
    args.still.write(&picture)?;
    Ok(Ending::Done)
}

/// Checks that the pictures of the data set have the run's extent.
fn fits(args: &CompareArgs, dataset: &Dataset, meta: &Meta) -> Result<(), UsageError> {
    let (manifest, data) = (dataset.manifest(), &meta.config.data);
    let (of_data, of_run) =
        ((manifest.size as usize, manifest.channels as usize), (data.size, data.channels));
    if of_data == of_run && !manifest.paired {
        return Ok(());
    }
    if manifest.paired {
        let text = format!("--data {}: its records are pairs of pictures", args.data.display());
        return Err(UsageError(text));
    }
    let extent =
        |(size, channels): (usize, usize)| format!("{size}×{size} with {channels} channels");
    Err(UsageError(format!(
        "--data {}: its pictures are {}, those of the run {}; use the run's training data set",
        args.data.display(),
        extent(of_data),
        extent(of_run)
    )))
}

/// The data set's number of the class `--class`.
fn of_class(
    args: &CompareArgs,
    dataset: &Dataset,
    meta: &Meta,
    chosen: &[Chosen],
) -> Result<Option<u32>, UsageError> {
    let (Some(asked), Some(first)) = (&args.pick.draw.class, chosen.first()) else {
        return Ok(None);
    };
    let name = meta.config.data.classes.get(first.wish.class as usize);
    let there =
        name.and_then(|name| dataset.manifest().classes.iter().position(|class| class == name));
    let missing = || {
        UsageError(format!(
            "--class {asked}: the data set {} has no such class",
            args.data.display()
        ))
    };
    Ok(Some(there.ok_or_else(missing)? as u32))
}

/// Real pictures on the left, as many generated ones on the right.
fn halves(
    args: &CompareArgs,
    split: &Split<'_>,
    generated: &[Picture],
    class: Option<u32>,
) -> Result<Picture> {
    let order = rng::stream(args.real_seed, "compare", 0).permutation(split.len());
    let of_class =
        order.iter().map(|&i| i as usize).filter(|&i| class.is_none() || split.label(i) == class);
    let real: Vec<Picture> =
        of_class.take(generated.len()).map(|i| split.picture(i)).collect::<Result<_, _>>()?;
    if real.is_empty() {
        let of = if class.is_some() { " of this class" } else { "" };
        return Err(UsageError(format!("--split {}: it has no pictures{of}", split.name())).into());
    }
    let half = |pictures: &[Picture]| {
        let pictures: Vec<Picture> = pictures.iter().map(|p| p.enlarge(args.still.scale)).collect();
        grid(&pictures, args.columns, args.still.padding)
    };
    Ok(HALVES.sheet(&[half(&real), half(generated)], &words_of(split)))
}

/// The labels above real and generated pictures.
fn words_of(split: &Split<'_>) -> Words {
    Words {
        columns: vec![format!("real ({})", split.name()), "generated".into()],
        ..Words::default()
    }
}

/// The title above pictures and their nearest ones.
fn title_of(split: &Split<'_>) -> String {
    format!("nearest of {} pictures by RMS of pixels", split.len())
}

/// Generated pictures, one per row, each with its nearest pictures of the split.
fn beside_nearest(
    args: &CompareArgs,
    chosen: &[Chosen],
    pictures: Vec<Picture>,
    split: &Split<'_>,
    count: usize,
) -> Result<Picture> {
    let found = nearest(&pictures, split, count)?;
    let mut samples = Vec::new();
    for ((chosen, picture), neighbours) in chosen.iter().zip(pictures).zip(found) {
        let near = |n: &shared::metrics::nearest::Neighbour| {
            Ok(Near {
                picture: split.picture(n.index)?.enlarge(args.still.scale),
                place: format!("#{}", n.index),
                distance: n.distance,
            })
        };
        let nearest: Result<Vec<Near>> = neighbours.iter().map(near).collect();
        samples.push(Sample {
            picture: picture.enlarge(args.still.scale),
            name: chosen.name.clone(),
            nearest: nearest?,
        });
    }
    Ok(sheet(&title_of(split), &samples))
}
