//! The layers of the InceptionV3 and its forward pass, in evaluation only.
//!
//! It is torchvision's InceptionV3, modified to match TensorFlow's graph of 2015-12-05 in the way
//! pytorch-fid determined (`inception.py`): 3×3 average pools exclude padding from the count, the
//! pool branch of the last block is a max pool, 1008 classes, no auxiliary head. In Keras' variant
//! (`applications/inception_v3.py`) that branch is an average pool like all others, and the
//! classifier is omitted. BatchNorm is folded into the convolutions beforehand.

use burn::tensor::{Device, Tensor, TensorData};

use super::super::network::Layer;
use super::parameters::Parameters;
use super::variant::{LAYERS, LOGITS_UNBIASED, POOL_64, POOL_192, POOL_768, POOL_2048, Variant};
use fledge_kernels::{self as ops, Activation, Padding};

/// Convolution and ReLU.
#[derive(Debug)]
struct Conv {
    weight: Tensor<4>,
    bias: Tensor<1>,
    stride: usize,
    padding: [usize; 2],
}

impl Conv {
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        ops::conv2d_act(
            x,
            self.weight.clone(),
            self.bias.clone(),
            Activation::RELU,
            self.stride,
            Padding::both(self.padding),
        )
    }
}

/// Consecutive convolutions, whose result goes through each of the `tips`, if there are any.
#[derive(Debug)]
struct Branch {
    trunk: Vec<Conv>,
    tips: Vec<Conv>,
}

/// The pool branch, the last of a block.
#[derive(Debug)]
enum PoolBranch {
    /// 3×3 average without padding in the count, then a convolution.
    Average(Conv),
    /// 3×3 maximum, then a convolution.
    Max(Conv),
    /// 3×3 maximum with stride 2.
    Halve,
}

/// Branches over the same input, concatenated along the channels.
#[derive(Debug)]
struct Mixed {
    branches: Vec<Branch>,
    pool: PoolBranch,
}

impl Mixed {
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let mut joined = Vec::with_capacity(self.branches.len() + 3);
        for branch in &self.branches {
            let y = branch.trunk.iter().fold(x.clone(), |y, conv| conv.forward(y));
            if branch.tips.is_empty() {
                joined.push(y);
            } else {
                joined.extend(branch.tips.iter().map(|tip| tip.forward(y.clone())));
            }
        }
        joined.push(match &self.pool {
            PoolBranch::Average(conv) => conv.forward(ops::average_pool3(x)),
            PoolBranch::Max(conv) => conv.forward(ops::max_pool3(x, 1, 1)),
            PoolBranch::Halve => halve(x),
        });
        ops::join(joined)
    }
}

/// 3×3 maximum with stride 2, no padding.
fn halve(x: Tensor<4>) -> Tensor<4> {
    ops::max_pool3(x, 2, 0)
}

/// The whole network.
#[derive(Debug)]
pub(super) struct Network {
    variant: Variant,
    stem_1: [Conv; 3],
    stem_2: [Conv; 2],
    mixed_5_6: Vec<Mixed>,
    mixed_7: Vec<Mixed>,
    /// [2048, 1008]; `None` without a classifier.
    logits: Option<Tensor<2>>,
}

impl Network {
    pub(super) fn new(variant: Variant, parameters: &mut dyn Parameters, device: &Device) -> Self {
        let mut b = Builder { parameters, device };
        let stem_1 = [
            b.conv("Conv2d_1a_3x3", [32, 3, 3, 3], 2, [0, 0]),
            b.conv("Conv2d_2a_3x3", [32, 32, 3, 3], 1, [0, 0]),
            b.conv("Conv2d_2b_3x3", [64, 32, 3, 3], 1, [1, 1]),
        ];
        let stem_2 = [
            b.conv("Conv2d_3b_1x1", [80, 64, 1, 1], 1, [0, 0]),
            b.conv("Conv2d_4a_3x3", [192, 80, 3, 3], 1, [0, 0]),
        ];
        let mixed_5_6 = vec![
            b.block_a("Mixed_5b", 192, 32),
            b.block_a("Mixed_5c", 256, 64),
            b.block_a("Mixed_5d", 288, 64),
            b.block_b("Mixed_6a", 288),
            b.block_c("Mixed_6b", 128),
            b.block_c("Mixed_6c", 160),
            b.block_c("Mixed_6d", 160),
            b.block_c("Mixed_6e", 192),
        ];
        let mixed_7 = vec![
            b.block_d("Mixed_7a", 768),
            b.block_e("Mixed_7b", 1280, PoolBranch::Average),
            b.block_e(
                "Mixed_7c",
                2048,
                if variant == Variant::Fid { PoolBranch::Max } else { PoolBranch::Average },
            ),
        ];
        let logits = (variant == Variant::Fid).then(|| {
            let fc = b.parameters.logits([LOGITS_UNBIASED.dimensions, 2048]);
            Tensor::<2>::from_data(TensorData::new(fc, [LOGITS_UNBIASED.dimensions, 2048]), device)
                .transpose()
        });
        Self { variant, stem_1, stem_2, mixed_5_6, mixed_7, logits }
    }

