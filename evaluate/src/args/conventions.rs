//! What decides a number beside the pictures: the flags that every measuring command has.

use std::path::PathBuf;

use clap::Args;
use shared::cli::UsageError;
use shared::metrics::extract::DEFAULT_BATCH;
use shared::metrics::network::Layer;
use shared::metrics::weights::PUBLISHED;
use shared::nn::device::DeviceChoice;
use shared::nn::run::Which;

use crate::metric::Metric;
use crate::networks::{self, Known};
use crate::protocol::{Named, Protocol, Source};

/// Flags of the conventions.
#[derive(Args, Clone, Debug)]
pub struct ConventionsArgs {
    /// Conventions to follow, several separated by commas; `evaluate protocols` shows them
    #[arg(long, value_delimiter = ',', default_value = "torch-fidelity", value_name = "NAME")]
    protocol: Vec<Named>,
    /// Network that the features come from [default: the protocol's]; `random` is untrained, and every name then says so
    #[arg(long, value_name = "NETWORK")]
    features: Option<String>,
    /// Layer of the network, for example 768 of the Inception [default: the metric's]
    #[arg(long, value_name = "LAYER")]
    layer: Option<String>,
    /// Weights, .pth or .safetensors: FILE for the network of the features, or NAME=FILE for another (`evaluate weights` has the
    /// names) [default: those that `evaluate weights --fetch` stored]
    #[arg(long, value_name = "[NAME=]FILE")]
    weights: Vec<String>,
    /// Pictures in one pass through the network; changes speed and memory
    #[arg(long, default_value_t = DEFAULT_BATCH, value_name = "N")]
    batch: usize,
    /// Seed of every draw that the protocol does not fix
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// auto, cpu, cuda, cuda:INDEX or cubecl-cpu (`train devices` lists what there is)
    #[arg(long, default_value = "auto")]
    device: DeviceChoice,
    /// Neither read nor keep features in the cache folder ($XDG_CACHE_HOME/fledge or ~/.cache/fledge)
    #[arg(long)]
    no_cache: bool,
}

/// Which pictures of a data set, and which of a run.
#[derive(Args, Clone, Debug)]
pub struct PicturesArgs {
    /// Split of a data set
    #[arg(long, default_value = "val")]
    pub split: String,
    /// Checkpoint of a run: best, latest, or a step
    #[arg(long, default_value = "best")]
    pub checkpoint: Which,
}

/// Which file a network's weights come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WeightsChoice {
    /// The network, or the published file's name; none for the network of the features.
    pub network: Option<&'static str>,
    /// The file.
    pub path: PathBuf,
}

/// What decides a number beside the pictures, checked.
#[derive(Clone, Debug)]
pub struct Conventions {
    /// The protocols, each once.
    pub protocols: Vec<&'static Protocol>,
    /// The network that takes the place of the protocol's.
    pub network: Option<&'static Known>,
    /// The layer that takes the place of the metric's.
    pub layer: Option<String>,
    /// Files that take the place of the stored weights.
    pub weights: Vec<WeightsChoice>,
    /// Pictures in one pass.
    pub batch: usize,
    /// Seed of all draws that the protocol does not fix.
    pub seed: u64,
    /// Which device computes.
    pub device: DeviceChoice,
    /// Whether features are kept.
    pub cache: bool,
}

impl ConventionsArgs {
    /// Checks what clap cannot.
    ///
    /// # Errors
    /// When a value is out of range or two flags contradict each other.
    pub fn check(self) -> Result<Conventions, UsageError> {
        if self.batch == 0 {
            return Err(UsageError("--batch 0: expected at least 1".into()));
        }
        if u32::try_from(self.seed).is_err() {
            return Err(UsageError(format!(
                "--seed {}: expected at most {} (numpy's RandomState takes no more)",
                self.seed,
                u32::MAX
            )));
        }
        let mut protocols: Vec<&'static Protocol> = Vec::new();
        for Named(protocol) in self.protocol {
            if !protocols.iter().any(|p| p.name == protocol.name) {
                protocols.push(protocol);
            }
        }
        let network = match self.features.as_deref() {
            None => None,
            Some(name) => Some(networks::find(name).map_err(|e| UsageError(format!("--features {name}: {e}")))?),
        };
        let weights: Vec<WeightsChoice> = self.weights.iter().map(|text| WeightsChoice::of(text)).collect();
        if network.is_some_and(Known::is_drawn) && !weights.is_empty() {
            return Err(UsageError("--weights: --features random reads none".into()));
        }
        Ok(Conventions {
            protocols,
            network,
            layer: self.layer,
            weights,
            batch: self.batch,
            seed: self.seed,
            device: self.device,
            cache: !self.no_cache,
        })
    }
}

impl WeightsChoice {
    fn of(text: &str) -> Self {
        // A path may have an equals sign in it: only a network's name before it counts.
        let known = |name: &str| {
            let network = networks::NETWORKS.iter().map(|network| network.name);
            network.chain(PUBLISHED.iter().map(|published| published.name)).find(|known| *known == name)
        };
        let named = text.split_once('=').and_then(|(name, path)| Some((known(name)?, path)));
        match named {
            Some((network, path)) => Self { network: Some(network), path: path.into() },
            None => Self { network: None, path: text.into() },
        }
    }
}

impl Conventions {
    /// The network that a file of weights without a name is for: the chosen one, else the protocol's.
    #[must_use]
    pub fn main_network(&self) -> &'static Known {
        self.network.unwrap_or(self.protocols[0].network)
    }

    /// Where `metric`'s features are taken under `protocol`.
    ///
    /// # Errors
    /// When the network has no such layer, or the metric cannot do with it.
    pub fn source(&self, protocol: &Protocol, metric: Metric) -> Result<Source, UsageError> {
        let own = protocol.source(metric);
        let network = self.network.unwrap_or(own.network);
        let layer = match self.layer.as_deref() {
            Some(name) => named_layer(network, name)?,
            None if network.name == own.network.name => own.layer,
            None => layer_of(network, metric).ok_or_else(|| {
                UsageError(format!("--features {}: it gives nothing that {metric} is defined over", network.name))
            })?,
        };
        Ok(Source { network, layer })
    }

    /// What a metric's name carries behind it when its features are not the protocol's own.
    #[must_use]
    pub fn suffix(&self, protocol: &Protocol, metric: Metric, source: Source) -> String {
        let own = protocol.source(metric);
        let mut suffix = match source.network {
            network if network.is_drawn() => "_random-features".to_owned(),
            network if network.name != own.network.name => format!("_{}", network.name),
            _ => String::new(),
        };
        let default = if source.network.name == own.network.name { Some(own.layer) } else { layer_of(source.network, metric) };
        if default != Some(source.layer) {
            suffix.push_str(&format!("_{}", source.layer.name));
        }
        suffix
    }
}

/// Where a metric is taken of a network that is not its protocol's own.
fn layer_of(network: &Known, metric: Metric) -> Option<Layer> {
    if metric == Metric::Is { network.score_layer } else { Some(network.layer) }
}

fn named_layer(network: &Known, name: &str) -> Result<Layer, UsageError> {
    network.layers.iter().copied().find(|l| l.name == name).ok_or_else(|| {
        let names: Vec<&str> = network.layers.iter().map(|l| l.name).collect();
        UsageError(format!("--layer {name}: {} has {}", network.name, names.join(", ")))
    })
}
