//! What a run is asked to be.

use std::path::PathBuf;
use std::time::Duration;

use shared::nn::config::{InitConfig, Settings};

use crate::data::feed::DataOn;

/// What a run is asked to be, as flags, presets and files have settled it.
#[derive(Clone, Debug)]
pub struct Options {
    /// The recipe it started from.
    pub preset: String,
    /// All settings, resolved.
    pub settings: Settings,
    /// Whose weights it begins with; `None`: drawn ones.
    pub init: Option<InitConfig>,
    /// From which every random number follows.
    pub seed: u64,
    /// Folder of the data set.
    pub data: PathBuf,
    /// Each picture of a batch is mirrored with probability ½.
    pub mirror: bool,
    /// Weights for KID; `None` takes the fetched ones.
    pub weights: Option<PathBuf>,
    /// Remove what the run folder holds.
    pub restart: bool,
    /// Where the pictures to learn from are kept.
    pub data_on: DataOn,
    /// A checkpoint is written after this time at the latest.
    pub save_every: Duration,
    /// How often in a row the run goes back when values are not finite.
    pub retries: u64,
    /// The run ends when KID has risen so often in a row; 0 = never.
    pub stop_after: u64,
}
