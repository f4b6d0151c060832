//! The command line, and the validated options it becomes.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use shared::cli::UsageError;
use shared::metrics::extract::DEFAULT_BATCH;
use shared::nn::device::DeviceChoice;
use shared::nn::run::Which;

use crate::cache::CacheArgs;
use crate::protocol::{KidSettings, Metric, Protocol};
use crate::weights::WeightsArgs;

const EXAMPLES: &str = "\
Examples:
  evaluate weights --fetch                                  get the Inception weights once (96 MB)
  evaluate --real birds64 --fake runs/birds                 KID and FID of a run's best checkpoint against the split val
  evaluate --real birds64 --fake fakes.zip                  the same of pictures
  evaluate --real photos/ --fake fakes/ --metrics kid,fid,is --json
  evaluate --real birds64 --fake fakes/ --protocol keras    KID at 75x75, as the Keras example does
  evaluate --real birds64 --fake fakes/ --features random   smoke run without weights: no measure of quality

Numbers may be compared only when protocol, weights, and numbers of pictures are the same (docs/CONVENTIONS.md).
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 data damaged or unusable.";

/// Measures generated pictures against real ones
#[derive(Debug, Parser)]
#[command(version, after_help = EXAMPLES, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Cli {
    /// Another task than measuring.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// What to measure.
    #[command(flatten)]
    pub measure: MeasureArgs,
}

/// Tasks beside measuring.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List, fetch, check or import the published weights
    Weights(WeightsArgs),
    /// Show or remove the features that are kept
    Cache(CacheArgs),
}

/// Which features.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FeaturesArg {
    /// The FID InceptionV3 with its published weights, or those of --weights.
    Inception,
    /// The same network untrained, drawn under --seed; every metric's name then says `random-features`.
    Random,
}

/// Flags of a measurement.
#[derive(Args, Debug)]
pub struct MeasureArgs {
    /// Real pictures: a data set of `prep`, a folder, or a zip file
    #[arg(long, value_name = "DATASET|FOLDER|ZIP", required = true)]
    real: Option<PathBuf>,
    /// Generated pictures: a run of `train` (its averaged generator makes them), a data set, a folder, or a zip file
    #[arg(long, value_name = "RUN|DATASET|FOLDER|ZIP", required = true)]
    fake: Option<PathBuf>,
    /// Checkpoint of a run: best, latest, or a step
    #[arg(long, default_value = "best")]
    checkpoint: Which,
    /// Split of a data set
    #[arg(long, default_value = "val")]
    split: String,
    /// Metrics, separated by commas: kid, fid, is [default: all of kid,fid that the protocol defines]
    #[arg(long, value_delimiter = ',')]
    metrics: Vec<Metric>,
    /// Conventions to follow: torch-fidelity (299x299), or keras (75x75, KID only)
    #[arg(long, default_value = "torch-fidelity")]
    protocol: Protocol,
    /// Weights in pytorch-fid's names, .pth or .safetensors [default: those that `evaluate weights --fetch` stored]
    #[arg(long, value_name = "FILE", conflicts_with = "features")]
    weights: Option<PathBuf>,
    /// Network that the features come from
    #[arg(long, default_value = "inception")]
    features: FeaturesArg,
    /// Take only this many pictures of each side, drawn under --seed; a run makes so many [default: all]
    #[arg(short = 'n', value_name = "N")]
    count: Option<usize>,
    /// Pictures in one pass through the network; changes speed and memory
    #[arg(long, default_value_t = DEFAULT_BATCH, value_name = "N")]
    batch: usize,
    /// Subsets of a KID under torch-fidelity [default: 100]
    #[arg(long, value_name = "N")]
    kid_subsets: Option<usize>,
    /// Pictures in a subset (torch-fidelity) or batch (keras) of a KID [default: 1000 or 128]
    #[arg(long, value_name = "N")]
    kid_subset_size: Option<usize>,
    /// Seed of -n, of the order under keras, and of --features random; torch-fidelity's own draws are fixed
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// auto, cpu, cuda, cuda:INDEX or cubecl-cpu (`train devices` lists what there is)
    #[arg(long, default_value = "auto")]
    device: DeviceChoice,
    /// Neither read nor keep features in the cache folder ($XDG_CACHE_HOME/fledge or ~/.cache/fledge)
    #[arg(long)]
    no_cache: bool,
    /// Print one JSON object a metric instead of a table
    #[arg(long)]
    json: bool,
}

