//! One run from its first or last saved step to its end: owns the run folder, feeds the trainer, writes what is kept.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Error, Result, bail};
use burn::tensor::Device;
use serde::{Deserialize, Serialize};
use serde_json::json;
use shared::cli::{Ending, UsageError};
use shared::jsonl::JsonLines;
use shared::log::Progress;
use shared::nn::checkpoint::{self, CHECKPOINT_VERSION, Meta};
use shared::nn::config::RunConfig;
use shared::nn::device::memory::{self, Memory, OutOfMemory};
use shared::nn::ops::Precision;
use shared::nn::run::{Owner, Run, Which};
use shared::nn::sampler::Sampler;
use shared::picture::{Picture, grid};
use shared::signal::Stop;
use shared::{fs, log};

use crate::augment::Controller;
use crate::augment::backlog::Backlog;
use crate::augment::controller::Observation;
use crate::batches::{Batches, Share};
use crate::evaluation::Evaluator;
use crate::feed::{Feed, Ready};
use crate::metrics::{EpochSums, StepMetrics};
use crate::opening::{check_same, evaluator, refuse_foreign};
use crate::preparation::{Options, last_step, prepare, steps_per_epoch};
use crate::readback::{Readback, lag_on};
use crate::replicas::{self, Replicas};
use crate::trainer::{self, Trainer};

/// Pixels between the pictures of a sheet.
const SHEET_PADDING: u32 = 2;

/// What a checkpoint keeps beside tensors.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct State {
    /// `None` in checkpoints of earlier versions, which had only `probability`.
    #[serde(default)]
    controller: Option<Controller>,
    #[serde(default, skip_serializing)]
    probability: f64,
    /// What D made of the reals in the last steps, oldest first, where the controller has not taken notice of it yet.
    #[serde(default, skip_serializing_if = "VecDeque::is_empty")]
    unseen: VecDeque<Observation>,
    sums: EpochSums,
    best: Option<Best>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Best {
    kid: f64,
    step: u64,
}

/// Trains on `devices` until the schedule ends or a signal comes; everything is saved either way.
///
/// # Errors
/// When the data, the run folder or the weights are unusable, the folder cannot be written, or a loss is not finite.
pub fn train(options: &Options, out: &Path, devices: &[Device], stop: &Stop) -> Result<Ending> {
    let (config, batches) = prepare(options)?;
    replicas::check(&config.settings.schedule, devices.len())?;
    let precision = config.settings.schedule.precision;
    if precision == Precision::Bf16 && devices.contains(&Device::flex()) {
        return Err(
            UsageError("--precision bf16: the CPU computes in f32; leave it out, or choose a GPU with --device".into()).into()
        );
    }
    precision.set();
    let mut training = Training::open(options, config, batches, out, devices)?;
    let free = devices.first().and_then(Memory::of).map(|memory| memory.free);
    let ending = memory::watch(|| training.run(stop)).map_err(|error| training.out_of_memory(error, free))??;
    println!("{}", out.display());
    Ok(ending)
}

struct Training {
    run: Run,
    _owner: Owner,
    config: RunConfig,
    batches: Arc<Batches>,
    /// One for each device.
    feeds: Vec<Feed>,
    device: Device,
    replicas: Replicas,
    readback: Readback,
    backlog: Backlog,
    state: State,
    evaluator: Option<Evaluator>,
    stats: JsonLines,
}

/// What an epoch has taken so far.
struct Clock {
    since: Instant,
    pictures: u64,
}

impl Clock {
    fn start() -> Self {
        Self { since: Instant::now(), pictures: 0 }
    }
}

