//! The curve of a run, with a stand-in for the measurement that records its calls.

use std::cell::RefCell;
use std::path::PathBuf;

use evaluate::reports::checkpoints::{LogQuery, measure_missing};
use evaluate::reports::curve::table;
use serde_json::{Map, Value, json};
use shared::fs;
use shared::nn::checkpoint::{self, CHECKPOINT_VERSION, Meta};
use shared::nn::config::{DataConfig, RunConfig, Settings};
use shared::nn::run::Run;
use shared::testing::Scratch;

/// Creates a run with these checkpoints, without tensors.
fn run(name: &str, steps: &[u64]) -> (Scratch, Run) {
    let scratch = Scratch::new(&format!("curve-{name}"));
    let run = Run::create(&scratch).expect("run");
    steps.iter().for_each(|step| save(&run, *step));
    (scratch, run)
}

fn save(run: &Run, step: u64) {
    let settings =
        Settings::resolve("gan-ada", None, &["schedule.batch=50".to_owned()]).expect("settings");
    let config = RunConfig::new("gan-ada", settings, 1, DataConfig::of_extent(16, 3));
    let meta = Meta {
        version: CHECKPOINT_VERSION,
        step,
        epoch: 1,
        config,
        state: Value::Null,
        files: Default::default(),
    };
    checkpoint::save(&run.checkpoint_folder(step), meta, &[]).expect("save");
}

fn same(count: u64) -> Map<String, Value> {
    let fields = json!({"protocol": "torch-fidelity", "generated_count": count, "weights_sha256": null, "real_content": "ab"});
    fields.as_object().expect("an object").clone()
}

fn line(metric: &str, step: u64, count: u64) -> Value {
    let value = 1.0 / step as f64;
    let mut line = json!({"metric": metric, "protocol": "torch-fidelity", "value": value, "std": 0.01, "generated_count": count,
        "step": step});
    if metric != "is" {
        (line["real"], line["real_content"]) = ("birds".into(), "ab".into());
    }
    line
}

fn names(metrics: &[&str]) -> Vec<String> {
    metrics.iter().map(|m| (*m).to_owned()).collect()
}

/// Measures the curve; returns the calls of the measurement and the number of points.
fn asked(run: &Run, metrics: &[&str], count: u64) -> (Vec<(u64, String)>, usize) {
    let asked = RefCell::new(Vec::new());
    let query = LogQuery { run, metrics: &names(metrics), same: &|_| same(count) };
    let rows = measure_missing(&query, |step, missing| {
        asked.borrow_mut().push((step, missing.join(",")));
        Ok(missing.iter().map(|metric| line(metric, step, count)).collect::<Vec<Value>>())
    });
    (asked.into_inner(), rows.expect("measured").len())
}

fn log(run: &Run) -> PathBuf {
    run.file("metrics.jsonl")
}

#[test]
fn nothing_is_measured_twice_unless_a_condition_changes() {
    let (_scratch, run) = run("twice", &[10, 20]);
    let both = |metrics: &str| vec![(10, metrics.to_owned()), (20, metrics.to_owned())];
    assert_eq!(asked(&run, &["kid"], 100), (both("kid"), 2));
    assert_eq!(asked(&run, &["kid"], 100), (vec![], 2));
    // A new metric is measured alone; a new count measures everything again, beside the old lines.
    assert_eq!(asked(&run, &["kid", "fid"], 100), (both("fid"), 4));
    assert_eq!(asked(&run, &["kid"], 200), (both("kid"), 2));
    // After more training, with an old checkpoint pruned: its point stays.
    save(&run, 30);
    fs::remove(run.checkpoint_folder(10)).expect("prune");
    assert_eq!(asked(&run, &["kid"], 100), (vec![(30, "kid".to_owned())], 3));
    assert_eq!(shared::jsonl::read(&log(&run)).expect("log").len(), 7);
}

