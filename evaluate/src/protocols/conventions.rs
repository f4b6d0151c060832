//! The conventions of a command: everything besides the pictures that affects a number.

use std::path::PathBuf;

use shared::cli::UsageError;
use shared::metrics::network::Layer;
use shared::nn::device::DeviceChoice;

use super::metric::Metric;
use super::protocol::{FeatureLayer, Protocol};
use crate::networks::Known;

/// A weights file that replaces a stored one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WeightsFile {
    /// Name of the network or of the published file; `None` for the feature network.
    pub network: Option<&'static str>,
    /// The file.
    pub path: PathBuf,
}

/// Everything besides the pictures that affects a number.
#[derive(Clone, Debug)]
pub struct Conventions {
    /// The protocols, each once; at least one.
    pub protocols: Vec<&'static Protocol>,
    /// Replaces the protocol's network.
    pub network: Option<&'static Known>,
    /// Replaces the metric's layer.
    pub layer_name: Option<String>,
    /// Replace stored weights.
    pub weights: Vec<WeightsFile>,
    /// Batch size of the network.
    pub batch: usize,
    /// Seed of every draw that the protocol leaves open.
    pub seed: u64,
    /// The device.
    pub device: DeviceChoice,
    /// Features are read from the cache and written to it.
    pub cache: bool,
}

impl Conventions {
    /// The network of an unnamed weights file: the chosen one, or the protocol's.
    #[must_use]
    pub fn main_network(&self) -> &'static Known {
        self.network.unwrap_or(self.protocols[0].network)
    }

    /// The layer that `metric` uses under `protocol`.
    ///
    /// # Errors
    /// When the network has no such layer, or none that the metric is defined over.
    pub fn layer(&self, protocol: &Protocol, metric: Metric) -> Result<FeatureLayer, UsageError> {
        let own = protocol.layer(metric);
        let network = self.network.unwrap_or(own.network);
        let layer = match self.layer_name.as_deref() {
            Some(name) => named_layer(network, name)?,
            None if network == own.network => own.layer,
            None => layer_of(network, metric).ok_or_else(|| {
                let name = network.name;
                UsageError(format!(
                    "--features {name}: it has no layer that {metric} is defined over"
                ))
            })?,
        };
        Ok(FeatureLayer { network, layer })
    }

    /// The suffix of a metric's name if its features are not the protocol's own.
    #[must_use]
    pub fn suffix(&self, protocol: &Protocol, metric: Metric, used: FeatureLayer) -> String {
        let own = protocol.layer(metric);
        let mut suffix = match used.network {
            network if network.is_untrained() => "_random-features".to_owned(),
            network if network != own.network => format!("_{}", network.name),
            _ => String::new(),
        };
        let default = if used.network == own.network {
            Some(own.layer)
        } else {
            layer_of(used.network, metric)
        };
        if default != Some(used.layer) {
            suffix.push_str(&format!("_{}", used.layer.name));
        }
        suffix
    }
}

/// The default layer of `metric` in a network that is not the protocol's own.
fn layer_of(network: &Known, metric: Metric) -> Option<Layer> {
    if metric == Metric::Is { network.score_layer } else { Some(network.layer) }
}

fn named_layer(network: &Known, name: &str) -> Result<Layer, UsageError> {
    network.layers.iter().copied().find(|l| l.name == name).ok_or_else(|| {
        let names: Vec<&str> = network.layers.iter().map(|l| l.name).collect();
        UsageError(format!("--layer {name}: {} has {}", network.name, names.join(", ")))
    })
}
