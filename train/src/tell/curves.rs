//! A run's curves, `curves.png`, and overlaid curves of several runs.

use anyhow::Result;
use serde_json::Value;
use shared::fs;
use shared::nn::run::Run;
use shared::nn::task::Kind;
use shared::picture::Picture;
use shared::plot::{Chart, Legend, Line, Panel, Scale, Stroke};

use crate::tell::numbers::rounded;
use crate::tell::record::{Kids, Record};

/// File name in the run folder.
pub const CURVES: &str = "curves.png";

/// Ratio of the largest to the smallest KID above which the axis is logarithmic.
const WIDE: f64 = 10.0;

/// Significant digits of a KID.
const KID_DIGITS: i32 = 3;

/// Panels per row.
const COLUMNS: usize = 2;

/// Draws the curves of a run from its `stats.jsonl`: losses, accuracies of D, p of the
/// augmentation, penalties, and KID with the best marked. p and penalties appear only if the run
/// has any.
///
/// # Errors
/// If the run has no readable settings.
pub fn draw(run: &Run) -> Result<Picture> {
    Ok(chart(&Record::read(run)?).draw())
}

/// Draws the curves of a run into its folder, as [`CURVES`].
///
/// # Errors
/// If the run has no readable settings or the file cannot be written.
pub fn write(run: &Run) -> Result<()> {
    Ok(fs::write(run.file(CURVES), &draw(run)?.to_png_quickly()?)?)
}

/// The panels of [`draw`], each as a picture with its title, for a page that lays them out at its
/// own width.
pub(crate) fn panels(record: &Record) -> Vec<(String, Picture)> {
    let alone = |panel: Panel| {
        let title = panel.title.clone();
        (
            title,
            Chart { title: String::new(), panels: vec![panel], columns: 1, legend: Legend::Above }
                .draw(),
        )
    };
    chart(record).panels.into_iter().map(alone).collect()
}

fn chart(record: &Record) -> Chart {
    let line = |index: usize, name: &str, key: &str| {
        Line::new(name, Stroke::of(index), series(record, key))
    };
    let task = record.config.settings.task;
    let lines = |kind: Kind| {
        task.shown_measures(kind).enumerate().map(|(i, (label, m))| line(i, label, m.key)).collect()
    };
    let mut panels = vec![
        panel("losses", Scale::Auto, lines(Kind::Loss)),
        panel("accuracy of D", Scale::Fixed(0.0, 1.0), lines(Kind::Accuracy)),
    ];
    if record.config.settings.augment.pipeline.has_probability() {
        panels.push(panel("p of the augmentation", Scale::FromZero, vec![line(2, "p", "aug_p")]));
    }
    for (i, (label, measure)) in task.shown_measures(Kind::Term).enumerate() {
        let term = |line: &Value| line[measure.key].as_f64().is_some_and(|term| term != 0.0);
        if record.stats.iter().any(term) {
            panels.push(panel(label, Scale::Auto, vec![line(4 + i, label, measure.key)]));
        }
    }
    panels.push(kid_panel(record));
    if panels.len() % COLUMNS == 1 {
        panels.push(panel(
            "real pictures a second",
            Scale::FromZero,
            vec![line(5, "img/s", "img_per_s")],
        ));
    }
    let folder = record.run.folder();
    let name =
        folder.file_name().map_or_else(|| folder.to_string_lossy(), |name| name.to_string_lossy());
    let title = format!("{name}: {}, step {}", record.config.preset, record.step);
    Chart { title, panels, columns: COLUMNS, legend: Legend::Above }
}

fn panel(title: &str, scale: Scale, lines: Vec<Line>) -> Panel {
    Panel { title: title.into(), x_label: "kimg".into(), scale, lines, ..Panel::default() }
}

/// One line for each KID convention.
fn kid_panel(record: &Record) -> Panel {
    let kinds = record.kids();
    let title = match &kinds[..] {
        [kids] => match kids.lowest().and_then(|i| kids.values.get(i)) {
            Some((line, kid)) => {
                let at = kimg(record, &record.stats[*line]).map_or(String::new(), |kimg| {
                    format!(" at {} kimg", rounded(kimg, KID_DIGITS))
                });
                format!("KID, best {}{at}", rounded(*kid, KID_DIGITS))
            }
            None => "KID".into(),
        },
        _ => "KID".into(),
    };
    let lines: Vec<Line> = kinds
        .iter()
        .enumerate()
        .map(|(i, kids)| kid_line(record, kids, &way(i), Stroke::of(3 + i)))
        .collect();
    panel(&title, scale_of(&lines), lines)
}

