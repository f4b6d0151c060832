//! The configuration of one run, and the migration of those that earlier versions wrote.
//!
//! ```
//! use fledge_models::config::{DataConfig, RunConfig, Settings};
//!
//! let settings = Settings::resolve("gan-ada", None, &["schedule.batch=32".into()])?;
//! let config = RunConfig::new("gan-ada", settings, 7, DataConfig::of_extent(64, 3));
//! assert!(config.flat().contains(&("schedule.batch".into(), "32".into())));
//! # Ok::<(), fledge_base::cli::UsageError>(())
//! ```

use std::fmt;

use burn::tensor::Device;
use fledge_base::cli::UsageError;
use fledge_base::direction::Direction;
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use crate::config::settings::Settings;
use crate::config::{flatten, forget_removed, merge};
use crate::networks::{Discriminator, Generator, Network};
use crate::preset;
use crate::task::Role;

/// Version of the settings in a run or checkpoint. Version 1 had a single recipe and is migrated;
/// versions 1 and 2 had a single task and a single family of networks.
pub const CONFIG_VERSION: u32 = 3;

/// Every value of a run, as written to `config.toml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Table")]
pub struct RunConfig {
    /// [`CONFIG_VERSION`].
    pub version: u32,
    /// The preset that the settings started from.
    pub preset: String,
    /// Seed of every random number in the run.
    pub seed: u64,
    /// The training data.
    pub data: DataConfig,
    /// The source of the initial weights, if they are not drawn from the seed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub init: Option<InitConfig>,
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
    /// The split to train on.
    pub split: String,
    /// Fingerprint of the source.
    pub fingerprint: String,
    /// Hash of the prepared content (`content` in the data set's manifest); empty in files of
    /// earlier versions.
    #[serde(default)]
    pub content: String,
    /// Number of pictures in that split; 0 in files of earlier versions.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub pictures: usize,
    /// Height and width in pixels.
    pub size: usize,
    /// 1 or 3.
    pub channels: usize,
    /// Class names, if the networks are class-conditional.
    #[serde(default)]
    pub classes: Vec<String>,
    /// Whether each picture of a batch is mirrored with probability ½.
    #[serde(default)]
    pub mirror: bool,
    /// The direction in which the task's first generator translates; absent from runs that do not
    /// translate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
    /// The data set of the other side of a translation; absent if one set holds both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other: Option<OtherData>,
}

/// The second data set of a run that translates between two: that of B.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OtherData {
    /// The folder, as given.
    pub path: String,
    /// Fingerprint of the source.
    pub fingerprint: String,
    /// Hash of the prepared content.
    pub content: String,
    /// Number of pictures in its training split.
    pub pictures: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_zero(n: &usize) -> bool {
    *n == 0
}

/// The run that provided the initial weights, or the file of another program. Its EMA generator
/// initialised both generators, and its discriminator the discriminator, as far as they match.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InitConfig {
    /// Its folder or file, as given.
    pub run: String,
    /// The checkpoint requested: best, latest or a step.
    pub checkpoint: String,
    /// Step of that checkpoint.
    pub step: u64,
    /// CRC-32 of its EMA generator and discriminator files, joined by a hyphen; where one file holds
    /// both, it stands twice.
    pub weights: String,
}

impl fmt::Display for InitConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}, step {}", self.run, self.checkpoint, self.step)
    }
}

/// The configuration as read, before its version is known.
#[derive(Deserialize)]
struct Unread {
    version: u32,
    preset: String,
    seed: u64,
    data: DataConfig,
    #[serde(default)]
    init: Option<InitConfig>,
    #[serde(flatten)]
    settings: Table,
}

impl TryFrom<Table> for RunConfig {
    type Error = String;

    fn try_from(table: Table) -> Result<Self, String> {
        let unread: Unread =
            table.try_into().map_err(|e: toml::de::Error| e.message().to_owned())?;
        let Unread { version, preset, seed, data, init, settings } = unread;
        let settings = match version {
            1 => of_version_1(&preset, settings)?,
            2 => of_version_2(settings),
            CONFIG_VERSION => settings,
            other => {
                return Err(format!(
                    "version {other}: this program reads versions 1 to {CONFIG_VERSION}"
                ));
            }
        };
        let settings = settings.try_into().map_err(|e: toml::de::Error| e.message().to_owned())?;
        Ok(Self { version: CONFIG_VERSION, preset, seed, data, init, settings })
    }
}

