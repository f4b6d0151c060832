//! The settings of the network.
//!
//! ```
//! use fledge_models::networks::unet::GeneratorConfig;
//!
//! let config = GeneratorConfig::default();
//! assert_eq!(config.widths(256), [64, 128, 256, 512, 512, 512, 512, 512]);
//! assert_eq!(config.widths(64).len(), 6);
//! ```

use fledge_base::cli::UsageError;
use serde::{Deserialize, Serialize};

use crate::check::{positive, require, share};
use crate::layers::FeatureNormName;

/// The most channels are `width` times this.
const WIDEST: usize = 8;
/// The first level, from the picture on, whose way up has dropout; the last level never has.
const FIRST_DROPPED: usize = 4;
/// The largest number of halvings.
const MOST_DOWNS: usize = 12;
/// The largest picture size.
const LARGEST: usize = 4096;

/// Configuration of a generator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GeneratorConfig {
    /// Channels after the first halving; doubled by the next three.
    pub width: usize,
    /// Number of halvings; 0 = down to a single pixel.
    pub downs: usize,
    /// Normalisation behind each convolution but the first, the innermost and the last.
    pub norm: FeatureNormName,
    /// Dropout rate on the way up, behind the levels from the fifth to the last but one.
    pub dropout: f64,
    /// Whether dropout stays on when pictures are translated after training: it is the only source
    /// of variation.
    pub dropout_sampling: bool,
}

impl Default for GeneratorConfig {
    /// pix2pix.
    fn default() -> Self {
        Self {
            width: 64,
            downs: 0,
            norm: FeatureNormName::Batch,
            dropout: 0.5,
            dropout_sampling: true,
        }
    }
}

impl GeneratorConfig {
    /// Channels after each halving of pictures of `size`.
    #[must_use]
    pub fn widths(&self, size: usize) -> Vec<usize> {
        let downs = if self.downs > 0 { self.downs } else { size.max(1).ilog2() as usize };
        (0..downs).map(|level| self.width * (1 << level.min(16)).min(WIDEST)).collect()
    }

    /// The number of pixels of which the sides of every picture must be multiples, for a network
    /// trained on pictures of `size`.
    #[must_use]
    pub fn unit(&self, size: usize) -> usize {
        1 << self.widths(size).len()
    }

    /// Returns true if it has dropout, trained on pictures of `size`.
    #[must_use]
    pub fn drops(&self, size: usize) -> bool {
        let levels = self.widths(size).len();
        (0..levels).any(|level| self.dropout_at(level, levels) > 0.0)
    }

    /// Dropout rate of a level's way up, counted from 0 at the picture, of `levels` in all.
    pub(crate) fn dropout_at(&self, level: usize, levels: usize) -> f64 {
        let drops = (FIRST_DROPPED..levels.saturating_sub(1)).contains(&level);
        if drops { self.dropout } else { 0.0 }
    }

    /// Number of activations of its layers for one picture.
    #[must_use]
    pub fn activations(&self, size: usize, channels: usize) -> usize {
        let of = |(level, width): (usize, &usize)| 6 * width * (size >> (level + 1)).pow(2);
        self.widths(size).iter().enumerate().map(of).sum::<usize>() + channels * size * size
    }

    /// # Errors
    /// If a value is invalid.
    pub(crate) fn validate(&self) -> Result<(), UsageError> {
        positive(self.width, "generator.width")?;
        let downs = self.downs != 1 && self.downs <= MOST_DOWNS;
        let expected = format!("0 (down to a single pixel) or 2 to {MOST_DOWNS}");
        require(downs, "generator.downs", self.downs, &expected)?;
        share(self.dropout, "generator.dropout")
    }

    /// # Errors
    /// If it does not make pictures of `size`×`size`.
    pub(crate) fn check_end(&self, size: usize) -> Result<(), String> {
        if self.downs == 0 {
            let fits = size.is_power_of_two() && (4..=LARGEST).contains(&size);
            return if fits {
                Ok(())
            } else {
                Err(format!(
                    "; unet with generator.downs = 0 needs a power of two from 4 to {LARGEST}"
                ))
            };
        }
        let unit = 1 << self.downs;
        if size > 0 && size.is_multiple_of(unit) && size <= LARGEST {
            return Ok(());
        }
        let downs = self.downs;
        Err(format!(
            "; unet with generator.downs = {downs} needs a multiple of {unit}, up to {LARGEST}"
        ))
    }
}
