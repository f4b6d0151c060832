//! VGG16 (Simonyan and Zisserman 2014, arXiv:1409.1556) with torchvision's weights
//! (`vgg16-397923af.pth`) and names.
//!
//! Features follow torch-fidelity's `FeatureExtractorVGG16`: 224×224, ImageNet's mean and
//! deviation, the classifier's second layer before (`fc2`) and after (`fc2_relu`) its ReLU. Its
//! third layer (`classifier.6`) is ignored.

use std::path::Path;

use super::network::{FeatureNetwork, Layer, Weights};
use super::state_dict::{Taking, WeightsError};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};

use super::layers::{Convolution, Linear, max_pool};
use super::parameters::{Drawn, Parameters};

/// Its name.
pub const NAME: &str = "vgg16";
/// Side of its input in pixels: the classifier needs 7×7 positions.
pub const SIDE: usize = 224;
/// The classifier's second layer.
pub const FC2: Layer = Layer { name: "fc2", dimensions: 4096 };
/// The classifier's second layer after its ReLU.
pub const FC2_RELU: Layer = Layer { name: "fc2_relu", dimensions: 4096 };
/// All layers.
pub const LAYERS: [Layer; 2] = [FC2, FC2_RELU];

/// The expected contents of its file, for errors.
pub const EXPECTED: &str = "VGG16 in torchvision's names";

/// Convolutions between two pools: index in `features`, channels in and out.
const SLICES: [&[(usize, usize, usize)]; 5] = [
    &[(0, 3, 64), (2, 64, 64)],
    &[(5, 64, 128), (7, 128, 128)],
    &[(10, 128, 256), (12, 256, 256), (14, 256, 256)],
    &[(17, 256, 512), (19, 512, 512), (21, 512, 512)],
    &[(24, 512, 512), (26, 512, 512), (28, 512, 512)],
];

/// The convolutions, without a classifier.
#[derive(Debug)]
pub struct Slices(Vec<Vec<Convolution>>);

impl Slices {
    /// Channels of the slices' outputs.
    pub const CHANNELS: [usize; 5] = [64, 128, 256, 512, 512];

    /// The network with the tensors that `parameters` gives.
    #[must_use]
    pub fn new(parameters: &mut dyn Parameters, device: &Device) -> Self {
        let mut convolution = |&(number, input, output): &(usize, usize, usize)| {
            let shape = [output, input, 3, 3];
            Convolution::new(parameters, &format!("features.{number}"), shape, device)
                .with_padding(1)
        };
        Self(SLICES.map(|slice| slice.iter().map(&mut convolution).collect()).into())
    }

    /// The outputs of the slices: relu1_2, relu2_2, relu3_3, relu4_3, relu5_3 in the paper's names.
    ///
    /// # Shapes
    /// `x` [B, 3, H, W], H and W at least 16 → [B, Cᵢ, H/2ⁱ, W/2ⁱ].
    #[must_use]
    pub fn forward(&self, mut x: Tensor<4>) -> Vec<Tensor<4>> {
        let mut outputs = Vec::with_capacity(self.0.len());
        for (i, slice) in self.0.iter().enumerate() {
            if i > 0 {
                x = max_pool(x, 2, false);
            }
            x = slice.iter().fold(x, |x, convolution| convolution.forward(x));
            outputs.push(x.clone());
        }
        outputs
    }
}

/// The network on a device.
#[derive(Debug)]
pub struct Vgg16 {
    slices: Slices,
    fc1: Linear,
    fc2: Linear,
    device: Device,
    weights: Weights,
}

impl Vgg16 {
    /// Loads the weights of `path` onto `device`, which must be without autodiff.
    ///
    /// # Errors
    /// When the file cannot be read or does not contain exactly the network's tensors.
    pub fn load(path: &Path, device: &Device) -> Result<Self, WeightsError> {
        let mut taking = Taking::open(path, EXPECTED)?;
        taking.pass_over("classifier.6.");
        let network = Self::new(&mut taking, device);
        Ok(Self { weights: taking.finish()?, ..network })
    }

    /// Draws an untrained network, for smoke tests.
    #[must_use]
    pub fn random(seed: u64, device: &Device) -> Self {
        Self {
            weights: Weights::Random { seed },
            ..Self::new(&mut Drawn { network: NAME, seed }, device)
        }
    }

    /// Builds the network without recording the origin of its weights.
    #[must_use]
    pub fn new(parameters: &mut dyn Parameters, device: &Device) -> Self {
        Self {
            slices: Slices::new(parameters, device),
            fc1: Linear::new(parameters, "classifier.0", [4096, 512 * 7 * 7], device),
            fc2: Linear::new(parameters, "classifier.3", [4096, 4096], device),
            device: device.clone(),
            weights: Weights::Random { seed: 0 },
        }
    }
}

impl FeatureNetwork for Vgg16 {
    fn name(&self) -> &'static str {
        NAME
    }

    fn layers(&self) -> &'static [Layer] {
        &LAYERS
    }

    fn weights(&self) -> &Weights {
        &self.weights
    }

    fn device(&self) -> &Device {
        &self.device
    }

    /// H and W are 224.
    fn forward(&self, x: Tensor<4>, layers: &[Layer]) -> Vec<Tensor<2>> {
        let last = self.slices.forward(x).pop();
        let Some(x) = last else { return Vec::new() };
        let x = max_pool(x, 2, false).flatten::<2>(1, 3); // [B, 512 · 7 · 7]
        let fc2 = self.fc2.forward(relu(self.fc1.forward(x))); // [B, 4096]
        layers
            .iter()
            .map(|&layer| if layer == FC2_RELU { relu(fc2.clone()) } else { fc2.clone() })
            .collect()
    }
}
