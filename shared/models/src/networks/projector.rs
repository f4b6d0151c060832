//! The projection of a generator's features for contrastive learning (Park et al. 2020, "Contrastive
//! learning for unpaired image-to-image translation", arXiv:2007.15651, section 3.2; `PatchSampleF` of
//! its source): a small perceptron for each layer that features are taken from.

use burn::tensor::{Int, Tensor, activation};

use super::blueprint::Blueprint;
use crate::layers::Linear;
use crate::parameter::parameters;
use crate::summary::Layers;

/// Keeps a length away from 0.
const EPSILON: f64 = 1e-7;
/// Added to the square of a projection's length: far below [`EPSILON`]'s square.
const LEAST: f64 = 1e-24;

/// The perceptron of one layer.
#[derive(Clone, Debug)]
pub struct Head {
    /// Features → hidden.
    pub first: Linear,
    /// Hidden → projection.
    pub second: Linear,
}

parameters!(Head { first, second });

/// Features of a generator's layers → vectors of length 1.
#[derive(Clone, Debug)]
pub struct Projector {
    /// One for each layer.
    pub heads: Vec<Head>,
}

parameters!(Projector { heads });

impl Projector {
    /// Creates a projector to vectors of `width` numbers, for layers of so many channels.
    #[must_use]
    pub fn new(channels: &[usize], width: usize, blueprint: &Blueprint<'_>) -> Self {
        let head = |(i, channels): (usize, &usize)| {
            let linear = |inputs: usize, layer: &str| {
                let name = blueprint.name(&format!("heads.{i}.{layer}"));
                Linear::new([inputs, width], true, &name, &blueprint.maker)
            };
            Head { first: linear(*channels, "first"), second: linear(width, "second") }
        };
        Self { heads: channels.iter().enumerate().map(head).collect() }
    }

    /// The vectors of layer `layer` at these positions, row·width + column, the same in all pictures.
    ///
    /// # Shapes
    /// `features` [B, C, H, W] and P positions give [B, P, width].
    #[must_use]
    pub fn forward(
        &self,
        layer: usize,
        features: Tensor<4>,
        positions: Tensor<1, Int>,
    ) -> Tensor<3> {
        let [batch, channels, height, width] = features.dims();
        let count = positions.dims()[0];
        let Head { first, second } = &self.heads[layer];
        let rows: Tensor<3> =
            features.permute([0, 2, 3, 1]).reshape([batch, height * width, channels]);
        let positions = if rows.is_autodiff() { positions.autodiff() } else { positions };
        let rows: Tensor<2> = rows.select(1, positions).reshape([batch * count, channels]);
        let v = second.forward(activation::relu(first.forward(rows)));
        // A square root has no slope at 0, where a projection may well lie: the slope would be NaN.
        let squared = v.clone().square().sum_dim(1) + LEAST; // [B·P, 1]
        let length = squared.sqrt() + EPSILON;
        let v = v / length;
        let outputs = v.dims()[1];
        v.reshape([batch, count, outputs])
    }

    /// The layers.
    pub(crate) fn layers(&self) -> Layers {
        let mut layers = Layers::default();
        layers.through(format!("{} layers", self.heads.len()));
        for (i, head) in self.heads.iter().enumerate() {
            let [width, inputs] = [head.first.weight.shape()[0], head.first.weight.shape()[1]];
            let name = format!("heads.{i} ({inputs} → {width} → {width})");
            layers.push(name, &format!("(B, {width})"), head);
        }
        layers.through(
            self.heads.first().map_or(0, |head| head.second.weight.shape()[0]).to_string(),
        );
        layers
    }
}
