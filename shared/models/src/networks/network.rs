//! The network of any role.
//!
//! ```
//! use burn::tensor::Device;
//! use fledge_models::config::{DataConfig, RunConfig, Settings};
//!
//! let settings = Settings::resolve("gan-ada", None, &[])?;
//! let config = RunConfig::new("gan-ada", settings, 0, DataConfig::of_extent(64, 3));
//! let role = config.settings.task.shown();
//! let generator = config.outline(role, &Device::flex());
//! assert!(generator.summary("Generator", 64, 3).contains("Total params: 930,947"));
//! # Ok::<(), fledge_base::cli::UsageError>(())
//! ```

use fledge_kernels::collective::Member;

use super::family::{Discriminator, Generator};
use super::projector::Projector;
use crate::parameter::{Parameter, Parameters};
use crate::summary;

/// The network of a role.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "a run has a few of them")]
pub enum Network {
    /// Makes pictures.
    Generator(Generator),
    /// Judges pictures.
    Discriminator(Discriminator),
    /// Projects a generator's features.
    Projector(Projector),
}

/// Applies the same expression to a network of any kind.
macro_rules! of_any {
    ($network:expr, $it:ident => $do:expr) => {
        match $network {
            Self::Generator($it) => $do,
            Self::Discriminator($it) => $do,
            Self::Projector($it) => $do,
        }
    };
}

impl Network {
    /// The generator.
    ///
    /// # Panics
    /// If the network is of another kind: a task only asks for the parts that it declares.
    #[must_use]
    pub fn generator(&self) -> &Generator {
        match self {
            Self::Generator(generator) => generator,
            _ => unreachable!("a generator was asked for"),
        }
    }

    /// The discriminator.
    ///
    /// # Panics
    /// If the network is of another kind: a task only asks for the parts that it declares.
    #[must_use]
    pub fn discriminator(&self) -> &Discriminator {
        match self {
            Self::Discriminator(discriminator) => discriminator,
            _ => unreachable!("a discriminator was asked for"),
        }
    }

    /// The projector.
    ///
    /// # Panics
    /// If the network is of another kind: a task only asks for the parts that it declares.
    #[must_use]
    pub fn projector(&self) -> &Projector {
        match self {
            Self::Projector(projector) => projector,
            _ => unreachable!("a projector was asked for"),
        }
    }

    /// Enables synchronised BatchNorm; every member must make the same passes.
    pub fn synchronize(&mut self, member: &Member) {
        match self {
            Self::Generator(network) => network.synchronize(member),
            Self::Discriminator(network) => network.synchronize(member),
            Self::Projector(_) => {}
        }
    }

    /// Runs one power iteration for every weight with spectral normalisation.
    pub fn iterate(&mut self) {
        match self {
            Self::Generator(network) => network.iterate(),
            Self::Discriminator(network) => network.iterate(),
            Self::Projector(_) => {}
        }
    }

    /// Grows to the extent scheduled for `images_seen` real pictures, in families that grow.
    pub fn grow(&mut self, images_seen: f64) {
        match self {
            Self::Generator(network) => network.grow(images_seen),
            Self::Discriminator(network) => network.grow(images_seen),
            Self::Projector(_) => {}
        }
    }

    /// The table of its layers, for pictures of `size` and `channels`.
    #[must_use]
    pub fn summary(&self, title: &str, size: usize, channels: usize) -> String {
        summary::table(title, &self.layers(size, channels), self)
    }

    /// One line with the shapes from input to output.
    #[must_use]
    pub fn outline(&self, size: usize, channels: usize) -> String {
        summary::outline(&self.layers(size, channels), self)
    }

    fn layers(&self, size: usize, channels: usize) -> summary::Layers {
        match self {
            Self::Generator(generator) => generator.layers(channels),
            Self::Discriminator(discriminator) => discriminator.layers(size, channels),
            Self::Projector(projector) => projector.layers(),
        }
    }
}

impl Parameters for Network {
    fn collect<'a>(&'a self, prefix: &str, list: &mut Vec<(String, &'a Parameter)>) {
        of_any!(self, network => network.collect(prefix, list));
    }

    fn collect_mut<'a>(&'a mut self, prefix: &str, list: &mut Vec<(String, &'a mut Parameter)>) {
        of_any!(self, network => network.collect_mut(prefix, list));
    }
}
