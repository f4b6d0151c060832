//! SqueezeNet 1.1 (Iandola et al. 2016, arXiv:1602.07360) with torchvision's weights
//! (`squeezenet1_1-b8a52dc0.pth`) and names, cut into the seven slices of LPIPS. Its pools include
//! incomplete windows (`ceil_mode`).

use burn::tensor::{Device, Tensor};
use fledge_kernels as ops;

use super::layers::{Convolution, max_pool};
use super::parameters::Parameters;

/// The expected contents of its file, for errors.
pub const EXPECTED: &str = "SqueezeNet 1.1 in torchvision's names";

/// A narrow 1×1 convolution, then a 1×1 and a 3×3 one side by side.
#[derive(Debug)]
struct Fire {
    squeeze: Convolution,
    expand: [Convolution; 2],
}

/// Index in `features`, channels in, between, and out of each half.
const FIRES: [[usize; 4]; 8] = [
    [3, 64, 16, 64],
    [4, 128, 16, 64],
    [6, 128, 32, 128],
    [7, 256, 32, 128],
    [9, 256, 48, 192],
    [10, 384, 48, 192],
    [11, 384, 64, 256],
    [12, 512, 64, 256],
];

/// The number of [`FIRES`] in each slice after the first, and if a pool precedes them.
const SLICES: [(usize, bool); 6] =
    [(2, true), (2, true), (1, true), (1, false), (1, false), (1, false)];

impl Fire {
    fn new(
        parameters: &mut dyn Parameters,
        [number, input, squeezed, half]: [usize; 4],
        device: &Device,
    ) -> Self {
        let mut convolution = |part: &str, shape| {
            Convolution::new(parameters, &format!("features.{number}.{part}"), shape, device)
        };
        Self {
            squeeze: convolution("squeeze", [squeezed, input, 1, 1]),
            expand: [
                convolution("expand1x1", [half, squeezed, 1, 1]),
                convolution("expand3x3", [half, squeezed, 3, 3]).with_padding(1),
            ],
        }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let x = self.squeeze.forward(x);
        ops::join(self.expand.iter().map(|expand| expand.forward(x.clone())).collect())
    }
}

/// The convolutions, without a classifier.
#[derive(Debug)]
pub struct Slices {
    first: Convolution,
    fires: Vec<Fire>,
}

impl Slices {
    /// Channels of the slices' outputs.
    pub const CHANNELS: [usize; 7] = [64, 128, 256, 384, 384, 512, 512];

    /// The network with the tensors that `parameters` gives.
    #[must_use]
    pub fn new(parameters: &mut dyn Parameters, device: &Device) -> Self {
        let first =
            Convolution::new(parameters, "features.0", [64, 3, 3, 3], device).with_stride(2);
        let fires = FIRES.map(|fire| Fire::new(parameters, fire, device));
        Self { first, fires: fires.into() }
    }

    /// The outputs of the slices.
    ///
    /// # Shapes
    /// `x` [B, 3, H, W], H and W at least 32 → seven tensors [B, Cᵢ, Hᵢ, Wᵢ].
    #[must_use]
    pub fn forward(&self, x: Tensor<4>) -> Vec<Tensor<4>> {
        let mut x = self.first.forward(x);
        let mut outputs = vec![x.clone()];
        let mut fires = self.fires.iter();
        for (count, pooled) in SLICES {
            if pooled {
                x = max_pool(x, 3, true);
            }
            x = fires.by_ref().take(count).fold(x, |x, fire| fire.forward(x));
            outputs.push(x.clone());
        }
        outputs
    }
}
