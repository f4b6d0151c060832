//! `evaluate nearest`: samples beside the training pictures that are nearest to them in a network's features.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use shared::cli::{DataError, UsageError, one_line};
use shared::fs;
use shared::metrics::features;
use shared::metrics::resize::RgbPicture;
use shared::metrics::source::PictureSource;
use shared::nn::run::Which;
use shared::picture::Picture;
use shared::plot::nearest::{Near, Sample, sheet};
use shared::table::aligned;

use crate::args::ConventionsArgs;
use crate::input::Wanted;
use crate::lab::Lab;
use crate::metric::Metric;
use crate::metrics::pairs;
use crate::side::Side;

const EXAMPLES: &str = "\
Examples:
  evaluate nearest runs/birds --train birds64 --out sheet.png                  the 10 of 256 samples that are nearest to a training picture
  evaluate nearest fakes.zip --train photos/ -k 3 --rows 20 --out sheet.png
  evaluate nearest runs/birds --train birds64 --features vgg16 --out sheet.png";

/// Samples that a run makes unless told otherwise.
const SAMPLES: usize = 256;

/// Flags of `evaluate nearest`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct NearestArgs {
    /// Generated pictures: a run, a data set, a folder, a zip or tar file
    #[arg(value_name = "RUN|DATASET|FOLDER|ZIP")]
    fake: PathBuf,
    /// Pictures that the generator was trained on
    #[arg(long, value_name = "DATASET|FOLDER|ZIP")]
    train: PathBuf,
    /// PNG to write
    #[arg(long, value_name = "FILE.png")]
    out: PathBuf,
    /// Samples shown: those that are nearest to a training picture, nearest first
    #[arg(long, default_value_t = 10, value_name = "N")]
    rows: usize,
    /// Training pictures beside each
    #[arg(short = 'k', default_value_t = 5, value_name = "N")]
    neighbours: usize,
    /// Samples looked at [default: 256 of a run, else all]
    #[arg(short = 'n', value_name = "N")]
    count: Option<usize>,
    /// Split of a data set that was trained on
    #[arg(long, default_value = "train")]
    split: String,
    /// Checkpoint of a run: best, latest, or a step
    #[arg(long, default_value = "best")]
    checkpoint: Which,
    /// What decides a number beside the pictures.
    #[command(flatten)]
    conventions: ConventionsArgs,
}

/// Carries out `evaluate nearest`.
///
/// # Errors
/// When pictures cannot be read, or the sheet cannot be written.
pub fn run(args: NearestArgs) -> Result<()> {
    if args.rows == 0 || args.neighbours == 0 {
        return Err(UsageError("--rows, -k: expected at least 1".into()).into());
    }
    let lab = Lab::open(args.conventions.check()?)?;
    let [protocol] = lab.conventions.protocols[..] else {
        return Err(UsageError("--protocol: one sheet shows one protocol".into()).into());
    };
    let source = lab.conventions.source(protocol, Metric::Fid)?;
    let wanted = Wanted {
        split: &args.split,
        generated: args.count.unwrap_or(SAMPLES),
        checkpoint: args.checkpoint,
        device: &lab.device,
        protocols: &lab.conventions.protocols,
    };
    let seed = lab.conventions.seed;
    let training = Side::open(&args.train, "--train", &wanted, None, seed)?;
    let fake = Side::open(&args.fake, "--fake", &wanted, args.count, seed)?;
    let features = |side: &Side, flag| {
        side.take(&lab, protocol, &[source])?.remove(0).into_rows("nearest", flag).map_err(anyhow::Error::from)
    };
    let (of_training, of_fake) = (features(&training, "--train")?, features(&fake, "FAKE")?);
    features::check(&of_fake, &of_training, 1).map_err(|e| DataError(one_line(&e)))?;
    let found = pairs::nearest(&of_fake, &of_training, args.neighbours.min(of_training.count()));
    let mut order: Vec<usize> = (0..of_fake.count()).collect();
    order.sort_by(|&a, &b| found.of(a)[0].squared.total_cmp(&found.of(b)[0].squared));
    order.truncate(args.rows);

    let no_pictures = |flag: &str| UsageError(format!("{flag}: a file of features has no pictures to show"));
    let samples = fake.pictures().ok_or_else(|| no_pictures("FAKE"))?;
    let shown = samples.read(&order)?;
    let trained = training.pictures().ok_or_else(|| no_pictures("--train"))?;
    let mut rows = Vec::new();
    let mut lines = vec![["sample", "nearest training picture", "distance"].map(str::to_owned)];
    for (sample, picture) in order.iter().zip(shown) {
        let near = found.of(*sample);
        let pictures = trained.read(&near.iter().map(|n| n.row as usize).collect::<Vec<_>>())?;
        let name = samples.name(*sample);
        lines.push([name.clone(), trained.name(near[0].row as usize), format!("{:.4}", near[0].distance())]);
        let near = near.iter().zip(pictures).map(|(n, picture)| Near {
            picture: picture_of(picture),
            place: file(&trained.name(n.row as usize)),
            distance: n.distance(),
        });
        rows.push(Sample { picture: picture_of(picture), name: file(&name), nearest: near.collect() });
    }
    let title = format!("nearest by {} {}", source.network.name, source.layer.name);
    fs::create_folder_for(&args.out)?;
    fs::write(&args.out, &sheet(&title, &rows).to_png()?)?;
    shared::cli::tell(&format!("{}{}\n", aligned(&lines), args.out.display()));
    Ok(())
}

/// A name without its folders: below a picture there is little room.
fn file(name: &str) -> String {
    name.rsplit('/').next().unwrap_or(name).to_owned()
}

fn picture_of(picture: RgbPicture) -> Picture {
    Picture { width: picture.width as u32, height: picture.height as u32, channels: 3, pixels: picture.pixels }
}
