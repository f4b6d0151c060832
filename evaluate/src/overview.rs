//! `evaluate scatter` and `evaluate plane`: several sets in one picture.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use shared::cli::{DataError, UsageError, one_line};
use shared::fs;
use shared::metrics::features::Features;

use crate::args::{ConventionsArgs, Options, PicturesArgs, Repeats, at_least};
use crate::input::Wanted;
use crate::lab::Lab;
use crate::metric::Metric;
use crate::metrics::pca::Pca;
use crate::plots::plane::{Measured, plane as draw_plane};
use crate::plots::scatter::scatter as draw_scatter;
use crate::side::Side;
use crate::{measure, report};

const SCATTER_EXAMPLES: &str = "\
Examples:
  evaluate scatter birds64 runs/birds --out scatter.png             real pictures and samples along their two principal components
  evaluate scatter birds64 runs/a runs/b -n 500 --out scatter.png";

const PLANE_EXAMPLES: &str = "\
Examples:
  evaluate plane runs/a runs/b runs/c --real birds64 --features inception-v3-compat --out plane.png";

/// Pictures of each set in a scatter unless told otherwise.
const POINTS: usize = 1000;

/// Flags of `evaluate scatter`.
#[derive(Args, Debug)]
#[command(after_help = SCATTER_EXAMPLES)]
pub struct ScatterArgs {
    /// Sets of pictures: runs, data sets, folders, zip or tar files
    #[arg(value_name = "SET", required = true, num_args = 1..)]
    sets: Vec<PathBuf>,
    /// PNG to write
    #[arg(long, value_name = "FILE.png")]
    out: PathBuf,
    /// Pictures of each set, at most
    #[arg(short = 'n', default_value_t = POINTS, value_name = "N")]
    count: usize,
    /// Which of a data set and of a run.
    #[command(flatten)]
    pictures: PicturesArgs,
    /// What decides a number beside the pictures.
    #[command(flatten)]
    conventions: ConventionsArgs,
}

/// Flags of `evaluate plane`.
#[derive(Args, Debug)]
#[command(after_help = PLANE_EXAMPLES)]
pub struct PlaneArgs {
    /// Sets of generated pictures: runs, data sets, folders, zip or tar files
    #[arg(value_name = "SET", required = true, num_args = 1..)]
    sets: Vec<PathBuf>,
    /// Real pictures: a data set of `prep`, a folder, a zip or tar file
    #[arg(long, value_name = "DATASET|FOLDER|ZIP")]
    real: PathBuf,
    /// PNG to write
    #[arg(long, value_name = "FILE.png")]
    out: PathBuf,
    /// Pictures of each side [default: all real ones, and as many samples of a run]
    #[arg(short = 'n', value_name = "N")]
    count: Option<usize>,
    /// Random halves of both sets from which error bars come; 0 for none
    #[arg(long, default_value_t = 10, value_name = "N")]
    repeats: usize,
    /// Which of a data set and of a run.
    #[command(flatten)]
    pictures: PicturesArgs,
    /// What decides a number beside the pictures.
    #[command(flatten)]
    conventions: ConventionsArgs,
}

/// Carries out `evaluate scatter`.
///
/// # Errors
/// When pictures cannot be read, or the plot cannot be written.
pub fn scatter(args: ScatterArgs) -> Result<()> {
    let lab = Lab::open(args.conventions.check()?)?;
    let [protocol] = lab.conventions.protocols[..] else {
        return Err(UsageError("--protocol: one scatter shows one protocol".into()).into());
    };
    let source = lab.conventions.source(protocol, Metric::Fid)?;
    let mut all = Vec::new();
    for path in &args.sets {
        let wanted = Wanted {
            split: &args.pictures.split,
            generated: args.count,
            checkpoint: args.pictures.checkpoint,
            device: &lab.device,
            protocols: &lab.conventions.protocols,
        };
        let available = Side::open(path, "SET", &wanted, None, 0)?.count().unwrap_or(0);
        let side = Side::open(path, "SET", &wanted, Some(args.count.min(available)), lab.conventions.seed)?;
        all.push((name_of(path), side.take(&lab, protocol, &[source])?.remove(0).into_rows("scatter", "SET")?));
    }
    let sets: Vec<(&'static str, &Features)> = all.iter().map(|(_, rows)| ("given", rows)).collect();
    let pca = Pca::of(&sets, 2).map_err(|e| DataError(one_line(&e)))?;
    let points =
        |rows: &Features| pca.project(rows).values().chunks_exact(2).map(|p| [f64::from(p[0]), f64::from(p[1])]).collect();
    let clouds: Vec<(String, Vec<[f64; 2]>)> = all.iter().map(|(name, rows)| (name.clone(), points(rows))).collect();
    let title = format!("{} {} under {protocol}", source.network.name, source.layer.name);
    fs::create_folder_for(&args.out)?;
    fs::write(&args.out, &draw_scatter(&title, &clouds, [pca.explained[0], pca.explained[1]]).to_png()?)?;
    shared::cli::tell(&format!("{}\n", args.out.display()));
    Ok(())
}

/// Carries out `evaluate plane`: precision, recall, density and coverage of every set, printed and drawn.
///
/// # Errors
/// When pictures cannot be read, or the plot cannot be written.
pub fn plane(args: PlaneArgs) -> Result<()> {
    let conventions = args.conventions.check()?;
    let lab = Lab::open(conventions.clone())?;
    let [protocol] = lab.conventions.protocols[..] else {
        return Err(UsageError("--protocol: one plane shows one protocol".into()).into());
    };
    let mut results = Vec::new();
    let mut planes: [Vec<Measured>; 2] = Default::default();
    for path in &args.sets {
        let options = Options {
            real: Some(args.real.clone()),
            checkpoint: args.pictures.checkpoint,
            split: args.pictures.split.clone(),
            metrics: crate::args::metrics(&[Metric::Prdc], &[protocol])?,
            count: at_least(args.count, 2, "-n")?,
            repeats: Repeats::of(args.repeats)?,
            ..Options::of(path, conventions.clone())
        };
        let rows = measure::measure(&lab, &options)?.whole()?;
        for (plane, names) in planes.iter_mut().zip([["precision", "recall"], ["density", "coverage"]]) {
            let [x, y] = names.map(|name| rows.iter().find(|r| r.metric.split('_').next() == Some(name)));
            if let (Some(x), Some(y)) = (x, y) {
                let spread = x.std.zip(y.std).map(|(a, b)| [a, b]);
                plane.push(Measured { name: name_of(path), fidelity: x.value, diversity: y.value, spread });
            }
        }
        results.extend(rows);
    }
    let title = format!("{protocol}, against {}", name_of(&args.real));
    fs::create_folder_for(&args.out)?;
    fs::write(&args.out, &draw_plane(&title, &planes[0], &planes[1]).to_png()?)?;
    shared::cli::print(&format!("{}\n{}\n", report::table(&results), args.out.display()))?;
    Ok(())
}

/// The last part of a path, for a legend.
fn name_of(path: &std::path::Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}