/// Migrates version 2: there was a single family of networks.
fn of_version_2(mut settings: Table) -> Table {
    forget_removed(&mut settings);
    for network in ["generator", "discriminator"] {
        if let Some(Value::Table(table)) = settings.get_mut(network) {
            table.insert("family".into(), Value::String("dcgan".into()));
        }
    }
    settings
}

/// Migrates version 1: the values of the preset, overridden by those in the file.
fn of_version_1(preset: &str, mut old: Table) -> Result<Table, String> {
    let defaults = preset::find(preset).and_then(|p| p.settings()).map_err(|e| e.to_string())?;
    let mut table = Table::try_from(defaults).map_err(|e| e.to_string())?;
    // The slope was a 32-bit number.
    if let Some(Value::Float(slope)) = old.get_mut("discriminator").and_then(|d| d.get_mut("slope"))
    {
        *slope = (*slope as f32).to_string().parse().unwrap_or(*slope);
    }
    // The published ceiling was stored as a number.
    if let Some(augment) = old.get_mut("augment").and_then(Value::as_table_mut)
        && augment.get("max_probability").and_then(Value::as_float) == Some(1.0)
    {
        augment.remove("max_probability");
    }
    merge(&mut table, old)?;
    Ok(table)
}

impl DataConfig {
    /// The data of pictures of this extent, without any files: for measurements and tests.
    #[must_use]
    pub fn of_extent(size: usize, channels: usize) -> Self {
        let [path, split, fingerprint, content] = [const { String::new() }; 4];
        Self {
            path,
            split,
            fingerprint,
            content,
            pictures: 0,
            size,
            channels,
            classes: Vec::new(),
            mirror: false,
            direction: None,
            other: None,
        }
    }
}

impl RunConfig {
    /// Creates the configuration of a run.
    #[must_use]
    pub fn new(preset: &str, settings: Settings, seed: u64, data: DataConfig) -> Self {
        Self {
            version: CONFIG_VERSION,
            preset: preset.to_owned(),
            seed,
            data,
            init: None,
            settings,
        }
    }

    /// The network of a role before the first step, on `device`.
    #[must_use]
    pub fn network(&self, role: &Role, device: &Device) -> Network {
        self.settings.network(role, self.shape(), Some(self.seed), device)
    }

    /// The network of a role with shapes but no values: instant at any size.
    #[must_use]
    pub fn outline(&self, role: &Role, device: &Device) -> Network {
        self.settings.network(role, self.shape(), None, device)
    }

    /// Number of steps in an epoch: the passes over the larger set, each update of D on a batch of its
    /// own; at least 1.
    #[must_use]
    pub fn steps_per_epoch(&self) -> u64 {
        let other = self.data.other.as_ref().map_or(0, |other| other.pictures);
        let batches = self.data.pictures.max(other) / self.settings.schedule.batch.max(1);
        (batches / self.settings.schedule.discriminator_steps.max(1)).max(1) as u64
    }

    /// The direction of a translation that this run makes, the one asked for or its own, and the
    /// role of the generator that makes it if there are two: the first has the run's direction.
    ///
    /// # Errors
    /// If its only generator translates in the other direction.
    pub fn translating(
        &self,
        asked: Option<Direction>,
    ) -> Result<(Direction, Option<&'static str>), UsageError> {
        let own = self.data.direction.unwrap_or_default();
        let direction = asked.unwrap_or(own);
        match self.settings.task.both_directions() {
            Some([there, back]) => {
                Ok((direction, Some(if direction == own { there } else { back })))
            }
            None if self.data.direction.is_none_or(|own| own == direction) => Ok((direction, None)),
            None => Err(UsageError(format!(
                "--direction {direction}: this run learned to translate {own}: leave it out"
            ))),
        }
    }

    /// Size, channels and classes of the pictures.
    fn shape(&self) -> [usize; 3] {
        let DataConfig { size, channels, classes, .. } = &self.data;
        [*size, *channels, classes.len()]
    }

    /// The generator of the task `adversarial` before the first step.
    #[must_use]
    pub fn generator(&self, device: &Device) -> Generator {
        let [size, channels, classes] = self.shape();
        self.settings.generator(size, channels, classes, self.seed, device)
    }