    /// The features of every position behind the first two pools and at 17×17, of length 1.
    ///
    /// # Shapes
    /// `x` [B, 3, H, W] with H and W at least 75.
    pub(super) fn maps(&self, x: Tensor<4>) -> Vec<Tensor<4>> {
        let first = halve(self.stem_1.iter().fold(x, |x, conv| conv.forward(x))); // [B, 64, 73, 73]
        let second = self.stem_2.iter().fold(first.clone(), |x, conv| conv.forward(x));
        let second = halve(second); // [B, 192, 35, 35]
        let third = self.mixed_5_6.iter().fold(second.clone(), |x, block| block.forward(x));
        [first, second, third].map(normalized).into()
    }

    pub(super) const fn variant(&self) -> Variant {
        self.variant
    }

    /// One tensor [B, features] per layer, in the order of `layers`. Stops after the deepest one.
    ///
    /// # Shapes
    /// `x` [B, 3, H, W] with H and W at least 75; comments are for 299×299.
    pub(super) fn forward(&self, x: Tensor<4>, layers: &[Layer]) -> Vec<Tensor<2>> {
        let depth = |layer: &Layer| LAYERS.iter().position(|l| l == layer);
        let deepest = layers.iter().map(depth).max();
        let mut reached: Vec<(Layer, Tensor<2>)> = Vec::with_capacity(layers.len());
        let mut enough = |layer: Layer, x: &dyn Fn() -> Tensor<2>| {
            if layers.contains(&layer) {
                reached.push((layer, x()));
            }
            Some(depth(&layer)) >= deepest
        };
        'layers: {
            let x = halve(self.stem_1.iter().fold(x, |x, conv| conv.forward(x))); // [B, 64, 73, 73]
            if enough(POOL_64, &|| global_average(x.clone())) {
                break 'layers;
            }
            let x = halve(self.stem_2.iter().fold(x, |x, conv| conv.forward(x))); // [B, 192, 35, 35]
            if enough(POOL_192, &|| global_average(x.clone())) {
                break 'layers;
            }
            let x = self.mixed_5_6.iter().fold(x, |x, block| block.forward(x)); // [B, 768, 17, 17]
            if enough(POOL_768, &|| global_average(x.clone())) {
                break 'layers;
            }
            let x = global_average(self.mixed_7.iter().fold(x, |x, block| block.forward(x))); // [B, 2048]
            if !enough(POOL_2048, &|| x.clone())
                && let Some(logits) = &self.logits
            {
                enough(LOGITS_UNBIASED, &|| ops::matmul(x.clone(), logits.clone())); // [B, 1008]
            }
        }
        layers
            .iter()
            .filter_map(|layer| reached.iter().find(|(l, _)| l == layer).map(|(_, x)| x.clone()))
            .collect()
    }
}

/// Divides the features of every position by their length.
fn normalized(x: Tensor<4>) -> Tensor<4> {
    let length = (x.clone().square().sum_dim(1) + 1e-12).sqrt();
    x / length
}

/// [B, C, H, W] → [B, C]
fn global_average(x: Tensor<4>) -> Tensor<2> {
    let [b, c, h, w] = x.dims();
    x.reshape([b, c, h * w]).mean_dim(2).reshape([b, c])
}

/// One convolution of a branch: last part of its name, output channels, kernel (rows, columns),
/// stride.
type Step = (&'static str, usize, [usize; 2], usize);

struct Builder<'a> {
    parameters: &'a mut dyn Parameters,
    device: &'a Device,
}

