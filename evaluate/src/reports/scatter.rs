//! `evaluate scatter`: sets of pictures as clouds of points along the first two principal
//! components of their features. The plot shows regions that only the real set, or only the
//! generator, covers.

use std::path::PathBuf;

use anyhow::Result;
use shared::cli::{DataError, one_line};
use shared::fs;
use shared::metrics::features::Features;
use shared::nn::run::Which;
use shared::picture::Picture;
use shared::plot::{Chart, Legend, Line, Panel, Scale};

use super::plane::name_of;
use crate::features::lab::Lab;
use crate::features::side::Side;
use crate::inputs::Wanted;
use crate::metrics::pca::Pca;
use crate::protocols::{Conventions, Metric, Protocol};

/// The number of overlapping dots that are still legible; the opacity of a larger or smaller set is
/// scaled by it.
const CLEAR: f32 = 400.0;

/// The options of `evaluate scatter`.
#[derive(Clone, Debug)]
pub struct ScatterOptions {
    /// Sets of pictures.
    pub sets: Vec<PathBuf>,
    /// The PNG to write.
    pub out: PathBuf,
    /// Pictures of each set, at most.
    pub count: usize,
    /// Split of a data set.
    pub split: String,
    /// Checkpoint of a run.
    pub checkpoint: Which,
    /// The one protocol of the conventions.
    pub protocol: &'static Protocol,
    /// The conventions.
    pub conventions: Conventions,
}

/// Runs `evaluate scatter`.
///
/// # Errors
/// When pictures cannot be read, or the plot cannot be written.
pub fn run(options: &ScatterOptions) -> Result<()> {
    let lab = Lab::open(options.conventions.clone())?;
    let protocol = options.protocol;
    let layer = lab.conventions.layer(protocol, Metric::Fid)?;
    let mut all = Vec::new();
    for path in &options.sets {
        let wanted = Wanted {
            split: &options.split,
            generated: options.count,
            checkpoint: options.checkpoint,
            device: &lab.device,
            protocols: &lab.conventions.protocols,
            pairs: None,
        };
        let available = Side::open(path, "SET", &wanted, None, 0)?.count().unwrap_or(0);
        let count = options.count.min(available);
        let side = Side::open(path, "SET", &wanted, Some(count), lab.conventions.seed)?;
        let rows = side.take(&lab, protocol, &[layer])?.remove(0).into_rows("scatter", "SET")?;
        all.push((name_of(path), rows));
    }
    let sets: Vec<(&'static str, &Features)> =
        all.iter().map(|(_, rows)| ("given", rows)).collect();
    let pca = Pca::of(&sets, 2).map_err(|e| DataError(one_line(&e)))?;
    let points = |rows: &Features| {
        let projected = pca.project(rows);
        projected.values().chunks_exact(2).map(|p| [f64::from(p[0]), f64::from(p[1])]).collect()
    };
    let clouds: Vec<(String, Vec<[f64; 2]>)> =
        all.iter().map(|(name, rows)| (name.clone(), points(rows))).collect();
    let title = format!("{} {} under {protocol}", layer.network.name, layer.layer.name);
    let plot = draw(&title, &clouds, [pca.explained[0], pca.explained[1]]);
    fs::create_folder_for(&options.out)?;
    fs::write(&options.out, &plot.to_png()?)?;
    shared::cli::tell(&format!("{}\n", options.out.display()));
    Ok(())
}

/// Draws the named sets over each other, in order. `explained` is the share of the variance, from 0
/// to 1, that each component explains. Points that are not finite are skipped.
#[must_use]
pub fn draw(title: &str, sets: &[(String, Vec<[f64; 2]>)], explained: [f64; 2]) -> Picture {
    let lines = sets.iter().enumerate().map(|(i, (name, points))| {
        let opacity = (CLEAR / points.len().max(1) as f32).clamp(0.08, 0.7);
        let label = format!("{name} ({})", points.len());
        Line::cloud(label, i, points.iter().map(|[x, y]| (*x, *y)).collect(), opacity)
    });
    let label = |name: &str, share: f64| format!("{name} component ({:.1} %)", 100.0 * share);
    let panel = Panel {
        x_label: label("first", explained[0]),
        y_label: label("second", explained[1]),
        x_scale: Some(Scale::Auto),
        scale: Scale::Auto,
        square: true,
        lines: lines.collect(),
        ..Panel::default()
    };
    Chart { title: title.into(), panels: vec![panel], columns: 1, legend: Legend::Below }.draw()
}
