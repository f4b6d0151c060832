//! All settings of a run, and how overrides are applied.
//!
//! ```
//! use fledge_models::config::Settings;
//!
//! let settings = Settings::resolve("gan-ada", None, &["optimizer.learning_rate=1e-4".into()])?;
//! assert_eq!(settings.optimizer.generator.learning_rate, 1e-4);
//! assert_eq!(settings.optimizer.discriminator.learning_rate, 1e-4);
//! # Ok::<(), fledge_base::cli::UsageError>(())
//! ```

use burn::tensor::Device;
use fledge_base::cli::UsageError;
use serde::{Deserialize, Serialize};
use toml::Table;

use super::augment::AugmentConfig;
use super::names;
use super::optimizer::{OptimizerConfig, OptimizersConfig};
use super::penalty::PenaltyConfig;
use super::rate::RateConfig;
use super::schedule::{Order, ScheduleConfig};
use super::table;
use super::translate::TranslateConfig;
use crate::init::{BatchNormConfig, InitializerConfig, Maker};
use crate::loss::LossConfig;
use crate::networks::cond::CondConfig;
use crate::networks::{
    Blueprint, Discriminator, DiscriminatorConfig, Generator, GeneratorConfig, Network, Projector,
};
use crate::task::{Part, Role, TaskName};

/// The settings that a preset assigns and a user may change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The roles of the networks and the computation of a step.
    #[serde(default)]
    pub task: TaskName,
    /// The generator.
    pub generator: GeneratorConfig,
    /// The discriminator.
    pub discriminator: DiscriminatorConfig,
    /// Class conditioning of both networks.
    pub cond: CondConfig,
    /// Constants of all BatchNorm layers.
    pub batch_norm: BatchNormConfig,
    /// Weight initialisation.
    pub initializer: InitializerConfig,
    /// The loss of both networks.
    pub loss: LossConfig,
    /// Penalties that keep the discriminator smooth.
    pub penalty: PenaltyConfig,
    /// Terms of the losses of tasks that translate pictures.
    #[serde(default)]
    pub translate: TranslateConfig,
    /// Adaptive discriminator augmentation.
    pub augment: AugmentConfig,
    /// The optimizer of each network.
    pub optimizer: OptimizersConfig,
    /// The learning rate schedule.
    pub rate: RateConfig,
    /// Length, batches and update order.
    pub schedule: ScheduleConfig,
    /// KID during training.
    pub evaluation: EvaluationConfig,
    /// The sample sheet of fixed latents.
    pub samples: SamplesConfig,
    /// Retention of checkpoints.
    pub checkpoints: CheckpointsConfig,
}

/// KID during training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvaluationConfig {
    /// Epochs between evaluations; 0 = never.
    pub every: u64,
    /// The split that samples are compared with.
    pub split: String,
    /// Pictures per side; fewer if the split is smaller.
    pub pictures: usize,
}

/// The sample sheet of fixed latents.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SamplesConfig {
    /// Epochs between sheets; 0 = never.
    pub every: u64,
    /// Pictures per sheet.
    pub pictures: usize,
    /// Pictures per row.
    pub columns: usize,
}

/// Retention of checkpoints.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckpointsConfig {
    /// Epochs between checkpoints.
    pub every: u64,
    /// Number of latest checkpoints to keep besides the best.
    pub keep: usize,
}

/// The values of `text`, a settings file of any version. A run's own `config.toml` works as well:
/// keys that describe the run and its data are dropped. In any other file `data.mirror` is dropped,
/// too: it belongs to the data, not to the settings.
fn of_file(text: &str) -> Result<Table, String> {
    let mut overrides: Table = text.parse().map_err(|e: toml::de::Error| e.to_string())?;
    if overrides.contains_key("version") {
        for key in ["version", "preset", "seed", "data", "init"] {
            overrides.remove(key);
        }
    } else if let Some(data) = overrides.get("data").and_then(toml::Value::as_table)
        && data.keys().all(|key| key == "mirror")
    {
        overrides.remove("data");
    }
    table::forget_removed(&mut overrides);
    Ok(overrides)
}