/// What to measure and how, checked.
#[derive(Clone, Debug)]
pub struct Options {
    /// Real pictures.
    pub real: PathBuf,
    /// Generated pictures.
    pub fake: PathBuf,
    /// Checkpoint of a run.
    pub checkpoint: Which,
    /// Split of a data set.
    pub split: String,
    /// What to compute; the protocol defines each.
    pub metrics: Vec<Metric>,
    /// Under which conventions.
    pub protocol: Protocol,
    /// Where the features come from.
    pub network: NetworkChoice,
    /// How many pictures of each side; all if none.
    pub count: Option<usize>,
    /// Pictures in one pass.
    pub batch: usize,
    /// Settings of KID.
    pub kid: KidSettings,
    /// Seed of all draws that the protocol does not fix.
    pub seed: u64,
    /// Which device computes.
    pub device: DeviceChoice,
    /// Whether features are kept.
    pub cache: bool,
    /// Whether results are printed as JSON.
    pub json: bool,
}

/// Where the features come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NetworkChoice {
    /// The weights that `evaluate weights --fetch` stored.
    Stored,
    /// Those of this file.
    File(PathBuf),
    /// An untrained network.
    Random,
}

impl MeasureArgs {
    /// Checks what clap cannot.
    ///
    /// # Errors
    /// When a value is out of range or two flags contradict each other.
    pub fn into_options(self) -> Result<Options, UsageError> {
        let path = |path: Option<PathBuf>, flag: &str| path.ok_or_else(|| UsageError(format!("{flag} is needed")));
        let positive = |n: Option<usize>, least: usize, flag: &str| match n {
            Some(n) if n < least => Err(UsageError(format!("{flag} {n}: expected at least {least}"))),
            n => Ok(n),
        };
        let mut metrics = Vec::new();
        for &metric in &self.metrics {
            if !self.protocol.defines(metric) {
                return Err(UsageError(format!(
                    "--metrics {}: the protocol {} does not define it; use --protocol torch-fidelity",
                    metric.name(),
                    self.protocol
                )));
            }
            if !metrics.contains(&metric) {
                metrics.push(metric);
            }
        }
        if metrics.is_empty() {
            metrics = [Metric::Kid, Metric::Fid].into_iter().filter(|&m| self.protocol.defines(m)).collect();
        }
        if self.protocol == Protocol::Keras && self.kid_subsets.is_some() {
            return Err(UsageError(
                "--kid-subsets: under --protocol keras the number of batches follows from the pictures".into(),
            ));
        }
        let network = match (self.features, self.weights) {
            (FeaturesArg::Random, _) => NetworkChoice::Random,
            (FeaturesArg::Inception, Some(file)) => NetworkChoice::File(file),
            (FeaturesArg::Inception, None) => NetworkChoice::Stored,
        };
        Ok(Options {
            real: path(self.real, "--real")?,
            fake: path(self.fake, "--fake")?,
            checkpoint: self.checkpoint,
            split: self.split,
            metrics,
            protocol: self.protocol,
            network,
            count: positive(self.count, 2, "-n")?,
            batch: positive(Some(self.batch), 1, "--batch")?.unwrap_or(DEFAULT_BATCH),
            kid: KidSettings {
                subsets: positive(self.kid_subsets, 1, "--kid-subsets")?,
                subset_size: positive(self.kid_subset_size, 2, "--kid-subset-size")?,
                seed: self.seed,
            },
            seed: self.seed,
            device: self.device,
            cache: !self.no_cache,
            json: self.json,
        })
    }
}
