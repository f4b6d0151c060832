//! `train --dry-run`: takes the first steps of a run, keeps nothing, and extrapolates memory, time
//! and disk space for the whole run.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use burn::tensor::Device;
use shared::cli::UsageError;
use shared::metrics::inception::{self, Inception};
use shared::metrics::network::FeatureNetwork;
use shared::metrics::resize::Preprocessing;
use shared::nn::config::{RunConfig, ScheduleConfig};
use shared::nn::device::facts::gib;
use shared::nn::device::memory::{self, Memory};
use shared::nn::sampler::Sampler;
use shared::picture::Picture;
use shared::process::{Room, peak_bytes, resident_bytes, room};

use crate::data::batches::Batches;
use crate::data::feed::{self, Ready};
use crate::run::disk::Forecast;
use crate::run::estimate;
use crate::run::evaluation;
use crate::run::init;
use crate::run::options::Options;
use crate::run::preparation::{last_step, prepare, steps_per_epoch};
use crate::run::starts;
use crate::run::training;
use crate::step::game;
use crate::step::replicas::{self, Replicas};
use crate::step::trainer::Trainer;
use crate::step::turn::Batch;
use shared::cli::Ending;
use shared::nn::run::Run;

/// Checks data and settings and prints the resolved `config.toml`; then, if `devices` are given,
/// takes the first steps of the run in `out` on them and reports the cost of the whole run. Writes
/// nothing.
///
/// # Errors
/// If the run could not be started, or a step does not fit into memory.
pub fn dry_run(
    options: &Options,
    out: Option<&Path>,
    devices: Option<&[Device]>,
) -> Result<Ending> {
    let (config, batches) = prepare(options)?;
    starts::check(out.filter(|out| !options.restart && Run::is_run(out)), &config)?;
    shared::cli::print(&toml::to_string(&config)?)?;
    tracing::info!(
        "{} pictures, {} steps per epoch",
        batches.pictures(),
        steps_per_epoch(&config, &batches)
    );
    if let Some(devices) = devices {
        rehearse(options, &config, batches, out, devices)?;
    }
    Ok(Ending::Done)
}

/// Number of timed steps, after an untimed one in which kernels are compiled and buffers allocated.
const TIMED: u32 = 2;

/// Takes the first steps of the run described by `options` and logs the cost of the whole run.
/// `out` is its folder, if known. Writes nothing.
///
/// If the settings do not suit the devices, the data are damaged, or a step does not fit into
/// memory; the error then names flags for one that fits.
pub fn rehearse(
    options: &Options,
    config: &RunConfig,
    batches: Batches,
    out: Option<&Path>,
    devices: &[Device],
) -> Result<()> {
    let schedule = &config.settings.schedule;
    replicas::require_fit(&config.settings, devices)?;
    // Logs the layers that do not fit; their values make no difference to the cost.
    init::networks(config, out, options.restart)?;
    let device = devices.first().context("a run needs a device")?;
    let free = Memory::of(device).map(|memory| memory.free);
    let on_host = devices.iter().all(|device| *device == Device::flex());
    if on_host {
        require_room(config, devices.len())?;
    }
    let batches = Arc::new(batches);
    let kid = match evaluation::material(options, config)? {
        None => None,
        Some(material) => {
            let pictures = material.count(config.settings.evaluation.pictures);
            Some((pictures, material.weights().to_owned()))
        }
    };
    let measured = memory::watch(|| Measured::by_steps(options, config, &batches, devices, kid));
    let measured = measured.map_err(|error| {
        let (part, advice) = replicas::smaller_batch(schedule, devices.len(), device, error, free);
        UsageError(format!("the device is out of memory with {part} pictures at a time: {advice}"))
    })??;
    match (free.zip(Memory::of(device)), measured.peak) {
        (Some((free, now)), _) => {
            let used = gib(free.saturating_sub(now.free));
            tracing::info!(
                "memory: {used} on the device, which has {} of {} left",
                gib(now.free),
                gib(now.total)
            );
        }
        (None, Some(steps)) => {
            let most = measured.kid.as_ref().and_then(|kid| kid.peak).unwrap_or(steps);
            let parts = match most.saturating_sub(steps) {
                0 => String::new(),
                more => format!(
                    " ({} for steps, {} more while KID is computed)",
                    size(steps),
                    size(more)
                ),
            };
            let left = room().map_or_else(String::new, |room| {
                format!("; {} leaves {} now", room.limit, size(room.bytes))
            });
            tracing::info!("memory: {} at most{parts}{left}", size(most));
        }
        (None, None) => {}
    }
    let sheet = training::sheet_bytes(&batches, &config.settings)?;
    measured.tell(config, &batches, sheet);
    Ok(())
}

