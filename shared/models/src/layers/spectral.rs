//! Spectral normalisation (Miyato et al. 2018, arXiv:1802.05957): a weight, as a matrix [outputs,
//! rest], is divided by its largest singular value, tracked by one power iteration per step from a
//! stored left vector.

use burn::tensor::Tensor;

use crate::parameter::Parameter;
use fledge_kernels as ops;

/// Lower bound of a length, to avoid division by zero (PyTorch's `spectral_norm`).
const EPSILON: f64 = 1e-12;

fn unit(x: Tensor<2>) -> Tensor<2> {
    let length = x.clone().square().sum().sqrt().clamp_min(EPSILON).reshape([1, 1]);
    x / length
}

fn matrix<const D: usize>(weight: &Tensor<D>, outputs: usize, second: bool) -> Tensor<2> {
    let weight = weight.clone();
    let weight = if second { weight.swap_dims(0, 1) } else { weight };
    weight.reshape([outputs as i64, -1])
}

/// weight/σ with σ = uᵀWv, v along Wᵀu; the gradient treats u and v as constants. Without `u`, the
/// weight unchanged.
///
/// `second`: the outputs are the second axis, as in a transposed convolution.
#[must_use]
pub(super) fn normalized<const D: usize>(
    weight: &Parameter,
    u: Option<&Parameter>,
    second: bool,
) -> Tensor<D> {
    let tensor = weight.tensor::<D>();
    let Some(u) = u else { return tensor };
    let outputs = u.count();
    let w = matrix(&tensor, outputs, second);
    let u: Tensor<2> = u.flat().reshape([1, outputs]);
    let constant = if w.is_autodiff() { w.clone().inner() } else { w.clone() };
    let v = unit(ops::matmul(u.clone(), constant)); // [1, rest]
    let sigma = (ops::matmul(u, w) * v).sum();
    tensor / sigma.reshape([1; D])
}

/// One power iteration: u ← W·v/‖W·v‖, v = Wᵀu/‖Wᵀu‖.
pub(super) fn iterate<const D: usize>(weight: &Parameter, u: Option<&mut Parameter>, second: bool) {
    let Some(u) = u else { return };
    let outputs = u.count();
    let w = matrix(&weight.tensor::<D>(), outputs, second);
    let v = unit(ops::matmul(u.flat().reshape([1, outputs]), w.clone())); // [1, rest]
    let next = unit(ops::matmul(v, w.transpose())); // [1, outputs]
    u.set(next.reshape([outputs]));
}
