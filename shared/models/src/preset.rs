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
    TranslateConfig,
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
    /// Differences that follow from the pictures and the batch.
    pub derived: fn(Facts) -> Vec<String>,
}

/// What the values of a preset may follow from. They are worked out once, when a run is begun, and
/// written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Height and width of the pictures.
    pub size: usize,
    /// `schedule.batch`, if it is given.
    pub batch: Option<usize>,
}

/// For presets with fixed values.
fn fixed(_: Facts) -> Vec<String> {
    Vec::new()
}

/// The configuration `auto` of stylegan2-ada-pytorch on one GPU (`train.py`,
/// `setup_training_loop_kwargs`).
fn stylegan2_auto(Facts { size, batch }: Facts) -> Vec<String> {
    let batch = batch.unwrap_or((4096 / size.max(1)).clamp(2, 32));
    let base = if size >= 512 { 32768 } else { 16384 };
    let rate = if size >= 1024 { 0.002 } else { 0.0025 };
    let mut values = batch_of_auto(size, batch);
    values.extend([
        format!("generator.channel_base={base}"),
        format!("discriminator.channel_base={base}"),
        format!("optimizer.learning_rate={rate}"),
    ]);
    values
}

/// The same for networks that fit two cores.
fn stylegan2_small(Facts { size, batch }: Facts) -> Vec<String> {
    batch_of_auto(size, batch.unwrap_or(32))
}

/// What `auto` makes of size and batch, whatever the networks.
fn batch_of_auto(size: usize, batch: usize) -> Vec<String> {
    let (pixels, pictures) = ((size * size) as f64, batch as f64);
    vec![
        format!("schedule.batch={batch}"),
        format!("discriminator.minibatch_stddev={}", batch.min(4)),
        format!("penalty.r1={}", 0.0002 * pixels / pictures),
        format!("schedule.ema_half_life_kimg={:?}", pictures * 10.0 / 32.0),
    ]
}

