//! Everything that can be set for a run: a preset's values, overridden by a TOML file, overridden by `--set key=value`.
//! Values are typed and validated before any work begins; a wrong key or value is named.

use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use super::discriminator::DiscriminatorConfig;
use super::generator::{BASE, GeneratorConfig};
use super::preset;
use crate::cli::UsageError;

/// Version of the settings that a run or checkpoint carries.
pub const CONFIG_VERSION: u32 = 1;

/// Every value of a run, as written to `config.toml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunConfig {
    /// [`CONFIG_VERSION`].
    pub version: u32,
    /// The preset that the settings started from.
    pub preset: String,
    /// From which every random number of the run follows.
    pub seed: u64,
    /// What the run learns from.
    pub data: DataConfig,
    /// The settings, all resolved.
    #[serde(flatten)]
    pub settings: Settings,
}

/// The data set of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataConfig {
    /// The folder, as given.
    pub path: String,
    /// The split that is learned from.
    pub split: String,
    /// Fingerprint of its source.
    pub fingerprint: String,
    /// Height and width in pixels.
    pub size: usize,
    /// 1 or 3.
    pub channels: usize,
}

/// What a preset sets and a user may change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// The generator.
    pub generator: GeneratorConfig,
    /// The discriminator.
    pub discriminator: DiscriminatorConfig,
    /// What both are trained on.
    pub loss: LossConfig,
    /// Adaptive discriminator augmentation.
    pub augment: AugmentConfig,
    /// Adam, one for each network.
    pub optimizer: OptimizerConfig,
    /// How long and how much at a time.
    pub schedule: ScheduleConfig,
    /// KID while training.
    pub evaluation: EvaluationConfig,
    /// The sheet of fixed latents.
    pub samples: SamplesConfig,
    /// What is kept on disk.
    pub checkpoints: CheckpointsConfig,
}

/// The loss.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LossConfig {
    /// Its name.
    pub name: LossName,
}

/// The losses there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LossName {
    /// Goodfellow et al. 2014, with the generator maximising log D(G(z)).
    NonSaturating,
}

/// Which transforms the augmenter has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PipelineName {
    /// Pictures pass unchanged.
    None,
    /// Flip, shift, rotation and zoom of the Keras example.
    Keras,
}

/// Adaptive discriminator augmentation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AugmentConfig {
    /// The transforms.
    pub pipeline: PipelineName,
    /// The share of reals that D should take for real.
    pub target_accuracy: f64,
    /// Steps in which p moves by the whole difference between accuracy and target.
    pub integration_steps: f64,
    /// p stays at or below this.
    pub max_probability: f64,
}

/// Adam (Kingma & Ba 2015).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OptimizerConfig {
    /// Step size of both networks.
    pub learning_rate: f64,
    /// Decay of the first moment.
    pub beta_1: f64,
    /// Decay of the second moment.
    pub beta_2: f64,
    /// Added to the root of the second moment.
    pub epsilon: f64,
}

/// How long and how much at a time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScheduleConfig {
    /// Pictures a step.
    pub batch: usize,
    /// Passes over the data.
    pub epochs: u64,
    /// Steps after which to end, if sooner; 0 = the epochs decide.
    pub steps: u64,
    /// Decay of the average of G's weights.
    pub ema: f64,
}

/// KID while training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvaluationConfig {
    /// Epochs from one evaluation to the next; 0 = never.
    pub every: u64,
    /// The split that samples are compared with.
    pub split: String,
    /// Pictures from each side; fewer where the split has fewer.
    pub pictures: usize,
}

/// The sheet of fixed latents.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SamplesConfig {
    /// Epochs from one sheet to the next; 0 = never.
    pub every: u64,
    /// Pictures on it.
    pub pictures: usize,
    /// Pictures in a row.
    pub columns: usize,
}

/// What is kept on disk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckpointsConfig {
    /// Epochs from one checkpoint to the next.
    pub every: u64,
    /// How many of the latest to keep beside the best.
    pub keep: usize,
}

/// Keys (or groups of keys) that may change when a run is resumed, because they do not touch what is computed up to
/// any step.
const FREE_ON_RESUME: &[&str] =
    &["version", "data.path", "schedule.epochs", "schedule.steps", "evaluation.", "samples.", "checkpoints."];