/// The cost of the first steps.
struct Measured {
    step: Duration,
    /// Time to generate and encode a sheet.
    sheet: Duration,
    /// Peak memory of the process, with steps and a sheet.
    peak: Option<u64>,
    checkpoint_bytes: u64,
    kid: Option<Kid>,
}

/// The cost of KID.
struct Kid {
    /// Once, unless cached.
    reals: Duration,
    /// Time of each evaluation.
    once: Duration,
    /// Peak memory of the process while KID is computed during steps.
    peak: Option<u64>,
}

/// Number of batches whose features are computed during steps.
const BESIDE: u32 = 12;

impl Kid {
    /// Measures one batch and extrapolates to this many pictures on each side; also measures the
    /// memory during steps.
    fn beside(
        step: &mut impl FnMut() -> Result<()>,
        sampler: &Sampler,
        sources: &[Picture],
        pictures: usize,
        weights: &Path,
        device: &Device,
    ) -> Result<Self> {
        let inception =
            Inception::load(weights, device).context("the features for KID cannot be computed")?;
        let batch = evaluation::batch(device);
        let seeds: Vec<u64> = (0..batch as u64).collect();
        let make = || match sampler.latents() {
            Ok(_) => sampler.pictures(&seeds),
            Err(_) => sampler.translated(sources),
        };
        let features = |pictures: Vec<Picture>| {
            let pictures: Vec<_> = pictures.into_iter().map(Into::into).collect();
            inception.features(&pictures, Preprocessing::TORCH_FIDELITY, &[inception::POOL_2048]);
        };
        // A device that compiles its kernels does so the first time.
        if *device != Device::flex() {
            features(make());
        }
        let begun = Instant::now();
        let samples = make();
        let generated = begun.elapsed();
        features(samples);
        let both = begun.elapsed();
        std::thread::scope(|scope| {
            let beside = scope.spawn(|| (0..BESIDE).for_each(|_| features(make())));
            while !beside.is_finished() {
                step()?;
            }
            anyhow::Ok(())
        })?;
        let batches = pictures.div_ceil(batch) as u32;
        Ok(Self { reals: (both - generated) * batches, once: both * batches, peak: peak_bytes() })
    }
}

