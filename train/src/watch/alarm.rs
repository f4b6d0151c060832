//! Warnings for an unattended run: each problem once, with advice. Checkpoints keep the problems so
//! far and their duration, so that an interrupted run gives the same warnings at the same time.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use shared::picture::Picture;

/// D's loss is practically zero below this; a non-saturating loss is 1.39 while D knows nothing.
const D_LOSS_GONE: f64 = 0.02;

/// Accuracy on both real and generated pictures above which D has won, whatever its loss.
const ALL_RIGHT: f64 = 0.999;

/// Epochs that a problem must last.
const PATIENCE: u64 = 5;

/// KIDs in a row, each above the one before, that count as rising.
const RISING: u64 = 3;

/// Mean distance of two pictures, in levels of 255, below which they look identical.
const ALIKE: f64 = 1.0;

/// The kind of problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Losses or weights were not finite.
    NotFinite,
    /// D separates real and generated pictures perfectly.
    DiscriminatorWins,
    /// p has reached its ceiling.
    AugmentationAtCap,
    /// All samples look the same.
    IdenticalSamples,
    /// KID is rising.
    KidRising,
    /// KID could not be computed.
    NoKid,
    /// Steps have become slower.
    Slower,
}

/// A warning.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alarm {
    /// The step after which it was raised.
    pub step: u64,
    /// The epoch, from 1.
    pub epoch: u64,
    /// The kind of problem.
    pub kind: Kind,
    /// Description, with numbers.
    pub what: String,
    /// Advice.
    pub advice: String,
}

/// Input of the alarms after an epoch.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Steps done.
    pub step: u64,
    /// The epoch, from 1.
    pub epoch: u64,
    /// State of each discriminator; empty if zero means nothing for its loss.
    pub standings: Vec<Standing>,
    /// p and its ceiling, if p is adjusted.
    pub p: Option<(f64, f64)>,
    /// Mean distance between samples, see [`spread`].
    pub spread: Option<f64>,
}

/// State of a discriminator relative to the generated pictures.
#[derive(Clone, Copy, Debug)]
pub struct Standing {
    /// Its role.
    pub role: &'static str,
    /// Its accuracy on real and on generated pictures.
    pub loss: f64,
    /// Accuracy on real and on generated pictures.
    pub accuracy: [f64; 2],
}

/// Warnings given so far, and how long problems have lasted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Alarms {
    raised: BTreeSet<Kind>,
    /// From checkpoints of runs with one discriminator.
    #[serde(skip_serializing)]
    d_wins: u64,
    /// Number of epochs in a row that each discriminator has won; without those of none.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    wins: BTreeMap<String, u64>,
    at_cap: u64,
    alike: u64,
    kid: Option<f64>,
    rising: u64,
}

impl Alarms {
    /// True if nothing has been recorded.
    #[must_use]
    pub fn is_new(&self) -> bool {
        *self == Self::default()
    }

    /// The alarm, unless its kind was raised before.
    fn once(&mut self, seen: (u64, u64), kind: Kind, what: String, advice: &str) -> Option<Alarm> {
        let (step, epoch) = seen;
        self.raised.insert(kind).then(|| Alarm {
            step,
            epoch,
            kind,
            what,
            advice: advice.to_owned(),
        })
    }