impl Settings {
    /// The settings of `preset`, overridden by `file` (the text of a TOML file and its name) and then by `assignments`
    /// (`key=value`).
    ///
    /// # Errors
    /// When the preset, a key or a value is not known or makes no sense.
    pub fn resolve(preset: &str, file: Option<(&str, &str)>, assignments: &[String]) -> Result<Self, UsageError> {
        let defaults = preset::find(preset)?.settings();
        let mut table = Table::try_from(&defaults).map_err(|e| UsageError(format!("preset {preset}: {e}")))?;
        let typed = |table: &Table| table.clone().try_into::<Self>().map_err(|e| e.message().to_owned());
        let mut settings = defaults;
        if let Some((name, text)) = file {
            let named = |e: String| UsageError(format!("--config {name}: {e}"));
            let overrides: Table = text.parse().map_err(|e: toml::de::Error| named(e.to_string()))?;
            merge(&mut table, overrides, "").map_err(named)?;
            settings = typed(&table).map_err(named)?;
        }
        for assignment in assignments {
            // Decoded after each, so that an error names the assignment that made it.
            let named = |e: String| UsageError(format!("--set {assignment}: {e}"));
            assign(&mut table, assignment).map_err(named)?;
            settings = typed(&table).map_err(named)?;
        }
        settings.validate()?;
        Ok(settings)
    }

    fn validate(&self) -> Result<(), UsageError> {
        let require = |holds: bool, key: &str, value: String, expected: &str| {
            if holds {
                Ok(())
            } else {
                Err(UsageError(format!("{key} = {value}: expected {expected}; change it with --set {key}=…")))
            }
        };
        let positive = |value: usize, key: &str| require(value > 0, key, value.to_string(), "at least 1");
        let share = |value: f64, key: &str| require((0.0..1.0).contains(&value), key, value.to_string(), "0 ≤ value < 1");
        positive(self.generator.latent, "generator.latent")?;
        positive(self.generator.width, "generator.width")?;
        positive(self.discriminator.width, "discriminator.width")?;
        share(self.discriminator.dropout, "discriminator.dropout")?;
        share(f64::from(self.discriminator.slope), "discriminator.slope")?;
        share(self.augment.target_accuracy, "augment.target_accuracy")?;
        let p = self.augment.max_probability;
        require((0.0..=1.0).contains(&p), "augment.max_probability", p.to_string(), "0 ≤ value ≤ 1")?;
        let steps = self.augment.integration_steps;
        require(steps >= 1.0, "augment.integration_steps", steps.to_string(), "at least 1")?;
        let rate = self.optimizer.learning_rate;
        require(rate > 0.0 && rate.is_finite(), "optimizer.learning_rate", rate.to_string(), "a positive number")?;
        share(self.optimizer.beta_1, "optimizer.beta_1")?;
        share(self.optimizer.beta_2, "optimizer.beta_2")?;
        let epsilon = self.optimizer.epsilon;
        require(epsilon > 0.0 && epsilon.is_finite(), "optimizer.epsilon", epsilon.to_string(), "a positive number")?;
        // BatchNorm over a batch of one has no variance to speak of.
        require(self.schedule.batch >= 2, "schedule.batch", self.schedule.batch.to_string(), "at least 2")?;
        require(self.schedule.epochs > 0, "schedule.epochs", self.schedule.epochs.to_string(), "at least 1")?;
        share(self.schedule.ema, "schedule.ema")?;
        require(self.evaluation.pictures >= 2, "evaluation.pictures", self.evaluation.pictures.to_string(), "at least 2")?;
        positive(self.samples.pictures, "samples.pictures")?;
        positive(self.samples.columns, "samples.columns")?;
        positive(self.checkpoints.keep, "checkpoints.keep")?;
        require(self.checkpoints.every > 0, "checkpoints.every", self.checkpoints.every.to_string(), "at least 1")
    }
}

impl RunConfig {
    /// Whether the networks can be built for the data's extent.
    ///
    /// # Errors
    /// When the size is no power of two from 8 to 256.
    pub fn check_size(size: usize) -> Result<(), UsageError> {
        if size.is_power_of_two() && (2 * BASE..=256).contains(&size) {
            return Ok(());
        }
        Err(UsageError(format!(
            "the data set's pictures are {size}×{size}; this recipe needs a power of two from 8 to 256: prep build --size 64"
        )))
    }

