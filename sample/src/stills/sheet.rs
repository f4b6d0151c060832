//! `sample sheet`: the effect of the principal directions of latent space, or of styles, on a
//! picture, one direction per row.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::RangeInclusive;

use anyhow::Result;
use clap::{Args, ValueEnum};
use shared::cli::{Ending, UsageError};
use shared::nn::latent;
use shared::nn::sampler::{Sampler, Styled, Wish};
use shared::picture::Picture;
use shared::plot::short;

use crate::latents::choice::{Chosen, PickArgs};
use crate::latents::directions::{self, Direction};
use crate::latents::seeds::Numbers;
use crate::stills::layout::{Layout, Words};
use crate::stills::still::StillArgs;

const EXAMPLES: &str = "\
Examples:
  sample sheet runs/birds --out directions.png                              the eight strongest directions, around seed 0
  sample sheet runs/birds --out directions.png --seeds 5 --directions 12 --range 6
  sample sheet runs/birds --out third.png --seeds 0-7 --only 3              one direction, one row for each of eight pictures
  sample sheet runs/faces --out coarse.png --layers 0-3                     of the styles of four layers, changed in these
  sample sheet runs/faces --out components.png --method ganspace            the principal components of w";

/// Default number of directions.
const DIRECTIONS: usize = 8;
/// Maximum range in standard deviations; beyond it nothing of a picture is left.
const RANGE_LIMIT: f64 = 100.0;

/// w from which their spread and their principal components are computed.
const SAMPLES: u64 = 10_000;

/// The directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Method {
    /// Of latent vectors, by the first layer's matrix
    FirstLayer,
    /// Of w, by the matrices that make the styles of layers (SeFa)
    Sefa,
    /// Of w, the principal components of many (GANSpace)
    Ganspace,
}

/// A direction, and the standard deviation of what it moves.
#[derive(Clone, Debug)]
struct Axis {
    direction: Direction,
    deviation: f64,
}

