//! What a run is opened with: a folder that is its own, the settings it was begun with, the last checkpoint, the means to measure it.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result};
use burn::tensor::Device;
use serde_json::Value;
use shared::cli::UsageError;
use shared::dataset::Dataset;
use shared::jsonl::{self, JsonLines};
use shared::metrics::weights::INCEPTION;
use shared::nn::checkpoint::Checkpoint;
use shared::nn::config::RunConfig;
use shared::nn::run::{Run, Which};
use shared::nn::sampler::Sampler;
use shared::{fs, log};

use super::Training;
use super::recovery::Recent;
use crate::augment::backlog::Backlog;
use crate::batches::{Batches, Share};
use crate::epoch_log::EpochLog;
use crate::evaluation::Evaluator;
use crate::evaluations::{Evaluations, PATIENCE};
use crate::feed::{DataOn, Feed};
use crate::live::Live;
use crate::pace::Pace;
use crate::preparation::{Options, last_step, steps_per_epoch};
use crate::readback::{Readback, lag_on};
use crate::replicas::Replicas;
use crate::saver::Saver;
use crate::state::State;

/// What steps work on.
struct Loaded {
    batches: Arc<Batches>,
    feeds: Vec<Feed>,
    replicas: Replicas,
    readback: Readback,
    backlog: Backlog,
    state: State,
    log: EpochLog,
}

impl Training {
    pub(super) fn open(options: &Options, config: RunConfig, batches: Batches, out: &Path, devices: &[Device]) -> Result<Self> {
        refuse_foreign(out)?;
        let (per_epoch, last_step) = (steps_per_epoch(&config, &batches), last_step(&config, &batches));
        let run = Run::create(out)?;
        let owner = run.own()?;
        if options.restart {
            for name in ["checkpoints", "samples", "stats.jsonl", "metrics.jsonl", "alarms.jsonl", "config.toml", "train.log"] {
                fs::remove(run.file(name))?;
            }
            Run::create(out)?;
        }
        for folder in ["", "checkpoints", "samples"] {
            fs::remove_leftovers(run.file(folder))?;
        }
        log::copy_to(fs::open_append(run.file("train.log"))?);
        check_same(&run, &config)?;
        fs::write(run.file("config.toml"), toml::to_string(&config)?.as_bytes())?;

        let latest = run.step_of(Which::Latest)?;
        let checkpoint = match latest {
            Some(_) => Some(run.checkpoint(Which::Latest)?),
            None => None,
        };
        let batches = Arc::new(batches);
        let loaded = load(&run, &config, last_step, &batches, (options.data_on, devices), checkpoint.as_ref(), None)?;
        let done = loaded.replicas.first.step;
        if checkpoint.is_some() {
            tracing::info!("going on after step {done}");
        }
        let seconds = |line: &Value| line["seconds"].as_f64();
        let seconds_before = jsonl::read(&run.file("stats.jsonl"))?.iter().filter_map(seconds).next_back().unwrap_or(0.0);
        // What is not finite is told again when it shows again: nothing that is saved knows of it.
        let keep = |line: &Value| line["kind"] == "not-finite" || line["step"].as_u64().is_some_and(|step| step <= done);
        let alarms = JsonLines::open(run.file("alarms.jsonl"), keep)?;
        let (evaluations, conventions) = match evaluator(options, &config, loaded.replicas.first.device())? {
            None => (None, Value::Null),
            Some(evaluator) => {
                let conventions = evaluator.conventions();
                let of_real = Arc::clone(&evaluator);
                let prepare = move || of_real.prepare();
                (Some(Evaluations::start(prepare, move |sampler| evaluator.kid(&sampler), PATIENCE)), conventions)
            }
        };
        let Loaded { batches, feeds, replicas, readback, backlog, state, log } = loaded;
        let mut training = Self {
            saver: Saver::new(run.clone(), latest),
            live: Live::new(last_step, done, state.best.map(|best| best.kid)),
            best_saved: state.best.map(|best| best.step),
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
            started: Instant::now(),
            seconds_before,
        };
        training.ask_again()?;
        Ok(training)
    }

