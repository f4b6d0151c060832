//! The training loop: steps, and the work between them.

use std::path::Path;

use anyhow::Result;
use shared::cli::Ending;
use shared::nn::device::memory::{self, Memory};
use shared::nn::devices::DeviceList;
use shared::signal::Stop;

use crate::data::feed::{self};
use crate::run::folder::{claim, take_over};
use crate::run::init;
use crate::run::options::Options;
use crate::run::preparation::prepare;
use crate::run::remembered::Flags;
use crate::run::starts;
use crate::step::replicas::{self};
use crate::tell::curves;
use crate::tell::record;
use crate::tell::report;

use super::epoch::{Clock, Settled};
use super::recent::NotFinite;
use super::training::Training;

/// Trains on the devices of `list` until the schedule ends or a signal arrives; saves everything in
/// either case.
///
/// # Errors
/// If the data, the run folder or the weights are unusable, the folder cannot be written, or values
/// are still not finite after all retries.
pub fn train(options: &Options, out: &Path, list: &DeviceList, stop: &Stop) -> Result<Ending> {
    let was_killed = record::was_killed(out);
    // Before devices and data are opened, which takes time.
    let claimed = claim(out)?;
    let devices = &list.open()?[..];
    let (config, batches) = prepare(options)?;
    replicas::require_fit(&config.settings, devices)?;
    let begun = init::networks(&config, Some(out), options.restart)?;
    let owned = take_over(out, claimed, options.restart)?;
    if was_killed && !options.restart {
        tracing::warn!(
            "the previous start was killed, or its machine went down: the steps since its last \
             checkpoint are repeated"
        );
    }
    let flags = Flags::now(options, list);
    let mut training =
        Training::open(options, (config, &flags), batches, owned, begun.as_ref(), devices)?;
    let free = devices.first().and_then(Memory::of).map(|memory| memory.free);
    let ending = memory::watch(|| training.run(stop))
        .map_err(|error| training.out_of_memory(error, free))??;
    // The progress bar must be gone before the path is printed.
    drop(training);
    shared::cli::tell(&format!("{}\n", out.display()));
    Ok(ending)
}

impl Training {
    fn run(&mut self, stop: &Stop) -> Result<Ending> {
        if self.trainer().game.step == 0 {
            self.begin()?;
        }
        self.announce_disk()?;
        self.prepare_for_out_of_memory()?;
        self.tell_if_done()?;
        loop {
            match self.steps(stop) {
                Ok(ending) => {
                    self.saver.finish()?;
                    curves::write(&self.run)?;
                    // A run that is being stopped should stop at once; `train report` can write it
                    // later.
                    if matches!(ending, Ending::Done) {
                        report::write(&self.run)?;
                    }
                    return Ok(ending);
                }
                Err(error) => self.roll_back(&error.downcast::<NotFinite>()?)?,
            }
        }
    }

    fn steps(&mut self, stop: &Stop) -> Result<Ending> {
        let mut clock = Clock::start();
        // A signal may have arrived between the last step of an epoch and the work at its end.
        let (epoch, index) =
            (self.trainer().game.step / self.per_epoch, self.trainer().game.step % self.per_epoch);
        if index == 0 && !self.state.sums.is_empty() {
            match self.end_epoch(epoch, &clock, stop)? {
                Settled::Yes => {}
                Settled::RisenEnough => return Ok(Ending::Done),
                // Another signal arrived first; no step may be taken before the epoch is completed.
                Settled::Stopped => return self.stop(stop.exit_code().unwrap_or_default()),
            }
        }
        while self.trainer().game.step < self.last_step {
            let (epoch, index) = (
                self.trainer().game.step / self.per_epoch,
                self.trainer().game.step % self.per_epoch,
            );
            let batches =
                feed::of_step(&mut self.feeds, self.config.settings.schedule.discriminator_steps)?;
            let readings = self.replicas.take_step(batches);
            let step = self.trainer().game.step;
            self.readback.submit(step, readings);
            self.take_notice(step.saturating_sub(self.readback.lag()))?;
            clock.count(self.pictures_a_step());
            self.forecast();
            if self.live.step() {
                let now = self.now(epoch + 1, &clock);
                self.live.show(&now);
            }
            if index + 1 == self.per_epoch {
                if self.end_epoch(epoch + 1, &clock, stop)? == Settled::RisenEnough {
                    return Ok(Ending::Done);
                }
                clock = Clock::start();
            }
            if let Some(code) = stop.exit_code() {
                return self.stop(code);
            }
            self.save_if_asked(stop)?;
            if self.saved_at.elapsed() >= self.save_every {
                self.save()?;
            }
        }
        if self.settle(stop)? == Settled::Stopped {
            return self.stop(stop.exit_code().unwrap_or_default());
        }
        self.save()?;
        Ok(Ending::Done)
    }

    /// Says once how long the run will take.
    fn forecast(&mut self) {
        let (done, pictures) = (self.trainer().game.step, self.pictures_a_step());
        let left = ((self.last_step - done) * pictures) as f64 / 1000.0;
        if let Some(text) = self.forecast.step(pictures, left) {
            tracing::info!("{text}");
        }
    }

    fn stop(&mut self, code: u8) -> Result<Ending> {
        self.save()?;
        self.saver.finish()?;
        let (by, out) = (shared::signal::name_of(code), self.run.folder().display());
        tracing::info!(
            "stopped by {by} after step {}; train --out {out} resumes from there",
            self.trainer().game.step
        );
        Ok(Ending::Stopped(code))
    }

    /// Logs that no step is left, and how to extend the run.
    fn tell_if_done(&self) -> Result<()> {
        let (done, schedule) = (self.trainer().game.step, &self.config.settings.schedule);
        if done < self.last_step || self.state.pending.is_some() {
            return Ok(());
        }
        let (flag, end) = match (schedule.steps, schedule.kimg) {
            (0, kimg) if kimg > 0.0 => ("--kimg", kimg.to_string()),
            (0, _) => ("--epochs", schedule.epochs.to_string()),
            (steps, _) => ("--steps", steps.to_string()),
        };
        let longer = if self.config.end_counts() {
            let flags = Flags::read(&self.run)?;
            let another = starts::successor(&self.run, done, &flags, &self.config, &[]);
            format!(
                "its learning rate has decayed to the end, so it cannot be extended; for a new \
                 run from its weights: {another}"
            )
        } else {
            format!("{flag} N with a larger N extends the run")
        };
        tracing::info!(
            "nothing left to do: {done} steps are done, which is all of {flag} {end}; {longer}"
        );
        Ok(())
    }
}
