//! The settings of the network.
//!
//! ```
//! use fledge_models::networks::resnet_translator::GeneratorConfig;
//!
//! let config = GeneratorConfig { antialias: true, ..GeneratorConfig::default() };
//! // Layers of the source's list: the padded picture, two convolutions, two blocks.
//! let channels = [0, 4, 8, 12, 16].map(|layer| config.channels_at(layer, 3).unwrap_or(0));
//! assert_eq!(channels, [3, 128, 256, 256, 256]);
//! ```

use fledge_base::cli::UsageError;
use serde::{Deserialize, Serialize};

use crate::check::{positive, require, share};
use crate::layers::FeatureNormName;

/// Number of halvings, and of doublings.
pub(crate) const HALVINGS: usize = 2;
/// Width of the reflected border around the picture.
pub(crate) const BORDER: usize = 3;
/// The smallest and the largest picture size; the borders must be smaller than what they surround.
const SIZES: std::ops::RangeInclusive<usize> = 8..=4096;
/// The largest number of blocks.
const MOST_BLOCKS: usize = 64;

/// Configuration of a generator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GeneratorConfig {
    /// Channels at the picture's extent; doubled by each halving.
    pub width: usize,
    /// Residual blocks.
    pub blocks: usize,
    /// Normalisation behind each convolution but the last.
    pub norm: FeatureNormName,
    /// Whether extents change by blurred pictures instead of strides.
    pub antialias: bool,
    /// Dropout rate within the blocks, in training.
    pub dropout: f64,
}

impl Default for GeneratorConfig {
    /// CycleGAN at 256×256.
    fn default() -> Self {
        Self {
            width: 64,
            blocks: 9,
            norm: FeatureNormName::Instance,
            antialias: false,
            dropout: 0.0,
        }
    }
}

/// A part of the network as the source lists them (`self.model` of its `ResnetGenerator`), from the
/// picture to the last block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listed {
    /// The reflected border.
    Border,
    /// The convolution `0` at the picture's extent, then those that halve.
    Conv(usize),
    /// Its normalisation and its activation, two entries.
    Act(usize),
    /// The blur behind it.
    Blur(usize),
    /// A block.
    Block(usize),
}

impl GeneratorConfig {
    /// Channels after `halvings` halvings.
    #[must_use]
    pub fn channels(&self, halvings: usize) -> usize {
        self.width << halvings
    }

    /// The encoder as the source lists it, one entry for each of its layers.
    pub(crate) fn list(&self) -> Vec<Listed> {
        let mut list = vec![Listed::Border];
        for i in 0..=HALVINGS {
            // The source activates in place, so that its normalisation's result is the activated one.
            list.extend([Listed::Conv(i), Listed::Act(i), Listed::Act(i)]);
            if self.antialias && i > 0 {
                list.push(Listed::Blur(i));
            }
        }
        list.extend((0..self.blocks).map(Listed::Block));
        list
    }

    /// Channels of the result of a layer of the source's list; `None` if the encoder has none of that
    /// number.
    #[must_use]
    pub fn channels_at(&self, layer: usize, channels: usize) -> Option<usize> {
        Some(match *self.list().get(layer)? {
            Listed::Border => channels,
            Listed::Conv(i) | Listed::Act(i) | Listed::Blur(i) => self.channels(i),
            Listed::Block(_) => self.channels(HALVINGS),
        })
    }

    /// Number of activations of its layers for one picture.
    #[must_use]
    pub fn activations(&self, size: usize, channels: usize) -> usize {
        let pixels = size * size;
        let whole = pixels * (6 * self.width + 3 * channels);
        let blocks = 5 * self.blocks * self.channels(HALVINGS) * pixels / 16;
        let unstrided = if self.antialias { 4 } else { 1 };
        let between =
            unstrided * 2 * (pixels / 4 * self.channels(1) + pixels / 16 * self.channels(2));
        whole + 2 * between + blocks
    }

    /// # Errors
    /// If a value is invalid.
    pub(crate) fn validate(&self) -> Result<(), UsageError> {
        positive(self.width, "generator.width")?;
        let expected = format!("0 to {MOST_BLOCKS}");
        require(self.blocks <= MOST_BLOCKS, "generator.blocks", self.blocks, &expected)?;
        share(self.dropout, "generator.dropout")
    }

    /// # Errors
    /// If it does not make pictures of `size`×`size`.
    #[expect(clippy::unused_self, reason = "other families need their settings")]
    pub(crate) fn check_end(&self, size: usize) -> Result<(), String> {
        let (least, most) = (SIZES.start(), SIZES.end());
        if size.is_multiple_of(1 << HALVINGS) && SIZES.contains(&size) {
            return Ok(());
        }
        Err(format!(
            "; resnet-translator needs a multiple of {} from {least} to {most}",
            1 << HALVINGS
        ))
    }
}
