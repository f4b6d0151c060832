//! The settings of the network.
//!
//! ```
//! use fledge_models::networks::patchgan::DiscriminatorConfig;
//!
//! let extents = |layers| DiscriminatorConfig { layers, ..Default::default() }.extents(256);
//! assert_eq!(extents(3), [256, 128, 64, 32, 31, 30]);
//! assert_eq!(extents(0), [256, 256, 256, 256]);
//! ```

use fledge_base::cli::UsageError;
use serde::{Deserialize, Serialize};

use crate::check::{positive, require, share};
use crate::layers::{ConvConfig, FeatureNormName};

/// The most channels are `width` times this.
const WIDEST: usize = 8;
/// Kernel of the convolutions.
const KERNEL: usize = 4;
/// The largest number of halvings.
const MOST_LAYERS: usize = 8;

/// Configuration of a discriminator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DiscriminatorConfig {
    /// Channels of the first convolution; doubled by each of the next three.
    pub width: usize,
    /// Number of halvings, which makes the extent of a patch: 1, 16, 34, 70, 142, 286, … pixels. 0:
    /// every pixel is judged by itself.
    pub layers: usize,
    /// Normalisation behind each convolution but the first and the last.
    pub norm: FeatureNormName,
    /// Whether extents change by blurred features instead of strides.
    pub antialias: bool,
    /// Slope of the leaky ReLU below zero.
    pub slope: f64,
    /// Whether it judges a picture beside the one it was translated from, six channels instead of
    /// three.
    pub pairs: bool,
}

impl Default for DiscriminatorConfig {
    /// Patches of 70×70 pixels.
    fn default() -> Self {
        Self {
            width: 64,
            layers: 3,
            norm: FeatureNormName::Instance,
            antialias: false,
            slope: 0.2,
            pairs: false,
        }
    }
}

/// A convolution of the network, and what follows it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub(crate) conv: ConvConfig,
    pub(crate) normed: bool,
    /// Whether blurred features of half the extent follow.
    pub(crate) blurred: bool,
}

impl DiscriminatorConfig {
    /// Channels of its input, for pictures of `channels`.
    #[must_use]
    pub fn inputs(&self, channels: usize) -> usize {
        if self.pairs { 2 * channels } else { channels }
    }

    /// The convolutions before the last.
    pub(crate) fn steps(&self, channels: usize) -> Vec<Step> {
        let inputs = self.inputs(channels);
        let bias = !self.norm.shifts();
        let width = |i: usize| self.width * (1 << i.min(16)).min(WIDEST);
        if self.layers == 0 {
            let first = ConvConfig { bias: true, ..ConvConfig::pointwise(inputs, width(0)) };
            let second = ConvConfig { bias, ..ConvConfig::pointwise(width(0), width(1)) };
            return vec![
                Step { conv: first, normed: false, blurred: false },
                Step { conv: second, normed: true, blurred: false },
            ];
        }
        let step = |i: usize| {
            let inputs = if i == 0 { inputs } else { width(i - 1) };
            // The last one keeps the extent.
            let halves = i < self.layers;
            let conv = ConvConfig {
                stride: if halves && !self.antialias { 2 } else { 1 },
                ..ConvConfig::halving(inputs, width(i), KERNEL, i == 0 || bias)
            };
            Step { conv, normed: i > 0, blurred: halves && self.antialias }
        };
        (0..=self.layers).map(step).collect()
    }

    /// The last convolution, to one logit a patch.
    pub(crate) fn last(&self, channels: usize) -> ConvConfig {
        let inputs = self.steps(channels).last().map_or(channels, |step| step.conv.outputs);
        if self.layers == 0 {
            // As in the source, it has a bias only where the one before has.
            return ConvConfig { bias: !self.norm.shifts(), ..ConvConfig::pointwise(inputs, 1) };
        }
        ConvConfig { stride: 1, ..ConvConfig::halving(inputs, 1, KERNEL, true) }
    }

    /// Height and width of the pictures and behind each convolution; ends early if a kernel is larger
    /// than its input.
    #[must_use]
    pub fn extents(&self, size: usize) -> Vec<usize> {
        let mut extents = vec![size];
        let last = Step { conv: self.last(1), normed: false, blurred: false };
        for Step { conv, blurred, .. } in self.steps(1).into_iter().chain([last]) {
            let n = extents[extents.len() - 1];
            if n + conv.padding.before[0] + conv.padding.after[0] < conv.kernel {
                break;
            }
            let n = conv.extent(n);
            extents.push(if blurred { n.div_ceil(2) } else { n });
        }
        extents
    }

    /// Number of activations of its layers for one picture.
    #[must_use]
    pub fn activations(&self, size: usize, channels: usize) -> usize {
        let behind = self.extents(size).into_iter().skip(1);
        let of = |(step, extent): (Step, usize)| {
            let whole = if step.blurred { 5 } else { 1 };
            2 * whole * step.conv.outputs * extent * extent
        };
        self.steps(channels).into_iter().zip(behind).map(of).sum()
    }

    /// # Errors
    /// If a value is invalid.
    pub(crate) fn validate(&self) -> Result<(), UsageError> {
        positive(self.width, "discriminator.width")?;
        let expected = format!("0 to {MOST_LAYERS}");
        require(self.layers <= MOST_LAYERS, "discriminator.layers", self.layers, &expected)?;
        share(self.slope, "discriminator.slope")
    }

    /// # Errors
    /// If no logit is left of pictures of `size`×`size`, or a single pixel is to be normalised.
    pub(crate) fn check_end(&self, size: usize) -> Result<(), String> {
        let steps = self.steps(1);
        let extents = self.extents(size);
        let whole = extents.len() == steps.len() + 2;
        let alone =
            matches!(self.norm, FeatureNormName::Instance | FeatureNormName::InstanceAffine);
        let mut behind = steps.iter().zip(&extents[1..]);
        let pixel = alone && behind.any(|(step, extent)| step.normed && *extent < 2);
        if whole && !pixel && size > 1 {
            return Ok(());
        }
        let layers = self.layers;
        Err(format!(
            "; patchgan with discriminator.layers = {layers} leaves nothing of so small a picture to judge"
        ))
    }
}
