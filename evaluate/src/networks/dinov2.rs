//! DINOv2 ViT-S/14 and ViT-B/14 without registers (Oquab et al. 2023, arXiv:2304.07193). FD-DINOv2
//! is the Fréchet distance of its features (Stein et al. 2023, arXiv:2306.04675).
//!
//! Weights: `model.safetensors` of facebook/dinov2-small and facebook/dinov2-base on Hugging Face,
//! in their names. Features follow torch-fidelity's `FeatureExtractorDinoV2` and dgm-eval: 224×224,
//! ImageNet's mean and deviation, the class token after the last normalisation. The position
//! embeddings are resized in the convention of the hub code (`super::positions`).

use std::path::Path;

use burn::tensor::activation::gelu;
use burn::tensor::ops::AttentionModuleOptions;
use burn::tensor::{Device, Tensor, TensorData, module};
use shared::metrics::network::{FeatureNetwork, Layer, Weights};
use shared::metrics::state_dict::{Taking, WeightsError};
use shared::nn::ops::Activation;

use super::positions;
use shared::metrics::layers::{Convolution, Linear};
use shared::metrics::parameters::{Drawn, Parameters};

/// Side of its input in pixels.
pub const SIDE: usize = 224;
/// Side of a patch in pixels.
const PATCH: usize = 14;
/// Patches along a side of the input.
const PATCHES: usize = SIDE / PATCH;
/// Transformer blocks.
const DEPTH: usize = 12;
/// Width of an attention head.
const HEAD: usize = 64;
/// Epsilon of layer normalisation.
const EPSILON: f64 = 1e-6;

/// A published size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// ViT-S/14: 384 features.
    Small,
    /// ViT-B/14: 768 features.
    Base,
}

impl Size {
    /// The network's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Small => "dinov2-vit-s-14",
            Self::Base => "dinov2-vit-b-14",
        }
    }

    /// The class token after the last normalisation.
    #[must_use]
    pub const fn layer(self) -> Layer {
        Layer { name: "dinov2", dimensions: self.width() }
    }

    const fn layers(self) -> &'static [Layer] {
        match self {
            Self::Small => const { &[Self::Small.layer()] },
            Self::Base => const { &[Self::Base.layer()] },
        }
    }

    const fn width(self) -> usize {
        match self {
            Self::Small => 384,
            Self::Base => 768,
        }
    }

    /// The expected contents of its file, for errors.
    const fn expected(self) -> &'static str {
        match self {
            Self::Small => "DINOv2 ViT-S/14 in the names of facebook/dinov2-small",
            Self::Base => "DINOv2 ViT-B/14 in the names of facebook/dinov2-base",
        }
    }
}

/// Layer normalisation over each token.
#[derive(Debug)]
struct Norm {
    gamma: Tensor<1>,
    beta: Tensor<1>,
}

impl Norm {
    fn new(parameters: &mut dyn Parameters, name: &str, width: usize, device: &Device) -> Self {
        let mut part = |part: &str| {
            Tensor::from_data(parameters.tensor(&format!("{name}.{part}"), &[width]), device)
        };
        Self { gamma: part("weight"), beta: part("bias") }
    }

    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        module::layer_norm(x, self.gamma.clone(), Some(self.beta.clone()), EPSILON)
    }
}

/// A transformer block: attention and a perceptron, each normalised before, then scaled and added.
#[derive(Debug)]
struct Block {
    norms: [Norm; 2],
    /// Queries, keys, values.
    inputs: [Linear; 3],
    output: Linear,
    perceptron: [Linear; 2],
    /// [width]
    scales: [Tensor<1>; 2],
}

impl Block {
    fn new(parameters: &mut dyn Parameters, number: usize, width: usize, device: &Device) -> Self {
        let name = |part: &str| format!("encoder.layer.{number}.{part}");
        let norms =
            ["norm1", "norm2"].map(|part| Norm::new(parameters, &name(part), width, device));
        let scales = ["layer_scale1.lambda1", "layer_scale2.lambda1"]
            .map(|part| Tensor::from_data(parameters.tensor(&name(part), &[width]), device));
        let mut linear = |part: &str, shape| Linear::new(parameters, &name(part), shape, device);
        Self {
            norms,
            inputs: ["query", "key", "value"]
                .map(|part| linear(&format!("attention.attention.{part}"), [width; 2])),
            output: linear("attention.output.dense", [width; 2]),
            perceptron: [
                linear("mlp.fc1", [4 * width, width]),
                linear("mlp.fc2", [width, 4 * width]),
            ],
            scales,
        }
    }

    /// # Shapes
    /// `x` [B · tokens, width] → the same.
    fn forward(&self, x: Tensor<2>, batch: usize) -> Tensor<2> {
        let attended = self.attention(self.norms[0].forward(x.clone()), batch);
        let x = x + attended * self.scales[0].clone().unsqueeze();
        let hidden = gelu(self.perceptron[0].forward(self.norms[1].forward(x.clone())));
        x + self.perceptron[1].forward(hidden) * self.scales[1].clone().unsqueeze()
    }

