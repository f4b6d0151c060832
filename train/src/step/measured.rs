//! The measurements of a step by name, and their averages over an epoch. The names are those of the
//! task's measures; norms of gradients are named after roles.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use shared::nn::task::RENAMED_MEASURES;

/// The measurements of one step, or their averages, by their keys in `stats.jsonl`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Measured(BTreeMap<String, f64>);

impl Measured {
    /// The value of `key`; NaN if it was not measured.
    #[must_use]
    pub fn get(&self, key: &str) -> f64 {
        self.0.get(key).copied().unwrap_or(f64::NAN)
    }

    /// The keys and values, in the order of the keys.
    pub fn iter(&self) -> impl Iterator<Item = (&str, f64)> {
        self.0.iter().map(|(key, value)| (key.as_str(), *value))
    }

    /// Sets a value.
    pub fn set(&mut self, key: &str, value: f64) {
        self.0.insert(key.to_owned(), value);
    }
}

/// Sums over the steps of the current epoch; saved in checkpoints, so that the averages of an
/// interrupted epoch cover all of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "Saved")]
pub struct EpochSums {
    steps: u64,
    #[serde(flatten)]
    sums: Measured,
}

/// The sums as saved by any version.
#[derive(Deserialize)]
struct Saved {
    steps: u64,
    #[serde(flatten)]
    sums: BTreeMap<String, f64>,
}

impl From<Saved> for EpochSums {
    fn from(Saved { steps, mut sums }: Saved) -> Self {
        if steps == 0 {
            return Self::default();
        }
        for (old, new) in RENAMED_MEASURES {
            if let Some(value) = sums.remove(old) {
                sums.insert(new.to_owned(), value);
            }
        }
        Self { steps, sums: Measured(sums) }
    }
}

impl EpochSums {
    /// Adds one step.
    pub fn add(&mut self, step: &Measured) {
        self.steps += 1;
        for (key, value) in &step.0 {
            *self.sums.0.entry(key.clone()).or_default() += value;
        }
    }

    /// True if no step has been added.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps == 0
    }

    /// The averages; empty before the first step.
    #[must_use]
    pub fn mean(&self) -> Measured {
        let n = self.steps as f64;
        Measured(self.sums.0.iter().map(|(key, sum)| (key.clone(), sum / n)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_that_an_earlier_version_began_goes_on_under_the_names_of_today() {
        let saved = r#"{"steps":2,"g_loss":3.0,"real_accuracy":1.5,"generated_accuracy":0.5}"#;
        let mut sums: EpochSums = serde_json::from_str(saved).expect("read");
        let mut step = Measured::default();
        [("g_loss", 3.0), ("real_acc", 0.0), ("gen_acc", 1.0)]
            .into_iter()
            .for_each(|(key, value)| step.set(key, value));
        sums.add(&step);
        let mean = sums.mean();
        assert_eq!(
            [mean.get("g_loss"), mean.get("real_acc"), mean.get("gen_acc")],
            [2.0, 0.5, 0.5]
        );
        let written = serde_json::to_string(&sums).expect("written");
        assert_eq!(serde_json::from_str::<EpochSums>(&written).expect("read"), sums);
    }

    #[test]
    fn what_was_not_measured_is_not_a_number() {
        assert!(
            Measured::default().get("g_loss").is_nan()
                && EpochSums::default().mean().get("g_loss").is_nan()
        );
    }
}