impl Settings {
    /// These settings, overridden by `file` (name and text of a TOML file) and then by
    /// `assignments` (`key=value`).
    ///
    /// # Errors
    /// If a key is unknown or a value is invalid.
    pub fn with(
        self,
        file: Option<(&str, &str)>,
        assignments: &[String],
    ) -> Result<Self, UsageError> {
        let mut table = Table::try_from(&self).map_err(|e| UsageError(e.to_string()))?;
        let typed =
            |table: &Table| table.clone().try_into::<Self>().map_err(|e| e.message().to_owned());
        let mut settings = self;
        if let Some((name, text)) = file {
            let named = |e: String| UsageError(format!("--config {name}: {e}"));
            let overrides = of_file(text).map_err(named)?;
            table::merge(&mut table, overrides).map_err(named)?;
            settings = typed(&table).map_err(named)?;
        }
        // Families first, wherever they stand: a family brings the settings that the others change.
        let (families, others): (Vec<_>, Vec<_>) =
            assignments.iter().partition(|assignment| table::is_of_family(assignment));
        for assignment in families.into_iter().chain(others) {
            // Decoded after each assignment, so that an error names the one that caused it.
            let named = |e: String| UsageError(format!("--set {assignment}: {e}"));
            table::assign(&mut table, assignment).map_err(named)?;
            settings = typed(&table).map_err(named)?;
        }
        settings.validate()?;
        Ok(settings)
    }

    /// The optimizer of a role's network, corrected for the updates of penalties in the order
    /// `phases`.
    #[must_use]
    pub fn optimizer_of(&self, part: Part) -> OptimizerConfig {
        let config = self.optimizer.of(part);
        match (self.schedule.order, part) {
            (Order::Phases, Part::Generator | Part::Projector) => {
                config.corrected(self.penalty.path_interval)
            }
            (Order::Phases, Part::Discriminator) => config.corrected(self.penalty.interval),
            _ => config.clone(),
        }
    }

    /// The keys of all settings, joined by dots.
    #[must_use]
    pub fn keys(&self) -> Vec<String> {
        let mut flat = Vec::new();
        table::flatten(&Table::try_from(self).unwrap_or_default(), "", &mut flat);
        flat.into_iter().map(|(key, _)| key).collect()
    }

    /// The keys that `word`, a setting's name in this or another trainer, means.
    #[must_use]
    pub fn meant(&self, word: &str) -> Vec<String> {
        names::meant(word, &self.keys())
    }

    /// A generator of `size`×`size`×`channels` pictures with `classes` classes, initialised from
    /// `seed`.
    #[must_use]
    pub fn generator(
        &self,
        size: usize,
        channels: usize,
        classes: usize,
        seed: u64,
        device: &Device,
    ) -> Generator {
        self.generator.init(&self.blueprint(
            "generator",
            [size, channels, classes],
            (seed, true),
            device,
        ))
    }

    /// A discriminator of `size`×`size`×`channels` pictures with `classes` classes, initialised
    /// from `seed`.
    #[must_use]
    pub fn discriminator(
        &self,
        size: usize,
        channels: usize,
        classes: usize,
        seed: u64,
        device: &Device,
    ) -> Discriminator {
        self.discriminator.init(&self.blueprint(
            "discriminator",
            [size, channels, classes],
            (seed, true),
            device,
        ))
    }

    /// The network of a role for pictures of `size`, `channels` and `classes`, initialised from
    /// `seed`; without a seed it has shapes but no values.
    pub(crate) fn network(
        &self,
        role: &Role,
        shape: [usize; 3],
        seed: Option<u64>,
        device: &Device,
    ) -> Network {
        let drawn = (seed.unwrap_or_default(), seed.is_some());
        let blueprint = self.blueprint(role.name, shape, drawn, device);
        match role.part {
            Part::Generator => Network::Generator(self.generator.init(&blueprint)),
            Part::Discriminator => Network::Discriminator(self.discriminator.init(&blueprint)),
            Part::Projector => {
                let widths = self.contrasted(shape[1]);
                Network::Projector(Projector::new(&widths, self.translate.nce_width, &blueprint))
            }
        }
    }

    /// Channels of the layers whose features are contrasted, for pictures of `channels`; those that
    /// the generator lacks are left out.
    pub(crate) fn contrasted(&self, channels: usize) -> Vec<usize> {
        let GeneratorConfig::ResnetTranslator(config) = &self.generator else { return Vec::new() };
        let layers = self.translate.nce_layers.iter();
        layers.filter_map(|layer| config.channels_at(*layer, channels)).collect()
    }

