//! The presets, as rows of one table: each is the neutral settings below the table, changed by
//! assignments in the form of `--set`.
//!
//! ```
//! use fledge_models::preset;
//!
//! let preset = preset::find("gan-ada")?;
//! let (size, _) = preset.extent;
//! preset.settings()?.check_size(size)?;
//! # Ok::<(), fledge_base::cli::UsageError>(())
//! ```

use fledge_base::cli::UsageError;

use crate::config::{
    AugmentConfig, CheckpointsConfig, Convention, EvaluationConfig, OptimizerConfig, OptimizerName,
    OptimizersConfig, PenaltyConfig, RateConfig, SamplesConfig, ScheduleConfig, Settings,
};
use crate::init::{BatchNormConfig, InitializerConfig};
use crate::loss::{LossConfig, Reduction};
use crate::networks::cond::CondConfig;
use crate::networks::{DiscriminatorConfig, GeneratorConfig, dcgan};
use crate::task::TaskName;

/// One preset.
#[derive(Clone, Copy, Debug)]
pub struct Preset {
    /// Name for `--preset`.
    pub name: &'static str,
    /// One-line description.
    pub summary: &'static str,
    /// Reference.
    pub source: &'static str,
    /// The pictures it is meant for.
    pub data: &'static str,
    /// Size and channels of these pictures, for `--summary` without a data set.
    pub extent: (usize, usize),
    /// The value of `cond` that makes both networks conditional in the manner of the preset.
    pub conditional: &'static str,
    /// Differences from the DCGAN of Keras.
    pub assignments: &'static [&'static [&'static str]],
}

/// Assignments common to both Wasserstein presets.
const WGAN: &[&str] = &[
    "generator.latent=128",
    "generator.upsample=bilinear",
    "generator.kernel=5",
    "generator.bias=true",
    "generator.output=tanh",
    "discriminator.multipliers=[1,2,4]",
    "discriminator.kernel=5",
    "batch_norm.scale=true",
    "loss.name=wasserstein",
    "schedule.order=alternating",
    "schedule.discriminator_steps=5",
    "schedule.batch=64",
    "schedule.ema=0",
];

/// All presets.
pub const PRESETS: &[Preset] = &[
    Preset {
        name: "gan-ada",
        summary: "DCGAN with adaptive discriminator augmentation: good pictures from a few thousand",
        source: "A. Béres, \"Data-efficient GANs with Adaptive Discriminator Augmentation\", keras.io/examples, 2021",
        data: "birds, flowers, faces; 64×64, or 32 to 256 by depth",
        extent: (64, 3),
        conditional: "embedding+projection",
        assignments: &[&[
            "discriminator.dropout=0.4",
            "loss.reduction=mean",
            "augment.pipeline=keras",
            "schedule.batch=128",
            "schedule.epochs=400",
        ]],
    },
    Preset {
        name: "dcgan-anime",
        summary: "DCGAN of 7×7 and 5×5 kernels for faces of 96×96",
        source: "PyTorch course work on DCGAN (Radford et al. 2016, arXiv:1511.06434) with anime faces",
        data: "anime faces; 96×96",
        extent: (96, 3),
        conditional: "embedding+projection",
        assignments: &[&[
            "generator.latent=256",
            "generator.width=64",
            "generator.multipliers=[8,4,2,1,1]",
            "generator.base=7",
            "generator.plan=['k7s2p0','k7s2p0','k5s2p0','k5s1p0','k4s1p0']",
            "generator.stem_norm=channels",
            "generator.output=tanh",
            "discriminator.width=64",
            "discriminator.multipliers=[1,2,4,8]",
            "discriminator.plan=['k7s2p1','k5s2p1','k5s2p1','k5s2p1']",
            "discriminator.norm_first=false",
            "discriminator.bias=true",
            "batch_norm.scale=true",
            "batch_norm.scale_std=0.02",
            "batch_norm.momentum=0.9",
            "batch_norm.epsilon=1e-5",
            "batch_norm.unbiased=true",
            "initializer.name=normal",
            "optimizer.convention=pytorch",
            "optimizer.learning_rate=6e-4",
            "optimizer.epsilon=1e-8",
            "schedule.order=alternating",
            "schedule.reuse_latents=true",
            "schedule.ema=0",
            "schedule.batch=64",
            "schedule.epochs=10",
        ]],
    },
    Preset {
        name: "dcgan-tf",
        summary: "DCGAN of 5×5 kernels, dropout instead of BatchNorm in the discriminator",
        source: "TensorFlow's tutorial \"Deep Convolutional Generative Adversarial Network\", enlarged for anime faces",
        data: "anime faces; 64×64, or 32 to 256 by depth",
        extent: (64, 3),
        conditional: "embedding+projection",
        assignments: &[&[
            "generator.latent=100",
            "generator.multipliers=[8,4,2,1]",
            "generator.kernel=5",
            "generator.activation=leaky-relu",
            "generator.slope=0.3",
            "generator.out_bias=false",
            "generator.output=tanh",
            "discriminator.multipliers=[1,2,4,8]",
            "discriminator.kernel=5",
            "discriminator.norm=none",
            "discriminator.slope=0.3",
            "discriminator.bias=true",
            "discriminator.dropout=0.3",
            "discriminator.dropout_at=blocks",
            "batch_norm.scale=true",
            "optimizer.learning_rate=1e-4",
            "optimizer.beta_1=0.9",
            "schedule.ema=0",
            "schedule.batch=10",
            "schedule.epochs=50",
            "samples.pictures=16",
            "samples.columns=4",
            "checkpoints.every=15",
        ]],
    },
    Preset {
        name: "wgan",
        summary: "Wasserstein GAN with clipped weights, five critic steps for one of the generator",
        source: "Arjovsky et al. 2017, arXiv:1701.07875, in Keras for Fashion-MNIST",
        data: "Fashion-MNIST; 32×32 grey, or 32 to 256 by depth",
        extent: (32, 1),
        conditional: "embedding+projection",
        assignments: &[
            WGAN,
            &[
                "generator.multipliers=[4,2,1]",
                "discriminator.norm_first=false",
                "discriminator.bias=true",
                "penalty.weight_clip=0.01",
                "optimizer.name=rmsprop",
                "optimizer.learning_rate=5e-5",
                "schedule.steps=2000",
            ],
        ],
    },
    Preset {
        name: "wgan-gp",
        summary: "Wasserstein GAN with gradient penalty, five critic steps for one of the generator",
        source: "Gulrajani et al. 2017, arXiv:1704.00028, in Keras for Fashion-MNIST",
        data: "Fashion-MNIST; 32×32 grey, or 32 to 256 by depth",
        extent: (32, 1),
        conditional: "embedding+projection",
        assignments: &[
            WGAN,
            &[
                "generator.multipliers=[4,2,2]",
                "discriminator.norm=none",
                "penalty.gradient=10",
                "optimizer.learning_rate=1e-4",
                "optimizer.beta_2=0.9",
                "schedule.steps=5000",
            ],
        ],
    },
];

/// Looks up the preset `name`.
///
/// # Errors
/// If there is none; the error lists the known names.
pub fn find(name: &str) -> Result<&'static Preset, UsageError> {
    PRESETS.iter().find(|p| p.name == name).ok_or_else(|| {
        let names: Vec<_> = PRESETS.iter().map(|p| p.name).collect();
        UsageError(format!("--preset {name}: no such preset; expected one of {}", names.join(", ")))
    })
}

