//! The discriminator: halving convolutions, and a logit for each patch.
//!
//! ```
//! use burn::tensor::{Device, Tensor};
//! use fledge_models::config::Settings;
//! use fledge_models::layers::{Masks, Mode, Pass};
//!
//! let settings = Settings::resolve("cyclegan", None, &["discriminator.width=4".to_owned()])?;
//! let device = Device::flex();
//! let discriminator = settings.discriminator(64, 3, 0, 7, &device);
//! let mut masks = Masks::None;
//! let mut pass = Pass::new(Mode::Infer, None, &mut masks);
//! let judgement = discriminator.forward(Tensor::zeros([2, 3, 64, 64], &device), &mut pass);
//! assert_eq!(judgement.logits.dims(), [2, 6 * 6]);
//! # Ok::<(), fledge_base::cli::UsageError>(())
//! ```

use fledge_kernels::collective::Member;

use super::settings::{DiscriminatorConfig, Step};
use crate::dual::Dual;
use crate::layers::{
    ActivationName, Activator, Border, Conv2d, FeatureNorm, FeatureNormName, Pass,
};
use crate::networks::blueprint::Blueprint;
use crate::networks::interface::Judgement;
use crate::parameter::parameters;
use crate::summary::Layers;

/// A convolution with its normalisation.
#[derive(Clone, Debug)]
pub struct Stage {
    /// The convolution.
    pub conv: Conv2d,
    /// Follows it.
    pub norm: FeatureNorm,
    blurred: bool,
}

parameters!(Stage { conv, norm });

/// Picture → logits of its patches, positive for patches judged real.
#[derive(Clone, Debug)]
pub struct Discriminator {
    /// From the picture on.
    pub down: Vec<Stage>,
    /// To logits.
    pub out: Conv2d,
    config: DiscriminatorConfig,
}

parameters!(Discriminator { down, out });

impl DiscriminatorConfig {
    /// Creates a discriminator according to `blueprint`.
    #[must_use]
    pub fn init(&self, blueprint: &Blueprint<'_>) -> Discriminator {
        let Blueprint { channels, maker, .. } = blueprint;
        let stage = |(i, step): (usize, Step)| {
            let norm = if step.normed { self.norm } else { FeatureNormName::None };
            let name = blueprint.name(&format!("down.{i}"));
            Stage {
                conv: step.conv.init(&name, maker),
                norm: FeatureNorm::new(norm, step.conv.outputs, &format!("{name}.norm"), maker),
                blurred: step.blurred,
            }
        };
        Discriminator {
            down: self.steps(*channels).into_iter().enumerate().map(stage).collect(),
            out: self.last(*channels).init(&blueprint.name("out"), maker),
            config: self.clone(),
        }
    }
}

impl Discriminator {
    /// The configuration it was built from.
    #[must_use]
    pub fn config(&self) -> &DiscriminatorConfig {
        &self.config
    }

    /// # Shapes
    /// `x` [B, C, H, W], or [B, 2C, H, W] if it judges pairs, gives logits [B, patches], row by row,
    /// and, where `x` has a direction, their tangent.
    #[must_use]
    pub fn forward(&self, x: Dual<4>, pass: &mut Pass<'_>) -> Judgement {
        let slope = self.config.slope as f32;
        let activator = Activator { name: ActivationName::LeakyRelu, slope };
        let mut x = x;
        for Stage { conv, norm, blurred } in &self.down {
            x = norm.forward(x.conv(conv, None), activator, pass); // [B, C', H', W']
            if *blurred {
                x = x.bordered(Border::BlurHalf);
            }
        }
        let logits = x.conv(&self.out, None).linear(fledge_kernels::full).flat();
        let (logits, tangent) = logits.parts();
        Judgement { logits, tangent, classes: None }
    }

    /// Enables synchronised BatchNorm; every member must make the same passes.
    pub fn synchronize(&mut self, member: &Member) {
        self.down.iter_mut().for_each(|stage| stage.norm.synchronize(member));
    }

    /// The layers, for pictures of `size` and `channels`.
    pub(crate) fn layers(&self, size: usize, channels: usize) -> Layers {
        let mut layers = Layers::default();
        layers.through_picture(size, self.config.inputs(channels));
        let extents = self.config.extents(size);
        let extent = |i: usize| extents.get(i + 1).copied().unwrap_or_default();
        for (i, stage) in self.down.iter().enumerate() {
            let config = stage.conv.config();
            let kind = match (config.stride, stage.blurred) {
                (_, true) => ", blurred, halved",
                (2, _) => ", halved",
                _ => "",
            };
            let (k, n) = (config.kernel, extent(i));
            let shape = format!("(B, {}, {n}, {n})", config.outputs);
            layers.push(format!("down.{i} ({k}×{k}{kind})"), &shape, stage);
            layers.through_picture(n, config.outputs);
        }
        let (k, n) = (self.out.config().kernel, extent(self.down.len()));
        layers.push(format!("out ({k}×{k})"), &format!("(B, 1, {n}, {n})"), &self.out);
        layers.through_picture(n, 1);
        layers
    }
}