    /// Takes the run back to `checkpoint`, or to its start, to go on with the random numbers of another attempt.
    pub(super) fn load(&mut self, checkpoint: Option<&Checkpoint>, attempt: Option<u64>) -> Result<()> {
        let on = (self.data_on, &*self.devices);
        let loaded = load(&self.run, &self.config, self.last_step, &self.batches, on, checkpoint, attempt)?;
        Loaded {
            batches: self.batches,
            feeds: self.feeds,
            replicas: self.replicas,
            readback: self.readback,
            backlog: self.backlog,
            state: self.state,
            log: self.log,
        } = loaded;
        self.ask_again()
    }

    /// A KID that was owed when the checkpoint was written is computed again, of the generator that it was asked for.
    fn ask_again(&mut self) -> Result<()> {
        let (Some(pending), Some(_)) = (&self.state.pending, &self.evaluations) else { return Ok(()) };
        let mut ema = self.trainer().ema.clone();
        if pending.step != self.trainer().step {
            self.run.checkpoint(Which::Step(pending.step))?.load("ema", &mut ema)?;
        }
        let sampler = Sampler::new(ema, &self.config, self.device().clone());
        if let Some(evaluations) = &mut self.evaluations {
            evaluations.ask(sampler);
        }
        Ok(())
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
        Some(checkpoint) => serde_json::from_value(checkpoint.meta.state.clone()).context("the checkpoint's state")?,
        None => State::default(),
    };
    state.attempt = attempt.unwrap_or(state.attempt);
    let drawn = RunConfig { seed: state.seed(config.seed), ..config.clone() };
    let mut replicas = Replicas::new(&drawn, last_step, devices, checkpoint)?;
    if checkpoint.is_some() {
        replicas.first.controller = state.controller();
    }
    let done = replicas.first.step;
    let owed = state.pending.as_ref().map(|pending| pending.step);
    let log = EpochLog::open(run, done, owed)?;
    let batches = if drawn.seed == batches.seed() { Arc::clone(batches) } else { Arc::new(batches.reseeded(drawn.seed)) };
    let settings = &config.settings;
    let first = done * settings.schedule.discriminator_steps as u64;
    let form = (settings.range(), settings.cond.is_on());
    let feed = |(index, device)| Feed::new(&batches, data_on, Share { index, of: devices.len() }, form, device, first);
    let feeds = devices.iter().enumerate().map(feed).collect::<Result<_, _>>()?;
    let readback = Readback::new(lag_on(replicas.first.device()));
    let backlog = Backlog::new(std::mem::take(&mut state.unseen), done);
    Ok(Loaded { batches, feeds, replicas, readback, backlog, state, log })
}

/// A folder that holds something else is not turned into a run.
fn refuse_foreign(out: &Path) -> Result<()> {
    let foreign = out.is_dir() && !Run::is_run(out) && std::fs::read_dir(out)?.next().is_some();
    if foreign {
        return Err(UsageError(format!("--out {}: the folder is not empty and is no run; choose another", out.display())).into());
    }
    Ok(())
}

/// Refuses settings other than those the run began with.
fn check_same(run: &Run, config: &RunConfig) -> Result<()> {
    let path = run.file("config.toml");
    if !path.exists() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&fs::read_bounded(&path, 1 << 20)?).into_owned();
    let earlier: RunConfig =
        toml::from_str(&text).map_err(|e| UsageError(format!("{}: {}; --restart begins anew", path.display(), e.message())))?;
    match earlier.conflict(config) {
        None => Ok(()),
        Some((key, was, now)) => {
            let run = run.folder().display();
            Err(UsageError(format!(
                "{run} was begun with {key} = {was}, now it is {now}: repeat the earlier value, choose another --out, or --restart"
            ))
            .into())
        }
    }
}

/// The means to compute KID, where it is wanted and weights are there.
fn evaluator(options: &Options, config: &RunConfig, device: &Device) -> Result<Option<Arc<Evaluator>>> {
    let evaluation = &config.settings.evaluation;
    if evaluation.every == 0 {
        return Ok(None);
    }
    let weights = match &options.weights {
        Some(path) => path.clone(),
        None => match INCEPTION.find() {
            Ok(path) => path,
            Err(why) => {
                tracing::info!("training without KID: {why}");
                return Ok(None);
            }
        },
    };
    let dataset = Arc::new(Dataset::open(&options.data)?);
    if let Err(missing) = dataset.split(&evaluation.split) {
        let advice = "build it with --val-fraction, or --set evaluation.every=0";
        return Err(UsageError(format!("{}; {advice}", shared::cli::one_line(&missing))).into());
    }
    Ok(Some(Arc::new(Evaluator::open(dataset, evaluation, &weights, device)?)))
}