/// Residual blocks of a translator: six up to 128×128, else nine (Zhu et al. 2017, arXiv:1703.10593,
/// appendix 7.2).
fn blocks_of_size(Facts { size, .. }: Facts) -> Vec<String> {
    vec![format!("generator.blocks={}", if size <= 128 { 6 } else { 9 })]
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

/// Assignments common to all presets of StyleGAN2.
const STYLEGAN2: &[&str] = &[
    "generator.family=stylegan2",
    "discriminator.family=stylegan2",
    "initializer.name=normal",
    "initializer.std=1",
    "penalty.interval=16",
    "penalty.path_length=2",
    "augment.pipeline=bgc",
    "optimizer.convention=pytorch",
    "optimizer.learning_rate=0.0025",
    "optimizer.beta_1=0",
    "optimizer.beta_2=0.99",
    "optimizer.epsilon=1e-8",
    "schedule.order=phases",
    "schedule.kimg=25000",
];

/// Assignments common to all presets that translate pictures.
const TRANSLATION: &[&str] = &[
    "discriminator.family=patchgan",
    "batch_norm.scale=true",
    "batch_norm.scale_std=0.02",
    "batch_norm.momentum=0.9",
    "batch_norm.epsilon=1e-5",
    "batch_norm.unbiased=true",
    "initializer.name=normal",
    "loss.reduction=mean",
    "optimizer.convention=pytorch",
    "optimizer.epsilon=1e-8",
    "rate.schedule=linear-epochs",
    "rate.start_epoch=100",
    "schedule.batch=1",
    "schedule.ema=0",
    "schedule.epochs=200",
    "samples.pictures=8",
    "samples.columns=2",
    "checkpoints.every=5",
];

/// Assignments common to both presets of contrastive learning.
const CONTRAST: &[&str] = &[
    "task=contrastive",
    "generator.family=resnet-translator",
    "generator.antialias=true",
    "discriminator.antialias=true",
    "initializer.name=glorot-normal",
    "initializer.gain=0.02",
    "loss.name=lsgan",
    "schedule.order=alternating",
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
        derived: fixed,
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
        derived: fixed,
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
        derived: fixed,
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
        derived: fixed,
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
        derived: fixed,
    },
    Preset {
        name: "stylegan2-ada",
        summary: "StyleGAN2 with adaptive augmentation; widths, batch and penalty follow the size of the pictures",
        source: "Karras et al. 2020, arXiv:2006.06676, as in stylegan2-ada-pytorch, configuration auto",
        data: "anything, from some thousand pictures; 8×8 to 1024×1024, powers of two",
        extent: (256, 3),
        conditional: "embedding+projection",
        assignments: &[STYLEGAN2, &["generator.mapping_layers=2", "schedule.ema_ramp_up=0.05"]],
        derived: stylegan2_auto,
    },
    Preset {
        name: "stylegan2-small",
        summary: "StyleGAN2 with adaptive augmentation, small enough for two cores",
        source: "Karras et al. 2020, arXiv:2006.06676, as in stylegan2-ada-pytorch, configuration auto with channel_base 2048 and at most 128 channels, without path length and style mixing",
        data: "some thousand pictures; 64×64, or 8 to 1024 by depth",
        extent: (64, 3),
        conditional: "embedding+projection",
        assignments: &[
            STYLEGAN2,
            &[
                "generator.latent=128",
                "generator.styles=128",
                "generator.mapping_layers=2",
                "generator.channel_base=2048",
                "generator.channel_max=128",
                "generator.style_mixing=0",
                "discriminator.channel_base=2048",
                "discriminator.channel_max=128",
                "penalty.path_length=0",
                "augment.ramp_kimg=100",
                "schedule.ema_ramp_up=0.05",
                "schedule.kimg=200",
            ],
        ],
        derived: stylegan2_small,
    },
    Preset {
        name: "stylegan2-paper256",
        summary: "StyleGAN2 with adaptive augmentation, the paper's runs at 256×256",
        source: "Karras et al. 2020, arXiv:2006.06676, as in stylegan2-ada-pytorch, configuration paper256",
        data: "FFHQ, LSUN; 256×256",
        extent: (256, 3),
        conditional: "embedding+projection",
        assignments: &[
            STYLEGAN2,
            &[
                "generator.channel_base=16384",
                "discriminator.channel_base=16384",
                "discriminator.minibatch_stddev=8",
                "penalty.r1=1",
                "optimizer.learning_rate=0.0025",
                "schedule.batch=64",
                "schedule.ema_half_life_kimg=20",
            ],
        ],
        derived: fixed,
    },
    Preset {
        name: "stylegan2-paper512",
        summary: "StyleGAN2 with adaptive augmentation, the paper's runs at 512×512",
        source: "Karras et al. 2020, arXiv:2006.06676, as in stylegan2-ada-pytorch, configuration paper512",
        data: "BreCaHAD, AFHQ; 512×512",
        extent: (512, 3),
        conditional: "embedding+projection",
        assignments: &[
            STYLEGAN2,
            &[
                "generator.channel_base=32768",
                "discriminator.channel_base=32768",
                "discriminator.minibatch_stddev=8",
                "penalty.r1=0.5",
                "optimizer.learning_rate=0.0025",
                "schedule.batch=64",
                "schedule.ema_half_life_kimg=20",
            ],
        ],
        derived: fixed,
    },
    Preset {
        name: "stylegan2-paper1024",
        summary: "StyleGAN2 with adaptive augmentation, the paper's runs at 1024×1024",
        source: "Karras et al. 2020, arXiv:2006.06676, as in stylegan2-ada-pytorch, configuration paper1024",
        data: "MetFaces; 1024×1024",
        extent: (1024, 3),
        conditional: "embedding+projection",
        assignments: &[
            STYLEGAN2,
            &[
                "generator.channel_base=32768",
                "discriminator.channel_base=32768",
                "discriminator.minibatch_stddev=4",
                "penalty.r1=2",
                "optimizer.learning_rate=0.002",
                "schedule.batch=32",
                "schedule.ema_half_life_kimg=10",
            ],
        ],
        derived: fixed,
    },
    Preset {
        name: "stylegan2-config-f",
        summary: "StyleGAN2 without augmentation, configuration F",
        source: "Karras et al. 2020, arXiv:1912.04958, as in stylegan2-ada-pytorch, configuration stylegan2",
        data: "FFHQ, LSUN, tens of thousands of pictures; 1024×1024 or 256×256",
        extent: (1024, 3),
        conditional: "embedding+projection",
        assignments: &[
            STYLEGAN2,
            &[
                "generator.channel_base=32768",
                "discriminator.channel_base=32768",
                "discriminator.minibatch_stddev=4",
                "penalty.r1=10",
                "optimizer.learning_rate=0.002",
                "schedule.batch=32",
                "schedule.ema_half_life_kimg=10",
                "augment.pipeline=none",
            ],
        ],
        derived: fixed,
    },
    Preset {
        name: "stylegan2-cifar",
        summary: "StyleGAN2 with adaptive augmentation for CIFAR-10",
        source: "Karras et al. 2020, arXiv:2006.06676, as in stylegan2-ada-pytorch, configuration cifar",
        data: "CIFAR-10; 32×32",
        extent: (32, 3),
        conditional: "embedding+projection",
        assignments: &[
            STYLEGAN2,
            &[
                "generator.mapping_layers=2",
                "generator.style_mixing=0",
                "discriminator.architecture=orig",
                "generator.channel_base=32768",
                "discriminator.channel_base=32768",
                "discriminator.minibatch_stddev=32",
                "penalty.r1=0.01",
                "optimizer.learning_rate=0.0025",
                "schedule.batch=64",
                "schedule.ema_half_life_kimg=500",
                "penalty.path_length=0",
                "schedule.ema_ramp_up=0.05",
                "schedule.kimg=100000",
            ],
        ],
        derived: fixed,
    },
    Preset {
        name: "pix2pix",
        summary: "translates pictures of one kind into another, learned from pairs: a U-Net, patches judged",
        source: "Isola et al. 2017, arXiv:1611.07004, as in pytorch-CycleGAN-and-pix2pix",
        data: "some hundred pairs; 256×256, or another power of two",
        extent: (256, 3),
        conditional: "none",
        assignments: &[
            TRANSLATION,
            &[
                "task=paired",
                "generator.family=unet",
                "discriminator.norm=batch",
                "discriminator.pairs=true",
                "schedule.order=alternating",
            ],
        ],
        derived: fixed,
    },
    Preset {
        name: "cyclegan",
        summary: "translates between two sets of pictures in both directions, without pairs",
        source: "Zhu et al. 2017, arXiv:1703.10593, as in pytorch-CycleGAN-and-pix2pix",
        data: "two sets of some hundred pictures; 256×256, or another multiple of 4",
        extent: (256, 3),
        conditional: "none",
        assignments: &[
            TRANSLATION,
            &["task=cycle", "generator.family=resnet-translator", "loss.name=lsgan"],
        ],
        derived: blocks_of_size,
    },
    Preset {
        name: "cut",
        summary: "translates one set of pictures into another in one direction, without pairs, by contrasting patches",
        source: "Park et al. 2020, arXiv:2007.15651, as in contrastive-unpaired-translation",
        data: "two sets of some hundred pictures; 256×256, or another multiple of 4",
        extent: (256, 3),
        conditional: "none",
        assignments: &[TRANSLATION, CONTRAST, &["rate.start_epoch=200", "schedule.epochs=400"]],
        derived: blocks_of_size,
    },
    Preset {
        name: "fastcut",
        summary: "the same faster: without translating the target to itself, with mirrored sources",
        source: "Park et al. 2020, arXiv:2007.15651, FastCUT of contrastive-unpaired-translation",
        data: "two sets of some hundred pictures; 256×256, or another multiple of 4",
        extent: (256, 3),
        conditional: "none",
        assignments: &[
            TRANSLATION,
            CONTRAST,
            &[
                "translate.nce=10",
                "translate.nce_identity=false",
                "translate.flip_equivariance=true",
                "rate.start_epoch=150",
            ],
        ],
        derived: blocks_of_size,
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
    /// All settings of the preset for pictures of its own size, resolved.
    ///
    /// # Errors
    /// If a row of the table is wrong, which a test rules out.
    pub fn settings(&self) -> Result<Settings, UsageError> {
        self.settings_for(Facts { size: self.extent.0, batch: None })
    }

    /// All settings of the preset for these pictures and this batch, resolved.
    ///
    /// # Errors
    /// If they are not valid.
    pub fn settings_for(&self, facts: Facts) -> Result<Settings, UsageError> {
        let fixed = self.assignments.concat().into_iter().map(str::to_owned);
        let assignments: Vec<String> = fixed.chain((self.derived)(facts)).collect();
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
        Self::resolve_for(preset, None, file, assignments)
    }

    /// [`Settings::resolve`] for pictures of `size`×`size`; without, for those of the preset's own
    /// size. What the preset derives from a batch follows `schedule.batch` if it is overridden.
    ///
    /// # Errors
    /// As [`Settings::resolve`].
    pub fn resolve_for(
        preset: &str,
        size: Option<usize>,
        file: Option<(&str, &str)>,
        assignments: &[String],
    ) -> Result<Self, UsageError> {
        let preset = find(preset)?;
        let facts = Facts { size: size.unwrap_or(preset.extent.0), batch: None };
        let settings = preset.settings_for(facts)?;
        let overridden = settings.clone().with(file, assignments)?;
        let batch = overridden.schedule.batch;
        if batch == settings.schedule.batch {
            return Ok(overridden);
        }
        preset.settings_for(Facts { batch: Some(batch), ..facts })?.with(file, assignments)
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
        translate: TranslateConfig::default(),
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
            // A residual translator takes any multiple of 4.
            let any = matches!(settings.generator, GeneratorConfig::ResnetTranslator(_));
            assert_eq!(settings.check_size(100).is_ok(), any, "{}", preset.name);
        }
    }
}
