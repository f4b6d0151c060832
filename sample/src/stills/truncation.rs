//! `sample truncation`: the same seeds at several truncation thresholds, or values of psi, one row
//! each.

use std::str::FromStr;

use anyhow::Result;
use clap::Args;
use shared::cli::{Ending, UsageError};
use shared::picture::Picture;

use crate::latents::seeds::Seeds;
use crate::source::{DrawArgs, SourceArgs, StyleArgs};
use crate::stills::layout::{Layout, Words};
use crate::stills::still::StillArgs;

const EXAMPLES: &str = "\
Examples:
  sample truncation runs/birds --out truncation.png
  sample truncation runs/birds --out truncation.png --thresholds 0.3,0.6,none --seeds 0-11
  sample truncation runs/faces --out psi.png --thresholds=-1,-0.5,0,0.5,1 --cutoff 8      psi, with styles";

/// Thresholds shown by default.
const THRESHOLDS: [Threshold; 5] = [
    Threshold(Some(0.25)),
    Threshold(Some(0.5)),
    Threshold(Some(1.0)),
    Threshold(Some(2.0)),
    Threshold(None),
];
/// Values of psi shown by default.
const PSIS: [Threshold; 5] = [
    Threshold(Some(0.0)),
    Threshold(Some(0.25)),
    Threshold(Some(0.5)),
    Threshold(Some(0.75)),
    Threshold(Some(1.0)),
];

/// A truncation threshold or psi, or none.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Threshold(Option<f64>);

impl FromStr for Threshold {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "none" => Ok(Self(None)),
            _ => match text.parse() {
                Ok(value) => Ok(Self(Some(value))),
                Err(_) => Err("expected none or a number".into()),
            },
        }
    }
}

/// Flags of `sample truncation`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct TruncationArgs {
    #[command(flatten)]
    source: SourceArgs,
    /// Only this class, by name or number
    #[arg(long, value_name = "CLASS")]
    class: Option<String>,
    /// Thresholds, one row each: values of latent vectors outside ± the threshold are redrawn; with
    /// styles, values of psi; none as in training [default: 0.25,0.5,1,2,none; with styles
    /// 0,0.25,0.5,0.75,1]
    #[arg(long, value_delimiter = ',', value_name = "LIST", allow_negative_numbers = true)]
    thresholds: Vec<Threshold>,
    #[command(flatten)]
    styles: StyleArgs,
    /// Seeds, one per column, as a list like 0-7
    #[arg(long, default_value = "0-7", value_name = "LIST")]
    seeds: Seeds,
    #[command(flatten)]
    still: StillArgs,
}

/// Runs `sample truncation`.
///
/// # Errors
/// When a flag is invalid, the run cannot be read, or the picture cannot be written.
pub fn run(args: TruncationArgs) -> Result<Ending> {
    let _claim = args.still.claim(&args.source.run)?;
    let draw = DrawArgs { class: args.class, ..DrawArgs::default() };
    let (sampler, meta) = args.source.sampler(&draw)?;
    let sampler = args.styles.applied(sampler)?;
    let thresholds = match (args.thresholds.is_empty(), sampler.has_styles()) {
        (false, _) => args.thresholds,
        (true, true) => PSIS.to_vec(),
        (true, false) => THRESHOLDS.to_vec(),
    };
    let layout = Layout { columns: args.seeds.0.len(), padding: args.still.padding };
    let name = |threshold: &Threshold| threshold.0.map_or("none".into(), |value| value.to_string());
    let words = Words { rows: thresholds.iter().map(name).collect(), ..Words::default() };
    let count = args.seeds.0.len().saturating_mul(thresholds.len());
    args.still.check_room(&layout, count, args.still.cell(&meta), &words)?;
    let row = |threshold: &Threshold| match threshold.0 {
        None => Ok(sampler.pictures(&args.seeds.0)),
        // The error names the flag of other commands.
        Some(value) => match sampler.clone().truncated(value) {
            Ok(truncated) => Ok(truncated.pictures(&args.seeds.0)),
            Err(UsageError(text)) => {
                Err(UsageError(text.replacen("--truncation", "--thresholds", 1)))
            }
        },
    };
    let rows: Result<Vec<Vec<Picture>>, UsageError> = thresholds.iter().map(row).collect();
    let pictures: Vec<Picture> =
        rows?.iter().flatten().map(|p| p.enlarge(args.still.scale)).collect();
    args.still.write(&layout.sheet(&pictures, &words))?;
    Ok(Ending::Done)
}
