//! `evaluate cache`: lists and removes cached features. Weights lie in another folder and are never
//! touched.

use std::path::Path;
use std::time::{Duration, SystemTime};

use anyhow::Result;
use shared::cli::{UsageError, print};
use shared::metrics::cache::{FeatureCache, Kept, State};
use shared::table::aligned;

use crate::text::{number_of, size};

/// Digits of a SHA-256 that a table shows: enough to tell two files apart.
const DIGITS_SHOWN: usize = 12;

/// The options of `evaluate cache`.
#[derive(Clone, Copy, Debug)]
pub struct CacheOptions {
    /// Remove the files instead of listing them.
    pub clear: bool,
    /// The least time since the last write.
    pub older_than: Option<Duration>,
    /// Only interrupted extractions and unusable files.
    pub unfinished: bool,
}

/// Runs `evaluate cache`.
///
/// # Errors
/// When the folder cannot be listed or a file cannot be removed.
pub fn run(options: &CacheOptions) -> Result<()> {
    let cache = FeatureCache::standard();
    let Some(folder) = cache.folder() else {
        return Err(
            UsageError("there is no cache: neither XDG_CACHE_HOME nor HOME is set".into()).into()
        );
    };
    let now = SystemTime::now();
    let chosen: Vec<Kept> = cache
        .list()?
        .into_iter()
        .filter(|kept| !options.unfinished || kept.state != State::Finished)
        .filter(|kept| options.older_than.is_none_or(|least| age(kept, now) >= least))
        .collect();
    let text = if options.clear { clear(&cache, &chosen)? } else { table(&chosen, folder, now) };
    Ok(print(&text)?)
}

fn age(kept: &Kept, now: SystemTime) -> Duration {
    // A clock that was set back makes the newest files younger than now.
    now.duration_since(kept.changed).unwrap_or_default()
}

/// Removes the files, and returns a summary.
fn clear(cache: &FeatureCache, chosen: &[Kept]) -> Result<String> {
    let (mut files, mut bytes) = (0, 0);
    for kept in chosen {
        if cache.remove(kept)? {
            (files, bytes) = (files + 1, bytes + kept.bytes);
        } else {
            tracing::warn!("{} is not removed: another process is writing it", kept.path.display());
        }
    }
    Ok(format!("removed {}, {}\n", number_of(files, "file"), size(bytes)))
}

/// One row per file, their number and total size below.
fn table(chosen: &[Kept], folder: &Path, now: SystemTime) -> String {
    let bytes = size(chosen.iter().map(|kept| kept.bytes).sum());
    let sum =
        format!("{}, {bytes} in {}\n", number_of(chosen.len() as u64, "file"), folder.display());
    if chosen.is_empty() {
        return sum;
    }
    let heading =
        ["pictures of", "network", "layer", "weights", "input", "count", "size", "age", ""]
            .map(str::to_owned);
    let rows: Vec<[String; 9]> =
        std::iter::once(heading).chain(chosen.iter().map(|kept| row(kept, now))).collect();
    aligned(&rows) + &sum
}

fn row(kept: &Kept, now: SystemTime) -> [String; 9] {
    let unknown = || "–".to_owned();
    let [pictures, network, layer, weights, input] = match &kept.facts {
        Some(facts) => {
            let weights = facts.weights.chars().take(DIGITS_SHOWN).collect();
            let preprocessing = facts.preprocessing.clone();
            [
                facts.pictures.clone(),
                facts.network.clone(),
                facts.layer.clone(),
                weights,
                preprocessing,
            ]
        }
        None => {
            let name = kept.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            [name, unknown(), unknown(), unknown(), unknown()]
        }
    };
    let (count, state) = match kept.state {
        State::Finished => (kept.count.to_string(), String::new()),
        State::Unfinished { done } => (format!("{done} of {}", kept.count), "unfinished".into()),
        State::Useless => {
            (unknown(), "unusable: damaged, half written, or of another version".into())
        }
    };
    [pictures, network, layer, weights, input, count, size(kept.bytes), ago(age(kept, now)), state]
}

/// "3 days", in the largest unit.
fn ago(age: Duration) -> String {
    let units = [(86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")];
    let seconds = age.as_secs();
    let largest = units.into_iter().find(|(unit, _)| seconds >= *unit);
    let (n, unit) = largest.map_or((0, "second"), |(unit, name)| (seconds / unit, name));
    number_of(n, unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_in_the_largest_unit() {
        let ages = [0, 1, 119, 7_200, 86_400 * 40].map(|s| ago(Duration::from_secs(s)));
        assert_eq!(ages, ["0 seconds", "1 second", "1 minute", "2 hours", "40 days"]);
    }
}