    /// Returns the warnings due after an epoch.
    pub fn look(&mut self, seen: &Seen) -> Vec<Alarm> {
        let at = (seen.step, seen.epoch);
        let last = |counter: &mut u64, holds: bool| {
            *counter = if holds { *counter + 1 } else { 0 };
            *counter >= PATIENCE
        };
        let mut alarms = Vec::new();
        let earlier = std::mem::take(&mut self.d_wins);
        for Standing { role, loss, accuracy: [real, generated] } in &seen.standings {
            let gone = *loss < D_LOSS_GONE || real.min(*generated) > ALL_RIGHT;
            if !last(self.wins.entry((*role).to_owned()).or_insert(earlier), gone) {
                continue;
            }
            let name = if seen.standings.len() == 1 { "D" } else { role };
            let what = format!(
                "{name} has separated real and generated pictures perfectly for {PATIENCE} \
                 epochs: its loss is {loss:.4} and it is right about {:.1}% of real and {:.1}% of \
                 generated ones, so G learns nothing",
                100.0 * real,
                100.0 * generated
            );
            let advice = "more augmentation (augment.target_accuracy lower, \
                          augment.max_probability higher), a lower \
                          optimizer.discriminator.learning_rate, penalty.r1, or \
                          discriminator.spectral_norm=true";
            alarms.extend(self.once(at, Kind::DiscriminatorWins, what, advice));
        }
        self.wins.retain(|_, epochs| *epochs > 0);
        if let Some((p, ceiling)) = seen.p
            && last(&mut self.at_cap, ceiling > 0.0 && p >= ceiling)
        {
            let what = format!(
                "p has been at its cap of {ceiling} for {PATIENCE} epochs: D has memorised the \
                 pictures"
            );
            let advice = "more pictures (data.mirror=true doubles them), another \
                          augment.pipeline, a smaller discriminator.width; samples from before \
                          this epoch may be better than later ones";
            alarms.extend(self.once(at, Kind::AugmentationAtCap, what, advice));
        }
        if let Some(spread) = seen.spread
            && last(&mut self.alike, spread < ALIKE)
        {
            let what = format!(
                "all samples have looked the same for {PATIENCE} sheets ({spread:.2} of 255 \
                 levels apart): mode collapse"
            );
            let advice = "start from an earlier checkpoint (--init-from RUN@STEP) with a lower \
                          learning rate, penalty.r1, discriminator.minibatch_stddev, or another \
                          loss.name";
            alarms.extend(self.once(at, Kind::IdenticalSamples, what, advice));
        }
        alarms
    }

    /// Records the KID of an epoch.
    pub fn hear(&mut self, at: (u64, u64), kid: f64) -> Option<Alarm> {
        self.rising = if self.kid.is_some_and(|before| kid > before) { self.rising + 1 } else { 0 };
        self.kid = Some(kid);
        if self.rising < RISING {
            return None;
        }
        let what = format!("KID has risen {} times in a row, to {kid:.5}", self.rising);
        let advice = "the best checkpoint is kept: `sample` and `evaluate` take it by default; \
                      --stop-after N ends a run automatically";
        self.once(at, Kind::KidRising, what, advice)
    }

    /// Number of times in a row that KID has risen.
    #[must_use]
    pub fn rising(&self) -> u64 {
        self.rising
    }

    /// Records that a KID could not be computed.
    pub fn miss(&mut self, at: (u64, u64), why: &str) -> Option<Alarm> {
        let what = format!("no KID: {why}; training continues");
        self.once(
            at,
            Kind::NoKid,
            what,
            "--set evaluation.every=0 turns KID off; `evaluate --real DATA --fake RUN` computes \
             it afterwards",
        )
    }

    /// A warning about values that are not finite; given every time.
    #[must_use]
    pub fn not_finite(at: (u64, u64), what: String) -> Alarm {
        let advice = "a lower optimizer.learning_rate, optimizer.*.clip_norm=1, --precision f32, \
                      or penalty.r1, in a new run";
        Alarm { step: at.0, epoch: at.1, kind: Kind::NotFinite, what, advice: advice.to_owned() }
    }
}