impl Measured {
    /// Measures steps, and KID with this many pictures on each side and these weights if it is
    /// wanted.
    fn by_steps(
        options: &Options,
        config: &RunConfig,
        batches: &Arc<Batches>,
        devices: &[Device],
        kid: Option<(usize, PathBuf)>,
    ) -> Result<Self> {
        let mut replicas = Replicas::new(config, last_step(config, batches), devices, None)?;
        let mut feeds = feed::of_run(batches, options.data_on, &config.settings, devices, 0)?;
        let (data, updates) = (&config.data, config.settings.schedule.discriminator_steps);
        let first = &replicas.first;
        for player in &first.game.players {
            tracing::info!(
                "{}: {}",
                player.role.name,
                player.network.outline(data.size, data.channels)
            );
        }
        if let [device] = devices
            && *device == Device::flex()
        {
            let ready = feed::of_step(&mut feeds, updates)?.into_iter().flatten();
            foresee(first, &ready.map(Ready::batch).collect::<Vec<_>>(), config)?;
        }
        tracing::info!("a step with {} pictures …", config.settings.schedule.batch);
        let mut step = |replicas: &mut Replicas| -> Result<()> {
            // Waiting for the measurements also waits for the devices.
            let readings = replicas.take_step(feed::of_step(&mut feeds, updates)?);
            readings.into_iter().for_each(|reading| drop(reading.read()));
            Ok(devices.iter().try_for_each(Device::sync)?)
        };
        step(&mut replicas)?;
        let begun = Instant::now();
        (0..TIMED).try_for_each(|_| step(&mut replicas))?;
        let each = begun.elapsed() / TIMED;

        let device = devices.first().context("a run needs a device")?;
        let sampler = Sampler::new(replicas.first.shown().clone(), config, device.clone());
        let checkpoint_bytes = replicas.first.bytes();
        let samples = &config.settings.samples;
        let begun = Instant::now();
        training::samples(&sampler, batches, samples)?.png()?;
        let sheet = begun.elapsed();
        let peak = peak_bytes();
        let mut step = || step(&mut replicas);
        // What a translator makes pictures of.
        let shown = batches.shown(evaluation::batch(device))?;
        let sources: Vec<Picture> = shown.into_iter().map(|shown| shown.source).collect();
        let kid = kid
            .map(|(pictures, weights)| {
                Kid::beside(&mut step, &sampler, &sources, pictures, &weights, device)
            })
            .transpose()?;
        Ok(Self { step: each, sheet, peak, checkpoint_bytes, kid })
    }

    /// Logs the cost of the whole run.
    fn tell(&self, config: &RunConfig, batches: &Batches, sheet: u64) {
        let (settings, per_epoch, last) =
            (&config.settings, steps_per_epoch(config, batches), last_step(config, batches));
        let epochs = last / per_epoch;
        let pictures = (settings.schedule.batch * settings.schedule.discriminator_steps) as f64;
        let (step, steps) = (self.step.as_secs_f64(), self.step.as_secs_f64() * last as f64);
        tracing::info!(
            "time: {:.3} s per step, {:.1} img/s, {} per epoch; {last} steps in {}",
            step,
            pictures / step,
            span(step * per_epoch as f64),
            span(steps)
        );
        let sheets = epochs.checked_div(settings.samples.every).map_or(0, |sheets| sheets + 1);
        let mut whole = steps + sheets as f64 * self.sheet.as_secs_f64();
        if sheets > 0 {
            tracing::info!(
                "time: {sheets} sheets of samples in {}",
                span(sheets as f64 * self.sheet.as_secs_f64())
            );
        }
        if let Some(Kid { reals, once, .. }) = &self.kid {
            let times = epochs.checked_div(settings.evaluation.every).unwrap_or(0);
            let seconds = reals.as_secs_f64() + times as f64 * once.as_secs_f64();
            tracing::info!(
                "time: KID {times} times in {} in the background, {} each",
                span(seconds),
                span(once.as_secs_f64())
            );
            whole += seconds;
        }
        tracing::info!("time: about {} in total", span(whole));
        tracing::info!(
            "disk: {}",
            Forecast::new(settings, epochs, self.checkpoint_bytes, sheet).text()
        );
    }
}

/// Denominator of the fraction of a batch that is tried first.
const EIGHTH: usize = 8;
const QUARTER: usize = 4;

/// True if an eighth of a batch has enough pictures for BatchNorm.
fn has_eighths(schedule: &ScheduleConfig) -> bool {
    let parts = game::parts(schedule, 1);
    schedule.batch.is_multiple_of(EIGHTH * parts) && schedule.batch / (EIGHTH * parts) >= 2
}

