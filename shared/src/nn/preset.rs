//! The recipes, as rows of one table.

use super::config::{
    AugmentConfig, CheckpointsConfig, EvaluationConfig, LossConfig, LossName, OptimizerConfig, PipelineName, SamplesConfig,
    ScheduleConfig, Settings,
};
use super::discriminator::DiscriminatorConfig;
use super::generator::GeneratorConfig;
use crate::cli::UsageError;

/// One recipe.
#[derive(Clone, Copy, Debug)]
pub struct Preset {
    /// What `--preset` calls it.
    pub name: &'static str,
    /// What it is, in a line.
    pub summary: &'static str,
    /// Where it comes from.
    pub source: &'static str,
    latent: usize,
    width: usize,
    dropout: f64,
    slope: f32,
    loss: LossName,
    pipeline: PipelineName,
    learning_rate: f64,
    betas: [f64; 2],
    epsilon: f64,
    batch: usize,
    epochs: u64,
    ema: f64,
}

/// All recipes.
pub const PRESETS: &[Preset] = &[Preset {
    name: "gan-ada",
    summary: "DCGAN with adaptive discriminator augmentation; good pictures from a few thousand, 64×64",
    source: "A. Béres, \"Data-efficient GANs with Adaptive Discriminator Augmentation\", keras.io/examples, 2021",
    latent: 64,
    width: 128,
    dropout: 0.4,
    slope: 0.2,
    loss: LossName::NonSaturating,
    pipeline: PipelineName::Keras,
    learning_rate: 2e-4,
    betas: [0.5, 0.999],
    epsilon: 1e-7,
    batch: 128,
    epochs: 400,
    ema: 0.99,
}];

/// The preset called `name`.
///
/// # Errors
/// When there is none; the error lists those there are.
pub fn find(name: &str) -> Result<&'static Preset, UsageError> {
    PRESETS.iter().find(|p| p.name == name).ok_or_else(|| {
        let names: Vec<_> = PRESETS.iter().map(|p| p.name).collect();
        UsageError(format!("--preset {name}: there is no such preset; there are {}", names.join(", ")))
    })
}

impl Preset {
    /// The recipe's values for everything that can be set.
    #[must_use]
    pub fn settings(&self) -> Settings {
        Settings {
            generator: GeneratorConfig { latent: self.latent, width: self.width },
            discriminator: DiscriminatorConfig { width: self.width, dropout: self.dropout, slope: self.slope },
            loss: LossConfig { name: self.loss },
            augment: AugmentConfig {
                pipeline: self.pipeline,
                target_accuracy: 0.85,
                integration_steps: 1000.0,
                max_probability: 1.0,
            },
            optimizer: OptimizerConfig {
                learning_rate: self.learning_rate,
                beta_1: self.betas[0],
                beta_2: self.betas[1],
                epsilon: self.epsilon,
            },
            schedule: ScheduleConfig { batch: self.batch, epochs: self.epochs, steps: 0, ema: self.ema },
            evaluation: EvaluationConfig { every: 10, split: "val".into(), pictures: 300 },
            samples: SamplesConfig { every: 1, pictures: 64, columns: 8 },
            checkpoints: CheckpointsConfig { every: 1, keep: 2 },
        }
    }
}
