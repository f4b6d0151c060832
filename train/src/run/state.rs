//! The state in a checkpoint besides tensors.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use shared::rng;

use crate::augment::Controller;
use crate::augment::controller::Observation;
use crate::run::best::Best;
use crate::step::measured::EpochSums;
use crate::watch::alarm::Alarms;

/// The state of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// `None` in checkpoints of earlier versions, which had only `probability`.
    #[serde(default)]
    pub controller: Option<Controller>,
    #[serde(default, skip_serializing)]
    probability: f64,
    /// D's logits on the reals of the last steps, oldest first, that the controller has not used
    /// yet.
    #[serde(default, skip_serializing_if = "VecDeque::is_empty")]
    pub unseen: VecDeque<Observation>,
    /// Sums of the current epoch.
    pub sums: EpochSums,
    /// The lowest KID.
    pub best: Option<Best>,
    /// An epoch whose KID is still being computed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<Pending>,
    /// Warnings given so far, and how long problems have lasted.
    #[serde(default, skip_serializing_if = "Alarms::is_new")]
    pub alarms: Alarms,
    /// Number of rollbacks after values that were not finite; each continues with other random
    /// numbers.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub attempt: u64,
}

/// An epoch whose KID is still being computed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pending {
    /// The step at its end; its checkpoint holds the generator.
    pub step: u64,
    /// The epoch that ended there.
    pub epoch: u64,
    /// Its line of `stats.jsonl` without the KID, written once that is known.
    pub line: Value,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde requires this signature")]
fn is_zero(n: &u64) -> bool {
    *n == 0
}

impl State {
    /// The state before the first step.
    #[must_use]
    pub fn begun(controller: Controller) -> Self {
        Self { controller: Some(controller), ..Self::default() }
    }

    /// The controller of p.
    #[must_use]
    pub fn controller(&self) -> Controller {
        let mut earlier = Controller::default();
        earlier.probability = self.probability;
        self.controller.unwrap_or(earlier)
    }

    /// The seed of this attempt; the run's own in the first one.
    #[must_use]
    pub fn seed(&self, seed: u64) -> u64 {
        if self.attempt == 0 { seed } else { rng::stream(seed, "attempt", self.attempt).bits() }
    }

    /// The steps whose checkpoints must be kept.
    #[must_use]
    pub fn needed(&self) -> Vec<u64> {
        self.best
            .iter()
            .map(|best| best.step)
            .chain(self.pending.iter().map(|pending| pending.step))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_attempt_draws_by_the_runs_seed_and_every_later_one_by_another() {
        let seed = |attempt| State { attempt, ..State::default() }.seed(7);
        assert_eq!(seed(0), 7);
        assert!(seed(1) != 7 && seed(2) != 7 && seed(1) != seed(2));
        assert_eq!(seed(1), seed(1));
    }

    #[test]
    fn a_state_of_before_there_were_alarms_is_read() {
        let text = r#"{"controller":null,"sums":{"steps":0,"g_loss":0.0,"d_loss":0.0,"penalty":0.0,"real_accuracy":0.0,"generated_accuracy":0.0,"d_real":0.0,"d_fake":0.0,"d_fooled":0.0,"g_norm":0.0,"d_norm":0.0},"best":null}"#;
        let state: State = serde_json::from_str(text).expect("read");
        assert_eq!(state, State::default());
    }
}