    fn blueprint<'a>(
        &'a self,
        role: &'a str,
        [size, channels, classes]: [usize; 3],
        (seed, draws): (u64, bool),
        device: &'a Device,
    ) -> Blueprint<'a> {
        let Self { initializer, batch_norm, cond, .. } = self;
        let maker = Maker { seed, device, initializer, batch_norm, spectral_norm: false, draws };
        Blueprint { role, size, channels, classes, cond, maker }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{OptimizerName, PipelineName};

    fn resolve(assignments: &[&str]) -> Result<Settings, UsageError> {
        let assignments: Vec<String> = assignments.iter().map(|s| (*s).to_owned()).collect();
        Settings::resolve("gan-ada", None, &assignments)
    }

    #[test]
    fn assignments_win_over_the_file_and_the_file_over_the_preset() {
        let file = Some(("x.toml", "[schedule]\nbatch = 32\nema = 0.9\n"));
        let s = Settings::resolve("gan-ada", file, &["schedule.batch=16".into()]).expect("resolve");
        assert_eq!((s.schedule.batch, s.schedule.ema, s.schedule.epochs), (16, 0.9, 400));
        assert_eq!(
            resolve(&["augment.pipeline=none"]).expect("word").augment.pipeline,
            PipelineName::None
        );
        assert_eq!(
            resolve(&["augment.max_probability=1"]).expect("whole").augment.max_probability,
            1.0
        );
    }

    #[test]
    fn a_setting_of_the_optimizer_is_one_of_both_networks_unless_a_network_has_its_own() {
        let rates = |s: &Settings| {
            (s.optimizer.generator.learning_rate, s.optimizer.discriminator.learning_rate)
        };
        assert_eq!(rates(&resolve(&["optimizer.learning_rate=1"]).expect("both")), (1.0, 1.0));
        assert_eq!(
            rates(&resolve(&["optimizer.discriminator.learning_rate=4e-4"]).expect("one")),
            (2e-4, 4e-4)
        );
        let file = "[optimizer]\nlearning_rate = 1e-3\nname = \"sgd\"\n[optimizer.generator]\nlearning_rate = 0.5\n";
        let s = Settings::resolve("gan-ada", Some(("x.toml", file)), &[]).expect("file");
        assert_eq!((rates(&s), s.optimizer.generator.name), ((0.5, 1e-3), OptimizerName::Sgd));
        let error = resolve(&["optimizer.speed=1"]).expect_err("no such key").to_string();
        assert!(error.contains("speed;") && error.contains("learning_rate"), "{error}");
        let error = resolve(&["optimizer.generator=1"]).expect_err("a table").to_string();
        assert!(error.contains("optimizer.generator is a table"), "{error}");
    }

    #[cfg(feature = "toys")]
    #[test]
    fn a_family_keeps_the_settings_that_are_given_before_it() {
        let width = |assignments: &[&str]| resolve(assignments).expect("toys").generator;
        let family = "generator.family=toy-growing";
        let before = width(&["generator.width=5", family, "discriminator.family=toy-growing"]);
        let after = width(&[family, "discriminator.family=toy-growing", "generator.width=5"]);
        assert_eq!(before, after);
        assert_ne!(before, width(&[family, "discriminator.family=toy-growing"]));
    }

    #[test]
    fn wrong_keys_values_and_presets_are_named() {
        for (assignment, named) in [
            ("schedule.bach=3", "schedule.bach"),
            ("schedule.batch=many", "schedule.batch"),
            ("schedule.batch=1", "schedule.batch = 1"),
            ("schedule.batch=-1", "batch"),
            ("augment.pipeline=foo", "foo"),
            ("optimizer.learning_rate=nan", "learning_rate"),
            ("nonsense", "key=value"),
        ] {
            let error = resolve(&[assignment]).expect_err(assignment).to_string();
            assert!(error.contains(named), "{assignment}: {error}");
        }
        let error = Settings::resolve("gan", None, &[]).expect_err("preset").to_string();
        assert!(error.contains("gan-ada"), "{error}");
    }
}
