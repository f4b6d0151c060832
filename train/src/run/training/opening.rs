//! Opening of a run: the locked folder, the settings it was started with, the latest checkpoint,
//! and the evaluator.

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result};
use burn::tensor::Device;
use serde::Deserialize;
use serde_json::Value;
use shared::jsonl::{self, JsonLines};
use shared::nn::checkpoint::Checkpoint;
use shared::nn::config::RunConfig;
use shared::nn::networks::Generator;
use shared::nn::owner::Owner;
use shared::nn::run::{Run, RunError, Which};
use shared::nn::sampler::Sampler;

use super::recent::Recent;
use super::training::Training;
use crate::augment::backlog::Backlog;
use crate::data::batches::Batches;
use crate::data::feed::{self, DataOn, Feed};
use crate::run::evaluation::Evaluator;
use crate::run::evaluations::{Evaluations, PATIENCE};
use crate::run::folder::last_checkpoint;
use crate::run::init;
use crate::run::options::Options;
use crate::run::preparation::{last_step, steps_per_epoch};
use crate::run::remembered::Flags;
use crate::run::saver::Saver;
use crate::run::starts;
use crate::run::state::State;
use crate::step::readback::{Readback, lag_on};
use crate::step::replicas::Replicas;
use crate::step::trainer::Trainer;
use crate::watch::alarm::Kind;
use crate::watch::epoch_log::EpochLog;
use crate::watch::live::Live;
use crate::watch::pace::{Forecast, Pace};

/// State that steps work on.
struct Loaded {
    batches: Arc<Batches>,
    feeds: Vec<Feed>,
    replicas: Replicas,
    readback: Readback,
    backlog: Backlog,
    state: State,
    log: EpochLog,
    alarms: JsonLines,
}

impl Training {
    pub(super) fn open(
        options: &Options,
        (config, flags): (RunConfig, &Flags),
        batches: Batches,
        (run, owner): (Run, Owner),
        begun: Option<&Trainer>,
        devices: &[Device],
    ) -> Result<Self> {
        let (per_epoch, last_step) =
            (steps_per_epoch(&config, &batches), last_step(&config, &batches));
        starts::settle(&run, &config, flags, devices)?;
        if let Some(trainer) = begun {
            init::save(
                &run,
                &config,
                trainer,
                serde_json::to_value(State::begun(trainer.game.controller))?,
            )?;
        }
        let checkpoint = last_checkpoint(&run)?;
        let batches = Arc::new(batches);
        let loaded = load(
            &run,
            &config,
            last_step,
            &batches,
            (options.data_on, devices),
            checkpoint.as_ref(),
            None,
        )?;
        let done = loaded.replicas.first.game.step;
        if checkpoint.is_some() {
            tracing::info!("resuming after step {done}");
        }
        let seconds = |line: &Value| line["seconds"].as_f64();
        let seconds_before = jsonl::read(&run.file("stats.jsonl"))?
            .iter()
            .filter_map(seconds)
            .next_back()
            .unwrap_or(0.0);
        let (evaluations, conventions) =
            match Evaluator::of_run(options, &config, loaded.replicas.first.device())? {
                None => (None, Value::Null),
                Some(evaluator) => {
                    let conventions = evaluator.conventions();
                    let of_real = Arc::clone(&evaluator);
                    let prepare = move || of_real.prepare();
                    (
                        Some(Evaluations::start(
                            prepare,
                            move |sampler| evaluator.kid(&sampler),
                            PATIENCE,
                        )),
                        conventions,
                    )
                }
            };
        let Loaded { batches, feeds, replicas, readback, backlog, state, log, alarms } = loaded;
        let mut training = Self {
            saver: Saver::new(run.clone(), checkpoint.map(|checkpoint| checkpoint.meta.step)),
            live: Live::new(
                config.settings.task,
                last_step,
                done,
                state.best.as_ref().map(|best| best.kid),
            ),
            best_saved: state.best.as_ref().map(|best| best.step),
            run,
            _owner: owner,
            config,
            data_on: options.data_on,
            devices: devices.to_vec(),
            per_epoch,
            last_step,
            save_every: options.save_every,
            retries: options.retries,
            stop_after: options.stop_after,
            batches,
            feeds,
            replicas,
            readback,
            backlog,
            state,
            log,
            evaluations,
            conventions,
            pending_times: Value::Null,
            saved_at: Instant::now(),
            drawn_at: Instant::now(),
            alarms,
            recent: Recent::default(),
            pace: Pace::default(),
            forecast: Forecast::default(),
            started: Instant::now(),
            seconds_before,
        };
        training.ask_again()?;
        Ok(training)
    }

