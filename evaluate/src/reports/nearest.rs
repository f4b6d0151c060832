//! `evaluate nearest`: samples beside the training pictures that are nearest to them in a network's
//! features.

use std::path::PathBuf;

use anyhow::Result;
use shared::cli::{DataError, UsageError, one_line};
use shared::fs;
use shared::metrics::features;
use shared::metrics::resize::RgbPicture;
use shared::metrics::source::PictureSource;
use shared::nn::run::Which;
use shared::picture::Picture;
use shared::plot::nearest::{Near, Sample, sheet};
use shared::table::aligned;

use crate::features::lab::Lab;
use crate::features::side::Side;
use crate::inputs::Wanted;
use crate::metrics::pairs;
use crate::protocols::{Conventions, Metric, Protocol};

/// The options of `evaluate nearest`.
#[derive(Clone, Debug)]
pub struct NearestOptions {
    /// Generated pictures.
    pub fake: PathBuf,
    /// Training pictures.
    pub train: PathBuf,
    /// The PNG to write.
    pub out: PathBuf,
    /// Samples shown, at least 1.
    pub rows: usize,
    /// Training pictures beside each sample, at least 1.
    pub neighbours: usize,
    /// Pictures that a run generates.
    pub generated: usize,
    /// Samples searched; `None` for all.
    pub count: Option<usize>,
    /// Split of the training data set.
    pub split: String,
    /// Checkpoint of a run.
    pub checkpoint: Which,
    /// The one protocol of the conventions.
    pub protocol: &'static Protocol,
    /// The conventions.
    pub conventions: Conventions,
}

/// Runs `evaluate nearest`.
///
/// # Errors
/// When pictures cannot be read, or the sheet cannot be written.
pub fn run(options: &NearestOptions) -> Result<()> {
    let lab = Lab::open(options.conventions.clone())?;
    let protocol = options.protocol;
    let layer = lab.conventions.layer(protocol, Metric::Fid)?;
    let wanted = Wanted {
        split: &options.split,
        generated: options.generated,
        checkpoint: options.checkpoint,
        device: &lab.device,
        protocols: &lab.conventions.protocols,
        pairs: None,
    };
    let seed = lab.conventions.seed;
    let training = Side::open(&options.train, "--train", &wanted, None, seed)?;
    let fake = Side::open(&options.fake, "--fake", &wanted, options.count, seed)?;
    let features = |side: &Side, flag| {
        side.take(&lab, protocol, &[layer])?
            .remove(0)
            .into_rows("nearest", flag)
            .map_err(anyhow::Error::from)
    };
    let (of_training, of_fake) = (features(&training, "--train")?, features(&fake, "FAKE")?);
    features::check(&of_fake, &of_training, 1).map_err(|e| DataError(one_line(&e)))?;
    let found = pairs::nearest(&of_fake, &of_training, options.neighbours.min(of_training.count()));
    let mut order: Vec<usize> = (0..of_fake.count()).collect();
    order.sort_by(|&a, &b| found.of(a)[0].squared.total_cmp(&found.of(b)[0].squared));
    order.truncate(options.rows);

    let no_pictures =
        |flag: &str| UsageError(format!("{flag}: a file of features has no pictures to show"));
    let samples = fake.pictures().ok_or_else(|| no_pictures("FAKE"))?;
    let shown = samples.read(&order)?;
    let trained = training.pictures().ok_or_else(|| no_pictures("--train"))?;
    let mut rows = Vec::new();
    let mut lines = vec![["sample", "nearest training picture", "distance"].map(str::to_owned)];
    for (sample, picture) in order.iter().zip(shown) {
        let near = found.of(*sample);
        let pictures = trained.read(&near.iter().map(|n| n.row as usize).collect::<Vec<_>>())?;
        let name = samples.name(*sample);
        let nearest = trained.name(near[0].row as usize);
        lines.push([name.clone(), nearest, format!("{:.4}", near[0].distance())]);
        let near = near.iter().zip(pictures).map(|(n, picture)| Near {
            picture: to_picture(picture),
            place: file_name(&trained.name(n.row as usize)),
            distance: n.distance(),
        });
        rows.push(Sample {
            picture: to_picture(picture),
            name: file_name(&name),
            nearest: near.collect(),
        });
    }
    let title = format!("nearest by {} {}", layer.network.name, layer.layer.name);
    fs::create_folder_for(&options.out)?;
    fs::write(&options.out, &sheet(&title, &rows).to_png()?)?;
    shared::cli::tell(&format!("{}{}\n", aligned(&lines), options.out.display()));
    Ok(())
}

/// A name without its folders: there is little room below a picture.
fn file_name(name: &str) -> String {
    name.rsplit('/').next().unwrap_or(name).to_owned()
}

fn to_picture(picture: RgbPicture) -> Picture {
    Picture {
        width: picture.width as u32,
        height: picture.height as u32,
        channels: 3,
        pixels: picture.pixels,
    }
}
