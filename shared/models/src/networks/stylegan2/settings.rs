//! The settings of both networks.
//!
//! ```
//! use fledge_models::networks::stylegan2::GeneratorConfig;
//!
//! let config = GeneratorConfig { channel_base: 16384, ..GeneratorConfig::default() };
//! assert_eq!([4, 64, 128].map(|extent| config.channels(extent)), [512, 256, 128]);
//! assert_eq!(GeneratorConfig::layers(64), 10);
//! ```

use fledge_base::cli::UsageError;
use serde::{Deserialize, Serialize};

use crate::check::{amount, positive, require, share};
use crate::latent::{Distribution, Latents};

/// Height and width of the first features of the generator, and of the last of the discriminator.
pub(crate) const BASE: usize = 4;
/// The largest picture size.
const LARGEST: usize = 1024;
/// The largest number of layers of a mapping network.
const MOST_LAYERS: usize = 32;

/// The way of features and pictures between extents (Karras et al. 2020, arXiv:1912.04958,
/// figure 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Architecture {
    /// Features alone.
    Orig,
    /// A picture at every extent, resampled to the next.
    Skip,
    /// Residual blocks.
    Resnet,
}

/// Configuration of a generator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GeneratorConfig {
    /// Length of the latent vector z.
    pub latent: usize,
    /// Length of w.
    pub styles: usize,
    /// Layers from z to w.
    pub mapping_layers: usize,
    /// Learning rate of the mapping network, as a share of the optimizer's.
    pub mapping_rate: f64,
    /// Channels at an extent are `channel_base` divided by it, at most `channel_max`.
    pub channel_base: usize,
    /// The most channels.
    pub channel_max: usize,
    /// The way of pictures between extents.
    pub architecture: Architecture,
    /// Bound of the features behind every layer; 0 = none.
    pub clamp: f64,
    /// Whether layers add noise.
    pub noise: bool,
    /// Probability that the layers of a training picture take their styles from two latents.
    pub style_mixing: f64,
    /// Share of the running average of w that each batch keeps.
    pub average_decay: f64,
}

/// Configuration of a discriminator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DiscriminatorConfig {
    /// Channels at an extent are `channel_base` divided by it, at most `channel_max`.
    pub channel_base: usize,
    /// The most channels.
    pub channel_max: usize,
    /// The way of pictures between extents.
    pub architecture: Architecture,
    /// Bound of the features behind every layer; 0 = none.
    pub clamp: f64,
    /// Group size of the minibatch standard deviation; 0 = none.
    pub minibatch_stddev: usize,
    /// Layers of the mapping of classes.
    pub mapping_layers: usize,
    /// Number of layers, from the picture on, whose weights are frozen (Mo et al. 2020, "Freeze the
    /// Discriminator", arXiv:2002.10964).
    pub freeze: usize,
}

impl Default for GeneratorConfig {
    /// Configuration F of the paper, in the source's mixed-precision form.
    fn default() -> Self {
        Self {
            latent: 512,
            styles: 512,
            mapping_layers: 8,
            mapping_rate: 0.01,
            channel_base: 32768,
            channel_max: 512,
            architecture: Architecture::Skip,
            clamp: 256.0,
            noise: true,
            style_mixing: 0.9,
            average_decay: 0.995,
        }
    }
}

impl Default for DiscriminatorConfig {
    /// Configuration F of the paper, in the source's mixed-precision form.
    fn default() -> Self {
        Self {
            channel_base: 32768,
            channel_max: 512,
            architecture: Architecture::Resnet,
            clamp: 256.0,
            minibatch_stddev: 4,
            mapping_layers: 8,
            freeze: 0,
        }
    }
}

/// The extents from [`BASE`] to `size`.
pub(crate) fn extents(size: usize) -> Vec<usize> {
    std::iter::successors(Some(BASE), |extent| Some(extent * 2))
        .take_while(|extent| *extent <= size)
        .collect()
}

/// # Errors
/// If `size` is not [`BASE`] times a power of two.
fn check_end(size: usize) -> Result<(), String> {
    if size.is_power_of_two() && (2 * BASE..=LARGEST).contains(&size) {
        return Ok(());
    }
    Err(format!("; stylegan2 needs a power of two from {} to {LARGEST}", 2 * BASE))
}

fn channels_at(base: usize, most: usize, extent: usize) -> usize {
    (base / extent).min(most).max(1)
}

