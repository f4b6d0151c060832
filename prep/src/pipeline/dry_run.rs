//! `prep build --dry-run`: every filter tried on every picture, without writing anything.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Write as _;

use shared::log::Progress;
use shared::signal::Stop;

use super::error::BuildError;
use super::options::BuildOptions;
use super::plan::Plan;
use super::prepare::{PreparedPicture, Preparer};
use super::queue;
use crate::dataset::rejects::{Fault, Reason};
use crate::filter::Filters;
use crate::filter::near_duplicates::{Groups, USUAL_BITS};
use crate::source::{Split, account};

/// Examples shown for each reason.
const EXAMPLES: usize = 3;
/// Largest number of prepared pictures that wait for their turn.
const WINDOW: usize = 256;

/// The crops that a filter leaves out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FilterTally {
    /// Number of crops.
    pub crops: u64,
    /// The first of them, with the value at fault.
    pub examples: Vec<String>,
}

/// The findings of a dry run.
#[derive(Clone, Debug, Default)]
pub struct DryRun {
    /// Pictures looked at.
    pub pictures: u64,
    /// Crops that the present filters take, by split.
    pub taken: [u64; 3],
    /// Crops that the present settings leave out, by their first reason.
    pub left_out: BTreeMap<&'static str, FilterTally>,
    /// Crops that each filter alone leaves out: with its own threshold if it is on, with the usual
    /// one if it is off.
    pub filters: Vec<(Reason, String, FilterTally)>,
    /// Files that equal an earlier one, byte for byte.
    pub identical: FilterTally,
    /// Taken crops by class and split.
    pub classes: Vec<[u64; 3]>,
}

/// Tries every filter on every picture; `None` after a signal.
///
/// # Errors
/// When a source cannot be used.
pub fn dry_run(
    plan: &Plan,
    options: &BuildOptions,
    stop: &Stop,
) -> Result<Option<DryRun>, BuildError> {
    let preparer = Preparer::new(plan, options, true);
    let thresholds = tried(&options.filters, options.size);
    let mut found = DryRun { pictures: plan.pictures.len() as u64, ..DryRun::default() };
    found.classes = vec![[0; 3]; plan.manifest.classes.len()];
    let mut by_filter: HashMap<Reason, FilterTally> = HashMap::new();
    let mut contents: HashMap<[u8; 32], u64> = HashMap::new();
    let (mut hashes, mut places) = (Vec::new(), Vec::new());
    let progress = Progress::new("prep build --dry-run", found.pictures);
    let work = |place| stop.exit_code().is_none().then(|| preparer.prepare(place));
    let sink = |_, prepared: Option<PreparedPicture>| {
        let Some(outcome) = prepared else { return Err(()) };
        progress.add(1);
        let record = outcome.record;
        let shown = &record.shown;
        if let Some(content) = record.content {
            let first = *contents.entry(content).or_insert(record.place);
            if first != record.place {
                found.identical.add(|| {
                    format!("{shown} (as {})", plan.pictures[first as usize].entry.shown())
                });
            }
        }
        for measures in &outcome.measures {
            for fault in thresholds.faults(measures) {
                by_filter.entry(fault.reason).or_default().add(|| example(shown, &fault));
            }
        }
        for crop in &record.crops {
            match (&crop.fault, record.split) {
                (Some(fault), _) => found
                    .left_out
                    .entry(fault.reason.name())
                    .or_default()
                    .add(|| example(shown, fault)),
                (None, Some(split)) => {
                    found.taken[usize::from(split)] += 1;
                    if let Some(counts) =
                        crop.label.and_then(|label| found.classes.get_mut(label as usize))
                    {
                        counts[usize::from(split)] += 1;
                    }
                    hashes.push(crop.hash);
                    places.push(record.place);
                }
                (None, None) => {}
            }
        }
        Ok(())
    };
    if queue::in_order(options.jobs, plan.pictures.len(), WINDOW, work, sink).is_err() {
        return Ok(None);
    }
    let near = near_duplicates(
        plan,
        &Groups::within(&hashes, thresholds.near_duplicates.unwrap_or(USUAL_BITS)),
        &places,
    );
    by_filter.insert(Reason::NearDuplicate, near);
    let rows = rows(&options.filters, &thresholds);
    found.filters = rows
        .into_iter()
        .map(|(reason, flag)| (reason, flag, by_filter.remove(&reason).unwrap_or_default()))
        .collect();
    Ok(Some(found))
}

fn example(shown: &str, fault: &Fault) -> String {
    format!("{shown} ({})", fault.value)
}

impl FilterTally {
    fn add(&mut self, example: impl FnOnce() -> String) {
        self.crops += 1;
        if self.examples.len() < EXAMPLES {
            self.examples.push(example());
        }
    }
}

/// The thresholds to try: the given ones, else the usual ones.
fn tried(filters: &Filters, size: u32) -> Filters {
    let usual = Filters::usual(size);
    Filters {
        aspect: filters.aspect.or(usual.aspect),
        min_side: filters.min_side.or(usual.min_side),
        min_box_area: filters.min_box_area.or(usual.min_box_area),
        max_intruder: filters.max_intruder.or(usual.max_intruder),
        min_contrast: filters.min_contrast.or(usual.min_contrast),
        min_sharpness: filters.min_sharpness.or(usual.min_sharpness),
        near_duplicates: filters.near_duplicates.or(usual.near_duplicates),
    }
}