    /// Loads `checkpoint`, or the start of the run, with the random numbers of a new attempt.
    pub(super) fn load(
        &mut self,
        checkpoint: Option<&Checkpoint>,
        attempt: Option<u64>,
    ) -> Result<()> {
        let on = (self.data_on, &*self.devices);
        let loaded =
            load(&self.run, &self.config, self.last_step, &self.batches, on, checkpoint, attempt)?;
        Loaded {
            batches: self.batches,
            feeds: self.feeds,
            replicas: self.replicas,
            readback: self.readback,
            backlog: self.backlog,
            state: self.state,
            log: self.log,
            alarms: self.alarms,
        } = loaded;
        self.ask_again()
    }

    /// Requests a KID that was pending when the checkpoint was written, for the same generator.
    fn ask_again(&mut self) -> Result<()> {
        let (Some(pending), Some(_)) = (self.state.pending.clone(), &self.evaluations) else {
            return Ok(());
        };
        match self.averaged_at(pending.step) {
            Ok(ema) => {
                let sampler = Sampler::new(ema, &self.config, self.device().clone());
                if let Some(evaluations) = &mut self.evaluations {
                    evaluations.ask(sampler);
                }
                Ok(())
            }
            // The run itself is intact.
            Err(why) => self.give_up(pending, &shared::cli::one_line(&why)),
        }
    }

    /// The averaged generator after `step`, from its checkpoint.
    fn averaged_at(&self, step: u64) -> Result<Generator, RunError> {
        let game = &self.trainer().game;
        let player = game.player(self.config.settings.task.shown().name);
        let mut shown = player.shown().clone();
        if step != game.step {
            let file = player.role.average.unwrap_or(player.role.name);
            self.run.checkpoint(Which::Step(step))?.load(file, &mut shown)?;
            shown.grow(self.config.settings.schedule.pictures_seen(step));
        }
        Ok(shown.generator().clone())
    }
}

fn load(
    run: &Run,
    config: &RunConfig,
    last_step: u64,
    batches: &Arc<Batches>,
    (data_on, devices): (DataOn, &[Device]),
    checkpoint: Option<&Checkpoint>,
    attempt: Option<u64>,
) -> Result<Loaded> {
    let mut state = match checkpoint {
        Some(checkpoint) => serde_json::from_value(checkpoint.meta.state.clone())
            .context("the checkpoint's state")?,
        None => State::default(),
    };
    state.attempt = attempt.unwrap_or(state.attempt);
    let drawn = RunConfig { seed: state.seed(config.seed), ..config.clone() };
    let mut replicas = Replicas::new(&drawn, last_step, devices, checkpoint)?;
    if checkpoint.is_some() {
        replicas.first.game.controller = state.controller();
    }
    let done = replicas.first.game.step;
    // The last step whose logs the state knows of; the end of its last epoch may still be due.
    let ended = if done.is_multiple_of(steps_per_epoch(config, batches)) && !state.sums.is_empty() {
        done - 1
    } else {
        done
    };
    let owed = state.pending.as_ref().map(|pending| pending.step);
    let log = EpochLog::open(run, config.settings.task, config.data.size, ended, owed)?;
    let known = |line: &Value| line["step"].as_u64().filter(|step| *step <= ended);
    let alarms =
        JsonLines::open(run.file("alarms.jsonl"), |line| match Kind::deserialize(&line["kind"]) {
            // Kept, because no saved state would raise it again.
            Ok(Kind::NotFinite) => true,
            Ok(Kind::KidRising | Kind::NoKid) => known(line).is_some_and(|step| Some(step) != owed),
            _ => known(line).is_some(),
        })?;
    let batches = if drawn.seed == batches.seed() {
        Arc::clone(batches)
    } else {
        Arc::new(batches.reseeded(drawn.seed))
    };
    let first = done * config.settings.schedule.discriminator_steps as u64;
    let feeds = feed::of_run(&batches, data_on, &config.settings, devices, first)?;
    let readback = Readback::new(lag_on(replicas.first.device()));
    let backlog = Backlog::new(std::mem::take(&mut state.unseen), done);
    Ok(Loaded { batches, feeds, replicas, readback, backlog, state, log, alarms })
}
