//! One measurement for `make bench`, in a process of its own: pictures per second of training steps, of generation or of
//! Inception features on the CPU, as one line of JSON. `tools/bench.py` calls it and PyTorch in turns.
//!
//! ```text
//! throughput train PRESET --size 64 --width 128 --batch 32 --seconds 20
//! throughput generate PRESET --size 64 --width 128 --batch 64 --seconds 10
//! throughput features --batch 16 --seconds 20
//! ```

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use burn::tensor::{Device, Tensor, TensorData};
use clap::Parser;
use shared::metrics::inception::{Inception, Tap};
use shared::metrics::resize::{Resize, RgbPicture};
use shared::nn::config::{DataConfig, RunConfig, Settings};
use shared::nn::preset;
use shared::nn::sampler::Sampler;
use shared::rng;
use train::trainer::Trainer;
use train::turn::Batch;

#[derive(Parser)]
struct Args {
    /// train, generate or features.
    what: String,
    /// Whose networks.
    #[arg(default_value = "gan-ada")]
    preset: String,
    /// Extent of the pictures.
    #[arg(long, default_value_t = 64)]
    size: usize,
    /// Channels of the hidden layers.
    #[arg(long, default_value_t = 128)]
    width: usize,
    /// Pictures in a step.
    #[arg(long, default_value_t = 32)]
    batch: usize,
    /// How long to measure; three steps at least.
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let device = Device::flex();
    let (batch, size) = (args.batch, args.size);
    let rates = match args.what.as_str() {
        "train" => {
            let (mut trainer, config) = trainer(&args, &device)?;
            let channels = config.data.channels;
            let real = rng::stream(0, "bench pictures", 0).normals(batch * channels * size * size);
            let real = Tensor::<4>::from_data(TensorData::new(real, [batch, channels, size, size]), &device);
            let batches = vec![Batch { real, classes: None, latents: None }; config.settings.schedule.discriminator_steps];
            measure(batches.len() * batch, args.seconds, || {
                trainer.step(&batches);
            })
        }
        "generate" => {
            let (trainer, config) = trainer(&args, &device)?;
            let sampler = Sampler::new(trainer.ema, &config, device);
            let seeds: Vec<u64> = (0..batch as u64).collect();
            measure(batch, args.seconds, || {
                std::hint::black_box(sampler.pictures(&seeds));
            })
        }
        "features" => {
            let inception = Inception::random(0, &device);
            let values = rng::stream(0, "bench pictures", 0).normals(3 * size * size);
            let pixels: Vec<u8> = values.into_iter().map(|v| (v * 50.0 + 128.0) as u8).collect();
            let pictures = vec![RgbPicture { width: size, height: size, pixels }; batch];
            measure(batch, args.seconds, || {
                std::hint::black_box(inception.features(&pictures, Resize::Tf1To299, &[Tap::Pool2048]));
            })
        }
        other => bail!("{other}: expected train, generate or features"),
    };
    println!("{}", serde_json::json!({ "pictures_per_second": rates, "threads": rayon::current_num_threads() }));
    Ok(())
}

/// Pictures per second of each of many calls, after two that are not counted.
fn measure(pictures: usize, seconds: f64, mut step: impl FnMut()) -> Vec<f64> {
    for _ in 0..2 {
        step();
    }
    let mut rates = Vec::new();
    let end = Instant::now() + Duration::from_secs_f64(seconds);
    while rates.len() < 3 || Instant::now() < end {
        let start = Instant::now();
        step();
        rates.push(pictures as f64 / start.elapsed().as_secs_f64());
    }
    rates
}

fn trainer(args: &Args, device: &Device) -> Result<(Trainer, RunConfig)> {
    let settings = [
        format!("generator.width={}", args.width),
        format!("discriminator.width={}", args.width),
        format!("schedule.batch={}", args.batch),
    ];
    let config = RunConfig::new(
        &args.preset,
        Settings::resolve(&args.preset, None, &settings).context("settings")?,
        0,
        DataConfig::of_extent(args.size, preset::find(&args.preset)?.extent.1),
    );
    Ok((Trainer::new(&config, u64::MAX, device), config))
}
