//! Rate control: raises the tolerance until the first frames fit the size budget, and for later
//! frames if needed.

/// Maximum growth of the tolerance from one chunk of frames to the next, and its factor when it
/// falls.
const FASTEST: f64 = 1.8;
const FALL: f64 = 0.9;
/// Targeted share of the budget; the rest is for headers and for frames worse than the previous
/// ones.
const AIM: f64 = 0.95;
/// Half the bytes need three times the tolerance, measured on walks: the exponent, and the maximum
/// factor per trial.
const GAIN: f64 = 1.6;
const MOST_TRIED: f64 = 4.0;
/// Minimum tolerance to multiply; a factor of less would change nothing.
const START: f64 = 2.0;
/// Maximum tolerance; beyond it nothing is visible.
const MOST: f64 = 48.0;

/// Controls the tolerance by the sizes of frames.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// Bytes of all frames; `None` if unlimited.
    budget: Option<u64>,
    frames: usize,
    written: u64,
    done: usize,
    least: f64,
    tolerance: f64,
}

impl Rate {
    /// For `frames` frames of `budget` bytes in all, with at least `tolerance` levels.
    #[must_use]
    pub fn new(budget: Option<u64>, frames: usize, tolerance: f64) -> Self {
        Self { budget, frames, written: 0, done: 0, least: tolerance, tolerance }
    }

    /// The next tolerance to try for the first frames, which have these sizes now; `None` if they
    /// fit or cannot shrink.
    pub fn retry(&mut self, sizes: &[u64]) -> Option<f64> {
        let (Some(budget), [first, rest @ ..]) = (self.budget, sizes) else { return None };
        let left = (budget as f64 * AIM - *first as f64).max(0.0);
        let share = (left / self.frames.saturating_sub(1).max(1) as f64).max(1.0);
        let over = rest.iter().sum::<u64>() as f64 / rest.len().max(1) as f64 / share;
        let next =
            (self.tolerance.max(START) * over.powf(GAIN).min(MOST_TRIED)).min(MOST).max(self.least);
        (over > 1.0 && next > self.tolerance).then(|| {
            self.tolerance = next;
            next
        })
    }

    /// Records the sizes of packed frames; returns the tolerance of the next ones.
    pub fn after(&mut self, sizes: &[u64]) -> f64 {
        // The first frame is complete, and not typical of changes.
        let telling = if self.done == 0 && sizes.len() > 1 { &sizes[1..] } else { sizes };
        let mean = telling.iter().sum::<u64>() as f64 / telling.len().max(1) as f64;
        self.written += sizes.iter().sum::<u64>();
        self.done += sizes.len();
        if let Some(budget) = self.budget {
            let left = (budget as f64 * AIM - self.written as f64).max(0.0);
            let share = left / self.frames.saturating_sub(self.done).max(1) as f64;
            if mean > share {
                self.tolerance = (self.tolerance.max(START) * (mean / share.max(1.0)).min(FASTEST))
                    .min(MOST)
                    .max(self.least);
            } else if mean < FALL * share {
                self.tolerance = (self.tolerance * FALL).max(self.least);
            }
        }
        self.tolerance
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_whose_size_falls_with_tolerance_end_within_the_budget() {
        // As measured on walks: half the bytes for three times the tolerance.
        for (first, budget) in
            [(100_000.0, 8_000_000), (150_000.0, 8_000_000), (59_000.0, 8_000_000)]
        {
            let (mut rate, mut tolerance) = (Rate::new(Some(budget), 120, 4.0), 4.0f64);
            for _ in 0..8 {
                let size = first * (tolerance / 4.0).powf(-0.63);
                tolerance = rate.after(&[size as u64; 15]);
            }
            assert!(rate.written <= budget, "{first}: {}", rate.written);
            assert!(first > 60_000.0 || tolerance == 4.0, "{tolerance}");
        }
    }

    #[test]
    fn the_first_frames_settle_on_a_tolerance_at_which_the_whole_fits() {
        for (first, budget) in
            [(100_000.0, 8_000_000), (150_000.0, 8_000_000), (59_000.0, 8_000_000)]
        {
            let mut rate = Rate::new(Some(budget), 120, 4.0);
            let sizes = |tolerance: f64| {
                [first as u64, (first * (tolerance / 4.0).powf(-0.63)) as u64, 0].map(|n| n.max(1))
            };
            let (mut tolerance, mut trials) = (4.0, 0);
            while let Some(next) = rate.retry(&sizes(tolerance)[..2]) {
                (tolerance, trials) = (next, trials + 1);
            }
            assert!(
                trials <= 3 && (first > 60_000.0) == (trials > 0),
                "{first}: {trials} trials, {tolerance}"
            );
            // After that it hardly changes.
            for _ in 0..8 {
                let next = rate.after(&[sizes(tolerance)[1]; 15]);
                assert!(
                    (0.8..=1.25).contains(&(next / tolerance)),
                    "{first}: {tolerance} → {next}"
                );
                tolerance = next;
            }
            assert!(rate.written <= budget, "{first}: {}", rate.written);
        }
        assert_eq!(Rate::new(None, 120, 4.0).retry(&[1 << 30, 1 << 30]), None);
        assert_eq!(Rate::new(Some(1), 120, 4.0).retry(&[1 << 30]), None);
    }

    #[test]
    fn without_a_budget_tolerance_stays_and_with_room_again_it_falls_back() {
        let mut free = Rate::new(None, 40, 3.0);
        assert_eq!((free.after(&[1 << 30; 16]), free.after(&[1 << 30; 16])), (3.0, 3.0));
        let mut rate = Rate::new(Some(4000), 40, 3.0);
        // The first frame alone is no reason.
        assert_eq!(rate.after(&[1000, 50, 50, 50]), 3.0);
        let risen = rate.after(&[90; 4]);
        assert!(risen > 3.0);
        assert!((0..20).map(|_| rate.after(&[20])).last().expect("some") < risen);
    }
}
