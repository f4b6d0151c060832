//! The terminal display of a running training: a progress bar, a line of numbers, and their recent
//! history.

use std::time::{Duration, Instant};

use shared::log::Progress;
use shared::nn::config::TaskName;
use shared::nn::task::Kind;
use shared::process;

use crate::step::measured::Measured;

/// Epochs in the sparklines.
const CURVE: usize = 24;

/// Shortest time between refreshes.
const INTERVAL: Duration = Duration::from_millis(250);

/// Heights of a sparkline.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Progress of a run, for the line of numbers.
#[derive(Clone, Debug, Default)]
pub struct Now {
    /// The current epoch, from 1.
    pub epoch: u64,
    /// Thousands of real pictures seen.
    pub kimg: f64,
    /// Real pictures per second in this epoch.
    pub img_per_s: f64,
    /// The epoch's means so far.
    pub means: Measured,
    /// The probability of augmenting.
    pub p: f64,
}

/// The progress bar and its history.
#[derive(Debug)]
pub struct Live {
    progress: Progress,
    renewed: Option<Instant>,
    task: TaskName,
    /// The task's losses, p and KID by epoch, each with its name.
    curves: Vec<(&'static str, Vec<f64>)>,
    kid: Option<f64>,
    best: Option<f64>,
}

impl Live {
    /// A run of `total` steps of which `done` are done; `best` is the lowest KID so far.
    #[must_use]
    pub fn new(task: TaskName, total: u64, done: u64, best: Option<f64>) -> Self {
        let template = "{wide_bar} {pos}/{len} steps, {eta} left\n{msg}";
        let progress = Progress::resumed("steps", total, done, template);
        let losses = task.shown_measures(Kind::Loss).map(|(label, _)| label);
        let curves = losses.chain(["p", "KID"]).map(|name| (name, Vec::new())).collect();
        Self { progress, renewed: None, task, curves, kid: None, best }
    }

    /// Counts a step. Returns true if a refresh by [`Live::show`] is due and a terminal shows it.
    pub fn step(&mut self) -> bool {
        self.progress.add(1);
        self.progress.is_shown() && self.renewed.is_none_or(|at| at.elapsed() >= INTERVAL)
    }

    /// Refreshes the numbers.
    pub fn show(&mut self, now: &Now) {
        self.renewed = Some(Instant::now());
        self.progress.describe(self.text(now));
    }

    /// Appends an epoch's numbers to the curves.
    pub fn epoch(&mut self, means: &Measured, p: f64) {
        let losses =
            self.task.shown_measures(Kind::Loss).map(|(_, measure)| means.get(measure.key));
        for ((_, curve), value) in self.curves.iter_mut().zip(losses.chain([p])) {
            push(curve, value);
        }
    }

    /// Appends a KID.
    pub fn kid(&mut self, kid: f64) {
        self.kid = Some(kid);
        self.best = Some(self.best.map_or(kid, |best| best.min(kid)));
        if let Some((_, curve)) = self.curves.last_mut() {
            push(curve, kid);
        }
    }

    fn text(&self, now: &Now) -> String {
        let m = &now.means;
        let kid = match (self.kid, self.best) {
            (Some(kid), Some(best)) => format!(" · KID {kid:.4} (best {best:.4})"),
            (None, Some(best)) => format!(" · best KID {best:.4}"),
            _ => String::new(),
        };
        let memory = process::resident_bytes()
            .map_or(String::new(), |bytes| format!(" · {} MB", bytes >> 20));
        let shown = |kind: Kind, digits: usize| {
            let shown = self
                .task
                .shown_measures(kind)
                .map(|(label, measure)| format!("{label} {:.digits$}", m.get(measure.key)));
            shown.collect::<Vec<_>>().join(" ")
        };
        let numbers = format!(
            "epoch {} · {:.1} kimg · {:.0} img/s · {} · {} · p {:.3}{kid}{memory}",
            now.epoch,
            now.kimg,
            now.img_per_s,
            shown(Kind::Loss, 3),
            shown(Kind::Accuracy, 2),
            now.p
        );
        let curves: Vec<String> = self
            .curves
            .iter()
            .filter(|(_, curve)| curve.len() > 1)
            .map(|(name, curve)| format!("{name} {}", sparkline(curve)))
            .collect();
        if curves.is_empty() { numbers } else { format!("{numbers}\n{}", curves.join("  ")) }
    }
}

fn push(curve: &mut Vec<f64>, value: f64) {
    if curve.len() == CURVE {
        curve.remove(0);
    }
    curve.push(value);
}

/// The values as a row of bars from the lowest to the highest; a space where one is not finite.
#[must_use]
pub fn sparkline(values: &[f64]) -> String {
    let finite = || values.iter().copied().filter(|v| v.is_finite());
    let (low, high) =
        (finite().fold(f64::INFINITY, f64::min), finite().fold(f64::NEG_INFINITY, f64::max));
    let bar = |v: f64| {
        let share = if high > low { (v - low) / (high - low) } else { 0.0 };
        BARS[(share * 7.0).round() as usize]
    };
    values.iter().map(|&v| if v.is_finite() { bar(v) } else { ' ' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_curves_reach_from_the_lowest_to_the_highest_value() {
        assert_eq!(sparkline(&[0.0, 7.0, 3.5, f64::NAN, 1.0]), "▁█▅ ▂");
        assert_eq!(sparkline(&[2.0, 2.0]), "▁▁");
        assert_eq!(sparkline(&[]), "");
    }

    #[test]
    fn the_line_tells_what_a_person_looks_for() {
        let mut live = Live::new(TaskName::Adversarial, 100, 10, Some(0.05));
        let mut means = Measured::default();
        for (key, value) in
            [("g_loss", 1.25), ("d_loss", 0.5), ("real_acc", 0.75), ("gen_acc", 0.5)]
        {
            means.set(key, value);
        }
        for _ in 0..40 {
            live.epoch(&means, 0.125);
        }
        live.kid(0.06);
        let text = live.text(&Now { epoch: 3, kimg: 12.34, img_per_s: 95.4, means, p: 0.125 });
        let expected = "epoch 3 · 12.3 kimg · 95 img/s · G 1.250 D 0.500 · real 0.75 generated 0.50 · p 0.125 · KID 0.0600 (best 0.0500)";
        assert!(text.starts_with(expected), "{text}");
        assert!(
            text.contains(&"▁".repeat(CURVE)) && !text.contains(&"▁".repeat(CURVE + 1)),
            "{text}"
        );
    }
}
