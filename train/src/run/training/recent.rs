//! The measurements of the latest steps, and detection of values that are not finite.

use std::collections::VecDeque;

use shared::nn::config::TaskName;
use shared::nn::task::Kind;
use thiserror::Error;

use crate::step::measured::Measured;

/// Number of steps kept for the analysis of a failure.
const RECENT: usize = 100;

/// Losses or weights are not finite.
#[derive(Clone, Debug, Error)]
#[error("step {step}: {what}")]
pub(super) struct NotFinite {
    /// The step after which it was detected.
    pub(super) step: u64,
    /// Description of the values.
    pub(super) what: String,
}

/// Measurements of the latest steps, and the number of consecutive rollbacks.
#[derive(Debug, Default)]
pub(super) struct Recent {
    pub(super) steps: VecDeque<(u64, Measured)>,
    /// Number of failures without getting past `furthest`.
    failures: u64,
    furthest: u64,
}

impl Recent {
    /// Records a step's measurements.
    ///
    /// # Errors
    /// If a loss is not finite.
    pub(super) fn add(
        &mut self,
        step: u64,
        measured: &Measured,
        task: TaskName,
    ) -> Result<(), NotFinite> {
        if self.steps.len() == RECENT {
            self.steps.pop_front();
        }
        self.steps.push_back((step, measured.clone()));
        let losses = || {
            task.measures()
                .iter()
                .filter(|m| m.kind == Kind::Loss)
                .map(|m| (m.key, measured.get(m.key)))
        };
        if losses().all(|(_, loss)| loss.is_finite()) {
            return Ok(());
        }
        let shown: Vec<String> = losses().map(|(key, loss)| format!("{key} {loss}")).collect();
        Err(NotFinite { step, what: format!("the losses are not finite ({})", shown.join(", ")) })
    }

    /// Counts a failure at `step`; a failure further on restarts the count.
    pub(super) fn fail(&mut self, step: u64) -> u64 {
        if step > self.furthest {
            (self.failures, self.furthest) = (0, step);
        }
        self.failures += 1;
        self.failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_that_is_not_finite_is_an_error_and_all_before_it_are_kept() {
        let mut recent = Recent::default();
        let losses = |d_loss| {
            let mut measured = Measured::default();
            measured.set("g_loss", 1.0);
            measured.set("d_loss", d_loss);
            measured
        };
        for step in 1..=150 {
            recent.add(step, &losses(0.5), TaskName::Adversarial).expect("finite");
        }
        let error = recent.add(151, &losses(f64::NAN), TaskName::Adversarial).expect_err("a NaN");
        assert!(error.what.contains("g_loss 1, d_loss NaN"), "{}", error.what);
        assert_eq!(error.step, 151);
        let kept: Vec<u64> = recent.steps.iter().map(|(step, _)| *step).collect();
        assert_eq!(kept, (52..=151).collect::<Vec<_>>());
    }

    #[test]
    fn failures_are_counted_until_a_later_step_is_reached() {
        let mut recent = Recent::default();
        assert_eq!([10, 9, 10].map(|step| recent.fail(step)), [1, 2, 3]);
        assert_eq!([40, 12].map(|step| recent.fail(step)), [1, 2]);
    }
}
