//! The history of a run: alarms, and every start with its changes.

use serde_json::Value;

use super::html::{Column, Html, element, fixed, leaf, note, table, text};
use crate::tell::numbers::{ABSENT, count};
use crate::tell::record::Record;

fn word(value: &Value) -> String {
    match value {
        Value::Null => ABSENT.into(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn whole(value: &Value) -> String {
    value.as_u64().map_or_else(|| ABSENT.into(), count)
}

/// Alarms with advice.
pub(super) fn alarms(record: &Record) -> Html {
    if record.alarms.is_empty() {
        return note("None was raised.");
    }
    let alarm = |line: &Value| {
        let place = format!("epoch {}, step {}", whole(&line["epoch"]), whole(&line["step"]));
        let head = element(
            "p",
            &[("class", "kind")],
            [
                leaf("b", "", word(&line["kind"]).replace('-', " ")),
                text(" "),
                leaf("small", "", place),
            ],
        );
        let advice = match line["advice"].as_str() {
            Some(advice) => leaf("p", "advice", format!("Try: {advice}")),
            None => Html::none(),
        };
        element("div", &[("class", "alarm")], [head, leaf("p", "", word(&line["what"])), advice])
    };
    record.alarms.iter().map(alarm).collect()
}

/// Starts with their changed settings.
pub(super) fn starts(record: &Record) -> Html {
    if record.starts.is_empty() {
        return note("No start is recorded: an earlier version trained this run.");
    }
    let columns = [
        Column::Words("time (UTC)"),
        Column::Numbers("from step"),
        Column::Words("device"),
        Column::Numbers("threads"),
        Column::Words("version"),
        Column::Words("changed settings"),
    ];
    let change = |change: &Value| {
        let key = leaf("code", "", word(&change["key"]));
        element(
            "div",
            &[],
            [key, text(format!(" {} → {}", word(&change["was"]), word(&change["now"])))],
        )
    };
    let rows = record.starts.iter().map(|line| {
        let changes = line["changes"]
            .as_array()
            .map_or_else(Html::none, |list| list.iter().map(change).collect());
        let plain = |key: &str| text(word(&line[key]));
        // 2026-01-31T12:00:00Z in a readable form.
        let time = word(&line["time"]).replacen('T', " ", 1).replace('Z', "");
        vec![
            fixed(time),
            text(whole(&line["step"])),
            plain("device"),
            plain("threads"),
            plain("version"),
            changes,
        ]
    });
    table(&columns, rows)
}
