//! The generator: the mapping network, and the synthesis network with a w for each of its layers.
//!
//! ```
//! use burn::tensor::{Device, Tensor};
//! use fledge_models::config::Settings;
//! use fledge_models::layers::{Masks, Mode, Pass};
//!
//! let flags = ["channel_base=64", "channel_max=8", "latent=8", "styles=8"];
//! let flags: Vec<String> = flags.iter().map(|flag| format!("generator.{flag}")).collect();
//! let settings = Settings::resolve("stylegan2-config-f", None, &flags)?;
//! let device = Device::flex();
//! let generator = settings.generator(16, 3, 0, 7, &device);
//! let (mut masks, z) = (Masks::None, Tensor::<2>::zeros([2, 8], &device));
//! let mut pass = Pass::new(Mode::Infer, None, &mut masks);
//! assert_eq!(generator.forward(z, &mut pass).dims(), [2, 3, 16, 16]);
//! # Ok::<(), fledge_base::cli::UsageError>(())
//! ```

use burn::tensor::{Tensor, TensorData};

use super::mapping::{Mapping, MappingConfig};
use super::settings::GeneratorConfig;
use super::synthesis::Synthesis;
use crate::dual::Dual;
use crate::layers::{EqualLinear, Masks, Mode, Pass};
use crate::networks::blueprint::Blueprint;
use crate::networks::cond::CondGenerator;
use crate::parameter::parameters;

/// z → picture.
#[derive(Clone, Debug)]
pub struct Generator {
    /// z → w.
    pub mapping: Mapping,
    /// ws → picture.
    pub synthesis: Synthesis,
    layers: usize,
    config: GeneratorConfig,
}

parameters!(Generator { mapping, synthesis });

impl GeneratorConfig {
    /// Creates a generator according to `blueprint`.
    #[must_use]
    pub fn init(&self, blueprint: &Blueprint<'_>) -> Generator {
        let Blueprint { size, channels, classes, cond, .. } = *blueprint;
        let classes = if cond.generator == CondGenerator::Embedding { classes } else { 0 };
        let maker = &blueprint.maker;
        Generator {
            mapping: MappingConfig::of(self, classes).init(&blueprint.name("mapping"), maker),
            synthesis: Synthesis::new(self, [size, channels], &blueprint.name("synthesis"), maker),
            layers: Self::layers(size),
            config: self.clone(),
        }
    }
}

impl Generator {
    /// The configuration it was built from.
    #[must_use]
    pub fn config(&self) -> &GeneratorConfig {
        &self.config
    }

    /// Number of w that a picture takes.
    #[must_use]
    pub fn style_count(&self) -> usize {
        self.layers
    }

    /// Height and width of the noise of each layer that has some, in order.
    #[must_use]
    pub fn noise_extents(&self) -> Vec<usize> {
        let layers = self.synthesis.blocks.iter().flat_map(|b| b.conv0.iter().chain([&b.conv1]));
        layers.filter_map(|layer| layer.noise_const.as_ref()).map(|map| map.shape()[0]).collect()
    }

    /// What makes the styles of each layer of its w: the convolutions', and the last colours'.
    #[must_use]
    pub fn affines(&self) -> Vec<&EqualLinear> {
        let blocks = &self.synthesis.blocks;
        let convolutions = blocks.iter().flat_map(|b| b.conv0.iter().chain([&b.conv1]));
        let colours = blocks.last().and_then(|block| block.torgb.as_ref());
        convolutions.chain(colours).map(|layer| &layer.affine).collect()
    }

    /// The w of each layer. In training the average of w moves, and with the probability
    /// `generator.style_mixing` the layers from a drawn one on take the w of a second latent
    /// (Karras et al. 2019, arXiv:1812.04948, section 3.1).
    ///
    /// # Shapes
    /// `z` [B, latent] gives [B, layers, styles].
    #[must_use]
    pub fn styles(&self, z: Dual<2>, pass: &mut Pass<'_>) -> Dual<3> {
        let w = self.mapping.forward(Some(z), pass);
        let (w, direction) = w.parts();
        self.mapping.follow(&w, pass);
        let second = if pass.mode == Mode::Train { self.mixed(&w, pass) } else { None };
        let repeated = |w: Tensor<2>, count: usize| {
            w.unsqueeze_dim::<3>(1).repeat_dim(1, count) // [B, count, styles]
        };
        let Some((cutoff, second)) = second else {
            let ws = repeated(w, self.layers);
            return match direction {
                None => ws.into(),
                Some(t) => Dual::along(ws, repeated(t, self.layers)),
            };
        };
        let rest = self.layers - cutoff;
        let ws = Tensor::cat(vec![repeated(w, cutoff), repeated(second, rest)], 1);
        match direction {
            None => ws.into(),
            Some(t) => {
                let still = repeated(t.zeros_like(), rest);
                Dual::along(ws, Tensor::cat(vec![repeated(t, cutoff), still], 1))
            }
        }
    }

    /// The layer from which on styles come from a second latent, and its w, [B, styles]; drawn from
    /// the stream of `pass`.
    fn mixed(&self, w: &Tensor<2>, pass: &mut Pass<'_>) -> Option<(usize, Tensor<2>)> {
        let [batch, _] = w.dims();
        let Masks::Batch(stream) = &mut *pass.masks else { return None };
        if self.config.style_mixing == 0.0 || !stream.coin(self.config.style_mixing) {
            return None;
        }
        let cutoff = 1 + stream.below(self.layers as u64 - 1) as usize;
        let z = stream.normals(batch * self.config.latent);
        let device = w.device().inner();
        let z = Tensor::from_data(TensorData::new(z, [batch, self.config.latent]), &device);
        Some((cutoff, self.mapping.forward(Some(z.into()), pass).value()))
    }

    /// `ws` moved towards the average of w, which keeps to typical pictures: average + ψ·(w −
    /// average) in the first `cutoff` layers, or in all (Karras et al. 2019, arXiv:1812.04948,
    /// appendix B).
    ///
    /// # Shapes
    /// `ws` [B, layers, styles] gives the same.
    #[must_use]
    pub fn truncated(&self, ws: Tensor<3>, psi: f64, cutoff: Option<usize>) -> Tensor<3> {
        let Some(average) = &self.mapping.average else { return ws };
        if psi == 1.0 {
            return ws;
        }
        let cutoff = cutoff.unwrap_or(self.layers).min(self.layers);
        let average = average.flat().reshape([1, 1, self.config.styles]);
        let toward = |ws: Tensor<3>| (ws - average.clone()) * psi + average.clone();
        match cutoff {
            0 => ws,
            all if all == self.layers => toward(ws),
            some => {
                let rest = ws.clone().narrow(1, some, self.layers - some);
                Tensor::cat(vec![toward(ws.narrow(1, 0, some)), rest], 1)
            }
        }
    }

    /// # Shapes
    /// `ws` [B, layers, styles] gives pictures [B, C, size, size].
    #[must_use]
    pub fn synthesize(&self, ws: &Dual<3>, pass: &mut Pass<'_>) -> Dual<4> {
        self.synthesis.forward(ws, pass)
    }

    /// # Shapes
    /// `z` [B, latent] gives pictures [B, C, size, size].
    #[must_use]
    pub fn forward(&self, z: Dual<2>, pass: &mut Pass<'_>) -> Dual<4> {
        let ws = self.styles(z, pass);
        self.synthesize(&ws, pass)
    }
}