    /// The discriminator of the task `adversarial` before the first step.
    #[must_use]
    pub fn discriminator(&self, device: &Device) -> Discriminator {
        let [size, channels, classes] = self.shape();
        self.settings.discriminator(size, channels, classes, self.seed, device)
    }

    /// Every setting as a pair of its key, joined by dots, and its value in TOML syntax, in the
    /// order of the keys.
    #[must_use]
    pub fn flat(&self) -> Vec<(String, String)> {
        let mut list = Vec::new();
        if let Ok(table) = Table::try_from(self) {
            flatten(&table, "", &mut list);
        }
        list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The file that version 1 wrote for `--set schedule.batch=32 --set optimizer.beta_1=0`.
    const VERSION_1: &str = r#"
        version = 1
        preset = "gan-ada"
        seed = 7
        data = { path = "d", split = "train", fingerprint = "0", size = 64, channels = 3 }
        generator = { latent = 64, width = 128 }
        discriminator = { width = 128, dropout = 0.4, slope = 0.20000000298023224 }
        loss = { name = "non-saturating" }
        augment = { pipeline = "keras", target_accuracy = 0.85, integration_steps = 1000.0, max_probability = 1.0 }
        optimizer = { learning_rate = 0.0002, beta_1 = 0.0, beta_2 = 0.999, epsilon = 1e-7 }
        schedule = { batch = 32, epochs = 400, steps = 0, ema = 0.99 }
        evaluation = { every = 10, split = "val", pictures = 300 }
        samples = { every = 1, pictures = 64, columns = 8 }
        checkpoints = { every = 1, keep = 2 }
    "#;

    #[test]
    fn a_run_of_version_1_is_what_the_same_flags_give_now_so_that_it_goes_on() {
        let read: RunConfig = toml::from_str(VERSION_1).expect("version 1");
        let flags = ["schedule.batch=32", "optimizer.beta_1=0.0"].map(str::to_owned);
        let settings = Settings::resolve("gan-ada", None, &flags).expect("settings");
        let data = DataConfig {
            path: "d".into(),
            split: "train".into(),
            fingerprint: "0".into(),
            ..DataConfig::of_extent(64, 3)
        };
        let now = RunConfig::new("gan-ada", settings, 7, data);
        assert_eq!(read, now);
        assert_eq!(read.changes(&now), []);
        let written = toml::to_string(&now).expect("written");
        assert_eq!(toml::from_str::<RunConfig>(&written).expect("version 2"), now);
        let json = serde_json::to_string(&now).expect("written");
        assert_eq!(serde_json::from_str::<RunConfig>(&json).expect("version 2"), now);
    }

    #[test]
    fn a_run_of_version_2_is_of_the_one_family_and_the_one_task_that_there_were() {
        let now = RunConfig::new(
            "wgan",
            Settings::resolve("wgan", None, &[]).expect("settings"),
            1,
            DataConfig::of_extent(32, 1),
        );
        let written = toml::to_string(&now).expect("written");
        assert!(
            written.contains("task = \"adversarial\"")
                && written.contains("[generator]\nfamily = \"dcgan\""),
            "{written}"
        );
        let earlier = written
            .replace("version = 3", "version = 2")
            .replace("task = \"adversarial\"\n", "")
            .replace("[generator]\nfamily = \"dcgan\"", "[generator]\nrange = \"auto\"")
            .replace("[discriminator]\nfamily = \"dcgan\"", "[discriminator]");
        assert!(!earlier.contains("dcgan\""), "{earlier}");
        let read: RunConfig = toml::from_str(&earlier).expect("version 2");
        assert_eq!(read, now);
        // The same text as a settings file for another run.
        let settings =
            Settings::resolve("gan-ada", Some(("config.toml", &earlier)), &[]).expect("settings");
        assert_eq!(settings, now.settings);
    }

    #[test]
    fn unknown_versions_and_keys_are_refused() {
        let text = VERSION_1.replace("version = 1", "version = 4");
        assert!(
            toml::from_str::<RunConfig>(&text)
                .expect_err("version 4")
                .to_string()
                .contains("version 4")
        );
        let text = VERSION_1.replace("latent = 64", "latnet = 64");
        assert!(
            toml::from_str::<RunConfig>(&text)
                .expect_err("a wrong key")
                .to_string()
                .contains("latnet")
        );
    }
}