impl Builder<'_> {
    fn conv(&mut self, name: &str, shape: [usize; 4], stride: usize, padding: [usize; 2]) -> Conv {
        let (weight, bias) = self.parameters.convolution(name, shape);
        Conv {
            weight: Tensor::from_data(TensorData::new(weight, shape), self.device),
            bias: Tensor::from_data(TensorData::new(bias, [shape[0]]), self.device),
            stride,
            padding,
        }
    }

    /// Inside a block, convolutions of stride 1 keep the size and those of stride 2 have no
    /// padding.
    fn step(&mut self, block: &str, input: usize, (name, out, kernel, stride): Step) -> Conv {
        let padding = if stride == 1 { kernel.map(|k| k / 2) } else { [0, 0] };
        self.conv(&format!("{block}.{name}"), [out, input, kernel[0], kernel[1]], stride, padding)
    }

    fn branch(&mut self, block: &str, mut input: usize, trunk: &[Step], tips: &[Step]) -> Branch {
        let mut convs = Vec::with_capacity(trunk.len());
        for &step in trunk {
            convs.push(self.step(block, input, step));
            input = step.1;
        }
        Branch {
            trunk: convs,
            tips: tips.iter().map(|&step| self.step(block, input, step)).collect(),
        }
    }

    fn pool(&mut self, block: &str, input: usize, out: usize) -> Conv {
        self.step(block, input, ("branch_pool", out, [1, 1], 1))
    }

    /// 35×35 → 35×35, 224 channels plus those of the pool branch.
    fn block_a(&mut self, name: &str, input: usize, pool: usize) -> Mixed {
        let branches = vec![
            self.branch(name, input, &[("branch1x1", 64, [1, 1], 1)], &[]),
            self.branch(
                name,
                input,
                &[("branch5x5_1", 48, [1, 1], 1), ("branch5x5_2", 64, [5, 5], 1)],
                &[],
            ),
            self.branch(
                name,
                input,
                &[
                    ("branch3x3dbl_1", 64, [1, 1], 1),
                    ("branch3x3dbl_2", 96, [3, 3], 1),
                    ("branch3x3dbl_3", 96, [3, 3], 1),
                ],
                &[],
            ),
        ];
        Mixed { branches, pool: PoolBranch::Average(self.pool(name, input, pool)) }
    }

    /// 35×35 → 17×17, 768 channels.
    fn block_b(&mut self, name: &str, input: usize) -> Mixed {
        let branches = vec![
            self.branch(name, input, &[("branch3x3", 384, [3, 3], 2)], &[]),
            self.branch(
                name,
                input,
                &[
                    ("branch3x3dbl_1", 64, [1, 1], 1),
                    ("branch3x3dbl_2", 96, [3, 3], 1),
                    ("branch3x3dbl_3", 96, [3, 3], 2),
                ],
                &[],
            ),
        ];
        Mixed { branches, pool: PoolBranch::Halve }
    }

    /// 17×17 → 17×17, 768 channels; `c` channels inside the 7×7 branches.
    fn block_c(&mut self, name: &str, c: usize) -> Mixed {
        let input = 768;
        let branches = vec![
            self.branch(name, input, &[("branch1x1", 192, [1, 1], 1)], &[]),
            self.branch(
                name,
                input,
                &[
                    ("branch7x7_1", c, [1, 1], 1),
                    ("branch7x7_2", c, [1, 7], 1),
                    ("branch7x7_3", 192, [7, 1], 1),
                ],
                &[],
            ),
            self.branch(
                name,
                input,
                &[
                    ("branch7x7dbl_1", c, [1, 1], 1),
                    ("branch7x7dbl_2", c, [7, 1], 1),
                    ("branch7x7dbl_3", c, [1, 7], 1),
                    ("branch7x7dbl_4", c, [7, 1], 1),
                    ("branch7x7dbl_5", 192, [1, 7], 1),
                ],
                &[],
            ),
        ];
        Mixed { branches, pool: PoolBranch::Average(self.pool(name, input, 192)) }
    }

    /// 17×17 → 8×8, 1280 channels.
    fn block_d(&mut self, name: &str, input: usize) -> Mixed {
        let branches = vec![
            self.branch(
                name,
                input,
                &[("branch3x3_1", 192, [1, 1], 1), ("branch3x3_2", 320, [3, 3], 2)],
                &[],
            ),
            self.branch(
                name,
                input,
                &[
                    ("branch7x7x3_1", 192, [1, 1], 1),
                    ("branch7x7x3_2", 192, [1, 7], 1),
                    ("branch7x7x3_3", 192, [7, 1], 1),
                    ("branch7x7x3_4", 192, [3, 3], 2),
                ],
                &[],
            ),
        ];
        Mixed { branches, pool: PoolBranch::Halve }
    }

    /// 8×8 → 8×8, 2048 channels.
    fn block_e(&mut self, name: &str, input: usize, pool: fn(Conv) -> PoolBranch) -> Mixed {
        let branches = vec![
            self.branch(name, input, &[("branch1x1", 320, [1, 1], 1)], &[]),
            self.branch(
                name,
                input,
                &[("branch3x3_1", 384, [1, 1], 1)],
                &[("branch3x3_2a", 384, [1, 3], 1), ("branch3x3_2b", 384, [3, 1], 1)],
            ),
            self.branch(
                name,
                input,
                &[("branch3x3dbl_1", 448, [1, 1], 1), ("branch3x3dbl_2", 384, [3, 3], 1)],
                &[("branch3x3dbl_3a", 384, [1, 3], 1), ("branch3x3dbl_3b", 384, [3, 1], 1)],
            ),
        ];
        Mixed { branches, pool: pool(self.pool(name, input, 192)) }
    }
}