    fn attention(&self, x: Tensor<2>, batch: usize) -> Tensor<2> {
        let [rows, width] = x.dims();
        let heads = [batch, rows / batch, width / HEAD, HEAD];
        let [q, k, v] =
            [0, 1, 2].map(|i| self.inputs[i].forward(x.clone()).reshape(heads).swap_dims(1, 2)); // [B, heads, T, 64]
        // The scores are divided by √64.
        let mixed = module::attention(q, k, v, None, None, AttentionModuleOptions::default()); // [B, heads, T, 64]
        self.output.forward(mixed.swap_dims(1, 2).reshape([rows, width]))
    }
}

/// The network on a device.
#[derive(Debug)]
pub struct DinoV2 {
    size: Size,
    patches: Convolution,
    /// Class token with its position, [1, 1, width].
    class: Tensor<3>,
    /// Positions of the patches, [1, 16 · 16, width].
    positions: Tensor<3>,
    blocks: Vec<Block>,
    norm: Norm,
    device: Device,
    weights: Weights,
}

impl DinoV2 {
    /// Loads the weights of `path` onto `device`, which must be without autodiff.
    ///
    /// # Errors
    /// When the file cannot be read or does not contain exactly the network's tensors.
    pub fn load(size: Size, path: &Path, device: &Device) -> Result<Self, WeightsError> {
        let mut taking = Taking::open(path, size.expected())?;
        // The token of masked patches, used only in training.
        taking.pass_over("embeddings.mask_token");
        let network = Self::new(size, &mut taking, device);
        Ok(Self { weights: taking.finish()?, ..network })
    }

    /// Draws an untrained network, for smoke tests.
    #[must_use]
    pub fn random(size: Size, seed: u64, device: &Device) -> Self {
        let network = Self::new(size, &mut Drawn { network: size.name(), seed }, device);
        Self { weights: Weights::Random { seed }, ..network }
    }

    /// Builds the network without recording the origin of its weights.
    pub(super) fn new(size: Size, parameters: &mut dyn Parameters, device: &Device) -> Self {
        let width = size.width();
        let trained = [1, 1 + positions::TRAINED * positions::TRAINED, width];
        let trained = parameters.tensor("embeddings.position_embeddings", &trained);
        let positions =
            positions::resized(&trained.iter::<f32>().collect::<Vec<_>>(), width, PATCHES);
        let positions = Tensor::<3>::from_data(
            TensorData::new(positions, [1, 1 + PATCHES * PATCHES, width]),
            device,
        );
        let class = Tensor::<3>::from_data(
            parameters.tensor("embeddings.cls_token", &[1, 1, width]),
            device,
        );
        let shape = [width, 3, PATCH, PATCH];
        Self {
            size,
            patches: Convolution::new(
                parameters,
                "embeddings.patch_embeddings.projection",
                shape,
                device,
            )
            .with_stride(PATCH)
            .with_activation(Activation::NONE),
            class: class + positions.clone().narrow(1, 0, 1),
            positions: positions.narrow(1, 1, PATCHES * PATCHES),
            blocks: (0..DEPTH)
                .map(|number| Block::new(parameters, number, width, device))
                .collect(),
            norm: Norm::new(parameters, "layernorm", width, device),
            device: device.clone(),
            weights: Weights::Random { seed: 0 },
        }
    }
}

impl FeatureNetwork for DinoV2 {
    fn name(&self) -> &'static str {
        self.size.name()
    }

    fn layers(&self) -> &'static [Layer] {
        self.size.layers()
    }

    fn weights(&self) -> &Weights {
        &self.weights
    }

    fn device(&self) -> &Device {
        &self.device
    }

    /// H and W are 224.
    fn forward(&self, x: Tensor<4>, layers: &[Layer]) -> Vec<Tensor<2>> {
        let (batch, width, tokens) = (x.dims()[0], self.size.width(), 1 + PATCHES * PATCHES);
        let patches: Tensor<3> = self.patches.forward(x).flatten(2, 3); // [B, width, 256]
        let patches = patches.swap_dims(1, 2) + self.positions.clone(); // [B, 256, width]
        let x = Tensor::cat(vec![self.class.clone().repeat_dim(0, batch), patches], 1); // [B, 257, width]
        let x = x.reshape([batch * tokens, width]);
        let x = self
            .blocks
            .iter()
            .fold(x, |x, block| block.forward(x, batch))
            .reshape([batch, tokens, width]);
        let class = self.norm.forward(x.narrow(1, 0, 1).reshape([batch, width])); // [B, width]
        layers.iter().map(|_| class.clone()).collect()
    }
}
