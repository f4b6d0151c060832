//! Flags that every measuring command has: the conventions, and the choice of pictures.

use std::str::FromStr;

use clap::Args;
use shared::cli::UsageError;
use shared::metrics::extract::DEFAULT_BATCH;
use shared::metrics::weights::PUBLISHED;
use shared::nn::device::DeviceChoice;
use shared::nn::run::Which;

use crate::networks::{self, Known};
use crate::protocols::conventions::{Conventions, WeightsFile};
use crate::protocols::protocol::Protocol;

/// Flags of the conventions.
#[derive(Args, Clone, Debug)]
pub struct ConventionsArgs {
    /// Conventions to follow, separated by commas; `evaluate protocols` lists them [default:
    /// torch-fidelity]
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    protocol: Vec<ProtocolName>,
    /// Feature network [default: the protocol's]; `random` is untrained, and every metric's name
    /// then says so
    #[arg(long, value_name = "NETWORK")]
    features: Option<String>,
    /// Layer of the network, for example 768 of the Inception [default: the metric's]
    #[arg(long, value_name = "LAYER")]
    layer: Option<String>,
    /// Weights, .pth or .safetensors: FILE for the feature network, NAME=FILE for another
    /// (`evaluate weights` lists the names) [default: those stored by `evaluate weights --fetch`]
    #[arg(long, value_name = "[NAME=]FILE")]
    weights: Vec<String>,
    /// Batch size of the network; affects speed and memory only
    #[arg(long, default_value_t = DEFAULT_BATCH, value_name = "N")]
    batch: usize,
    /// Seed of every draw that the protocol leaves open
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// auto, cpu, cuda, cuda:INDEX or cubecl-cpu (`train devices` lists them)
    #[arg(long, default_value = "auto")]
    device: DeviceChoice,
    /// Neither read nor write the features cache ($XDG_CACHE_HOME/fledge or ~/.cache/fledge)
    #[arg(long)]
    no_cache: bool,
}

/// Flags that select the split of a data set and the checkpoint of a run.
#[derive(Args, Clone, Debug)]
pub struct PicturesArgs {
    /// Split of a data set [default: val]
    #[arg(long)]
    split: Option<String>,
    /// Checkpoint of a run: best, latest, or a step
    #[arg(long, default_value = "best")]
    pub checkpoint: Which,
}

impl PicturesArgs {
    /// The split that `--split` names, or the one of this name.
    #[must_use]
    pub fn split_or(&self, default: &str) -> String {
        self.split.as_deref().unwrap_or(default).to_owned()
    }

    /// The split that `--split` names, by default the one for validation.
    #[must_use]
    pub fn split(&self) -> String {
        self.split_or("val")
    }
}

/// A protocol, given by name.
#[derive(Clone, Copy, Debug)]
struct ProtocolName(&'static Protocol);

impl FromStr for ProtocolName {
    type Err = UsageError;

    fn from_str(text: &str) -> Result<Self, UsageError> {
        Protocol::of(text).map(Self)
    }
}

impl ConventionsArgs {
    /// Checks what clap cannot; without `--protocol` it is torch-fidelity.
    ///
    /// # Errors
    /// When a value is out of range or two flags contradict each other.
    pub fn check(self) -> Result<Conventions, UsageError> {
        self.check_or("torch-fidelity")
    }

    /// Checks what clap cannot; without `--protocol` it is `default`.
    ///
    /// # Errors
    /// When a value is out of range or two flags contradict each other.
    pub fn check_or(self, default: &str) -> Result<Conventions, UsageError> {
        if self.batch == 0 {
            return Err(UsageError("--batch 0: expected at least 1".into()));
        }
        if u32::try_from(self.seed).is_err() {
            return Err(UsageError(format!(
                "--seed {}: expected at most {}, the largest seed of numpy's RandomState",
                self.seed,
                u32::MAX
            )));
        }
        let mut protocols: Vec<&'static Protocol> = Vec::new();
        for ProtocolName(protocol) in self.protocol {
            if !protocols.contains(&protocol) {
                protocols.push(protocol);
            }
        }
        if protocols.is_empty() {
            protocols.push(Protocol::of(default)?);
        }
        let network = match self.features.as_deref() {
            None => None,
            Some(name) => Some(
                networks::find(name).map_err(|e| UsageError(format!("--features {name}: {e}")))?,
            ),
        };
        let weights: Vec<WeightsFile> =
            self.weights.iter().map(|text| weights_file(text)).collect();
        if network.is_some_and(Known::is_untrained) && !weights.is_empty() {
            return Err(UsageError("--weights: --features random reads none".into()));
        }
        Ok(Conventions {
            protocols,
            network,
            layer_name: self.layer,
            weights,
            batch: self.batch,
            seed: self.seed,
            device: self.device,
            cache: !self.no_cache,
        })
    }
}

/// `NAME=FILE` or `FILE`.
pub(super) fn weights_file(text: &str) -> WeightsFile {
    // A path may contain an equals sign: only a known name before it counts.
    let known = |name: &str| {
        let network = networks::NETWORKS.iter().map(|network| network.name);
        network.chain(PUBLISHED.iter().map(|published| published.name)).find(|known| *known == name)
    };
    let named = text.split_once('=').and_then(|(name, path)| Some((known(name)?, path)));
    match named {
        Some((network, path)) => WeightsFile { network: Some(network), path: path.into() },
        None => WeightsFile { network: None, path: text.into() },
    }
}

/// The only protocol of commands that follow one; `why` is the rest of the error.
///
/// # Errors
/// When there are several.
pub(super) fn only_protocol(
    conventions: &Conventions,
    why: &str,
) -> Result<&'static Protocol, UsageError> {
    match conventions.protocols[..] {
        [protocol] => Ok(protocol),
        _ => Err(UsageError(format!("--protocol: {why}"))),
    }
}
