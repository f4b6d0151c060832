//! Metrics against kimg over the checkpoints of a run. Every metric has its own panel per protocol:
//! values of different metrics or protocols must not share an axis.

use serde::Serialize;
use shared::metrics::direction::better;
use shared::picture::Picture;
use shared::plot::{Chart, Legend, Line, Panel, Scale, Spread, Stroke, short};

/// Panels in a row.
const COLUMNS: usize = 2;

/// A logarithmic axis is used if the largest value exceeds the smallest by this factor.
const WIDE: f64 = 20.0;

/// One metric of one checkpoint.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Point {
    /// Training step of the checkpoint.
    pub step: u64,
    /// Thousands of real pictures that the discriminator had seen.
    pub kimg: f64,
    /// The metric's name.
    pub metric: String,
    /// The protocol's name.
    pub protocol: String,
    /// The value.
    pub value: f64,
    /// Its spread, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub std: Option<f64>,
}

/// The index of the best finite point; the first of equally good ones.
#[must_use]
pub fn best(points: &[&Point]) -> Option<usize> {
    let direction = better(&points.first()?.metric);
    let badness = |point: &Point| direction.badness(point.value);
    let finite = points.iter().enumerate().filter(|(_, point)| point.value.is_finite());
    finite.min_by(|(_, a), (_, b)| badness(a).total_cmp(&badness(b))).map(|(i, _)| i)
}

/// The points of each metric and protocol, by step, in the order in which the pairs first appear.
#[must_use]
pub fn series(points: &[Point]) -> Vec<Vec<&Point>> {
    let mut series: Vec<Vec<&Point>> = Vec::new();
    for point in points {
        let same = |of: &&mut Vec<&Point>| {
            of[0].metric == point.metric && of[0].protocol == point.protocol
        };
        match series.iter_mut().find(same) {
            Some(of) => of.push(point),
            None => series.push(vec![point]),
        }
    }
    series.iter_mut().for_each(|of| of.sort_by_key(|point| point.step));
    series
}

/// Draws one panel per metric and protocol, the spread as a band, a ring around the best
/// checkpoint.
#[must_use]
pub fn draw(title: &str, points: &[Point]) -> Picture {
    let panels = series(points).iter().enumerate().map(|(i, of)| panel(i, of)).collect();
    Chart { title: title.into(), panels, columns: COLUMNS, legend: Legend::Above }.draw()
}

fn panel(index: usize, points: &[&Point]) -> Panel {
    let best = best(points);
    let name = points
        .first()
        .map_or(String::new(), |point| format!("{} ({})", point.metric, point.protocol));
    let x_label = match best.and_then(|i| points.get(i)) {
        // The title has no room for it beside the name of an untrained network's metric.
        Some(point) => {
            format!("kimg (best {} at {})", short(point.value), (point.kimg * 10.0).round() / 10.0)
        }
        None => "kimg".into(),
    };
    let spread = match points.iter().any(|point| point.std.is_some()) {
        true => Spread::Band(points.iter().map(|point| point.std.unwrap_or(f64::NAN)).collect()),
        false => Spread::None,
    };
    let places = points.iter().map(|point| (point.kimg, point.value)).collect();
    let line =
        Line { dots: true, marked: best, spread, ..Line::new(&name, Stroke::of(index), places) };
    let (low, high) = points.iter().fold((f64::INFINITY, 0.0f64), |(low, high), point| {
        (low.min(point.value), high.max(point.value))
    });
    let scale = if low > 0.0 && high > WIDE * low { Scale::Log } else { Scale::FromZero };
    Panel { title: name, x_label, scale, lines: vec![line], ..Panel::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(step: u64, metric: &str, protocol: &str, value: f64) -> Point {
        Point {
            step,
            kimg: step as f64,
            metric: metric.into(),
            protocol: protocol.into(),
            value,
            std: None,
        }
    }

    #[test]
    fn two_protocols_never_share_a_panel() {
        let points = [
            point(2, "kid", "torch-fidelity", 0.2),
            point(2, "kid", "keras75", 3.0),
            point(1, "kid", "torch-fidelity", 0.3),
            point(1, "fid", "torch-fidelity", 90.0),
        ];
        let series = series(&points);
        let steps: Vec<Vec<u64>> =
            series.iter().map(|of| of.iter().map(|point| point.step).collect()).collect();
        assert_eq!(steps, [vec![1, 2], vec![2], vec![1]]);
        let drawn = draw("run", &points);
        assert_eq!((drawn.width, drawn.height), (2 * 640 + 32, 2 * 400 + 32 + 26));
    }

    #[test]
    fn the_best_point_is_best_by_its_metric_and_always_finite() {
        let best_of = |metric: &str, values: &[f64]| {
            let points: Vec<Point> =
                (0..).zip(values).map(|(step, value)| point(step, metric, "p", *value)).collect();
            best(&points.iter().collect::<Vec<_>>())
        };
        assert_eq!(best_of("kid", &[f64::NAN, 0.3, -0.1, 0.2]), Some(2));
        assert_eq!(best_of("kid_random-features", &[0.3, 0.1]), Some(1));
        assert_eq!(best_of("recall", &[0.3, f64::INFINITY, 0.5, 0.5]), Some(2));
        assert_eq!(best_of("is_random-features", &[3.0, 2.0]), Some(0));
        assert_eq!(best_of("authpct", &[60.0, 80.0]), Some(1));
        assert_eq!(best_of("ct", &[-9.0, 1.0, 3.0]), Some(1));
        assert_eq!(best_of("fid", &[f64::NAN]), None);
    }
}
