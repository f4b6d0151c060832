//! `train compare`: several runs side by side, as a table and as overlaid curves.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use serde_json::{Map, Value, json};
use shared::cli::{Ending, one_line};
use shared::fs;
use shared::nn::config::RunConfig;
use shared::nn::preset::{self, Preset};
use shared::table::aligned;

use crate::tell::curves::{losses, overlay, way};
use crate::tell::numbers::{ABSENT, rounded};
use crate::tell::record::{Best, Kids, Record, begun};

/// Compare runs: a table of the settings that differ, the best KID, losses and speed, sorted by
/// KID; with --out also their curves.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct CompareArgs {
    /// Run folders.
    #[arg(required = true, value_name = "RUN")]
    runs: Vec<PathBuf>,
    /// Draw KID and losses of all runs into this file.
    #[arg(long, value_name = "FILE.png")]
    out: Option<PathBuf>,
    /// Print one JSON object per run, in the order of the table.
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  train compare runs/*                             which run is best, and how its settings differ
  train compare runs/a runs/b --out compare.png    and their curves
  train compare runs/* --json                      machine-readable

KIDs are only compared if they were measured alike (protocol, weights, number of pictures);
otherwise each kind gets its own column and panel. Anything that is not a run, or was never
started, is skipped with a warning. Exit code 3 if a file of a run is damaged; its other contents
are shown.";

/// Longer values of a setting are truncated in the table.
const SETTING_LETTERS: usize = 28;

/// Keys that identify data sets, the most readable one first.
const OF_DATA: [&str; 3] = ["data.path", "data.fingerprint", "data.content"];

/// Settings: dotted keys with values.
type Flat = Vec<(String, String)>;

/// Groups of keys that affect files but not learning.
const OF_FILES: [&str; 2] = ["checkpoints.", "samples."];

/// One run of the comparison.
struct Row {
    name: String,
    record: Record,
    /// The best KID under each of the conventions used by any run.
    best: Vec<Option<Best>>,
    /// Values of the settings that differ between runs.
    settings: Vec<String>,
}

/// All runs, in display order.
struct Comparison {
    rows: Vec<Row>,
    /// The KID conventions, most common first.
    ways: Vec<Value>,
    /// Keys of the settings that differ between runs and were chosen explicitly, by a preset's name
    /// or individually.
    keys: Vec<String>,
}

impl CompareArgs {
    /// Prints the table and draws the curves.
    ///
    /// # Errors
    /// If no folder is a run, the settings of one cannot be read (the others are shown before),
    /// or the file cannot be written.
    pub fn run(self) -> Result<Ending> {
        let mut records = Vec::new();
        let mut failure = None;
        for (folder, run) in begun(&self.runs)? {
            let record = match Record::read(&run) {
                Ok(record) => record,
                // One run with damaged settings does not stop the others.
                Err(error) => {
                    tracing::error!("{}: {}", folder.display(), one_line(error.as_ref()));
                    failure.get_or_insert(error);
                    continue;
                }
            };
            record
                .complaints
                .iter()
                .for_each(|what| tracing::warn!("{}: {what}", folder.display()));
            records.push((folder.display().to_string(), record));
        }
        if let Some(error) = failure.take_if(|_| records.is_empty()) {
            return Err(error);
        }
        let ending = if records.iter().all(|(_, record)| record.complaints.is_empty()) {
            Ending::Done
        } else {
            Ending::Damaged
        };
        let comparison = Comparison::of(records);
        if let Some(out) = &self.out {
            let runs: Vec<_> =
                comparison.rows.iter().map(|row| (row.name.clone(), &row.record)).collect();
            let png = overlay(&runs, &comparison.ways).draw().to_png()?;
            fs::create_folder_for(out)?;
            fs::write(out, &png).context("--out")?;
        }
        shared::cli::print(&if self.json { comparison.json() } else { comparison.text() })?;
        failure.map_or(Ok(ending), Err)
    }
}

impl Comparison {
    fn of(records: Vec<(String, Record)>) -> Self {
        let mut ways: Vec<(Value, usize)> = Vec::new();
        for kids in records.iter().flat_map(|(_, record)| record.kids()) {
            match ways.iter_mut().find(|(of, _)| *of == kids.of) {
                Some((_, runs)) => *runs += 1,
                None => ways.push((kids.of, 1)),
            }
        }
        // Stable: ties keep the order of the runs.
        ways.sort_by_key(|(_, runs)| std::cmp::Reverse(*runs));
        let ways: Vec<Value> = ways.into_iter().map(|(of, _)| of).collect();
        let flat: Vec<Flat> = records.iter().map(|(_, record)| record.config.flat()).collect();
        let recipes: Vec<Flat> = records.iter().map(|(_, record)| recipe(&record.config)).collect();
        let keys = differing(&flat, &recipes);
        let mut rows: Vec<Row> = records
            .into_iter()
            .zip(&flat)
            .map(|((name, record), flat)| {
                let best = ways.iter().map(|of| record.best_of(of)).collect();
                let settings = keys
                    .iter()
                    .map(|key| value_of(flat, key).unwrap_or(ABSENT).to_owned())
                    .collect();
                Row { name, record, best, settings }
            })
            .collect();
        // By the first convention; runs without such a KID come below the others, by the next one.
        let order = |row: &Row| {
            row.best
                .iter()
                .map(|best| best.map_or(f64::INFINITY, |best| best.kid))
                .collect::<Vec<_>>()
        };
        rows.sort_by(|a, b| order(a).partial_cmp(&order(b)).unwrap_or(std::cmp::Ordering::Equal));
        Self { rows, ways, keys }
    }

    /// Human-readable output: a table, followed by the KID conventions.
    fn text(&self) -> String {
        let kid =
            |i: usize| if self.ways.len() > 1 { format!("KID ({})", way(i)) } else { "KID".into() };
        let mut heading = vec!["run".to_owned()];
        for i in 0..self.ways.len() {
            heading.extend([kid(i), "at step".into()]);
        }
        heading.extend(["step".to_owned(), "kimg".to_owned()]);
        heading.extend(self.losses().iter().map(|(label, _)| format!("{label}'s loss")));
        heading.extend(["img/s".to_owned(), "hours".to_owned()]);
        heading.extend(self.keys.iter().cloned());
        let mut lines = vec![heading];
        lines.extend(self.rows.iter().map(|row| row.cells(&self.losses())));
        let mut text = aligned(&lines);
        for (i, of) in self.ways.iter().enumerate() {
            text += &format!("{}: {}\n", kid(i), Kids::conventions(of));
        }
        if self.ways.len() > 1 {
            text += "KIDs in different columns were measured differently and cannot be compared.\n";
        }
        text
    }

    /// The losses of all runs' tasks.
    fn losses(&self) -> Vec<(&'static str, &'static str)> {
        losses(self.rows.iter().map(|row| &row.record))
    }

    /// JSON output.
    fn json(&self) -> String {
        let object = |row: &Row| {
            let kids: Vec<Value> = self
                .ways
                .iter()
                .zip(&row.best)
                .filter_map(|(of, best)| {
                    best.map(|best| json!({"of": of, "kid": best.kid, "step": best.step}))
                })
                .collect();
            let settings: Map<String, Value> = self
                .keys
                .iter()
                .cloned()
                .zip(row.settings.iter().map(|value| json!(value)))
                .collect();
            let record = &row.record;
            let last =
                |key: &str| record.stats.last().map_or(Value::Null, |line| line[key].clone());
            let mut object = json!({"run": row.name, "best_kids": kids, "step": record.step, "kimg": record.kimg()});
            self.losses().iter().for_each(|(_, key)| object[*key] = last(key));
            object["img_per_s"] = json!(record.speed());
            object["seconds"] = json!(record.seconds());
            object["settings"] = json!(settings);
            object
        };
        self.rows.iter().map(|row| format!("{}\n", object(row))).collect()
    }
}

impl Row {
    fn cells(&self, losses: &[(&str, &str)]) -> Vec<String> {
        let number = |value: Option<f64>, digits: i32| {
            value.map_or_else(|| ABSENT.to_owned(), |value| rounded(value, digits))
        };
        let mut cells = vec![self.name.clone()];
        for best in &self.best {
            cells.push(number(best.map(|best| best.kid), 3));
            cells.push(best.map_or_else(|| ABSENT.to_owned(), |best| best.step.to_string()));
        }
        let record = &self.record;
        let last = |key: &str| number(record.stats.last().and_then(|line| line[key].as_f64()), 4);
        cells.extend([record.step.to_string(), rounded(record.kimg(), 4)]);
        cells.extend(losses.iter().map(|(_, key)| last(key)));
        cells.extend([
            number(record.speed(), 3),
            number(record.seconds().map(|seconds| seconds / 3600.0), 2),
        ]);
        cells.extend(self.settings.iter().map(|value| shortened(value)));
        cells
    }
}

/// The settings of the run's recipe; empty if the recipe is no longer known.
fn recipe(config: &RunConfig) -> Flat {
    let settings = preset::find(&config.preset).and_then(Preset::settings);
    settings
        .map_or_else(|_| Flat::new(), |settings| RunConfig { settings, ..config.clone() }.flat())
}

/// The keys whose values differ between runs, in the order of the settings; only one of those that
/// identify data sets. Differences that follow from the recipes are left out, because the recipes'
/// names imply them.
fn differing(flat: &[Flat], recipes: &[Flat]) -> Vec<String> {
    let mut keys: Vec<&str> = Vec::new();
    for (key, _) in flat.iter().flatten() {
        if !keys.contains(&key.as_str()) {
            keys.push(key);
        }
    }
    let named = |key: &str| key == "preset" || key == "seed" || key.starts_with("data.");
    let chosen = |key: &str| {
        flat.iter().zip(recipes).any(|(flat, recipe)| value_of(flat, key) != value_of(recipe, key))
    };
    let differs =
        |key: &str| flat.windows(2).any(|pair| value_of(&pair[0], key) != value_of(&pair[1], key));
    let of_data = OF_DATA.into_iter().find(|key| differs(key));
    let told = |key: &str| OF_DATA.contains(&key) && Some(key) != of_data;
    let of_files = |key: &str| OF_FILES.iter().any(|group| key.starts_with(group));
    keys.retain(|key| differs(key) && (named(key) || chosen(key)) && !told(key) && !of_files(key));
    keys.into_iter().map(str::to_owned).collect()
}

fn value_of<'a>(flat: &'a Flat, key: &str) -> Option<&'a str> {
    flat.iter().find(|(k, _)| k == key).map(|(_, value)| value.as_str())
}

/// A value for the table: without TOML's quotes, and only its end if it is long.
fn shortened(value: &str) -> String {
    let plain = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value);
    let letters = plain.chars().count();
    if letters <= SETTING_LETTERS {
        return plain.to_owned();
    }
    format!("…{}", plain.chars().skip(letters - SETTING_LETTERS + 1).collect::<String>())
}
