//! All settings of a run: a preset's values, overridden by a TOML file, overridden by `--set
//! key=value`. Values are typed and validated before any work begins; errors name the wrong key or
//! value. Settings of networks, layers and losses are defined beside them.
//!
//! | module | holds |
//! |---|---|
//! | [`settings`] | all settings, and how overrides are applied |
//! | [`augment`], [`optimizer`], [`penalty`], [`rate`], [`schedule`] | settings of training |
//! | [`translate`] | terms of the losses of tasks that translate pictures |
//! | `rules` | checks of settings against each other |
//! | [`names`] | looking up a setting by an unqualified, foreign or misspelt name |
//! | `table` | settings as keys and values |
//!
//! ```
//! use fledge_models::config::Settings;
//!
//! let file = Some(("run.toml", "[schedule]\nbatch = 32\n"));
//! let settings = Settings::resolve("gan-ada", file, &["schedule.epochs=9".into()])?;
//! assert_eq!((settings.schedule.batch, settings.schedule.epochs), (32, 9));
//! # Ok::<(), fledge_base::cli::UsageError>(())
//! ```

pub mod augment;
pub mod names;
pub mod optimizer;
pub mod penalty;
pub mod rate;
mod rules;
pub mod schedule;
pub mod settings;
mod table;
pub mod translate;

pub use self::augment::{AugmentConfig, Coins, ControllerName, PipelineName};
pub use self::optimizer::{Convention, OptimizerConfig, OptimizerName, OptimizersConfig};
pub use self::penalty::PenaltyConfig;
pub use self::rate::{RateConfig, RateSchedule};
pub use self::schedule::{Order, ScheduleConfig};
pub use self::settings::{CheckpointsConfig, EvaluationConfig, SamplesConfig, Settings};
pub(crate) use self::table::{flatten, forget_removed, merge};
pub use self::translate::TranslateConfig;
pub use crate::change::Change;
pub use crate::init::{BatchNormConfig, InitializerConfig, InitializerName};
pub use crate::latent::Distribution;
pub use crate::layers::{ActivationName, FeatureNormName};
pub use crate::loss::{LossConfig, NoiseOn, Reduction};
pub use crate::networks::cond::{CondConfig, CondDiscriminator, CondGenerator};
pub use crate::networks::dcgan::settings::{
    BlockName, DropoutPlace, NormName, OutputName, Stage, StemNorm, UpsampleName,
};
pub use crate::networks::{DiscriminatorConfig, GeneratorConfig};
pub use crate::run_config::{CONFIG_VERSION, DataConfig, InitConfig, OtherData, RunConfig};
pub use crate::task::{Feed, TaskName};
