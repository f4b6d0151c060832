//! The results of an epoch, and the work at its end.

use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::{Value, json};
use shared::fs;
use shared::nn::device::memory::Memory;
use shared::nn::sampler::Sampler;
use shared::nn::task::{Contest, Kind};
use shared::picture::Picture;
use shared::process;
use shared::signal::Stop;

use super::sheet::{Samples, samples, sheet};
use super::training::Training;
use crate::data::feed::Feed;
use crate::run::best;
use crate::run::evaluations::Due;
use crate::run::state::Pending;
use crate::step::measured::{EpochSums, Measured};
use crate::step::rate;
use crate::step::reading::norm_key;
use crate::watch::alarm::{self, Alarm, Alarms, Seen, Standing};
use crate::watch::live::Now;

/// Time spent in the current epoch.
pub(super) struct Clock {
    since: Instant,
    pictures: u64,
}

impl Clock {
    pub(super) fn start() -> Self {
        Self { since: Instant::now(), pictures: 0 }
    }

    pub(super) fn count(&mut self, pictures: u64) {
        self.pictures += pictures;
    }

    fn seconds(&self) -> f64 {
        self.since.elapsed().as_secs_f64()
    }

    fn per_second(&self) -> f64 {
        self.pictures as f64 / self.seconds()
    }
}

/// Rounds to a tenth, which is as precise as these numbers are.
fn tenths(x: f64) -> f64 {
    (x * 10.0).round() / 10.0
}

impl Training {
    /// Writes the files that precede the first step: the reals, and the untrained generator's
    /// sheet.
    pub(super) fn begin(&mut self) -> Result<()> {
        let samples = &self.config.settings.samples;
        let reals = self.batches.first(samples.pictures)?;
        fs::write(self.run.file("samples/reals.png"), &sheet(&reals, samples.columns)?)?;
        self.write_sheet(0)?;
        self.log.sheet(0, 0)
    }

    /// Writes the sheet of `epoch`, if one is due, and returns the generated pictures on it.
    fn write_sheet(&self, epoch: u64) -> Result<Vec<Picture>> {
        let samples = &self.config.settings.samples;
        if samples.every == 0 || !epoch.is_multiple_of(samples.every) {
            return Ok(Vec::new());
        }
        let sheet = self.samples()?;
        fs::write(self.run.sheet(epoch), &sheet.png()?)?;
        Ok(sheet.made)
    }

    /// The pictures of a sheet.
    pub(super) fn samples(&self) -> Result<Samples> {
        samples(&self.sampler(), &self.batches, &self.config.settings.samples)
    }

    pub(super) fn sampler(&self) -> Sampler {
        Sampler::new(self.trainer().shown().clone(), &self.config, self.device().clone())
    }

    /// Thousands of real pictures used in `step` steps.
    fn kimg(&self, step: u64) -> f64 {
        self.config.settings.schedule.pictures_seen(step) / 1000.0
    }

    /// The progress of the current epoch.
    pub(super) fn now(&self, epoch: u64, clock: &Clock) -> Now {
        Now {
            epoch,
            kimg: self.kimg(self.trainer().game.step),
            img_per_s: clock.per_second(),
            means: self.state.sums.mean(),
            p: self.trainer().game.controller.probability,
        }
    }

    /// Completes an epoch: its sheet, its line, alarms, KID, a checkpoint. If a signal arrives
    /// before the KID of an earlier epoch, none of this is done; the resumed run does it.
    pub(super) fn end_epoch(&mut self, epoch: u64, clock: &Clock, stop: &Stop) -> Result<Settled> {
        self.take_notice(self.trainer().game.step)?;
        let (speed, seconds) = (clock.per_second(), clock.seconds());
        let pictures = self.write_sheet(epoch)?;
        let settled = self.settle(stop)?;
        if settled == Settled::Stopped {
            return Ok(settled);
        }
        let means = self.state.sums.mean();
        let line = self.line(epoch, &means);
        let times = self.times((speed, seconds), epoch, &means);
        self.live.epoch(&means, self.trainer().game.controller.probability);
        self.look(epoch, (speed, seconds), &means, &pictures)?;
        self.state.sums = EpochSums::default();
        let asked = self.wants_kid(epoch);
        if asked {
            self.ask_for_kid(epoch, line, times);
        } else {
            self.write_line(line, times)?;
        }
        if asked
            || settled == Settled::RisenEnough
            || epoch.is_multiple_of(self.config.settings.checkpoints.every)
        {
            self.save()?;
        } else if self.state.best.as_ref().map(|best| best.step) != self.best_saved {
            self.point()?;
        }
        Ok(settled)
    }

