//! Speed of the epochs in this process, and a warning when a run has become much slower. None of it
//! goes into checkpoints, because a run must not depend on how fast it was.

use std::collections::VecDeque;
use std::time::Instant;

use crate::tell::numbers::duration;
use crate::watch::alarm::{Alarm, Kind};

/// Number of epochs in the median.
const EPOCHS: usize = 10;

/// An epoch is slow below this fraction of the median of the epochs before it.
const SLOW: f64 = 0.6;

/// Slow epochs in a row, and their total seconds, that are worth a warning.
const LASTS: (u64, f64) = (3, 60.0);

/// The recent speeds.
#[derive(Debug, Default)]
pub struct Pace {
    /// Pictures per second of the last epochs that were not slow.
    speeds: VecDeque<f64>,
    slow: (u64, f64),
    told: bool,
}

impl Pace {
    /// Records an epoch of `seconds` at `speed` pictures per second; warns once.
    pub fn add(&mut self, at: (u64, u64), speed: f64, seconds: f64) -> Option<Alarm> {
        let mut sorted: Vec<f64> = self.speeds.iter().copied().collect();
        sorted.sort_by(f64::total_cmp);
        let median = sorted.get(EPOCHS / 2).copied().filter(|_| sorted.len() == EPOCHS);
        let Some(median) = median.filter(|median| speed < SLOW * median) else {
            if self.speeds.len() == EPOCHS {
                self.speeds.pop_front();
            }
            self.speeds.push_back(speed);
            self.slow = (0, 0.0);
            return None;
        };
        self.slow = (self.slow.0 + 1, self.slow.1 + seconds);
        if self.told || self.slow.0 < LASTS.0 || self.slow.1 < LASTS.1 {
            return None;
        }
        self.told = true;
        let what = format!("{speed:.0} pictures per second, {median:.0} before");
        let advice =
            "look for another program on this machine (top, nvidia-smi), heat, or a slow disk \
             (`wait` on the log)"
                .into();
        Some(Alarm { step: at.0, epoch: at.1, kind: Kind::Slower, what, advice })
    }
}

/// Seconds and steps, after the first one, from which the speed of a run is known well enough.
const KNOWN: (f64, u64) = (30.0, 2);

/// Says once how long a run will take at the speed of its first steps.
#[derive(Debug, Default)]
pub struct Forecast {
    /// The end of the first step, which also warms up, and the number of steps since.
    since: Option<(Instant, u64)>,
    told: bool,
}

impl Forecast {
    /// Counts a step of `pictures`, and returns the text when it is due; `left` thousands of pictures
    /// follow.
    pub fn step(&mut self, pictures: u64, left: f64) -> Option<String> {
        let Some((begun, steps)) = &mut self.since else {
            self.since = Some((Instant::now(), 0));
            return None;
        };
        *steps += 1;
        let seconds = begun.elapsed().as_secs_f64();
        if self.told || seconds < KNOWN.0 || *steps < KNOWN.1 {
            return None;
        }
        self.told = true;
        Some(text((*steps * pictures) as f64 / seconds, left))
    }
}

/// The time for pictures at `speed`, and for `left` thousands of them.
fn text(speed: f64, left: f64) -> String {
    format!(
        "{speed:.1} pictures per second: 1,000 kimg take {}, and the remaining {left:.0} kimg {}",
        duration(1e6 / speed),
        duration(left * 1000.0 / speed)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forecast_has_the_time_of_1000_kimg_and_of_what_is_left() {
        assert_eq!(
            text(2.4, 200.0),
            "2.4 pictures per second: 1,000 kimg take 4 d 19 h, and the remaining 200 kimg 23 h 8 min"
        );
    }

    #[test]
    fn a_run_of_few_seconds_is_not_forecast() {
        let mut forecast = Forecast::default();
        assert!((0..100).all(|_| forecast.step(32, 1.0).is_none()));
    }

    /// Indices of the epochs, (pictures per second, seconds) each, after which the alarm is raised.
    fn told(epochs: &[(f64, f64)]) -> Vec<usize> {
        let mut pace = Pace::default();
        (0..epochs.len())
            .filter(|&i| pace.add((1, 1), epochs[i].0, epochs[i].1).is_some())
            .collect()
    }

    #[test]
    fn slow_epochs_are_told_once_when_they_last() {
        let steady = [(100.0, 30.0); 10];
        assert!(told(&[&steady[..], &[(61.0, 30.0); 20]].concat()).is_empty());
        assert_eq!(told(&[&steady[..], &[(59.0, 30.0); 20]].concat()), [12]);
        assert!(
            told(&[&steady[..], &[(59.0, 30.0), (59.0, 30.0), (90.0, 30.0)].repeat(5)].concat())
                .is_empty()
        );
    }

    #[test]
    fn nothing_is_slow_before_it_is_known_what_is_usual_and_short_stalls_are_nothing() {
        assert!(told(&[&[(100.0, 30.0); 9][..], &[(1.0, 30.0); 5]].concat()).len() <= 1);
        assert!(told(&[&[(100.0, 0.1); 10][..], &[(10.0, 0.1); 100]].concat()).is_empty());
    }
}
