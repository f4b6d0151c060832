//! `evaluate plane`: several runs in the plane of precision and recall (Kynkäänniemi et al. 2019),
//! and in that of density and coverage (Naeem et al. 2020): fidelity against diversity.

use std::path::{Path, PathBuf};

use anyhow::Result;
use shared::fs;
use shared::picture::Picture;
use shared::plot::{Chart, Legend, Line, Panel, Scale, Spread};

use crate::features::lab::Lab;
use crate::measure::{MeasureOptions, measure, measurement};
use crate::protocols::{Conventions, Protocol};

/// The options of `evaluate plane`.
#[derive(Clone, Debug)]
pub struct PlaneOptions {
    /// The measurement of each set.
    pub sets: Vec<MeasureOptions>,
    /// The real pictures.
    pub real: PathBuf,
    /// The PNG to write.
    pub out: PathBuf,
    /// The one protocol of the conventions.
    pub protocol: &'static Protocol,
    /// The conventions.
    pub conventions: Conventions,
}

/// A set of generated pictures in a plane.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanePoint {
    /// The label beside the point.
    pub name: String,
    /// Precision or density.
    pub fidelity: f64,
    /// Recall or coverage.
    pub diversity: f64,
    /// Spread of fidelity and diversity, drawn as bars.
    pub spread: Option<[f64; 2]>,
}

/// Runs `evaluate plane`: prints and draws precision, recall, density and coverage of every set.
///
/// # Errors
/// When pictures cannot be read, or the plot cannot be written.
pub fn run(options: &PlaneOptions) -> Result<()> {
    let lab = Lab::open(options.conventions.clone())?;
    let mut results = Vec::new();
    let mut planes: [Vec<PlanePoint>; 2] = Default::default();
    for set in &options.sets {
        let measured = measure(&lab, set)?.whole()?;
        for (plane, names) in
            planes.iter_mut().zip([["precision", "recall"], ["density", "coverage"]])
        {
            let named = |name| measured.iter().find(|r| r.metric.split('_').next() == Some(name));
            if let [Some(x), Some(y)] = names.map(named) {
                let spread = x.std.zip(y.std).map(|(a, b)| [a, b]);
                let name = name_of(&set.fake);
                plane.push(PlanePoint { name, fidelity: x.value, diversity: y.value, spread });
            }
        }
        results.extend(measured);
    }
    let title = format!("{}, against {}", options.protocol, name_of(&options.real));
    fs::create_folder_for(&options.out)?;
    fs::write(&options.out, &draw(&title, &planes[0], &planes[1]).to_png()?)?;
    shared::cli::print(&format!("{}\n{}\n", measurement::table(&results), options.out.display()))?;
    Ok(())
}

/// The last component of a path, for a legend.
pub(super) fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

/// Draws both planes side by side, without empty ones. All points must share protocol and features.
#[must_use]
pub fn draw(
    title: &str,
    precision_recall: &[PlanePoint],
    density_coverage: &[PlanePoint],
) -> Picture {
    let panels =
        [("precision", "recall", precision_recall), ("density", "coverage", density_coverage)];
    let panels = panels.into_iter().filter(|(_, _, points)| !points.is_empty());
    let panels = panels.map(|(fidelity, diversity, points)| Panel {
        title: format!("{fidelity} against {diversity}"),
        x_label: diversity.into(),
        y_label: fidelity.into(),
        x_scale: Some(Scale::Fixed(0.0, 1.0)),
        // A density may exceed 1.
        scale: Scale::Fixed(0.0, top(points)),
        square: true,
        lines: points.iter().enumerate().map(|(i, point)| line(i, point)).collect(),
    });
    let panels: Vec<Panel> = panels.collect();
    Chart { title: title.into(), columns: panels.len(), panels, legend: Legend::Below }.draw()
}

fn line(index: usize, point: &PlanePoint) -> Line {
    let bars = |[fidelity, diversity]: [f64; 2]| Spread::Bars(vec![(diversity, fidelity)]);
    let spread = point.spread.map_or(Spread::None, bars);
    let cloud = Line::cloud(&point.name, index, vec![(point.diversity, point.fidelity)], 1.0);
    Line { labels: vec![point.name.clone()], spread, ..cloud }
}

/// The upper end of the axis: 1, or the next half above every value and its spread.
fn top(points: &[PlanePoint]) -> f64 {
    let ends =
        points.iter().map(|p| p.fidelity + p.spread.map_or(0.0, |[fidelity, _]| fidelity.max(0.0)));
    let highest = ends.filter(|v| v.is_finite()).fold(1.0, f64::max);
    if highest > 1.0 { (highest * 2.0).floor() / 2.0 + 0.5 } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_axis_holds_every_density_with_its_spread() {
        let point =
            |fidelity, spread| PlanePoint { name: "run".into(), fidelity, diversity: 0.5, spread };
        assert_eq!(top(&[point(0.7, None), point(1.0, Some([f64::NAN, 0.1]))]), 1.0);
        assert_eq!(top(&[point(1.1, None)]), 1.5);
        assert_eq!(top(&[point(1.4, Some([0.2, 0.0]))]), 2.0);
        assert_eq!(top(&[point(f64::NAN, None)]), 1.0);
    }
}