    /// The first key whose value in `other` differs and may not change on resume, with both values.
    #[must_use]
    pub fn conflict(&self, other: &Self) -> Option<(String, String, String)> {
        let flat = |config: &Self| {
            let mut list = Vec::new();
            if let Ok(table) = Table::try_from(config) {
                flatten(&table, "", &mut list);
            }
            list
        };
        let theirs = flat(other);
        flat(self).into_iter().find_map(|(key, value)| {
            let free = FREE_ON_RESUME.iter().any(|f| key == *f || (f.ends_with('.') && key.starts_with(f)));
            let new = theirs.iter().find(|(k, _)| *k == key).map_or("nothing", |(_, v)| v);
            (!free && new != value).then(|| (key, value, new.to_owned()))
        })
    }
}

fn flatten(table: &Table, prefix: &str, list: &mut Vec<(String, String)>) {
    for (key, value) in table {
        match value {
            Value::Table(inner) => flatten(inner, &format!("{prefix}{key}."), list),
            leaf => list.push((format!("{prefix}{key}"), leaf.to_string())),
        }
    }
}

/// Lays `overrides` over `table`; a key that is not there is an error that lists those that are.
fn merge(table: &mut Table, overrides: Table, prefix: &str) -> Result<(), String> {
    for (key, value) in overrides {
        let known = || table.keys().cloned().collect::<Vec<_>>().join(", ");
        if !table.contains_key(&key) {
            return Err(format!("no setting is called {prefix}{key}; there are {}", known()));
        }
        let slot = &mut table[&key];
        match (slot, value) {
            (Value::Table(inner), Value::Table(value)) => merge(inner, value, &format!("{prefix}{key}."))?,
            (slot, value) => *slot = fit(slot, value, &format!("{prefix}{key}"))?,
        }
    }
    Ok(())
}

/// `value` as the type that `slot` has; whole numbers serve where fractions are expected.
fn fit(slot: &Value, value: Value, key: &str) -> Result<Value, String> {
    match (slot, value) {
        (Value::Float(_), Value::Integer(n)) => Ok(Value::Float(n as f64)),
        (slot, value) if slot.same_type(&value) => Ok(value),
        (slot, value) => Err(format!("{key} is a {}, not {value}", slot.type_str())),
    }
}

/// Applies one `key=value`; the value is TOML, or a bare word.
fn assign(table: &mut Table, assignment: &str) -> Result<(), String> {
    let (key, text) = assignment.split_once('=').ok_or("expected key=value, for example schedule.batch=64")?;
    let value = format!("value = {text}")
        .parse::<Table>()
        .ok()
        .and_then(|mut t| t.remove("value"))
        .unwrap_or_else(|| Value::String(text.to_owned()));
    let mut parts: Vec<&str> = key.trim().split('.').collect();
    let last = parts.pop().unwrap_or_default();
    let mut overrides = Table::from_iter([(last.to_owned(), value)]);
    for part in parts.into_iter().rev() {
        overrides = Table::from_iter([(part.to_owned(), Value::Table(overrides))]);
    }
    merge(table, overrides, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(assignments: &[&str]) -> Result<Settings, UsageError> {
        let assignments: Vec<String> = assignments.iter().map(|s| (*s).to_owned()).collect();
        Settings::resolve("gan-ada", None, &assignments)
    }

    #[test]
    fn assignments_win_over_the_file_and_the_file_over_the_preset() {
        let file = Some(("x.toml", "[schedule]\nbatch = 32\nema = 0.9\n"));
        let s = Settings::resolve("gan-ada", file, &["schedule.batch=16".into()]).expect("resolve");
        assert_eq!((s.schedule.batch, s.schedule.ema, s.schedule.epochs), (16, 0.9, 400));
        assert_eq!(resolve(&["augment.pipeline=none"]).expect("word").augment.pipeline, PipelineName::None);
        assert_eq!(resolve(&["augment.max_probability=1"]).expect("whole").augment.max_probability, 1.0);
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
