//! Pictures → features under a protocol: the device, the loaded networks and the features cache.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use anyhow::Result;
use burn::tensor::Device;
use shared::cli::{DataError, UsageError, one_line};
use shared::metrics::cache::FeatureCache;
use shared::metrics::extract::Extractor;
use shared::metrics::features::Features;
use shared::metrics::network::{FeatureNetwork, Layer};
use shared::metrics::resize::Preprocessing;
use shared::metrics::source::PictureSource;
use shared::metrics::state_dict::WeightsError;

use crate::networks::{Known, StoredWeights};
use crate::protocols::{Conventions, Protocol};

/// Turns pictures into features.
pub struct Lab {
    /// The conventions.
    pub conventions: Conventions,
    /// The device of networks and generators.
    pub device: Device,
    cache: FeatureCache,
    networks: RefCell<Vec<(&'static str, Rc<dyn FeatureNetwork>)>>,
}

impl Lab {
    /// Opens the device. Networks are loaded on first use.
    ///
    /// # Errors
    /// When the device does not exist.
    pub fn open(conventions: Conventions) -> Result<Self> {
        let device = conventions.device.open()?;
        let cache = if conventions.cache { FeatureCache::standard() } else { FeatureCache::off() };
        if conventions.network.is_some_and(Known::is_untrained) {
            tracing::warn!(
                "--features random: an untrained network; the numbers are no measure of quality"
            );
        }
        Ok(Self { conventions, device, cache, networks: RefCell::default() })
    }

    /// The network, loaded on first use.
    ///
    /// # Errors
    /// When its weights are missing or unusable.
    pub fn network(&self, known: &'static Known) -> Result<Rc<dyn FeatureNetwork>> {
        if let Some(network) = self.loaded(known) {
            return Ok(network);
        }
        let network: Rc<dyn FeatureNetwork> = match known.stored {
            None => Rc::from(known.draw(self.conventions.seed, &self.device)),
            Some(stored) => {
                let path = self.weights_of(known.name, stored)?;
                let network = known.load(&path, &self.device).map_err(unusable)?;
                check_stored(stored, &path, network.weights().sha256())?;
                Rc::from(network)
            }
        };
        self.networks.borrow_mut().push((known.name, network.clone()));
        Ok(network)
    }

    /// The network, if it is loaded.
    #[must_use]
    pub fn loaded(&self, known: &Known) -> Option<Rc<dyn FeatureNetwork>> {
        self.networks
            .borrow()
            .iter()
            .find(|(name, _)| *name == known.name)
            .map(|(_, network)| network.clone())
    }

    /// The weights file of the network `name`: the one given by a flag, or the stored one.
    ///
    /// # Errors
    /// When there is none.
    pub fn weights_of(&self, name: &str, stored: StoredWeights) -> Result<PathBuf, UsageError> {
        let chosen = |network: Option<&str>| {
            self.conventions.weights.iter().rev().find(|w| w.network == network)
        };
        let unnamed =
            if self.conventions.main_network().name == name { chosen(None) } else { None };
        match chosen(Some(name)).or(unnamed) {
            Some(choice) => Ok(choice.path.clone()),
            None => stored.find(),
        }
    }

    /// The preprocessing of `network`'s input under `protocol`.
    #[must_use]
    pub fn preprocessing(protocol: &Protocol, network: &Known) -> Preprocessing {
        if network.is_inception() {
            return Preprocessing {
                filter: protocol.filter,
                side: protocol.side,
                scale: protocol.scale,
            };
        }
        Preprocessing { filter: protocol.filter, side: network.side, scale: network.scale }
    }

    /// Features of all pictures of `source`, one set per layer.
    ///
    /// # Errors
    /// When the network cannot be loaded or a picture cannot be read.
    pub fn features(
        &self,
        protocol: &Protocol,
        source: &dyn PictureSource,
        network: &'static Known,
        layers: &[Layer],
    ) -> Result<Vec<Features>> {
        let preprocessing = Self::preprocessing(protocol, network);
        let network = self.network(network)?;
        let extractor =
            Extractor { network: network.as_ref(), preprocessing, batch: self.conventions.batch };
        Ok(extractor.features(source, layers, &self.cache)?)
    }
}

/// The error of a weights file, with the exit code of unusable data.
pub fn unusable(error: WeightsError) -> anyhow::Error {
    match error {
        WeightsError::File(e) => e.into(),
        damaged => DataError(one_line(&damaged)).into(),
    }
}

/// Checks that weights stored for `stored` are the published ones.
///
/// # Errors
/// When they are not.
pub fn check_stored(
    stored: StoredWeights,
    path: &Path,
    sha256: Option<&str>,
) -> Result<(), DataError> {
    let StoredWeights::Published(published) = stored else { return Ok(()) };
    if published.path().is_ok_and(|stored| stored == path) && sha256 != Some(published.sha256) {
        return Err(DataError(format!(
            "{} is not the published file (its SHA-256 differs): run `evaluate weights --fetch {}`",
            path.display(),
            published.name
        )));
    }
    Ok(())
}