    /// The epoch's line of `stats.jsonl`, without the values that vary between repetitions.
    fn line(&self, epoch: u64, means: &Measured) -> Value {
        let game = &self.trainer().game;
        let settings = &self.config.settings;
        let taken = game.step.saturating_sub(1);
        let factor = rate::factor(&settings.rate, taken, self.last_step, self.per_epoch);
        let mut line = json!({"epoch": epoch, "step": game.step, "kimg": self.kimg(game.step)});
        for measure in settings.task.measures() {
            line[measure.key] = json!(means.get(measure.key));
        }
        line["aug_p"] = json!(game.controller.probability);
        line["kid"] = Value::Null;
        for role in settings.task.roles() {
            line[format!("lr_{}", role.short)] =
                json!(settings.optimizer.of(role.part).learning_rate * factor);
        }
        for role in settings
            .task
            .roles()
            .iter()
            .filter(|role| settings.optimizer.of(role.part).clip_norm > 0.0)
        {
            let key = norm_key(role.short);
            line[&key] = json!(means.get(&key));
        }
        line
    }

    /// The task's main measures, as logged.
    fn text(&self, means: &Measured) -> String {
        let task = self.config.settings.task;
        let losses = task
            .shown_measures(Kind::Loss)
            .map(|(_, m)| format!("{} {:.4}", m.key, means.get(m.key)));
        let accuracies = task
            .shown_measures(Kind::Accuracy)
            .map(|(_, m)| format!("{} {:.3}", m.key, means.get(m.key)));
        losses.chain(accuracies).collect::<Vec<_>>().join(" ")
    }

    /// The values that vary between repetitions: speed, time and memory. Also logs them.
    fn times(&mut self, (speed, seconds): (f64, f64), epoch: u64, means: &Measured) -> Value {
        let waited: Duration = self.feeds.iter_mut().map(Feed::waited).sum();
        let wait = 100.0 * waited.as_secs_f64() / seconds;
        let (step, p) = (self.trainer().game.step, self.trainer().game.controller.probability);
        let measured = self.text(means);
        tracing::info!(
            "epoch {epoch} step {step} {measured} aug_p {p:.4} {speed:.1} img/s wait {wait:.1}%"
        );
        let memory = match Memory::of(self.device()) {
            Some(memory) => Some(memory.total - memory.free),
            None => process::resident_bytes(),
        };
        json!({
            "img_per_s": tenths(speed), "wait": tenths(wait), "seconds": tenths(self.seconds()),
            "memory_mb": memory.map(|bytes| bytes >> 20),
        })
    }

    fn write_line(&mut self, mut line: Value, times: Value) -> Result<()> {
        if let (Value::Object(line), Value::Object(times)) = (&mut line, times) {
            line.extend(times);
        }
        self.log.push(&line)
    }

    /// True if the KID of this epoch is wanted.
    fn wants_kid(&self, epoch: u64) -> bool {
        let every = self.config.settings.evaluation.every;
        self.evaluations.is_some() && every > 0 && epoch.is_multiple_of(every)
    }

    /// Requests the KID of this epoch; its line is written when the value arrives.
    fn ask_for_kid(&mut self, epoch: u64, line: Value, times: Value) {
        let sampler = self.sampler();
        if let Some(evaluations) = &mut self.evaluations {
            evaluations.ask(sampler);
        }
        self.state.pending = Some(Pending { step: self.trainer().game.step, epoch, line });
        self.pending_times = times;
    }

