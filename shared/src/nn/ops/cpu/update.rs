//! Changes of weights in place: all parameters of a network in one pass over memory.

use burn_flex::{FlexTensor, Layout};
use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::image::Values;
use super::memory::Buffer;
use super::simd::{arch, load, store};
use crate::nn::ops::AdamConstants;

/// Numbers in a task.
const RANGE: usize = 1 << 14;

/// A flat tensor that nobody else holds.
fn own(tensor: FlexTensor) -> FlexTensor {
    let len = tensor.layout().num_elements();
    let whole = tensor.is_contiguous() && tensor.layout().start_offset() == 0 && tensor.storage::<f32>().len() == len;
    if tensor.is_unique() && whole {
        return tensor;
    }
    let mut copy = Buffer::any(len);
    copy.copy_from_slice(Values::of(tensor).slice());
    copy.into_tensor(Layout::contiguous([len].into()))
}

/// A change of N slices along a fixed one.
trait Change<const N: usize>: Copy + Send {
    /// What the numbers become at one place.
    fn change<S: Simd>(self, simd: S, values: [S::f32s; N], fixed: S::f32s) -> [S::f32s; N];
}

/// One range of it.
struct Piece<'a, C, const N: usize> {
    change: C,
    values: [&'a mut [f32]; N],
    fixed: &'a [f32],
}

impl<C: Change<N>, const N: usize> WithSimd for Piece<'_, C, N> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        for at in (0..self.fixed.len()).step_by(S::F32_LANES) {
            let before: [S::f32s; N] = std::array::from_fn(|i| load(simd, self.values[i], at));
            let after = self.change.change(simd, before, load(simd, self.fixed, at));
            for (values, after) in self.values.iter_mut().zip(after) {
                store(simd, values, at, after);
            }
        }
    }
}

/// Applies `change` to all items in one parallel pass, each along its fixed tensor.
fn sweep<C: Change<N>, const N: usize>(items: &mut [[FlexTensor; N]], fixed: &[Values], change: C) {
    let mut pieces = Vec::new();
    for (item, fixed) in items.iter_mut().zip(fixed) {
        let mut parts = item.each_mut().map(|t| t.storage_mut::<f32>().chunks_mut(RANGE));
        for fixed in fixed.slice().chunks(RANGE) {
            pieces.push(Piece { change, values: parts.each_mut().map(|p| p.next().unwrap_or_default()), fixed });
        }
    }
    pieces.into_par_iter().for_each(|piece| arch().dispatch(piece));
}

/// m ← m + (1−β₁)(g−m), v ← v + (1−β₂)(g²−v), w ← w − α·m/(√v + ε).
#[derive(Clone, Copy)]
struct Adam {
    alpha: f32,
    rest_1: f32,
    rest_2: f32,
    epsilon: f32,
}

impl Change<3> for Adam {
    #[inline(always)]
    fn change<S: Simd>(self, simd: S, [w, m, v]: [S::f32s; 3], g: S::f32s) -> [S::f32s; 3] {
        let [alpha, rest_1, rest_2, epsilon] = [self.alpha, self.rest_1, self.rest_2, self.epsilon].map(|c| simd.splat_f32s(c));
        let m = simd.mul_add_e_f32s(simd.sub_f32s(g, m), rest_1, m);
        let v = simd.mul_add_e_f32s(simd.sub_f32s(simd.mul_f32s(g, g), v), rest_2, v);
        let step = simd.div_f32s(simd.mul_f32s(m, alpha), simd.add_f32s(simd.sqrt_f32s(v), epsilon));
        [simd.sub_f32s(w, step), m, v]
    }
}

/// Adam: items are weight, first and second moment; `gradients` one an item.
pub(in crate::nn::ops) fn adam(
    items: Vec<[FlexTensor; 3]>,
    gradients: Vec<FlexTensor>,
    constants: AdamConstants,
) -> Vec<[FlexTensor; 3]> {
    let AdamConstants { alpha, beta_1, beta_2, epsilon } = constants;
    let [alpha, rest_1, rest_2, epsilon] = [alpha, 1.0 - beta_1, 1.0 - beta_2, epsilon].map(|c| c as f32);
    let mut items: Vec<[FlexTensor; 3]> = items.into_iter().map(|item| item.map(own)).collect();
    let gradients: Vec<Values> = gradients.into_iter().map(Values::of).collect();
    sweep(&mut items, &gradients, Adam { alpha, rest_1, rest_2, epsilon });
    items
}

/// average ← kept·average + new·current.
#[derive(Clone, Copy)]
struct Average {
    kept: f32,
    new: f32,
}

impl Change<1> for Average {
    #[inline(always)]
    fn change<S: Simd>(self, simd: S, [average]: [S::f32s; 1], current: S::f32s) -> [S::f32s; 1] {
        let new = simd.mul_f32s(current, simd.splat_f32s(self.new));
        [simd.mul_add_e_f32s(average, simd.splat_f32s(self.kept), new)]
    }
}

/// average ← decay·average + (1 − decay)·current.
pub(in crate::nn::ops) fn average(averages: Vec<FlexTensor>, current: Vec<FlexTensor>, decay: f64) -> Vec<FlexTensor> {
    let mut items: Vec<[FlexTensor; 1]> = averages.into_iter().map(|t| [own(t)]).collect();
    let current: Vec<Values> = current.into_iter().map(Values::of).collect();
    sweep(&mut items, &current, Average { kept: decay as f32, new: (1.0 - decay) as f32 });
    items.into_iter().flatten().collect()
}
