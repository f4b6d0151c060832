//! Differences between the settings a run was started with and those it is to resume with.
//!
//! ```
//! use fledge_models::config::{DataConfig, RunConfig, Settings};
//!
//! let config = |flag: &str| {
//!     let settings = Settings::resolve("gan-ada", None, &[flag.to_owned()]).expect("settings");
//!     RunConfig::new("gan-ada", settings, 0, DataConfig::of_extent(64, 3))
//! };
//! let changes = config("schedule.batch=128").changes(&config("schedule.batch=64"));
//! assert_eq!(changes[0].key, "schedule.batch");
//! assert!(!changes[0].is_free);
//! ```

use serde::Serialize;

use crate::config::RateSchedule;
use crate::run_config::RunConfig;

/// Keys (or groups of keys) that may change when a run is resumed, because no step's computation
/// depends on them.
const FREE: &[&str] = &[
    "data.path",
    "data.other.path",
    "schedule.epochs",
    "schedule.steps",
    "schedule.kimg",
    "evaluation.",
    "samples.",
    "checkpoints.",
];

/// The keys that set the end of a run.
const END: [&str; 3] = ["schedule.epochs", "schedule.steps", "schedule.kimg"];

/// Placeholder for the value of an absent key.
const ABSENT: &str = "nothing";

/// A changed setting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Its key in `config.toml`.
    pub key: String,
    /// Its earlier value in TOML syntax, or `nothing` if it was absent.
    pub was: String,
    /// Its new value, likewise.
    pub now: String,
    /// Whether a run can resume with the change: nothing computed so far depends on it.
    #[serde(skip)]
    pub is_free: bool,
}

impl RunConfig {
    /// Returns true if the steps depend on the position of the end, because the learning rate falls
    /// towards it: such a run cannot be lengthened.
    #[must_use]
    pub fn end_counts(&self) -> bool {
        matches!(
            self.settings.rate.schedule,
            RateSchedule::Linear | RateSchedule::LinearEpochs | RateSchedule::Cosine
        )
    }

    /// All differences from `now`, in the order of the keys.
    #[must_use]
    pub fn changes(&self, now: &Self) -> Vec<Change> {
        let end_counts = self.end_counts();
        let is_free = |key: &str| {
            let listed = FREE
                .iter()
                .any(|free| key == *free || (free.ends_with('.') && key.starts_with(free)));
            listed && !(end_counts && END.contains(&key))
        };
        // Earlier versions did not record it.
        let content_unknown = self.data.content.is_empty() || now.data.content.is_empty();
        let count_unknown = self.data.pictures == 0 || now.data.pictures == 0;
        let init = self.init_change(now);
        let (was, now) = (flat(self), flat(now));
        let value = |list: &[(String, String)], key: &str| {
            list.iter()
                .find(|(k, _)| k == key)
                .map_or_else(|| ABSENT.to_owned(), |(_, value)| value.clone())
        };
        let new = now.iter().filter(|(key, _)| was.iter().all(|(k, _)| k != key));
        was.iter()
            .chain(new)
            .filter(|(key, _)| {
                !(key == "data.content" && content_unknown
                    || key == "data.pictures" && count_unknown)
            })
            .map(|(key, _)| Change {
                was: value(&was, key),
                now: value(&now, key),
                is_free: is_free(key),
                key: key.clone(),
            })
            .filter(|change| change.was != change.now)
            .chain(init)
            .collect()
    }

    /// Compares the runs' initial weights by their checksums, wherever the files lie.
    fn init_change(&self, now: &Self) -> Option<Change> {
        let text = |config: &Self| {
            config.init.as_ref().map_or_else(|| ABSENT.to_owned(), ToString::to_string)
        };
        let weights = |config: &Self| config.init.as_ref().map(|init| init.weights.clone());
        let (was, now_text, is_free) = (text(self), text(now), weights(self) == weights(now));
        (self.init != now.init).then(|| Change { key: "init".into(), was, now: now_text, is_free })
    }
}

/// All keys with their values, except the initial weights, which `init_change` compares as one
/// setting.
fn flat(config: &RunConfig) -> Vec<(String, String)> {
    config.flat().into_iter().filter(|(key, _)| !key.starts_with("init.")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;
    use crate::run_config::DataConfig;

    fn config(flags: &[&str]) -> RunConfig {
        let flags: Vec<String> = flags.iter().map(|f| (*f).to_owned()).collect();
        RunConfig::new(
            "gan-ada",
            Settings::resolve("gan-ada", None, &flags).expect("settings"),
            0,
            DataConfig::of_extent(64, 3),
        )
    }

    fn keys(changes: &[Change], is_free: bool) -> Vec<&str> {
        changes.iter().filter(|c| c.is_free == is_free).map(|c| c.key.as_str()).collect()
    }

    #[test]
    fn the_end_of_a_run_may_move_unless_the_learning_rate_leads_to_it() {
        let changes = config(&[]).changes(&config(&["schedule.epochs=9"]));
        assert_eq!(
            (keys(&changes, true), keys(&changes, false)),
            (vec!["schedule.epochs"], vec![])
        );
        assert_eq!((&*changes[0].was, &*changes[0].now), ("400", "9"));
        let cosine = config(&["rate.schedule=cosine"]);
        let changes = cosine.changes(&config(&["rate.schedule=cosine", "schedule.epochs=9"]));
        assert_eq!(
            (keys(&changes, true), keys(&changes, false)),
            (vec![], vec!["schedule.epochs"])
        );
    }

    #[test]
    fn all_changes_are_told_and_only_what_was_computed_by_another_value_is_kept() {
        let mut now = config(&[
            "schedule.batch=64",
            "checkpoints.keep=9",
            "evaluation.split=test",
            "augment.pipeline=bgc",
        ]);
        now.seed = 3;
        now.data.path = "elsewhere".into();
        let changes = config(&[]).changes(&now);
        assert_eq!(keys(&changes, true), ["checkpoints.keep", "data.path", "evaluation.split"]);
        assert_eq!(keys(&changes, false), ["augment.pipeline", "schedule.batch", "seed"]);
        assert_eq!(config(&[]).changes(&config(&[])), []);
    }

    #[test]
    fn other_content_of_the_data_counts_where_both_are_known() {
        let with = |content: &str| {
            let mut config = config(&[]);
            config.data.content = content.into();
            config
        };
        assert_eq!(keys(&with("a").changes(&with("b")), false), ["data.content"]);
        assert_eq!(with("").changes(&with("b")), []);
        assert_eq!(with("a").changes(&with("")), []);
    }
}