/// The setting keys that `word`, a name in this or another trainer, means.
#[must_use]
pub fn meant(word: &str) -> Vec<String> {
    PRESETS[0].settings().map_or_else(|_| Vec::new(), |settings| settings.meant(word))
}

impl Preset {
    /// All settings of the preset, resolved.
    ///
    /// # Errors
    /// If a row of the table is wrong, which a test rules out.
    pub fn settings(&self) -> Result<Settings, UsageError> {
        let assignments: Vec<String> =
            self.assignments.concat().iter().map(|a| (*a).to_owned()).collect();
        neutral().with(None, &assignments)
    }
}

impl Settings {
    /// The settings of `preset`, overridden by `file` (name and text of a TOML file) and then by
    /// `assignments` (`key=value`).
    ///
    /// # Errors
    /// If the preset or a key is unknown, or a value is invalid.
    pub fn resolve(
        preset: &str,
        file: Option<(&str, &str)>,
        assignments: &[String],
    ) -> Result<Self, UsageError> {
        find(preset)?.settings()?.with(file, assignments)
    }
}

/// The baseline of all presets: the DCGAN of Keras.
fn neutral() -> Settings {
    let optimizer = OptimizerConfig {
        name: OptimizerName::Adam,
        convention: Convention::Keras,
        learning_rate: 2e-4,
        beta_1: 0.5,
        beta_2: 0.999,
        epsilon: 1e-7,
        ..OptimizerConfig::default()
    };
    Settings {
        task: TaskName::default(),
        generator: GeneratorConfig::Dcgan(dcgan::GeneratorConfig::default()),
        discriminator: DiscriminatorConfig::Dcgan(dcgan::DiscriminatorConfig::default()),
        cond: CondConfig::default(),
        batch_norm: BatchNormConfig::default(),
        initializer: InitializerConfig::default(),
        loss: LossConfig { reduction: Reduction::Sum, ..LossConfig::default() },
        penalty: PenaltyConfig::default(),
        augment: AugmentConfig::default(),
        optimizer: OptimizersConfig::both(optimizer),
        rate: RateConfig::default(),
        schedule: ScheduleConfig { ema: 0.99, ..ScheduleConfig::default() },
        evaluation: EvaluationConfig { every: 10, split: "val".into(), pictures: 300 },
        samples: SamplesConfig { every: 1, pictures: 64, columns: 8 },
        checkpoints: CheckpointsConfig { every: 1, keep: 2 },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_valid_and_serves_its_own_size() {
        for preset in PRESETS {
            let settings = preset.settings().unwrap_or_else(|e| panic!("{}: {e}", preset.name));
            settings.check_size(preset.extent.0).unwrap_or_else(|e| panic!("{}: {e}", preset.name));
        }
    }

    #[test]
    fn recipes_without_a_plan_serve_other_sizes_by_depth() {
        for preset in PRESETS {
            let settings = preset.settings().expect("settings");
            for size in [32, 64, 128, 256] {
                let planned =
                    preset.assignments.concat().iter().any(|a| a.starts_with("generator.plan="));
                assert_eq!(settings.check_size(size).is_ok(), !planned, "{} {size}", preset.name);
            }
            assert!(settings.check_size(100).is_err());
        }
    }
}
