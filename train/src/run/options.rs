//! The resolved options of a run.

use std::path::PathBuf;
use std::time::Duration;

use shared::direction::Direction;
use shared::nn::config::{InitConfig, Settings};

use crate::data::feed::DataOn;

/// The options of a run, resolved from flags, presets and files.
#[derive(Clone, Debug)]
pub struct Options {
    /// Name of its recipe.
    pub preset: String,
    /// All settings, resolved.
    pub settings: Settings,
    /// Source of the initial weights; `None`: random.
    pub init: Option<InitConfig>,
    /// Seed of all random numbers.
    pub seed: u64,
    /// Folder of the data set.
    pub data: PathBuf,
    /// Folder of the second data set, of B, for translations between two.
    pub other: Option<PathBuf>,
    /// Direction of a translation; `None`: from A to B.
    pub direction: Option<Direction>,
    /// Mirror each picture of a batch with probability ½.
    pub mirror: bool,
    /// Weights for KID; `None`: the fetched ones.
    pub weights: Option<PathBuf>,
    /// Delete the contents of the run folder.
    pub restart: bool,
    /// Location of the training pictures.
    pub data_on: DataOn,
    /// Longest time between checkpoints.
    pub save_every: Duration,
    /// Number of consecutive rollbacks allowed for values that are not finite.
    pub retries: u64,
    /// Number of consecutive rises of KID that end the run; 0 = never.
    pub stop_after: u64,
}
