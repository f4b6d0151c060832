//! `train throughput`, a hidden subcommand: one measurement for `make bench` and `make bench-gpu`,
//! in its own process. Pictures per second of training steps, generation or Inception features, as
//! one line of JSON. `tools/bench.py` and `tools/bench_gpu.py` call it and PyTorch in turns.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use burn::tensor::{Device, Tensor, TensorData};
use clap::Args;
use serde_json::json;
use shared::cli::Ending;
use shared::metrics::inception::{self, Inception};
use shared::metrics::network::FeatureNetwork;
use shared::metrics::resize::{Preprocessing, RgbPicture};
use shared::nn::config::{DataConfig, Feed, RunConfig, Settings};
use shared::nn::device::DeviceChoice;
use shared::nn::ops::Precision;
use shared::nn::preset;
use shared::nn::sampler::Sampler;
use shared::picture::Picture;
use shared::rng;

use crate::step::trainer::Trainer;
use crate::step::turn::Batch;

/// Run one measurement for `make bench`.
#[derive(Debug, Args)]
pub struct ThroughputArgs {
    /// train, generate or features.
    what: String,
    /// Preset of the networks.
    #[arg(default_value = "gan-ada")]
    preset: String,
    /// Device to measure.
    #[arg(long, default_value = "cpu")]
    device: DeviceChoice,
    /// Precision of matrix products on GPUs in train and generate; features are always computed in
    /// f32.
    #[arg(long, default_value_t)]
    precision: Precision,
    /// Height and width of the pictures.
    #[arg(long, default_value_t = 64)]
    size: usize,
    /// Channels of the hidden layers, in families that have one width [default: 128]
    #[arg(long)]
    width: Option<usize>,
    /// Changed settings.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    assignments: Vec<String>,
    /// Pictures per step.
    #[arg(long, default_value_t = 32)]
    batch: usize,
    /// Duration of the measurement in seconds; at least three windows.
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
}

/// Minimum length of a window, at whose end a device that runs ahead of the host is waited for, so
/// that the wait costs next to nothing.
const WINDOW: Duration = Duration::from_millis(300);
/// Number of steps and time after which devices that compile and tune kernels on the fly are warm.
const WARM_UP: (usize, Duration) = (10, Duration::from_secs(2));

impl ThroughputArgs {
    /// Measures and prints.
    ///
    /// # Errors
    /// If a flag is invalid.
    pub fn run(self) -> Result<Ending> {
        let device = self.device.open()?;
        let (batch, size) = (self.batch, self.size);
        let measured = match self.what.as_str() {
            "train" => {
                let (mut trainer, config) = self.trainer(&device)?;
                let channels = config.data.channels;
                let real =
                    rng::stream(0, "bench pictures", 0).normals(batch * channels * size * size);
                let real = Tensor::<4>::from_data(
                    TensorData::new(real, [batch, channels, size, size]),
                    &device,
                );
                // What is translated costs the same, whatever it shows.
                let source = (config.settings.task.feed() != Feed::Pictures).then(|| real.clone());
                let batches = vec![
                    Batch { real, source, classes: None, latents: None };
                    config.settings.schedule.discriminator_steps
                ];
                self.measure(batches.len() * batch, &device, || {
                    // The measurements are not read: a run does so only once in many steps.
                    drop(trainer.take_step(&batches));
                })?
            }
            "generate" => {
                let (trainer, config) = self.trainer(&device)?;
                let sampler = Sampler::new(trainer.shown().clone(), &config, device.clone())
                    .computed_in(self.precision);
                let seeds: Vec<u64> = (0..batch as u64).collect();
                let channels = config.data.channels as u32;
                let sources = vec![Picture::filled(size as u32, size as u32, channels, 128); batch];
                let translates = config.settings.task.translates();
                self.measure(batch, &device, || {
                    std::hint::black_box(match translates {
                        true => sampler.translated(&sources),
                        false => sampler.pictures(&seeds),
                    });
                })?
            }
            "features" => {
                let inception = Inception::random(0, &device);
                let values = rng::stream(0, "bench pictures", 0).normals(3 * size * size);
                let pixels: Vec<u8> =
                    values.into_iter().map(|v| (v * 50.0 + 128.0) as u8).collect();
                let pictures = vec![RgbPicture { width: size, height: size, pixels }; batch];
                self.measure(batch, &device, || {
                    std::hint::black_box(inception.features(
                        &pictures,
                        Preprocessing::TORCH_FIDELITY,
                        &[inception::POOL_2048],
                    ));
                })?
            }
            other => bail!("{other}: expected train, generate or features"),
        };
        shared::cli::print(&format!("{measured}\n"))?;
        Ok(Ending::Done)
    }

    fn trainer(&self, device: &Device) -> Result<(Trainer, RunConfig)> {
        let own = preset::find(&self.preset)?.settings()?;
        let has_width = own.keys().iter().any(|key| key == "generator.width");
        let width = self.width.or(has_width.then_some(128));
        let mut settings = vec![
            format!("schedule.batch={}", self.batch),
            format!("schedule.precision={}", self.precision),
        ];
        for network in ["generator", "discriminator"] {
            settings.extend(width.map(|width| format!("{network}.width={width}")));
        }
        settings.extend(self.assignments.iter().cloned());
        let settings = Settings::resolve_for(&self.preset, Some(self.size), None, &settings);
        let config = RunConfig::new(
            &self.preset,
            settings.context("settings")?,
            0,
            DataConfig::of_extent(self.size, preset::find(&self.preset)?.extent.1),
        );
        config.settings.check_size(self.size)?;
        Ok((Trainer::new(&config, u64::MAX, device), config))
    }

    /// Measures pictures per second in many windows of one step (on the CPU) or more, after a
    /// warm-up that is reported separately.
    fn measure(
        &self,
        pictures: usize,
        device: &Device,
        mut step: impl FnMut(),
    ) -> Result<serde_json::Value> {
        let done = |device: &Device| device.sync().context("the device");
        let begin = Instant::now();
        let mut time = |steps: usize| -> Result<Duration> {
            let start = Instant::now();
            (0..steps).for_each(|_| step());
            done(device)?;
            Ok(start.elapsed())
        };
        let first = time(1)?;
        let mut last = time(1)?;
        let ahead = *device != Device::flex();
        if ahead {
            let mut steps = 2;
            while steps < WARM_UP.0 || begin.elapsed() < WARM_UP.1 {
                last = time(1)?;
                steps += 1;
            }
        }
        let warm_up = begin.elapsed();
        // Signals external monitors that they may begin.
        shared::cli::print("{\"measuring\":true}\n")?;
        let steps = if ahead {
            WINDOW.div_duration_f64(last).ceil().clamp(1.0, 1000.0) as usize
        } else {
            1
        };
        let mut rates = Vec::new();
        let end = Instant::now() + Duration::from_secs_f64(self.seconds);
        while rates.len() < 3 || Instant::now() < end {
            rates.push((steps * pictures) as f64 / time(steps)?.as_secs_f64());
        }
        Ok(json!({
            "pictures_per_second": rates,
            "pictures_a_step": pictures,
            "first_step_seconds": first.as_secs_f64(),
            "warm_up_seconds": warm_up.as_secs_f64(),
            "threads": rayon::current_num_threads(),
        }))
    }
}
