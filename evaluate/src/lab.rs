//! Pictures → features under a protocol: the device, the networks that were loaded so far, and the cache.

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
use shared::nn::ops::Precision;

use crate::args::Conventions;
use crate::networks::{Kept, Known};
use crate::protocol::Protocol;

/// What turns pictures into features.
pub struct Lab {
    /// What decides a number beside the pictures.
    pub conventions: Conventions,
    /// Where networks and generators compute.
    pub device: Device,
    cache: FeatureCache,
    networks: RefCell<Vec<(&'static str, Rc<dyn FeatureNetwork>)>>,
}

impl Lab {
    /// Opens the device; networks are loaded when they are needed.
    ///
    /// # Errors
    /// When there is no such device.
    pub fn open(conventions: Conventions) -> Result<Self> {
        // Numbers must not depend on the device.
        Precision::F32.set();
        let device = conventions.device.open()?;
        let cache = if conventions.cache { FeatureCache::standard() } else { FeatureCache::off() };
        if conventions.network.is_some_and(Known::is_drawn) {
            tracing::warn!("--features random: an untrained network; the numbers are no measure of quality");
        }
        Ok(Self { conventions, device, cache, networks: RefCell::default() })
    }

    /// A network, loaded once.
    ///
    /// # Errors
    /// When its weights are not there or unusable.
    pub fn network(&self, known: &'static Known) -> Result<Rc<dyn FeatureNetwork>> {
        if let Some(network) = self.loaded(known) {
            return Ok(network);
        }
        let network: Rc<dyn FeatureNetwork> = match known.kept {
            None => Rc::from(known.draw(self.conventions.seed, &self.device)),
            Some(kept) => {
                let path = self.weights_of(known.name, kept)?;
                let network = known.load(&path, &self.device).map_err(unusable)?;
                check_stored(kept, &path, network.weights().sha256())?;
                Rc::from(network)
            }
        };
        self.networks.borrow_mut().push((known.name, network.clone()));
        Ok(network)
    }

    /// A network, if it was loaded.
    #[must_use]
    pub fn loaded(&self, known: &Known) -> Option<Rc<dyn FeatureNetwork>> {
        self.networks.borrow().iter().find(|(name, _)| *name == known.name).map(|(_, network)| network.clone())
    }

    /// The file of a network's weights: the one that a flag names, else the stored one.
    ///
    /// # Errors
    /// When there is none.
    pub fn weights_of(&self, name: &str, kept: Kept) -> Result<PathBuf, UsageError> {
        let chosen = |network: Option<&str>| self.conventions.weights.iter().rev().find(|w| w.network == network);
        let unnamed = if self.conventions.main_network().name == name { chosen(None) } else { None };
        match chosen(Some(name)).or(unnamed) {
            Some(choice) => Ok(choice.path.clone()),
            None => kept.find(),
        }
    }

    /// How a picture becomes the input of `network` under `protocol`.
    #[must_use]
    pub fn preprocessing(protocol: &Protocol, network: &Known) -> Preprocessing {
        if network.is_inception() {
            return Preprocessing { filter: protocol.filter, side: protocol.side, scale: protocol.scale };
        }
        Preprocessing { filter: protocol.filter, side: network.side, scale: network.scale }
    }

    /// Features of all pictures of `source`, one set a layer.
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
        let extractor = Extractor { network: network.as_ref(), preprocessing, batch: self.conventions.batch };
        Ok(extractor.features(source, layers, &self.cache)?)
    }
}

/// A weights file that was not accepted, as data that are unusable.
pub fn unusable(error: WeightsError) -> anyhow::Error {
    match error {
        WeightsError::File(e) => e.into(),
        damaged => DataError(one_line(&damaged)).into(),
    }
}

/// Stored weights must be the published ones.
///
/// # Errors
/// When they are others.
pub fn check_stored(kept: Kept, path: &Path, sha256: Option<&str>) -> Result<(), DataError> {
    let Kept::Published(published) = kept else { return Ok(()) };
    if published.path().is_ok_and(|stored| stored == path) && sha256 != Some(published.sha256) {
        return Err(DataError(format!(
            "{} is not the published file (its SHA-256 differs): run `evaluate weights --fetch {}`",
            path.display(),
            published.name
        )));
    }
    Ok(())
}
