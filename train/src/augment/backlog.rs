//! Observations that the host already has but the controller may not use yet.

use std::collections::VecDeque;

use super::controller::Observation;

/// Observations of successive steps, oldest first.
#[derive(Clone, Debug, PartialEq)]
pub struct Backlog {
    observations: VecDeque<Observation>,
    /// Step of the most recent observation.
    last: u64,
}

impl Backlog {
    /// The observations that a checkpoint of step `last` holds: that step's and those before it.
    #[must_use]
    pub fn new(observations: VecDeque<Observation>, last: u64) -> Self {
        Self { observations, last }
    }

    /// Adds the observation of `step`, which must follow the last one added.
    pub fn push(&mut self, step: u64, observation: Observation) {
        self.last = step;
        self.observations.push_back(observation);
    }

    /// Removes and returns the observations of steps up to `through`. The result does not depend on
    /// how many later ones have already arrived.
    pub fn due(&mut self, through: u64) -> impl Iterator<Item = Observation> {
        let later = self.last.saturating_sub(through) as usize;
        let due = self.observations.len().saturating_sub(later);
        self.observations.drain(..due)
    }

    /// The remaining observations, for a checkpoint.
    #[must_use]
    pub fn left(&self) -> VecDeque<Observation> {
        self.observations.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An observation that identifies its step.
    fn of(step: u64) -> Observation {
        Observation::of(&vec![1.0; step as usize])
    }

    #[test]
    fn a_step_is_due_when_its_time_comes_whenever_it_came_and_however_often_the_run_was_saved() {
        const LAG: u64 = 2;
        // The steps after which everything is fetched, and those after which the run is saved and
        // resumed.
        for (fetched, saved) in [(100, 100), (3, 100), (1, 100), (3, 3), (4, 2), (1, 1)] {
            let mut backlog = Backlog::new(VecDeque::new(), 0);
            let mut came = 0;
            for step in 1u64..=20 {
                let through = if step % fetched == 0 || step % saved == 0 {
                    step
                } else {
                    step.saturating_sub(LAG)
                };
                for step in came + 1..=through {
                    backlog.push(step, of(step));
                }
                came = came.max(through);
                let due: Vec<_> = backlog.due(step.saturating_sub(LAG)).collect();
                assert_eq!(
                    due,
                    if step > LAG { vec![of(step - LAG)] } else { Vec::new() },
                    "step {step}, {fetched}, {saved}"
                );
                if step % saved == 0 {
                    backlog = Backlog::new(backlog.left(), step);
                }
            }
        }
    }

    #[test]
    fn without_a_lag_every_step_is_due_at_once() {
        let mut backlog = Backlog::new(VecDeque::from([of(4), of(5)]), 5);
        backlog.push(6, of(6));
        assert!(backlog.due(6).eq([of(4), of(5), of(6)]));
        assert!(backlog.left().is_empty());
    }
}
