//! Metrics against kimg over the checkpoints of a run. Every metric under every protocol has a panel of its own: their values must
//! not be read off one axis.

use serde::Serialize;
use shared::metrics::direction::better;
use shared::picture::Picture;
use shared::plot::{Chart, Legend, Line, Panel, Scale, Spread, Stroke, short};

/// Panels in a row.
const COLUMNS: usize = 2;

/// Values whose largest is so many times the smallest are drawn by their logarithm.
const WIDE: f64 = 20.0;

/// One metric of one checkpoint.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
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
    /// Its spread, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub std: Option<f64>,
}

/// The place of the best row; of equally good ones the first.
#[must_use]
pub fn best(rows: &[&Row]) -> Option<usize> {
    let direction = better(&rows.first()?.metric);
    let finite = rows.iter().enumerate().filter(|(_, row)| row.value.is_finite());
    finite.min_by(|(_, a), (_, b)| direction.badness(a.value).total_cmp(&direction.badness(b.value))).map(|(i, _)| i)
}

/// The rows of each metric under each protocol, by step, in the order in which the pairs first appear.
#[must_use]
pub fn series(rows: &[Row]) -> Vec<Vec<&Row>> {
    let mut series: Vec<Vec<&Row>> = Vec::new();
    for row in rows {
        match series.iter_mut().find(|of| of[0].metric == row.metric && of[0].protocol == row.protocol) {
            Some(of) => of.push(row),
            None => series.push(vec![row]),
        }
    }
    series.iter_mut().for_each(|of| of.sort_by_key(|row| row.step));
    series
}

/// Draws a panel for each metric under each protocol, the spread as a band, a ring around the best checkpoint.
#[must_use]
pub fn curve(title: &str, rows: &[Row]) -> Picture {
    let panels = series(rows).iter().enumerate().map(|(i, of)| panel(i, of)).collect();
    Chart { title: title.into(), panels, columns: COLUMNS, legend: Legend::Above }.draw()
}

fn panel(index: usize, rows: &[&Row]) -> Panel {
    let best = best(rows);
    let name = rows.first().map_or(String::new(), |row| format!("{} ({})", row.metric, row.protocol));
    let x_label = match best.and_then(|i| rows.get(i)) {
        // A title has no room for it beside the name of an untrained network's metric.
        Some(row) => format!("kimg (best {} at {})", short(row.value), (row.kimg * 10.0).round() / 10.0),
        None => "kimg".into(),
    };
    let spread = match rows.iter().any(|row| row.std.is_some()) {
        true => Spread::Band(rows.iter().map(|row| row.std.unwrap_or(f64::NAN)).collect()),
        false => Spread::None,
    };
    let points = rows.iter().map(|row| (row.kimg, row.value)).collect();
    let line = Line { dots: true, marked: best, spread, ..Line::new(&name, Stroke::of(index), points) };
    let (low, high) = rows.iter().fold((f64::INFINITY, 0.0f64), |(low, high), row| (low.min(row.value), high.max(row.value)));
    let scale = if low > 0.0 && high > WIDE * low { Scale::Log } else { Scale::FromZero };
    Panel { title: name, x_label, scale, lines: vec![line], ..Panel::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(step: u64, metric: &str, protocol: &str, value: f64) -> Row {
        Row { step, kimg: step as f64, metric: metric.into(), protocol: protocol.into(), value, std: None }
    }

    #[test]
    fn two_protocols_never_share_a_panel() {
        let rows = [
            row(2, "kid", "torch-fidelity", 0.2),
            row(2, "kid", "keras75", 3.0),
            row(1, "kid", "torch-fidelity", 0.3),
            row(1, "fid", "torch-fidelity", 90.0),
        ];
        let series = series(&rows);
        let steps: Vec<Vec<u64>> = series.iter().map(|of| of.iter().map(|row| row.step).collect()).collect();
        assert_eq!(steps, [vec![1, 2], vec![2], vec![1]]);
        let drawn = curve("run", &rows);
        assert_eq!((drawn.width, drawn.height), (2 * 640 + 32, 2 * 400 + 32 + 26));
    }

    #[test]
    fn the_best_is_where_the_metric_has_it_and_never_what_is_not_finite() {
        let best_of = |metric: &str, values: &[f64]| {
            let rows: Vec<Row> = (0..).zip(values).map(|(step, value)| row(step, metric, "p", *value)).collect();
            best(&rows.iter().collect::<Vec<_>>())
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
