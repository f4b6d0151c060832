//! All settings, those that differ from the preset's first, and the versions involved.

use shared::nn::checkpoint::CHECKPOINT_VERSION;
use shared::nn::config::{CONFIG_VERSION, RunConfig};
use shared::nn::preset;

use super::html::{Column, Html, folded, leaf, note, table, text};
use crate::tell::numbers::ABSENT;
use crate::tell::record::Record;

/// Settings that differ from the preset's, and a collapsed list of all.
pub(super) fn section(record: &Record) -> Html {
    let (config, name) = (&record.config, &record.config.preset);
    let all = config.flat();
    let first = match preset::find(name).and_then(|preset| preset.settings()) {
        Err(_) => note(format!("This version has no preset {name}.")),
        Ok(settings) => {
            // With the same seed and data, so that only settings differ.
            let of_preset = RunConfig { settings, ..config.clone() }.flat();
            let of_preset = |key: &str| {
                of_preset.iter().find(|(k, _)| k == key).map(|(_, value)| value.as_str())
            };
            let changed = all.iter().filter(|(key, value)| of_preset(key) != Some(value.as_str()));
            let rows: Vec<_> = changed
                .map(|(key, value)| {
                    vec![leaf("code", "", key), text(value), text(of_preset(key).unwrap_or(ABSENT))]
                })
                .collect();
            match rows.is_empty() {
                true => note(format!("All settings are those of the preset {name}.")),
                false => table(
                    &[Column::Words("setting"), Column::Words("value"), Column::Words("preset's")],
                    rows,
                ),
            }
        }
    };
    let rows = all.iter().map(|(key, value)| vec![leaf("code", "", key), text(value)]);
    let whole = table(&[Column::Words("setting"), Column::Words("value")], rows);
    [first, folded(format!("all {} settings (config.toml)", all.len()), whole)]
        .into_iter()
        .collect()
}

/// Program and format versions.
pub(super) fn versions(record: &Record) -> Html {
    let mut trained: Vec<&str> =
        record.starts.iter().filter_map(|line| line["version"].as_str()).collect();
    trained.dedup();
    let trained = if trained.is_empty() { ABSENT.to_owned() } else { trained.join(", ") };
    let rows = [
        ("trained by fledge", trained),
        ("this page by fledge", env!("CARGO_PKG_VERSION").to_owned()),
        ("format of config.toml", CONFIG_VERSION.to_string()),
        ("format of checkpoints", CHECKPOINT_VERSION.to_string()),
        ("data set's source", record.config.data.fingerprint.clone()),
    ];
    let rows = rows.into_iter().map(|(what, value)| vec![text(what), leaf("code", "", value)]);
    table(&[Column::Words(""), Column::Words("")], rows)
}
