//! The numbers of a step by name, and averages of them over an epoch. The names are those of the
//! task's measures; norms of gradients have the names of roles.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What one step measures, or averages of it, by the key that `stats.jsonl` has for it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Measured(BTreeMap<String, f64>);

impl Measured {
    /// The number of this name; not a number where it was not measured.
    #[must_use]
    pub fn get(&self, key: &str) -> f64 {
        self.0.get(key).copied().unwrap_or(f64::NAN)
    }

    /// Notes a number.
    pub fn set(&mut self, key: &str, value: f64) {
        self.0.insert(key.to_owned(), value);
    }
}

/// Names that the first versions' checkpoints have for numbers of an epoch under way.
const RENAMED: [(&str, &str); 2] =
    [("real_accuracy", "real_acc"), ("generated_accuracy", "gen_acc")];

/// Sums over the steps of an epoch so far; saved with a checkpoint, so that an interrupted epoch's
/// averages are whole.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "Saved")]
pub struct EpochSums {
    steps: u64,
    #[serde(flatten)]
    sums: Measured,
}

/// The sums as any version saved them.
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
        for (old, new) in RENAMED {
            if let Some(value) = sums.remove(old) {
                sums.insert(new.to_owned(), value);
            }
        }
        Self { steps, sums: Measured(sums) }
    }
}

impl EpochSums {
    /// Counts one step.
    pub fn add(&mut self, step: &Measured) {
        self.steps += 1;
        for (key, value) in &step.0 {
            *self.sums.0.entry(key.clone()).or_default() += value;
        }
    }

    /// No step was counted yet.
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
