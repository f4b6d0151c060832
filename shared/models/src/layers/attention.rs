//! Self-attention over the pixels of a picture (Zhang et al. 2019, "Self-Attention GANs",
//! arXiv:1805.08318, section 3).

use burn::tensor::{Tensor, activation};

use super::conv::{Conv2d, ConvConfig};
use super::layer::Layer;
use crate::init::Maker;
use crate::parameter::{Parameter, Purpose, parameters};
use fledge_kernels as ops;

/// x + γ·out(Σᵢ softmaxᵢ(q·kᵢ)·vᵢ), with γ initialised to 0.
#[derive(Clone, Debug)]
pub struct Attention {
    /// C → C/8.
    pub query: Conv2d,
    /// C → C/8.
    pub key: Conv2d,
    /// C → C/2.
    pub value: Conv2d,
    /// C/2 → C.
    pub out: Conv2d,
    /// γ, `[1]`.
    pub gamma: Parameter,
}

parameters!(Attention { query, key, value, out, gamma });

/// [B, C, H, W] → [B, C, H·W] in f32: products and softmax need full precision.
fn flat(x: Tensor<4>) -> Tensor<3> {
    ops::full(x).flatten(2, 3)
}

impl Attention {
    /// Creates the layer `name` for `channels` channels.
    #[must_use]
    pub fn new(channels: usize, name: &str, maker: &Maker<'_>) -> Self {
        let (narrow, half) = ((channels / 8).max(1), (channels / 2).max(1));
        let conv = |part: &str, inputs, outputs| {
            ConvConfig::pointwise(inputs, outputs).init(&format!("{name}.{part}"), maker)
        };
        Self {
            query: conv("query", channels, narrow),
            key: conv("key", channels, narrow),
            value: conv("value", channels, half),
            out: conv("out", half, channels),
            gamma: maker.filled(0.0, &[1], Purpose::Weight),
        }
    }

    /// The four convolutions.
    pub fn convs_mut(&mut self) -> [&mut Conv2d; 4] {
        [&mut self.query, &mut self.key, &mut self.value, &mut self.out]
    }

    /// γ·out(o), `o` [B, C/2, N].
    fn spread(&self, o: Tensor<3>, [batch, _, h, w]: [usize; 4]) -> Tensor<4> {
        let gamma = self.gamma.flat().reshape([1, 1, 1, 1]);
        ops::full(self.out.forward(o.reshape([batch as i64, -1, h as i64, w as i64]))) * gamma
    }
}

impl Layer for Attention {
    /// # Shapes
    /// `x` [B, C, H, W] gives the same.
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let [q, k, v] =
            [&self.query, &self.key, &self.value].map(|conv| flat(conv.forward(x.clone())));
        let weights = activation::softmax(ops::matmul(q.transpose(), k), 2); // [B, N (j), N (i)]
        let o = ops::matmul(v, weights.transpose()); // [B, C/2, N]
        ops::sum(x.clone(), self.spread(o, x.dims()))
    }

    fn tangent(&self, x: Tensor<4>, t: Tensor<4>) -> (Tensor<4>, Tensor<4>) {
        let convs = [&self.query, &self.key, &self.value];
        let [q, k, v] = convs.map(|conv| flat(conv.forward(x.clone())));
        let [tq, tk, tv] = convs.map(|conv| flat(conv.forward(t.clone())));
        let weights = activation::softmax(ops::matmul(q.clone().transpose(), k.clone()), 2);
        let scores = ops::matmul(tq.transpose(), k) + ops::matmul(q.transpose(), tk);
        // The derivative of a softmax: p·(s − Σ p·s).
        let mean = (weights.clone() * scores.clone()).sum_dim(2);
        let moved = weights.clone() * (scores - mean);
        let o = ops::matmul(v.clone(), weights.clone().transpose());
        let to = ops::matmul(tv, weights.transpose()) + ops::matmul(v, moved.transpose());
        (
            ops::sum(x.clone(), self.spread(o, x.dims())),
            ops::sum(t.clone(), self.spread(to, t.dims())),
        )
    }
}
