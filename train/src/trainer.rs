//! The networks, their optimizers, and one step: both gradients are taken at the same weights, then both are applied.

use burn::tensor::{Device, Gradients, Tensor, TensorData};
use shared::nn::checkpoint::{Checkpoint, CheckpointError};
use shared::nn::config::RunConfig;
use shared::nn::device::on_workers;
use shared::nn::discriminator::Discriminator;
use shared::nn::generator::Generator;
use shared::nn::layers::Mode;
use shared::nn::ops;
use shared::nn::parameter::{Parameters, Role};
use shared::rng;

use crate::adam::Adam;
use crate::augment::{self, warp};
use crate::ema;
use crate::loss::{self, Loss};
use crate::metrics::StepMetrics;

/// Everything that a step changes.
#[derive(Clone, Debug)]
pub struct Trainer {
    config: RunConfig,
    device: Device,
    loss: &'static dyn Loss,
    /// The generator.
    pub generator: Generator,
    /// Its average, which makes the samples.
    pub ema: Generator,
    /// The discriminator.
    pub discriminator: Discriminator,
    optimizer_g: Adam,
    optimizer_d: Adam,
    /// Probability of augmenting a picture.
    pub probability: f64,
    /// Steps done.
    pub step: u64,
}

/// Both losses' values and gradients at one set of weights.
#[derive(Debug)]
pub struct Gradient {
    /// Along which G's weights go, flat, in their order.
    pub generator: Vec<Tensor<1>>,
    /// Along which D's weights go.
    pub discriminator: Vec<Tensor<1>>,
    /// D's logits of the real pictures, [B, 1].
    pub logits_real: Tensor<2>,
    /// D's logits of the generated pictures, [B, 1].
    pub logits_fake: Tensor<2>,
    /// G's loss.
    pub g_loss: f64,
    /// D's loss.
    pub d_loss: f64,
}

impl Trainer {
    /// Networks drawn by the run's seed, on `device` (without autodiff).
    #[must_use]
    pub fn new(config: &RunConfig, device: &Device) -> Self {
        let settings = &config.settings;
        let (size, channels) = (config.data.size, config.data.channels);
        let generator = settings.generator.init(size, channels, config.seed, device);
        let discriminator = settings.discriminator.init(size, channels, config.seed, device);
        Self {
            loss: loss::of(settings.loss.name),
            ema: generator.clone(),
            optimizer_g: Adam::new(&settings.optimizer, &generator),
            optimizer_d: Adam::new(&settings.optimizer, &discriminator),
            config: config.clone(),
            device: device.clone(),
            generator,
            discriminator,
            probability: 0.0,
            step: 0,
        }
    }

