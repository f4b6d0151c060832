//! Convolutions of bfloat16 that accumulate in f32: the fastest of the kernels on tensor cores, or
//! columns times a matrix. burn's own choice may be a kernel that also accumulates in bfloat16,
//! which is wrong in the second digit after some hundred terms.

use std::fmt;

use burn::backend::TensorMetadata;
use burn::tensor::DType;
use burn_cubecl::CubeTuneId;
use burn_cubecl::tensor::CubeTensor;
use cubecl::tune::{AutotuneKey, LocalTuner, Tunable, TunableSet, local_tuner};
use cubek::convolution::components::ConvSetupError;
use cubek::convolution::{
    AcceleratedTileKind, ConvAlgorithm, ConvolutionArgs, ConvolutionInputs, Strategy, launch_ref,
};
use cubek::matmul::definition::{MatmulElems, MatmulGlobalElems};
use cubek::std::InputBinding;
use serde::{Deserialize, Serialize};

use super::columns::Window;
use super::image::{Image, element, empty};

/// A product of pictures [B, H, W, Cin] and a second tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
enum Wanted {
    /// The convolution with a weight [Cout, kh, kw, Cin].
    Result,
    /// The gradient of that weight, f32, from that of the result, [B, oh, ow, Cout].
    WeightGradient,
}

/// One kind of work, for which the fastest kernel is selected once.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Work {
    wanted: Wanted,
    window: Window,
    /// B, H, W, Cin.
    pictures: [usize; 4],
    outputs: usize,
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl AutotuneKey for Work {}

/// Pictures, the second tensor, and the product wanted.
type Inputs = (CubeTensor, CubeTensor, Work);

/// The kernels on tensor cores: their access patterns and matrix instructions.
const KERNELS: [(&str, ConvAlgorithm, AcceleratedTileKind); 6] = [
    ("sync cmma", ConvAlgorithm::SimpleSyncCyclic, AcceleratedTileKind::Cmma),
    ("sync mma", ConvAlgorithm::SimpleSyncStrided, AcceleratedTileKind::Mma),
    ("async cmma", ConvAlgorithm::SimpleAsyncCyclic, AcceleratedTileKind::Cmma),
    ("async mma", ConvAlgorithm::SimpleAsyncStrided, AcceleratedTileKind::Mma),
    ("tma cmma", ConvAlgorithm::SimpleAsyncTma, AcceleratedTileKind::Cmma),
    ("tma mma", ConvAlgorithm::SimpleAsyncTma, AcceleratedTileKind::Mma),
];

/// The work by one of [`KERNELS`]; an error if the device or the shape does not support it.
fn on_tensor_cores(
    (x, other, work): Inputs,
    strategy: &Strategy,
) -> Result<CubeTensor, ConvSetupError> {
    let ([height, width], Window { kernel, stride, before, .. }) =
        (work.window.extent, work.window);
    let [batch, _, _, inputs] = work.pictures;
    let (client, dtype) = (x.client.clone(), element(&x));
    let binding = |t: CubeTensor| InputBinding::new(t.binding(), dtype);
    let out = match work.wanted {
        Wanted::Result => empty(&x, &[batch, height, width, work.outputs], x.dtype),
        Wanted::WeightGradient => {
            empty(&x, &[work.outputs, kernel[0], kernel[1], inputs], DType::F32)
        }
    };
    let elements = MatmulElems::from_globals(&MatmulGlobalElems {
        lhs: dtype,
        rhs: dtype,
        out: element(&out),
    });
    let (input, to) = (binding(x), out.clone().binding());
    let tensors = match work.wanted {
        Wanted::Result => {
            ConvolutionInputs::Forward { input, weight: binding(other), bias: None, out: to }
        }
        Wanted::WeightGradient => {
            ConvolutionInputs::BackwardWeight { input, out_grad: binding(other), weight_grad: to }
        }
    };
    let args = ConvolutionArgs { stride: [stride; 2], padding: before, dilation: [1; 2] };
    launch_ref(strategy, &client, tensors, args, elements).map(|()| out)
}

/// The work by columns, which every device supports.
fn by_columns((x, other, work): Inputs) -> CubeTensor {
    let x = Image::from_nhwc(x);
    match work.wanted {
        Wanted::Result => work.window.convolve(&x, other).data,
        Wanted::WeightGradient => work.window.weight_gradient(&x, &Image::from_nhwc(other)),
    }
}

fn fastest(
    x: &Image,
    other: CubeTensor,
    window: Window,
    wanted: Wanted,
    outputs: usize,
) -> CubeTensor {
    static TUNER: LocalTuner<Work, CubeTuneId> = local_tuner!();
    let (client, id) = (x.data.client.clone(), CubeTuneId::new(&x.data.client, &x.data.device));
    let candidates = TUNER.init(&id, || {
        let copied = |_: &Work, inputs: &Inputs| inputs.clone();
        let set = TunableSet::new(|(_, _, work): &Inputs| work.clone(), copied)
            .with(Tunable::new("columns", |inputs| Ok::<_, String>(by_columns(inputs))));
        KERNELS.into_iter().fold(set, |set, (name, algorithm, tile_kind)| {
            let strategy = Strategy::Inferred { algorithm, tile_kind };
            set.with(Tunable::new(name, move |inputs| on_tensor_cores(inputs, &strategy)))
        })
    });
    let [height, width] = x.extent;
    let work = Work { wanted, window, pictures: [x.batch, height, width, x.channels], outputs };
    TUNER.execute(&id, &client, candidates, (x.data.clone(), other, work))
}

/// The convolution of `x` with `weight` [Cout, kh, kw, Cin], contiguous; both bfloat16, and so is
/// the result.
pub(super) fn convolve(x: &Image, weight: CubeTensor, window: Window) -> Image {
    let outputs = weight.shape()[0];
    Image::from_nhwc(fastest(x, weight, window, Wanted::Result, outputs))
}

/// The gradient of the weight, [Cout, kh, kw, Cin], f32, from that of the result, `g`; both
/// bfloat16.
pub(super) fn weight_gradient(x: &Image, g: &Image, window: Window) -> CubeTensor {
    fastest(x, g.data.clone(), window, Wanted::WeightGradient, g.channels)
}