#[test]
fn only_metrics_of_the_real_set_are_measured_again_when_it_changes() {
    let (_scratch, run) = run("real", &[10]);
    asked(&run, &["kid", "is"], 100);
    let text = String::from_utf8(fs::read(log(&run)).expect("read")).expect("UTF-8");
    fs::write(log(&run), text.replace("\"ab\"", "\"another set\"").as_bytes()).expect("write");
    assert_eq!(asked(&run, &["kid", "is"], 100), (vec![(10, "kid".to_owned())], 2));
    // A line of one class does not count as one of the whole set.
    let mut class = line("fid", 10, 100);
    class["class"] = "wren".into();
    fs::write(log(&run), (class.to_string() + "\n").as_bytes()).expect("write");
    assert_eq!(asked(&run, &["fid"], 100), (vec![(10, "fid".to_owned())], 1));
}

#[test]
fn an_interrupted_curve_resumes() {
    let (_scratch, run) = run("stopped", &[10, 20, 30]);
    let (metrics, same) = (names(&["kid"]), same(100));
    let query = LogQuery { run: &run, metrics: &metrics, same: &|_| same.clone() };
    let stopped = measure_missing(&query, |step, _| match step {
        10 => Ok(vec![line("kid", step, 100)]),
        _ => anyhow::bail!("the power went"),
    });
    assert!(format!("{:#}", stopped.expect_err("stopped")).contains("step 20"));
    // The torn line that was being written.
    let mut text = fs::read(log(&run)).expect("read");
    text.extend(b"{\"metric\":\"kid\",\"st");
    fs::write(log(&run), &text).expect("write");
    assert_eq!(
        asked(&run, &["kid"], 100),
        (vec![(20, "kid".to_owned()), (30, "kid".to_owned())], 3)
    );
    assert_eq!(asked(&run, &["kid"], 100), (vec![], 3));
}

#[test]
fn a_checkpoint_of_the_same_step_with_other_weights_is_measured_again() {
    let (_scratch, run) = run("other", &[10]);
    let with = |crc: &str| {
        let mut line = line("kid", 10, 100);
        line["checkpoint_crc32"] = crc.into();
        fs::write(log(&run), (line.to_string() + "\n").as_bytes()).expect("write");
    };
    // This checkpoint has no generator.
    with("01234567");
    assert_eq!(asked(&run, &["kid"], 100), (vec![(10, "kid".to_owned())], 1));
}

#[test]
fn a_damaged_checkpoint_is_skipped_and_an_unwanted_measurement_is_refused() {
    let (_scratch, run) = run("damaged", &[10, 20]);
    fs::write(run.checkpoint_folder(10).join("meta.json"), b"{}").expect("write");
    assert_eq!(asked(&run, &["kid"], 100), (vec![(20, "kid".to_owned())], 1));
    let (metrics, same) = (names(&["fid"]), same(100));
    let query = LogQuery { run: &run, metrics: &metrics, same: &|_| same.clone() };
    let of = |line: Value| {
        format!(
            "{:#}",
            measure_missing(&query, |_, _| Ok(vec![line.clone()])).expect_err("another one")
        )
    };
    assert!(of(line("fid", 20, 99)).contains("generated_count is 99, not 100"));
    assert!(of(line("kid", 20, 100)).contains("not wanted"));
    assert!(
        !shared::jsonl::read(&log(&run)).expect("log").iter().any(|line| line["metric"] == "fid")
    );
}

#[test]
fn the_table_has_one_line_per_checkpoint_and_stars_the_best() {
    let (_scratch, run) = run("table", &[10, 20]);
    let query = LogQuery { run: &run, metrics: &names(&["kid", "is"]), same: &|_| same(100) };
    let lines = |step, missing: &[String]| {
        Ok(missing.iter().map(|metric| line(metric, step, 100)).collect::<Vec<Value>>())
    };
    let table = table(&measure_missing(&query, lines).expect("measured"));
    let lines: Vec<Vec<&str>> =
        table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines.len(), 3, "{table}");
    // Batches of 50: half a thousand pictures after ten steps. Less KID is better, more IS.
    assert_eq!(
        lines[1],
        ["10", "0.5", "0.100000", "±", "0.010000", "0.100000", "±", "0.010000", "*"],
        "{table}"
    );
    assert_eq!(
        lines[2],
        ["20", "1.0", "0.050000", "±", "0.010000", "*", "0.050000", "±", "0.010000"],
        "{table}"
    );
}
