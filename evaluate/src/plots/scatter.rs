//! Sets of pictures as clouds of points in the plane of the first two principal components of their features: where the
//! generator makes what the real set lacks, and where it makes nothing.

use shared::picture::Picture;
use shared::plot::{Chart, Legend, Line, Panel, Scale};

/// So many dots of a set are seen through each other; of fewer each one hides more, of more less.
const CLEAR: f32 = 400.0;

/// Draws the sets, each with its name, over each other in the order given. `explained` is the share of the variance, from 0 to 1,
/// that each of the two components explains. A point that is not finite is left out.
#[must_use]
pub fn scatter(title: &str, sets: &[(String, Vec<[f64; 2]>)], explained: [f64; 2]) -> Picture {
    let lines = sets.iter().enumerate().map(|(i, (name, points))| {
        let opacity = (CLEAR / points.len().max(1) as f32).clamp(0.08, 0.7);
        Line::cloud(format!("{name} ({})", points.len()), i, points.iter().map(|[x, y]| (*x, *y)).collect(), opacity)
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