/// Host memory is shared: when it runs out, the system kills a program without a message. So
/// nothing is allocated for which there is no room according to the networks' shapes.
fn require_room(config: &RunConfig, devices: usize) -> Result<(), UsageError> {
    let (schedule, Some(room)) = (&config.settings.schedule, room()) else { return Ok(()) };
    let parts = game::parts(schedule, devices);
    let (networks, whole) = (
        estimate::networks(config) * devices as u64,
        estimate::step(config, schedule.batch / parts * devices),
    );
    // The first try, if it is smaller than the whole step.
    let first = if devices == 1 && has_eighths(schedule) { whole / EIGHTH as u64 } else { whole };
    if networks + first <= room.bytes {
        return Ok(());
    }
    Err(too_little(config, parts, networks + whole, &room, estimate::step(config, 1), networks))
}

/// The error for a step that takes `whole` bytes, of which each picture takes `picture` and the
/// networks take `fixed`, with this much `room`.
fn too_little(
    config: &RunConfig,
    parts: usize,
    whole: u64,
    room: &Room,
    picture: u64,
    fixed: u64,
) -> UsageError {
    let batch = config.settings.schedule.batch;
    let part = batch / parts;
    let fits =
        memory::batch_that_fits(part, room.bytes.saturating_sub(fixed), picture * part as u64);
    // If not even one picture fits, the message says so.
    UsageError(format!(
        "a step with {batch} pictures would take about {} of memory, of which {} are left by {}: \
         {}",
        size(whole),
        size(room.bytes),
        room.limit,
        memory::advice(batch, part, Some(fits.unwrap_or(0)))
    ))
}

/// Tries an eighth and a quarter of the batches to predict the memory for the whole ones; each is
/// only tried if the one before predicts enough room.
fn foresee(trainer: &Trainer, batches: &[Batch], config: &RunConfig) -> Result<(), UsageError> {
    let schedule = &config.settings.schedule;
    if !has_eighths(schedule) {
        return Ok(());
    }
    let Some(before) = resident_bytes() else { return Ok(()) };
    let mut trial = trainer.clone();
    let mut peak = |of: usize| {
        let part: Vec<Batch> =
            batches.iter().flat_map(|batch| batch.split(of).into_iter().next()).collect();
        trial.step(&part);
        peak_bytes()
    };
    let parts = game::parts(schedule, 1);
    let refuse_beyond = |needed: u64, whole: u64| -> Result<(), UsageError> {
        let (Some(now), Some(room)) = (resident_bytes(), room()) else { return Ok(()) };
        if needed <= now + room.bytes {
            return Ok(());
        }
        let room = Room { bytes: (now + room.bytes).saturating_sub(before), limit: room.limit };
        let taken = whole.saturating_sub(before);
        Err(too_little(config, parts, taken, &room, taken / (schedule.batch / parts) as u64, 0))
    };
    let Some(eighth) = peak(EIGHTH) else { return Ok(()) };
    let more = eighth.saturating_sub(before);
    refuse_beyond(before + 2 * more, before + 8 * more)?;
    let Some(quarter) = peak(QUARTER) else { return Ok(()) };
    let whole = quarter + 6 * (quarter - eighth);
    refuse_beyond(whole, whole)
}

/// Bytes as "12.3 MiB" or "4.5 GiB".
fn size(bytes: u64) -> String {
    if bytes < 1 << 30 {
        format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
    } else {
        gib(bytes)
    }
}

/// Seconds as "12 s", "4 min 10 s" or "7 h 05 min".
fn span(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match (whole / 3600, whole / 60 % 60, whole % 60) {
        (0, 0, _) if seconds < 10.0 => format!("{seconds:.1} s"),
        (0, 0, s) => format!("{s} s"),
        (0, m, s) => format!("{m} min {s:02} s"),
        (h, m, _) => format!("{h} h {m:02} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_and_sizes_are_in_units_that_one_reads() {
        assert_eq!(
            [0.25, 12.4, 250.0, 25_530.0].map(span),
            ["0.2 s", "12 s", "4 min 10 s", "7 h 05 min"]
        );
        assert_eq!([3 << 19, 9 << 29].map(size), ["1.5 MiB", "4.5 GiB"]);
    }
}