fn check_channels(network: &str, base: usize, most: usize) -> Result<(), UsageError> {
    positive(base, &format!("{network}.channel_base"))?;
    positive(most, &format!("{network}.channel_max"))
}

fn check_layers(network: &str, layers: usize) -> Result<(), UsageError> {
    let key = format!("{network}.mapping_layers");
    require((1..=MOST_LAYERS).contains(&layers), &key, layers, &format!("1 to {MOST_LAYERS}"))
}

impl GeneratorConfig {
    /// Channels at an extent.
    #[must_use]
    pub fn channels(&self, extent: usize) -> usize {
        channels_at(self.channel_base, self.channel_max, extent)
    }

    /// Number of w that a picture of `size` takes: one for each convolution, and one for the last
    /// conversion to colours.
    #[must_use]
    pub fn layers(size: usize) -> usize {
        2 * extents(size).len()
    }

    /// The latent vectors that it takes.
    #[must_use]
    pub fn latents(&self) -> Latents {
        Latents { length: self.latent, distribution: Distribution::Normal, threshold: 1.0 }
    }

    /// Number of activations of its layers for one picture.
    #[must_use]
    pub fn activations(&self, size: usize, channels: usize) -> usize {
        // Scaled, convolved, and with noise and bias; two convolutions at an extent.
        let of = |extent: &usize| (6 * self.channels(*extent) + 2 * channels) * extent * extent;
        extents(size).iter().map(of).sum()
    }

    /// # Errors
    /// If a value is invalid.
    pub(crate) fn validate(&self) -> Result<(), UsageError> {
        positive(self.latent, "generator.latent")?;
        positive(self.styles, "generator.styles")?;
        check_layers("generator", self.mapping_layers)?;
        require(
            self.mapping_rate > 0.0 && self.mapping_rate <= 1.0,
            "generator.mapping_rate",
            self.mapping_rate,
            "0 < value ≤ 1",
        )?;
        check_channels("generator", self.channel_base, self.channel_max)?;
        amount(self.clamp, "generator.clamp")?;
        crate::check::fraction(self.style_mixing, "generator.style_mixing")?;
        share(self.average_decay, "generator.average_decay")
    }

    /// # Errors
    /// If it does not make pictures of `size`×`size`.
    #[expect(clippy::unused_self, reason = "other families need their settings")]
    pub(crate) fn check_end(&self, size: usize) -> Result<(), String> {
        check_end(size)
    }
}

impl DiscriminatorConfig {
    /// Channels at an extent.
    #[must_use]
    pub fn channels(&self, extent: usize) -> usize {
        channels_at(self.channel_base, self.channel_max, extent)
    }

    /// Number of activations of its layers for one picture.
    #[must_use]
    pub fn activations(&self, size: usize, channels: usize) -> usize {
        let of = |extent: &usize| (5 * self.channels(*extent) + channels) * extent * extent;
        extents(size).iter().map(of).sum()
    }

    /// # Errors
    /// If a value is invalid.
    pub(crate) fn validate(&self) -> Result<(), UsageError> {
        check_channels("discriminator", self.channel_base, self.channel_max)?;
        check_layers("discriminator", self.mapping_layers)?;
        amount(self.clamp, "discriminator.clamp")
    }

    /// # Errors
    /// If it does not end at pictures of `size`×`size`.
    #[expect(clippy::unused_self, reason = "other families need their settings")]
    pub(crate) fn check_end(&self, size: usize) -> Result<(), String> {
        check_end(size)
    }

    /// Number of layers that can be frozen at `size`: four of the first extent, three of each
    /// other but the last, which `skip` and `orig` have fewer or more of.
    fn freezable(&self, size: usize) -> usize {
        let blocks = extents(size).len() - 1;
        let rgb = if self.architecture == Architecture::Skip { blocks } else { 1 };
        let skips = if self.architecture == Architecture::Resnet { blocks } else { 0 };
        2 * blocks + rgb + skips
    }

    /// # Errors
    /// If more layers are to be frozen than there are at `size`.
    pub(crate) fn check_blocks(&self, size: usize) -> Result<(), UsageError> {
        let most = self.freezable(size);
        let expected = format!("0 (none) to {most} at {size}×{size}");
        require(self.freeze <= most, "discriminator.freeze", self.freeze, &expected)
    }
}