/// The filters in the order of the table, each with its flag.
fn rows(given: &Filters, tried: &Filters) -> Vec<(Reason, String)> {
    let row = |reason, on: bool, flag: &str, value: String| {
        (reason, format!("--{flag} {value}{}", if on { "" } else { " (off)" }))
    };
    let number = |value: Option<f64>| value.map_or(String::new(), |v| v.to_string());
    let aspect = tried.aspect.map_or(String::new(), |(low, high)| format!("{low}:{high}"));
    let bits = tried.near_duplicates.map_or(String::new(), |bits| bits.to_string());
    vec![
        row(Reason::Aspect, given.aspect.is_some(), "aspect", aspect),
        row(Reason::SmallSide, given.min_side.is_some(), "min-side", number(tried.min_side)),
        row(
            Reason::SmallBox,
            given.min_box_area.is_some(),
            "min-box-area",
            number(tried.min_box_area),
        ),
        row(
            Reason::Intruder,
            given.max_intruder.is_some(),
            "max-intruder",
            number(tried.max_intruder),
        ),
        row(
            Reason::Blank,
            given.min_contrast.is_some(),
            "min-contrast",
            number(tried.min_contrast),
        ),
        row(
            Reason::Blurred,
            given.min_sharpness.is_some(),
            "min-sharpness",
            number(tried.min_sharpness),
        ),
        row(Reason::NearDuplicate, given.near_duplicates.is_some(), "near-duplicates", bits),
    ]
}

/// Crops that are near-duplicates of an earlier one of another picture.
fn near_duplicates(plan: &Plan, groups: &Groups, places: &[u64]) -> FilterTally {
    let name = |place: u64| plan.pictures[place as usize].entry.shown();
    let mut tally = FilterTally::default();
    for (n, to, bits) in groups.duplicates(places.iter().copied()) {
        tally.add(|| format!("{} ({bits} bits from {})", name(places[n]), name(to)));
    }
    tally
}

impl DryRun {
    /// The tables to print.
    #[must_use]
    pub fn table(&self, plan: &Plan) -> String {
        let mut text = String::new();
        let taken: u64 = self.taken.iter().sum();
        let splits =
            Split::ALL.iter().zip(self.taken).filter(|(split, n)| *n > 0 || **split != Split::Test);
        let splits: Vec<String> =
            splits.map(|(split, n)| format!("{} {n}", split.name())).collect();
        let _ =
            writeln!(text, "{} pictures would give {taken} ({})", self.pictures, splits.join(", "));
        let _ = writeln!(text, "\nleft out by the present settings:");
        if self.left_out.is_empty() {
            let _ = writeln!(text, "  nothing");
        }
        for (reason, tally) in &self.left_out {
            line(&mut text, reason, "", tally);
        }
        let _ = writeln!(text, "\nleft out by each filter alone (off: it would leave out):");
        for (reason, flag, tally) in &self.filters {
            line(&mut text, reason.name(), flag, tally);
        }
        line(&mut text, "identical files", "", &self.identical);
        text += &classes(&plan.manifest.classes, &self.classes);
        let _ = write!(text, "\nthe source's files:\n{}", account::lines(&plan.manifest.account));
        text
    }
}

fn line(text: &mut String, reason: &str, flag: &str, tally: &FilterTally) {
    let _ = writeln!(
        text,
        "  {reason:<16} {flag:<28} {:>7}  {}",
        tally.crops,
        tally.examples.join("; ")
    );
}

/// Largest number of classes listed; of more, the largest and the smallest are.
const CLASS_LINES: usize = 20;

/// The classes, with the number of their pictures in each split.
#[must_use]
pub fn classes(names: &[String], counts: &[[u64; 3]]) -> String {
    let mut text = String::new();
    let mut order: Vec<usize> = (0..names.len()).collect();
    let total = |i: usize| counts[i].iter().sum::<u64>();
    let long = names.len() > CLASS_LINES;
    if long {
        order.sort_by_key(|&i| std::cmp::Reverse(total(i)));
    }
    let listed: HashSet<usize> = if long {
        order[..CLASS_LINES / 2]
            .iter()
            .chain(&order[names.len() - CLASS_LINES / 2..])
            .copied()
            .collect()
    } else {
        order.iter().copied().collect()
    };
    let mut skipped = false;
    for i in order {
        if !listed.contains(&i) {
            if !std::mem::replace(&mut skipped, true) {
                let _ = writeln!(text, "  … {} classes between", names.len() - listed.len());
            }
            continue;
        }
        let splits: Vec<String> = Split::ALL
            .iter()
            .zip(counts[i])
            .filter(|(_, n)| *n > 0)
            .map(|(split, n)| format!("{} {n}", split.name()))
            .collect();
        let _ = writeln!(
            text,
            "  {}: {}",
            names[i],
            if splits.is_empty() { "none".into() } else { splits.join(", ") }
        );
    }
    text
}
