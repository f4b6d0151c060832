//! Several runs in the plane of precision and recall (Kynkäänniemi et al. 2019), and in that of density and coverage (Naeem et al.
//! 2020): the one says how real pictures look, the other how much of the real set is met.

use shared::picture::Picture;
use shared::plot::{Chart, Legend, Line, Panel, Scale, Spread};

/// A run, or another set of pictures, in a plane.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// What stands beside the point.
    pub name: String,
    /// Precision or density.
    pub fidelity: f64,
    /// Recall or coverage.
    pub diversity: f64,
    /// How far the two spread, in this order; drawn as bars.
    pub spread: Option<[f64; 2]>,
}

/// Draws both planes beside each other; one without points is left out. What was measured under different protocols or over
/// different features belongs into different pictures.
#[must_use]
pub fn plane(title: &str, precision_recall: &[Measured], density_coverage: &[Measured]) -> Picture {
    let panels = [("precision", "recall", precision_recall), ("density", "coverage", density_coverage)];
    let panels = panels.into_iter().filter(|(_, _, points)| !points.is_empty());
    let panels = panels.map(|(fidelity, diversity, points)| Panel {
        title: format!("{fidelity} against {diversity}"),
        x_label: diversity.into(),
        y_label: fidelity.into(),
        x_scale: Some(Scale::Fixed(0.0, 1.0)),
        // A density may be above 1.
        scale: Scale::Fixed(0.0, top(points)),
        square: true,
        lines: points.iter().enumerate().map(|(i, point)| line(i, point)).collect(),
    });
    let panels: Vec<Panel> = panels.collect();
    Chart { title: title.into(), columns: panels.len(), panels, legend: Legend::Below }.draw()
}

fn line(index: usize, point: &Measured) -> Line {
    let spread = point.spread.map_or(Spread::None, |[fidelity, diversity]| Spread::Bars(vec![(diversity, fidelity)]));
    let cloud = Line::cloud(&point.name, index, vec![(point.diversity, point.fidelity)], 1.0);
    Line { labels: vec![point.name.clone()], spread, ..cloud }
}

/// The upper end of the axis: 1, or the next half above every value and its spread.
fn top(points: &[Measured]) -> f64 {
    let ends = points.iter().map(|p| p.fidelity + p.spread.map_or(0.0, |[fidelity, _]| fidelity.max(0.0)));
    let highest = ends.filter(|v| v.is_finite()).fold(1.0, f64::max);
    if highest > 1.0 { (highest * 2.0).floor() / 2.0 + 0.5 } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_axis_holds_every_density_with_its_spread() {
        let point = |fidelity, spread| Measured { name: "run".into(), fidelity, diversity: 0.5, spread };
        assert_eq!(top(&[point(0.7, None), point(1.0, Some([f64::NAN, 0.1]))]), 1.0);
        assert_eq!(top(&[point(1.1, None)]), 1.5);
        assert_eq!(top(&[point(1.4, Some([0.2, 0.0]))]), 2.0);
        assert_eq!(top(&[point(f64::NAN, None)]), 1.0);
    }
}