    /// Collects the pending KID, if there is one: it is due at the end of the following epoch, or
    /// of the run.
    pub(super) fn settle(&mut self, stop: &Stop) -> Result<Settled> {
        let Some(Pending { step, epoch, mut line }) = self.state.pending.clone() else {
            return Ok(Settled::Yes);
        };
        let due = loop {
            let due = match &mut self.evaluations {
                Some(evaluations) => evaluations.due(stop),
                None => Due::Missing("this start of the run has no weights".into()),
            };
            match due {
                Due::Save => self.save_if_asked(stop)?,
                due => break due,
            }
        };
        let at = (step, epoch);
        let alarm = match due {
            Due::Stopped | Due::Save => return Ok(Settled::Stopped),
            Due::Missing(why) => self.state.alarms.miss(at, &why),
            Due::Kid(kid) => {
                tracing::info!("epoch {epoch} KID {:.5} ({:.0} s)", kid.value, kid.seconds);
                line["kid"] = json!(kid.value);
                line["kid_seconds"] = json!(tenths(kid.seconds));
                line["kid_of"] = self.conventions.clone();
                self.live.kid(kid.value);
                best::take(&mut self.state.best, kid.value, step, self.conventions.clone());
                self.state.alarms.hear(at, kid.value)
            }
        };
        self.state.pending = None;
        let times = self.pending_times.take();
        self.write_line(line, times)?;
        self.tell(alarm)?;
        let risen = self.stop_after > 0 && self.state.alarms.rising() >= self.stop_after;
        if risen {
            tracing::info!(
                "KID has risen {} times in a row (--stop-after {}): the run ends",
                self.stop_after,
                self.stop_after
            );
        }
        Ok(if risen { Settled::RisenEnough } else { Settled::Yes })
    }

    /// Records that the KID of an epoch is missing.
    pub(super) fn give_up(&mut self, owed: Pending, why: &str) -> Result<()> {
        let alarm = self.state.alarms.miss((owed.step, owed.epoch), why);
        self.state.pending = None;
        let times = self.pending_times.take();
        self.write_line(owed.line, times)?;
        self.tell(alarm)
    }

    /// Checks the epoch for problems.
    fn look(
        &mut self,
        epoch: u64,
        (speed, seconds): (f64, f64),
        means: &Measured,
        pictures: &[Picture],
    ) -> Result<()> {
        let settings = &self.config.settings;
        // Zero means nothing for a critic's numbers.
        let judges = !settings.loss.name.row().loss.needs_bound();
        let contest = |contest: &Contest| Standing {
            role: contest.role,
            loss: means.get(contest.loss) - means.get(contest.penalty),
            accuracy: contest.accuracies.map(|key| means.get(key)),
        };
        let seen =
            Seen {
                step: self.trainer().game.step,
                epoch,
                standings: if judges {
                    settings.task.contests().iter().map(contest).collect()
                } else {
                    Vec::new()
                },
                p: settings.augment.pipeline.has_probability().then(|| {
                    (self.trainer().game.controller.probability, settings.augment.ceiling())
                }),
                spread: alarm::spread(pictures),
            };
        let mut alarms = self.state.alarms.look(&seen);
        alarms.extend(self.pace.add((seen.step, epoch), speed, seconds));
        alarms.into_iter().try_for_each(|alarm| self.tell(Some(alarm)))
    }

    /// Raises a warning, in the log and in `alarms.jsonl`.
    pub(super) fn tell(&mut self, alarm: Option<Alarm>) -> Result<()> {
        let Some(alarm) = alarm else { return Ok(()) };
        tracing::warn!(
            "epoch {}, step {}: {}; try {}",
            alarm.epoch,
            alarm.step,
            alarm.what,
            alarm.advice
        );
        Ok(self.alarms.push(&alarm)?)
    }

    /// Raises the alarm about values that are not finite.
    pub(super) fn tell_not_finite(&mut self, step: u64, what: &str) -> Result<()> {
        let alarm = Alarms::not_finite((step, step / self.per_epoch + 1), what.to_owned());
        self.tell(Some(alarm))
    }
}

/// Outcome of waiting for a pending KID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Settled {
    /// Recorded, or none was pending.
    Yes,
    /// Recorded, and KID has risen often enough in a row to end the run.
    RisenEnough,
    /// A signal arrived first: it is still pending.
    Stopped,
}
