//! Tables of KID and other metrics. Values measured under different conventions never share a
//! table.

use serde_json::Value;
use shared::metrics::direction::better;

use super::html::{Column, Html, element, folded, leaf, note, table, text};
use super::overview::name_of;
use crate::tell::numbers::{ABSENT, count, rounded};
use crate::tell::record::Record;

/// Values shown in a table besides the best; the others are collapsed.
const SHOWN: usize = 12;

/// Significant digits of the smallest value.
const DIGITS: i32 = 4;

/// Values that are comparable.
struct Group {
    /// Its name in `metrics.jsonl`.
    metric: String,
    conventions: String,
    rows: Vec<Row>,
}

struct Row {
    step: Option<u64>,
    epoch: Option<u64>,
    value: f64,
    spread: Option<f64>,
}

/// One table for each set of conventions, those of training first.
pub(super) fn section(record: &Record) -> Html {
    let trained = record.stats.iter().filter_map(of_training);
    let measured = record.metrics.iter().filter_map(of_evaluate);
    let mut groups: Vec<Group> = Vec::new();
    for (metric, conventions, row) in trained.chain(measured) {
        match groups
            .iter_mut()
            .find(|group| group.metric == metric && group.conventions == conventions)
        {
            Some(group) => group.rows.push(row),
            None => groups.push(Group { metric, conventions, rows: vec![row] }),
        }
    }
    if groups.is_empty() {
        return note(
            "Nothing was measured. KID during training needs weights, once: `evaluate weights \
             --fetch`.",
        );
    }
    let explained = note("Numbers in different tables cannot be compared.");
    [explained, element("div", &[("class", "groups")], groups.iter().map(Group::html))]
        .into_iter()
        .collect()
}

fn of_training(line: &Value) -> Option<(String, String, Row)> {
    let of = &line["kid_of"];
    let conventions = match of["protocol"].as_str() {
        Some(protocol) => {
            let pictures = of["pictures"].as_u64().map_or_else(|| ABSENT.into(), count);
            format!(
                "during training · {protocol} · {pictures} pictures on each side, in one estimate \
                 · {}",
                weights(&of["weights_sha256"])
            )
        }
        None => "during training · conventions not recorded".into(),
    };
    let row = Row {
        step: line["step"].as_u64(),
        epoch: line["epoch"].as_u64(),
        value: line["kid"].as_f64()?,
        spread: None,
    };
    Some(("kid".into(), conventions, row))
}

fn of_evaluate(line: &Value) -> Option<(String, String, Row)> {
    let number = |key: &str| line[key].as_u64().map(count);
    let mut parts = vec![
        "evaluate".to_owned(),
        line["protocol"].as_str().unwrap_or("unknown protocol").to_owned(),
    ];
    parts.extend(line["class"].as_str().map(|class| format!("class {class}")));
    parts.extend(number("generated_count").map(|n| format!("{n} samples")));
    let real = line["real"].as_str().map(|path| name_of(std::path::Path::new(path)));
    parts.extend(number("real_count").zip(real).map(|(n, real)| format!("{n} of {real}")));
    parts
        .extend(line["real_content"].as_str().map(|content| format!("content …{}", last(content))));
    parts.extend(
        number("subsets").zip(number("subset_size")).map(|(n, size)| format!("{n} × {size}")),
    );
    parts.push(weights(&line["weights_sha256"]));
    parts.extend(number("seed").map(|seed| format!("seed {seed}")));
    let row = Row {
        step: line["step"].as_u64(),
        epoch: None,
        value: line["value"].as_f64()?,
        spread: line["std"].as_f64(),
    };
    Some((line["metric"].as_str()?.to_owned(), parts.join(" · "), row))
}

/// Enough of a name to tell two apart: its end comes from the checksum, its start may name the
/// kind.
fn last(content: &str) -> String {
    let length = content.chars().count();
    content.chars().skip(length.saturating_sub(8)).collect()
}

/// The heading for `kid`, or `kid_random-features`.
fn title(metric: &str) -> String {
    metric
        .split_once('_')
        .map_or_else(|| metric.to_uppercase(), |(m, rest)| format!("{}, {rest}", m.to_uppercase()))
}

fn weights(sha256: &Value) -> String {
    match sha256.as_str() {
        Some(sum) => format!("weights {}…", sum.chars().take(8).collect::<String>()),
        None => "untrained network".into(),
    }
}

impl Group {
    fn html(&self) -> Html {
        let direction = better(&self.metric);
        let badness = |i: usize| direction.badness(self.rows[i].value);
        let best = (0..self.rows.len())
            .filter(|_| self.rows.len() > 1)
            .min_by(|&a, &b| badness(a).total_cmp(&badness(b)));
        let tail = self.rows.len().saturating_sub(SHOWN);
        let shown = (0..self.rows.len()).filter(|&i| i >= tail || Some(i) == best);
        let some = self.table(shown, best);
        let conventions = format!("{} · {}", direction.about(), self.conventions);
        let title = element(
            "h3",
            &[],
            [text(title(&self.metric)), text(" "), leaf("small", "", &conventions)],
        );
        let all = match tail {
            0 => Html::none(),
            _ => folded(format!("all {}", self.rows.len()), self.table(0..self.rows.len(), best)),
        };
        element("div", &[], [title, some, all])
    }

    fn table(&self, rows: impl Iterator<Item = usize>, best: Option<usize>) -> Html {
        let epochs = self.rows.iter().any(|row| row.epoch.is_some());
        let mut columns = vec![Column::Numbers("step")];
        columns.extend(epochs.then_some(Column::Numbers("epoch")));
        columns.extend([Column::Numbers("value"), Column::Words("")]);
        // All values get as many decimals as the smallest needs.
        let smallest = self
            .rows
            .iter()
            .map(|row| row.value.abs())
            .filter(|value| *value > 0.0)
            .fold(f64::INFINITY, f64::min);
        let places =
            rounded(smallest, DIGITS).split_once('.').map_or(0, |(_, places)| places.len());
        let whole = |n: Option<u64>| text(n.map_or_else(|| ABSENT.into(), count));
        let rows = rows.map(|i| {
            let row = &self.rows[i];
            let value = format!("{:.places$}", row.value);
            let value = row
                .spread
                .map_or_else(|| value.clone(), |spread| format!("{value} ± {spread:.places$}"));
            let mut cells = vec![whole(row.step)];
            cells.extend(epochs.then(|| whole(row.epoch)));
            cells.extend([
                text(value),
                if Some(i) == best { leaf("b", "", "best") } else { Html::none() },
            ]);
            cells
        });
        table(&columns, rows)
    }
}