impl Training {
    fn open(options: &Options, config: RunConfig, batches: Batches, out: &Path, devices: &[Device]) -> Result<Self> {
        refuse_foreign(out)?;
        let last = last_step(&config, &batches);
        let run = Run::create(out)?;
        let owner = run.own()?;
        if options.restart {
            for name in ["checkpoints", "samples", "stats.jsonl", "metrics.jsonl", "config.toml", "train.log"] {
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

        let checkpoint = match run.step_of(Which::Latest)? {
            Some(_) => Some(run.checkpoint(Which::Latest)?),
            None => None,
        };
        let mut replicas = Replicas::new(&config, last, devices, checkpoint.as_ref())?;
        let mut state = State::default();
        if let Some(checkpoint) = checkpoint {
            state = serde_json::from_value(checkpoint.meta.state).context("the checkpoint's state")?;
            let mut earlier = Controller::default();
            earlier.probability = state.probability;
            replicas.first.controller = state.controller.unwrap_or(earlier);
            tracing::info!("going on after step {}", replicas.first.step);
        }
        let done = replicas.first.step;
        let stats = JsonLines::open(run.file("stats.jsonl"), |line| line["step"].as_u64().is_some_and(|s| s <= done))?;
        let device = replicas.first.device().clone();
        let evaluator = evaluator(options, &config, &device)?;
        let batches = Arc::new(batches);
        let settings = &config.settings;
        let first = done * settings.schedule.discriminator_steps as u64;
        let form = (settings.range(), settings.cond.is_on());
        let feed =
            |(index, device)| Feed::new(&batches, options.data_on, Share { index, of: devices.len() }, form, device, first);
        let feeds = devices.iter().enumerate().map(feed).collect::<Result<_, _>>()?;
        let readback = Readback::new(lag_on(&device));
        let backlog = Backlog::new(std::mem::take(&mut state.unseen), done);
        Ok(Self { run, _owner: owner, config, batches, feeds, device, replicas, readback, backlog, state, evaluator, stats })
    }

    fn run(&mut self, stop: &Stop) -> Result<Ending> {
        let per_epoch = steps_per_epoch(&self.config, &self.batches);
        let last = last_step(&self.config, &self.batches);
        let schedule = &self.config.settings.schedule;
        let pictures_a_step = (schedule.batch * schedule.discriminator_steps) as u64;
        if self.trainer().step == 0 {
            self.begin()?;
        }
        let progress = Progress::new("steps", last);
        progress.add(self.trainer().step);
        let mut clock = Clock::start();
        while self.trainer().step < last {
            let (epoch, index) = (self.trainer().step / per_epoch, self.trainer().step % per_epoch);
            let batches = self.next_batches()?;
            let readings = self.replicas.take_step(batches);
            let step = self.trainer().step;
            self.readback.submit(step, readings);
            self.take_notice(step.saturating_sub(self.readback.lag()))?;
            clock.pictures += pictures_a_step;
            progress.add(1);
            if index + 1 == per_epoch {
                self.end_epoch(epoch + 1, &clock)?;
                clock = Clock::start();
            }
            if let Some(code) = stop.exit_code() {
                self.save()?;
                tracing::info!("stopped after step {}; the same command goes on from there", self.trainer().step);
                return Ok(Ending::Stopped(code));
            }
        }
        self.save()?;
        Ok(Ending::Done)
    }

    /// What to do where the device is out of memory; `free` bytes of it were there before the first step.
    fn out_of_memory(&self, error: OutOfMemory, free: Option<u64>) -> Error {
        let schedule = &self.config.settings.schedule;
        let left = Memory::of(&self.device).map_or(0, |memory| memory.free);
        let saved = match self.run.step_of(Which::Latest) {
            Ok(Some(step)) => format!("the checkpoint of step {step} is untouched"),
            _ => "no checkpoint was there yet".into(),
        };
        // What a step works on at a time.
        let part = schedule.batch / trainer::parts(schedule, self.feeds.len());
        let fits =
            free.and_then(|free| memory::batch_that_fits(part, free, free.saturating_sub(left) + error.asked.unwrap_or(0)));
        UsageError(format!(
            "the device is out of memory after step {} with {part} pictures at a time: {}; {saved}, but a run keeps its batch: \
             choose another --out, or --restart",
            self.trainer().step,
            memory::advice(schedule.batch, part, fits)
        ))
        .into()
    }

    fn trainer(&self) -> &Trainer {
        &self.replicas.first
    }

    /// Those of the next step, for each device as many as D has updates.
    fn next_batches(&mut self) -> Result<Vec<Vec<Ready>>> {
        let updates = self.config.settings.schedule.discriminator_steps;
        let of_device = |feed: &mut Feed| (0..updates).map(|_| feed.take()).collect::<Result<_, _>>();
        Ok(self.feeds.iter_mut().map(of_device).collect::<Result<_, _>>()?)
    }

    /// Takes what all steps up to `through` measured into the sums, and lets the controller hear of those that are as far back as
    /// the device may be ahead. When values come decides about nothing.
    fn take_notice(&mut self, through: u64) -> Result<()> {
        for (step, values) in self.readback.take(through) {
            let metrics = values.metrics();
            self.require_finite(step, &metrics)?;
            self.state.sums.add(&metrics);
            self.backlog.push(step, values.observation());
        }
        let due = self.trainer().step.saturating_sub(self.readback.lag());
        self.backlog.due(due).for_each(|seen| self.replicas.first.observe(seen));
        Ok(())
    }

    /// What is written before the first step: the reals, and the untrained generator's sheet.
    fn begin(&self) -> Result<()> {
        let samples = &self.config.settings.samples;
        let reals = self.batches.first(samples.pictures)?;
        fs::write(self.run.file("samples/reals.png"), &sheet(&reals, samples.columns)?)?;
        self.write_sheet(0)
    }

    fn write_sheet(&self, epoch: u64) -> Result<()> {
        let samples = &self.config.settings.samples;
        if samples.every == 0 || !epoch.is_multiple_of(samples.every) {
            return Ok(());
        }
        let seeds: Vec<u64> = (0..samples.pictures as u64).collect();
        let pictures = self.sampler().pictures(&seeds);
        Ok(fs::write(self.run.sheet(epoch), &sheet(&pictures, samples.columns)?)?)
    }

    fn sampler(&self) -> Sampler {
        Sampler::new(self.trainer().ema.clone(), &self.config, self.device.clone())
    }

    fn end_epoch(&mut self, epoch: u64, clock: &Clock) -> Result<()> {
        self.take_notice(self.trainer().step)?;
        let seconds = clock.since.elapsed().as_secs_f64();
        let per_second = clock.pictures as f64 / seconds;
        let waited: Duration = self.feeds.iter_mut().map(Feed::waited).sum();
        let wait = 100.0 * waited.as_secs_f64() / seconds;
        self.write_sheet(epoch)?;
        let kid = self.evaluate(epoch)?;
        let m = self.state.sums.mean();
        let (step, p) = (self.trainer().step, self.trainer().controller.probability);
        let schedule = &self.config.settings.schedule;
        let kimg = (step * (schedule.batch * schedule.discriminator_steps) as u64) as f64 / 1000.0;
        let mut line = json!({
            "epoch": epoch, "step": step, "kimg": kimg, "g_loss": m.g_loss, "d_loss": m.d_loss, "penalty": m.penalty,
            "real_acc": m.real_accuracy, "gen_acc": m.generated_accuracy, "d_real": m.d_real, "d_fake": m.d_fake,
            "d_fooled": m.d_fooled, "aug_p": p, "kid": kid, "img_per_s": (per_second * 10.0).round() / 10.0,
        });
        for (key, norm, optimizer) in [
            ("g_norm", m.g_norm, &self.config.settings.optimizer.generator),
            ("d_norm", m.d_norm, &self.config.settings.optimizer.discriminator),
        ] {
            if optimizer.clip_norm > 0.0 {
                line[key] = json!(norm);
            }
        }
        if let (Some(evaluator), Some(_)) = (&self.evaluator, kid) {
            line["kid_of"] = evaluator.conventions();
        }
        self.stats.push(&line)?;
        self.stats.sync()?;
        tracing::info!(
            "epoch {epoch} step {step} g_loss {:.4} d_loss {:.4} real_acc {:.3} gen_acc {:.3} aug_p {p:.4} {per_second:.1} img/s \
             wait {wait:.1}%",
            m.g_loss,
            m.d_loss,
            m.real_accuracy,
            m.generated_accuracy
        );
        self.state.sums = EpochSums::default();
        let improved = kid.is_some_and(|kid| self.state.best.is_none_or(|best| kid < best.kid));
        if let Some(kid) = kid.filter(|_| improved) {
            self.state.best = Some(Best { kid, step });
        }
        if improved || epoch.is_multiple_of(self.config.settings.checkpoints.every) {
            self.save()?;
        }
        Ok(())
    }

    fn evaluate(&self, epoch: u64) -> Result<Option<f64>> {
        let every = self.config.settings.evaluation.every;
        match &self.evaluator {
            Some(evaluator) if every > 0 && epoch.is_multiple_of(every) => Ok(Some(evaluator.kid(&self.sampler())?)),
            _ => Ok(None),
        }
    }

    fn require_finite(&self, step: u64, metrics: &StepMetrics) -> Result<()> {
        if metrics.g_loss.is_finite() && metrics.d_loss.is_finite() {
            return Ok(());
        }
        let saved = self.run.step_of(Which::Latest)?.unwrap_or(0);
        bail!(
            "step {step}: the losses are not finite (g_loss {}, d_loss {}); the last checkpoint is of step {saved} and untouched. \
             Try --set optimizer.learning_rate=1e-4 in a new run",
            metrics.g_loss,
            metrics.d_loss
        );
    }

    /// Saves the present step, then lets the pointers follow and removes what is no longer kept.
    fn save(&mut self) -> Result<()> {
        let step = self.trainer().step;
        // Nothing is saved before it is known that all steps up to here were sound.
        self.take_notice(step)?;
        self.state.controller = Some(self.trainer().controller);
        self.state.unseen = self.backlog.left();
        if self.run.step_of(Which::Latest)? == Some(step) && self.run.checkpoint_folder(step).exists() {
            return self.point();
        }
        self.replicas.require_equal()?;
        if let Some((name, _)) = self.trainer().parts().iter().find(|(_, part)| !part.is_finite()) {
            bail!("step {step}: {name} holds values that are not finite; the checkpoints before it are untouched");
        }
        let meta = Meta {
            version: CHECKPOINT_VERSION,
            step,
            epoch: step / steps_per_epoch(&self.config, &self.batches),
            config: self.config.clone(),
            state: serde_json::to_value(&self.state)?,
            files: Default::default(),
        };
        checkpoint::save(&self.run.checkpoint_folder(step), meta, &self.trainer().parts())?;
        self.point()
    }

    fn point(&self) -> Result<()> {
        self.run.point(Which::Latest, self.trainer().step)?;
        if let Some(best) = self.state.best {
            self.run.point(Which::Best, best.step)?;
        }
        let best: Vec<u64> = self.state.best.iter().map(|b| b.step).collect();
        Ok(self.run.prune(self.config.settings.checkpoints.keep, &best)?)
    }
}

fn sheet(pictures: &[Picture], columns: usize) -> Result<Vec<u8>> {
    Ok(grid(pictures, columns, SHEET_PADDING).to_png()?)
}