/// Label of a KID convention, if there are several: a, b, …
pub(crate) fn way(index: usize) -> String {
    let letter = char::from(b'a' + (index % 26) as u8);
    if index < 26 { letter.into() } else { format!("{letter}{}", index / 26) }
}

fn kid_line(record: &Record, kids: &Kids, name: &str, stroke: Stroke) -> Line {
    let point =
        |(line, kid): &(usize, f64)| (kimg(record, &record.stats[*line]).unwrap_or(f64::NAN), *kid);
    let points = kids.values.iter().map(point).collect();
    Line { dots: true, marked: kids.lowest(), ..Line::new(name, stroke, points) }
}

/// A linear axis from 0, or a logarithmic one if the values are positive and far apart.
fn scale_of(lines: &[Line]) -> Scale {
    let values = || lines.iter().flat_map(|line| &line.points).map(|point| point.1);
    let (low, high) =
        values().fold((f64::INFINITY, 0.0f64), |(low, high), v| (low.min(v), high.max(v)));
    if low > 0.0 && high > WIDE * low { Scale::Log } else { Scale::FromZero }
}

/// The values of `key` by kimg; NaN for lines without one.
fn series(record: &Record, key: &str) -> Vec<(f64, f64)> {
    record
        .stats
        .iter()
        .filter_map(|line| Some((kimg(record, line)?, line[key].as_f64().unwrap_or(f64::NAN))))
        .collect()
}

fn kimg(record: &Record, line: &Value) -> Option<f64> {
    let schedule = &record.config.settings.schedule;
    let of_step = |step: f64| step * schedule.pictures_a_step() as f64 / 1000.0;
    line["kimg"].as_f64().or_else(|| line["step"].as_f64().map(of_step))
}

/// The curves of several runs, each labelled and in its own colour: one KID panel for each of the
/// `ways` (conventions), and the losses.
pub(crate) fn overlay(runs: &[(String, &Record)], ways: &[Value]) -> Chart {
    let mut panels = Vec::new();
    for (i, of) in ways.iter().enumerate() {
        let title = if ways.len() > 1 { format!("KID ({})", way(i)) } else { "KID".into() };
        let lines: Vec<Line> = runs
            .iter()
            .enumerate()
            .filter_map(|(index, (name, record))| {
                let kids = record.kids().into_iter().find(|kids| kids.of == *of)?;
                Some(kid_line(record, &kids, name, Stroke::of(index)))
            })
            .collect();
        panels.push(panel(&title, scale_of(&lines), lines));
    }
    for (label, key) in losses(runs.iter().map(|(_, record)| *record)) {
        let line = |(index, (name, record)): (usize, &(String, &Record))| {
            Line::new(name, Stroke::of(index), series(record, key))
        };
        panels.push(panel(
            &format!("{label}'s loss"),
            Scale::Auto,
            runs.iter().enumerate().map(line).collect(),
        ));
    }
    if runs.iter().any(|(_, record)| record.config.settings.augment.pipeline.has_probability()) {
        let line = |(index, (name, record)): (usize, &(String, &Record))| {
            Line::new(name, Stroke::of(index), series(record, "aug_p"))
        };
        panels.push(panel(
            "p of the augmentation",
            Scale::FromZero,
            runs.iter().enumerate().map(line).collect(),
        ));
    }
    Chart { title: String::new(), panels, columns: COLUMNS, legend: Legend::Below }
}

/// The losses of several runs' tasks without duplicates, with their labels.
pub(crate) fn losses<'a>(
    records: impl Iterator<Item = &'a Record>,
) -> Vec<(&'static str, &'static str)> {
    let mut losses = Vec::new();
    for record in records {
        for (label, measure) in record.config.settings.task.shown_measures(Kind::Loss) {
            if !losses.contains(&(label, measure.key)) {
                losses.push((label, measure.key));
            }
        }
    }
    losses
}
