//! `evaluate cache`: what features are kept, and removing them. It never touches weights, which lie in another folder.

use std::path::Path;
use std::time::{Duration, SystemTime};

use anyhow::Result;
use clap::Args;
use shared::cli::{UsageError, print};
use shared::metrics::cache::{FeatureCache, Kept, State};
use shared::table::aligned;

const EXAMPLES: &str = "\
Examples:
  evaluate cache                              what is kept, the newest first
  evaluate cache --list --unfinished          extractions that were interrupted; the next one goes on there
  evaluate cache --clear --older-than 30      remove what was not written in the last 30 days
  evaluate cache --clear                      remove all kept features; they are computed again when they are needed

Weights are kept elsewhere and stay (`evaluate weights`).";

/// Flags of `evaluate cache`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct CacheArgs {
    /// Show what is kept; done without a flag, too
    #[arg(long)]
    pub list: bool,
    /// Remove it
    #[arg(long, conflicts_with = "list")]
    pub clear: bool,
    /// Only files that were last written at least so many days ago
    #[arg(long, value_name = "DAYS")]
    pub older_than: Option<f64>,
    /// Only what an interrupted extraction left, and files of no use
    #[arg(long)]
    pub unfinished: bool,
}

/// Carries out `evaluate cache`.
///
/// # Errors
/// When the folder cannot be listed or a file cannot be removed.
pub fn run(args: &CacheArgs) -> Result<()> {
    let cache = FeatureCache::standard();
    let Some(folder) = cache.folder() else {
        return Err(UsageError("neither XDG_CACHE_HOME nor HOME is set, so nothing is kept".into()).into());
    };
    let least = age_of(args.older_than)?;
    let now = SystemTime::now();
    let chosen: Vec<Kept> = cache
        .list()?
        .into_iter()
        .filter(|kept| !args.unfinished || kept.state != State::Finished)
        .filter(|kept| least.is_none_or(|least| age(kept, now) >= least))
        .collect();
    let text = if args.clear { clear(&cache, &chosen)? } else { table(&chosen, folder, now) };
    Ok(print(&text)?)
}

fn age_of(days: Option<f64>) -> Result<Option<Duration>, UsageError> {
    let duration = |days: f64| {
        Duration::try_from_secs_f64(days * 86_400.0)
            .map_err(|_| UsageError(format!("--older-than {days}: expected a number of days from 0 on")))
    };
    days.map(duration).transpose()
}

fn age(kept: &Kept, now: SystemTime) -> Duration {
    // A clock that was put back makes the newest files younger than now.
    now.duration_since(kept.changed).unwrap_or_default()
}

/// Removes the files; says how much that was.
fn clear(cache: &FeatureCache, chosen: &[Kept]) -> Result<String> {
    let (mut files, mut bytes) = (0, 0);
    for kept in chosen {
        if cache.remove(kept)? {
            (files, bytes) = (files + 1, bytes + kept.bytes);
        } else {
            tracing::warn!("{} stays: another process is writing it", kept.path.display());
        }
    }
    Ok(format!("removed {}, {}\n", number_of(files, "file"), size(bytes)))
}

/// The files as rows, with their number and size below.
fn table(chosen: &[Kept], folder: &Path, now: SystemTime) -> String {
    let bytes = size(chosen.iter().map(|kept| kept.bytes).sum());
    let sum = format!("{}, {bytes} in {}\n", number_of(chosen.len() as u64, "file"), folder.display());
    if chosen.is_empty() {
        return sum;
    }
    let heading = ["pictures of", "network", "layer", "weights", "input", "count", "size", "age", ""].map(str::to_owned);
    let rows: Vec<[String; 9]> = std::iter::once(heading).chain(chosen.iter().map(|kept| row(kept, now))).collect();
    aligned(&rows) + &sum
}

fn row(kept: &Kept, now: SystemTime) -> [String; 9] {
    let [pictures, network, layer, weights, input] = match &kept.facts {
        Some(facts) => {
            // As much of a SHA-256 as tells two apart.
            let weights = facts.weights.chars().take(12).collect();
            [facts.pictures.clone(), facts.network.clone(), facts.layer.clone(), weights, facts.preprocessing.clone()]
        }
        None => [
            kept.path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            "–".into(),
            "–".into(),
            "–".into(),
            "–".into(),
        ],
    };
    let (count, state) = match kept.state {
        State::Finished => (kept.count.to_string(), String::new()),
        State::Unfinished { done } => (format!("{done} of {}", kept.count), "unfinished".into()),
        State::Useless => ("–".into(), "of no use: damaged, half written, or of another version".into()),
    };
    [pictures, network, layer, weights, input, count, size(kept.bytes), ago(age(kept, now)), state]
}

/// "12.3 MB".
pub(crate) fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}

/// "3 days", to the largest unit.
fn ago(age: Duration) -> String {
    let units = [(86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")];
    let seconds = age.as_secs();
    let (n, unit) =
        units.into_iter().find(|(unit, _)| seconds >= *unit).map_or((0, "second"), |(unit, name)| (seconds / unit, name));
    number_of(n, unit)
}

/// "1 file", "2 files".
pub(crate) fn number_of(n: u64, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_and_sizes_are_told_in_the_largest_unit() {
        let ages = [0, 1, 119, 7_200, 86_400 * 40].map(|s| ago(Duration::from_secs(s)));
        assert_eq!(ages, ["0 seconds", "1 second", "1 minute", "2 hours", "40 days"]);
        assert_eq!([999, 1_500, 400_000_000, 5_000_000_000].map(size), ["999 B", "1.5 kB", "400.0 MB", "5.0 GB"]);
    }

    #[test]
    fn an_age_that_is_no_number_of_days_is_refused() {
        assert_eq!(age_of(Some(0.5)).expect("half a day"), Some(Duration::from_secs(43_200)));
        for days in [-1.0, f64::NAN, 1e300] {
            assert!(age_of(Some(days)).expect_err("refused").0.contains("--older-than"));
        }
    }
}
