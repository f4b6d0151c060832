//! `sample mix`: pictures with some of their styles from others (Karras et al. 2019, "A style-based
//! generator architecture", arXiv:1812.04948, figure 3; `style_mixing.py` of
//! stylegan2-ada-pytorch).

use anyhow::Result;
use clap::Args;
use shared::cli::{Ending, UsageError};
use shared::nn::sampler::{Sampler, Styled, Wish};
use shared::picture::Picture;

use crate::latents::seeds::Numbers;
use crate::source::{DrawArgs, SourceArgs};
use crate::stills::layout::{Layout, Words};
use crate::stills::still::StillArgs;

const EXAMPLES: &str = "\
Examples:
  sample mix runs/faces --out mix.png --rows 0-3 --columns 4-9                 coarse styles from the columns
  sample mix runs/faces --out mix.png --rows 85,100 --columns 55,821 --styles 4-7 --truncation 0.7
The first row shows the pictures of --columns, the first column those of --rows.
Layers are numbered from 0, the smallest extent first: two for each extent.";

/// Layers that `style_mixing.py` takes from the column, of the 18 at 1024×1024.
const TAKEN: [usize; 2] = [7, 18];
/// Brightness of the empty corner, that of the sheet.
const EMPTY: u8 = 255;

/// Flags of `sample mix`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct MixArgs {
    #[command(flatten)]
    source: SourceArgs,
    #[command(flatten)]
    draw: DrawArgs,
    /// Seeds of the pictures that are changed, one per row, as a list like 0-3
    #[arg(long, default_value = "0-3", value_name = "LIST")]
    rows: Numbers,
    /// Seeds of the pictures that styles are taken from, one per column
    #[arg(long, default_value = "4-9", value_name = "LIST")]
    columns: Numbers,
    /// Layers whose styles are those of the column, from 0 [default: the first 7 of 18, in
    /// proportion]
    #[arg(long, value_name = "LIST")]
    styles: Option<Numbers>,
    /// Label rows and columns with their seeds
    #[arg(long)]
    labels: bool,
    #[command(flatten)]
    still: StillArgs,
}

impl MixArgs {
    /// The layers that are taken from the column, of `layers`.
    fn taken(&self, layers: usize) -> Result<Vec<usize>, UsageError> {
        match &self.styles {
            Some(asked) => asked.layers("--styles", layers),
            None => Ok((0..(layers * TAKEN[0]).div_ceil(TAKEN[1])).collect()),
        }
    }
}

/// Runs `sample mix`.
///
/// # Errors
/// When a flag is invalid, the run cannot be read or its generator has no styles, or the picture
/// cannot be written.
pub fn run(args: MixArgs) -> Result<Ending> {
    let _claim = args.still.claim(&args.source.run)?;
    let (sampler, meta) = args.source.sampler(&args.draw)?;
    let [layers, length] = sampler.style_shape("mix")?;
    let taken = args.taken(layers)?;
    let (rows, columns) = (&args.rows.0, &args.columns.0);
    let layout = Layout { columns: columns.len() + 1, padding: args.still.padding };
    let words = if args.labels { words(rows, columns) } else { Words::default() };
    let cell = args.still.cell(&meta);
    let count = (rows.len() + 1).saturating_mul(columns.len() + 1);
    args.still.check_room(&layout, count, cell, &words)?;
    let (rows, columns) = (styled(&sampler, rows)?, styled(&sampler, columns)?);
    let mixed = |row: &Styled, column: &Styled| {
        let mut mixed = row.clone();
        for &layer in &taken {
            let place = layer * length..(layer + 1) * length;
            mixed.ws[place.clone()].copy_from_slice(&column.ws[place]);
        }
        mixed
    };
    let row = |row: &Styled| {
        let others = columns.iter().map(|column| mixed(row, column));
        std::iter::once(row.clone()).chain(others).collect::<Vec<_>>()
    };
    let wishes: Vec<Styled> = columns.iter().cloned().chain(rows.iter().flat_map(row)).collect();
    let channels = meta.config.data.channels as u32;
    let corner = Picture::filled(cell[0], cell[1], channels, EMPTY);
    let made = sampler.pictures_of_styles(&wishes);
    let made = made.iter().map(|picture| picture.enlarge(args.still.scale));
    let pictures: Vec<Picture> = std::iter::once(corner).chain(made).collect();
    args.still.write(&layout.sheet(&pictures, &words))?;
    Ok(Ending::Done)
}

/// The styles of the pictures of `seeds`.
fn styled(sampler: &Sampler, seeds: &[u64]) -> Result<Vec<Styled>, UsageError> {
    let wishes: Vec<Wish> = seeds.iter().map(|&seed| sampler.wish(seed)).collect();
    sampler.styled("mix", &wishes)
}

/// The seeds beside and above the pictures.
fn words(rows: &[u64], columns: &[u64]) -> Words {
    let named = |seeds: &[u64]| {
        let seeds = seeds.iter().map(u64::to_string);
        std::iter::once(String::new()).chain(seeds).collect()
    };
    Words { rows: named(rows), columns: named(columns), captions: Vec::new() }
}