/// Flags of `sample sheet`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct SheetArgs {
    #[command(flatten)]
    pick: PickArgs,
    /// How directions are found [default: sefa of a generator with styles, otherwise first-layer]
    #[arg(long, value_enum)]
    method: Option<Method>,
    /// Layers whose styles are looked at and changed, from 0, of a generator with styles [default:
    /// all]
    #[arg(long, value_name = "LIST")]
    layers: Option<Numbers>,
    /// Number of directions, strongest first [default: 8, or all if fewer]
    #[arg(long)]
    directions: Option<usize>,
    /// Only the direction with this number, 1 being the strongest, for all --seeds
    #[arg(long, value_name = "NUMBER", conflicts_with = "directions")]
    only: Option<usize>,
    /// Pictures in a row; with an odd number, the middle one is the original
    #[arg(long, default_value_t = 7)]
    columns: usize,
    /// Distance from the original to both ends of a row, in standard deviations of a latent value,
    /// or of w along the direction
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

    /// The layers that are looked at and changed, of a generator with styles.
    fn layers(&self, sampler: &Sampler) -> Result<Vec<usize>, UsageError> {
        match &self.layers {
            Some(asked) => {
                let [count, _] = sampler.style_shape("--layers")?;
                asked.layers("--layers", count)
            }
            None => Ok((0..sampler.style_shape("--method")?[0]).collect()),
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
    let usual = if sampler.has_styles() { Method::Sefa } else { Method::FirstLayer };
    let method = args.method.unwrap_or(usual);
    let (layers, there) = match method {
        Method::FirstLayer if args.layers.is_some() => {
            let text =
                "--layers: --method first-layer moves latent vectors, which all layers share";
            return Err(UsageError(text.into()).into());
        }
        Method::FirstLayer => (Vec::new(), latents.length),
        Method::Sefa => (args.layers(&sampler)?, sampler.style_shape("--method sefa")?[1]),
        Method::Ganspace => (args.layers(&sampler)?, sampler.style_shape("--method ganspace")?[1]),
    };
    let shown = args.shown(there)?;
    let chosen = args.pick.choice.of(&sampler, 0..1)?;
    if chosen.len() > 1 && args.only.is_none() {
        let text = format!(
            "--only NUMBER is needed for {} pictures: a row shows one direction of one picture",
            chosen.len()
        );
        return Err(UsageError(text).into());
    }
    let layout = Layout { columns: args.columns, padding: args.still.padding };
    let steps = args.steps();
    // Normalisation, and the spread of w, may be by class.
    let mut all: BTreeMap<u32, Vec<Axis>> = BTreeMap::new();
    for class in chosen.iter().map(|picture| picture.wish.class) {
        if let Entry::Vacant(place) = all.entry(class) {
            place.insert(axes(&sampler, method, &layers, class, *shown.end())?);
        }
    }
    let directions: Vec<(&Chosen, usize, &Axis)> = chosen
        .iter()
        .flat_map(|picture| shown.clone().map(move |number| (picture, number)))
        .map(|(picture, number)| (picture, number, &all[&picture.wish.class][number - 1]))
        .collect();
    let name = |&(picture, number, axis): &(&Chosen, usize, &Axis)| match args.only {
        Some(_) => picture.name.clone(),
        None => format!("{number}: {:.0}%", 100.0 * axis.direction.share),
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
    let made = match method {
        Method::FirstLayer => {
            let moved = |wish: &Wish, axis: &Axis, step: f64| {
                let mut latent = wish.latent.clone();
                axis.add(&mut latent, step);
                latent::onto_support(&latents, &mut latent);
                Wish { latent, ..wish.clone() }
            };
            let row = |&(picture, _, axis): &(&Chosen, usize, &Axis)| {
                steps.iter().map(|step| moved(&picture.wish, axis, *step)).collect::<Vec<_>>()
            };
            sampler.pictures_of(&directions.iter().flat_map(row).collect::<Vec<_>>())
        }
        Method::Sefa | Method::Ganspace => {
            let wishes: Vec<Wish> =
                directions.iter().map(|(picture, ..)| picture.wish.clone()).collect();
            let styled = sampler.styled("--method", &wishes)?;
            let moved = |styled: &Styled, axis: &Axis, step: f64| {
                let mut moved = styled.clone();
                for &layer in &layers {
                    axis.add(&mut moved.ws[layer * there..][..there], step);
                }
                moved
            };
            let row = |(styled, (_, _, axis)): (&Styled, &(&Chosen, usize, &Axis))| {
                steps.iter().map(|step| moved(styled, axis, *step)).collect::<Vec<_>>()
            };
            let wishes: Vec<Styled> = styled.iter().zip(&directions).flat_map(row).collect();
            sampler.pictures_of_styles(&wishes)
        }
    };
    let pictures: Vec<Picture> = made.iter().map(|p| p.enlarge(args.still.scale)).collect();
    args.still.write(&layout.sheet(&pictures, &words))?;
    Ok(Ending::Done)
}

impl Axis {
    /// Moves `point` by `step` deviations.
    fn add(&self, point: &mut [f32], step: f64) {
        let step = step * self.deviation;
        for (value, along) in point.iter_mut().zip(&self.direction.vector) {
            *value = (f64::from(*value) + step * along) as f32;
        }
    }
}

/// The first `count` directions for pictures of `class`, strongest first.
fn axes(
    sampler: &Sampler,
    method: Method,
    layers: &[usize],
    class: u32,
    count: usize,
) -> Result<Vec<Axis>> {
    let generator = sampler.generator();
    let spread = |directions: Vec<Direction>, samples: &[Vec<f32>]| {
        let directions = directions.into_iter().take(count);
        let axis = |direction: Direction| {
            let deviation = directions::deviation(samples, &direction);
            Axis { direction, deviation }
        };
        directions.map(axis).collect()
    };
    let samples = || {
        let wish = |seed| Wish { class, ..sampler.wish(seed) };
        sampler.mapped("--method", &(0..SAMPLES).map(wish).collect::<Vec<_>>())
    };
    let styled = generator.stylegan2();
    match (method, styled) {
        (Method::Sefa, Some(styled)) => {
            Ok(spread(directions::of_layers(styled, layers)?, &samples()?))
        }
        (Method::Ganspace, _) => {
            let samples = samples()?;
            Ok(spread(directions::of_samples(&samples)?, &samples))
        }
        (_, styled) => {
            let directions = match (styled, generator.dcgan()) {
                (Some(styled), _) => directions::of_mapping(styled)?,
                (None, Some(dcgan)) => directions::of(dcgan, class)?,
                (None, None) => {
                    return Err(UsageError(
                        "sheet: the directions of latent space are those of a first dense layer, which this generator.family lacks".into(),
                    )
                    .into());
                }
            };
            let axis = |direction| Axis { direction, deviation: 1.0 };
            Ok(directions.into_iter().map(axis).collect())
        }
    }
}