    /// The files of a checkpoint and what goes into each.
    #[must_use]
    pub fn parts(&self) -> [(&'static str, &dyn Parameters); 5] {
        [
            ("generator", &self.generator),
            ("ema", &self.ema),
            ("discriminator", &self.discriminator),
            ("optimizer.generator", &self.optimizer_g),
            ("optimizer.discriminator", &self.optimizer_d),
        ]
    }

    /// Takes over a checkpoint's tensors.
    ///
    /// # Errors
    /// When a file is damaged or does not fit.
    pub fn load(&mut self, checkpoint: &Checkpoint) -> Result<(), CheckpointError> {
        let parts: [(&str, &mut dyn Parameters); 5] = [
            ("generator", &mut self.generator),
            ("ema", &mut self.ema),
            ("discriminator", &mut self.discriminator),
            ("optimizer.generator", &mut self.optimizer_g),
            ("optimizer.discriminator", &mut self.optimizer_d),
        ];
        for (name, part) in parts {
            checkpoint.load(name, part)?;
        }
        self.step = checkpoint.meta.step;
        Ok(())
    }

    /// One step on real pictures [B, C, H, W] with latents drawn for this step.
    pub fn step(&mut self, real: Tensor<4>) -> StepMetrics {
        let batch = real.dims()[0];
        let latent = self.generator.latent();
        let z = rng::stream(self.config.seed, "training latents", self.step).normals(batch * latent);
        let z = Tensor::from_data(TensorData::new(z, [batch, latent]), &self.device);
        self.step_on(real, z)
    }

    /// One step on real pictures [B, C, H, W] and latents [B, latent].
    pub fn step_on(&mut self, real: Tensor<4>, z: Tensor<2>) -> StepMetrics {
        on_workers(|| self.step_here(real, z))
    }

    fn step_here(&mut self, real: Tensor<4>, z: Tensor<2>) -> StepMetrics {
        let gradient = self.gradient(real, z);
        self.step += 1;
        self.optimizer_g.step(self.step, &mut self.generator, gradient.generator);
        self.optimizer_d.step(self.step, &mut self.discriminator, gradient.discriminator);
        ema::update(&mut self.ema, &self.generator, self.config.settings.schedule.ema);
        let share = |logits: Tensor<2>, holds: fn(f32) -> bool| {
            let logits: Vec<f32> = logits.into_data().iter::<f32>().collect();
            logits.iter().filter(|&&l| holds(l)).count() as f64 / logits.len() as f64
        };
        let metrics = StepMetrics {
            g_loss: gradient.g_loss,
            d_loss: gradient.d_loss,
            real_accuracy: share(gradient.logits_real, |l| l > 0.0),
            generated_accuracy: share(gradient.logits_fake, |l| l < 0.0),
        };
        self.probability = augment::next_probability(&self.config.settings.augment, self.probability, metrics.real_accuracy);
        metrics
    }

    /// Both gradients at the present weights. The running statistics move: G's once, D's by the real, then by the
    /// generated batch.
    pub fn gradient(&mut self, real: Tensor<4>, z: Tensor<2>) -> Gradient {
        let (seed, step) = (self.config.seed, self.step);
        let mask = |of: &str| rng::stream(seed, &format!("dropout {of}"), step);

        let mut generator = self.generator.tracked();
        let fake = generator.forward(z.autodiff(), Mode::Train); // [B, C, H, W]
        let real = self.augmented(real, "real");
        let fake = self.augmented(fake, "generated");

        // D's weights are leaves for its own loss and constants for G's: two graphs, but what D makes of the generated pictures
        // is computed once.
        let once = ops::remember();
        let mut discriminator = self.discriminator.tracked();
        let logits_real = discriminator.forward(real.autodiff(), &mut mask("real")); // [B, 1]
        let logits_fake = discriminator.forward(fake.clone().inner().autodiff(), &mut mask("generated"));
        let d_loss = self.loss.discriminator(logits_real.clone(), logits_fake.clone());
        let d_gradients = d_loss.backward();

        // Through the same dropout mask as before.
        let judged = self.discriminator.clone().forward(fake, &mut mask("generated"));
        drop(once);
        let g_loss = self.loss.generator(judged);
        let g_gradients = g_loss.backward();

        let gradient = Gradient {
            generator: flat_gradients(&generator, &g_gradients),
            discriminator: flat_gradients(&discriminator, &d_gradients),
            logits_real: logits_real.inner(),
            logits_fake: logits_fake.inner(),
            g_loss: f64::from(g_loss.inner().into_scalar::<f32>()),
            d_loss: f64::from(d_loss.inner().into_scalar::<f32>()),
        };
        self.generator.adopt_statistics(&generator);
        self.discriminator.adopt_statistics(&discriminator);
        gradient
    }

    fn augmented(&self, x: Tensor<4>, of: &str) -> Tensor<4> {
        let [batch, _, height, width] = x.dims();
        let mut stream = rng::stream(self.config.seed, &format!("augment {of}"), self.step);
        let drawn = augment::draw(self.config.settings.augment.pipeline, self.probability, batch, &mut stream);
        let maps: Vec<_> = drawn.iter().map(|t| t.map(|t| t.affine(height, width))).collect();
        warp(x, &maps)
    }
}

/// The gradients of a tracked network's weights; zeros where none arrived.
fn flat_gradients(network: &dyn Parameters, gradients: &Gradients) -> Vec<Tensor<1>> {
    let weights = network.parameters().into_iter().filter(|(_, p)| p.role() == Role::Weight);
    weights.map(|(_, p)| p.gradient(gradients).unwrap_or_else(|| p.flat().inner().zeros_like())).collect()
}