/// Mean distance of all pairs of neighbouring pictures, in levels of 255; `None` for fewer than
/// two.
#[must_use]
pub fn spread(pictures: &[Picture]) -> Option<f64> {
    let distance = |a: &Picture, b: &Picture| {
        let sum: f64 =
            a.pixels.iter().zip(&b.pixels).map(|(&a, &b)| f64::from(a.abs_diff(b))).sum();
        sum / a.pixels.len() as f64
    };
    let distances: Vec<f64> =
        pictures.windows(2).map(|pair| distance(&pair[0], &pair[1])).collect();
    (!distances.is_empty()).then(|| distances.iter().sum::<f64>() / distances.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sound(epoch: u64) -> Seen {
        let standing = Standing { role: "discriminator", loss: 1.1, accuracy: [0.8, 0.8] };
        Seen {
            step: 10 * epoch,
            epoch,
            standings: vec![standing],
            p: Some((0.3, 0.8)),
            spread: Some(40.0),
        }
    }

    /// The kinds of the warnings, with their epochs.
    fn told(epochs: u64, change: impl Fn(&mut Seen)) -> Vec<(Kind, u64)> {
        let mut alarms = Alarms::default();
        let mut look = |epoch| {
            let mut seen = sound(epoch);
            change(&mut seen);
            alarms.look(&seen)
        };
        (1..=epochs).flat_map(&mut look).map(|alarm| (alarm.kind, alarm.epoch)).collect()
    }

    #[test]
    fn a_sound_run_is_not_warned_of() {
        assert!(told(100, |_| ()).is_empty());
    }

    #[test]
    fn a_trouble_is_told_once_when_it_has_lasted() {
        assert_eq!(
            told(30, |s| s.standings[0].loss = 0.001),
            [(Kind::DiscriminatorWins, PATIENCE)]
        );
        assert_eq!(
            told(30, |s| s.standings[0].accuracy = [1.0, 1.0]),
            [(Kind::DiscriminatorWins, PATIENCE)]
        );
        assert_eq!(told(30, |s| s.p = Some((0.8, 0.8))), [(Kind::AugmentationAtCap, PATIENCE)]);
        assert_eq!(told(30, |s| s.spread = Some(0.2)), [(Kind::IdenticalSamples, PATIENCE)]);
    }

    #[test]
    fn what_comes_and_goes_is_not_told() {
        assert!(
            told(30, |s| s.standings[0].loss = if s.epoch % PATIENCE == 0 { 1.0 } else { 0.001 })
                .is_empty()
        );
        // A critic's loss may be anything, and p may be unused.
        assert!(told(30, |s| (s.standings, s.p) = (Vec::new(), None)).is_empty());
    }

    #[test]
    fn a_rising_kid_is_told_and_counted_and_a_fall_begins_anew() {
        let mut alarms = Alarms::default();
        let told: Vec<_> = [0.5, 0.4, 0.41, 0.42, 0.39, 0.4, 0.41, 0.42, 0.43]
            .into_iter()
            .enumerate()
            .filter_map(|(i, kid)| alarms.hear((i as u64, i as u64), kid).map(|a| a.step))
            .collect();
        assert_eq!((told, alarms.rising()), (vec![7], 4));
    }

    #[test]
    fn what_was_told_before_an_interruption_is_not_told_again() {
        let mut alarms = Alarms::default();
        assert!(alarms.miss((1, 1), "no weights").is_some());
        let text = serde_json::to_string(&alarms).expect("written");
        let mut alarms: Alarms = serde_json::from_str(&text).expect("read");
        assert!(!alarms.is_new());
        assert_eq!(alarms.miss((2, 2), "no weights"), None);
    }

    #[test]
    fn epochs_that_an_earlier_version_counted_still_count() {
        let mut alarms: Alarms = serde_json::from_str(r#"{"d_wins":4}"#).expect("read");
        let mut seen = sound(5);
        seen.standings[0].loss = 0.001;
        assert_eq!(
            alarms.look(&seen).iter().map(|alarm| alarm.kind).collect::<Vec<_>>(),
            [Kind::DiscriminatorWins]
        );
    }

    #[test]
    fn the_spread_of_pictures_is_their_mean_distance() {
        let grey = |level: u8| Picture::filled(2, 2, 1, level);
        assert_eq!(spread(&[grey(10)]), None);
        assert_eq!(spread(&[grey(10), grey(10), grey(13)]), Some(1.5));
    }
}
