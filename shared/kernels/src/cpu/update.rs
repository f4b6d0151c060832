//! In-place updates of weights: all parameters of a network in one pass over memory.

use burn_flex::{FlexTensor, Layout};
use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::image::Values;
use super::memory::Buffer;
use super::simd::{arch, load, store};
use crate::{Rule, Update};

/// Numbers per task.
const RANGE: usize = 1 << 14;

/// A flat tensor that is not shared.
fn own(tensor: FlexTensor) -> FlexTensor {
    let len = tensor.layout().num_elements();
    let whole = tensor.is_contiguous()
        && tensor.layout().start_offset() == 0
        && tensor.storage::<f32>().len() == len;
    if tensor.is_unique() && whole {
        return tensor;
    }
    let mut copy = Buffer::any(len);
    copy.copy_from_slice(Values::of(tensor).slice());
    copy.into_tensor(Layout::contiguous([len].into()))
}

/// An update of N slices along a fixed one.
trait Change<const N: usize>: Copy + Send {
    /// The new numbers at one position.
    fn change<S: Simd>(self, simd: S, values: [S::f32s; N], fixed: S::f32s) -> [S::f32s; N];
}

/// One range of an update.
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
            pieces.push(Piece {
                change,
                values: parts.each_mut().map(|p| p.next().unwrap_or_default()),
                fixed,
            });
        }
    }
    pieces.into_par_iter().for_each(|piece| arch().dispatch(piece));
}

/// The step before every rule: w ← kept·w, g ← scale·g + pull·w. With 1, 1 and 0 it changes
/// nothing.
#[derive(Clone, Copy)]
struct Along<C> {
    scale: f32,
    pull: f32,
    kept: f32,
    rule: C,
}

impl<C: Change<N>, const N: usize> Change<N> for Along<C> {
    #[inline(always)]
    fn change<S: Simd>(self, simd: S, mut values: [S::f32s; N], g: S::f32s) -> [S::f32s; N] {
        let g = simd.mul_add_e_f32s(
            values[0],
            simd.splat_f32s(self.pull),
            simd.mul_f32s(g, simd.splat_f32s(self.scale)),
        );
        values[0] = simd.mul_f32s(values[0], simd.splat_f32s(self.kept));
        self.rule.change(simd, values, g)
    }
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
        let [alpha, rest_1, rest_2, epsilon] =
            [self.alpha, self.rest_1, self.rest_2, self.epsilon].map(|c| simd.splat_f32s(c));
        let m = simd.mul_add_e_f32s(simd.sub_f32s(g, m), rest_1, m);
        let v = simd.mul_add_e_f32s(simd.sub_f32s(simd.mul_f32s(g, g), v), rest_2, v);
        let step =
            simd.div_f32s(simd.mul_f32s(m, alpha), simd.add_f32s(simd.sqrt_f32s(v), epsilon));
        [simd.sub_f32s(w, step), m, v]
    }
}

/// v ← v + (1−ρ)(g²−v), then [`Descent`] along g/(√(v + inside) + outside).
#[derive(Clone, Copy)]
struct RmsProp {
    rest: f32,
    inside: f32,
    outside: f32,
    descent: Descent,
}

impl RmsProp {
    /// The new mean square and the direction of the step.
    #[inline(always)]
    fn direction<S: Simd>(self, simd: S, v: S::f32s, g: S::f32s) -> (S::f32s, S::f32s) {
        let [rest, inside, outside] =
            [self.rest, self.inside, self.outside].map(|c| simd.splat_f32s(c));
        let v = simd.mul_add_e_f32s(simd.sub_f32s(simd.mul_f32s(g, g), v), rest, v);
        (v, simd.div_f32s(g, simd.add_f32s(simd.sqrt_f32s(simd.add_f32s(v, inside)), outside)))
    }
}

impl Change<2> for RmsProp {
    #[inline(always)]
    fn change<S: Simd>(self, simd: S, [w, v]: [S::f32s; 2], g: S::f32s) -> [S::f32s; 2] {
        let (v, direction) = self.direction(simd, v, g);
        let [w] = self.descent.change(simd, [w], direction);
        [w, v]
    }
}

impl Change<3> for RmsProp {
    #[inline(always)]
    fn change<S: Simd>(self, simd: S, [w, v, b]: [S::f32s; 3], g: S::f32s) -> [S::f32s; 3] {
        let (v, direction) = self.direction(simd, v, g);
        let [w, b] = self.descent.change(simd, [w, b], direction);
        [w, v, b]
    }
}

/// b ← μ·b + gain·d, w ← w − α·b, or with Nesterov's momentum w ← w − α·(μ·b + gain·d); without b,
/// w ← w − α·gain·d.
#[derive(Clone, Copy)]
struct Descent {
    momentum: f32,
    nesterov: bool,
    gain: f32,
    alpha: f32,
}

impl Change<1> for Descent {
    #[inline(always)]
    fn change<S: Simd>(self, simd: S, [w]: [S::f32s; 1], d: S::f32s) -> [S::f32s; 1] {
        [simd.mul_add_e_f32s(d, simd.splat_f32s(-self.alpha * self.gain), w)]
    }
}

impl Change<2> for Descent {
    #[inline(always)]
    fn change<S: Simd>(self, simd: S, [w, b]: [S::f32s; 2], d: S::f32s) -> [S::f32s; 2] {
        let [momentum, gain, alpha] =
            [self.momentum, self.gain, -self.alpha].map(|c| simd.splat_f32s(c));
        let new = simd.mul_f32s(d, gain);
        let b = simd.mul_add_e_f32s(b, momentum, new);
        let step = if self.nesterov { simd.mul_add_e_f32s(b, momentum, new) } else { b };
        [simd.mul_add_e_f32s(step, alpha, w), b]
    }
}

/// [`Update`] of `items`: each a weight and the rule's states for it; one of `gradients` per item.
pub(crate) fn update(
    update: Update,
    items: Vec<Vec<FlexTensor>>,
    gradients: Vec<FlexTensor>,
) -> Vec<Vec<FlexTensor>> {
    match update.rule {
        Rule::Adam { alpha, beta_1, beta_2, epsilon } => {
            let [alpha, rest_1, rest_2, epsilon] =
                [alpha, 1.0 - beta_1, 1.0 - beta_2, epsilon].map(|c| c as f32);
            along::<_, 3>(update, Adam { alpha, rest_1, rest_2, epsilon }, items, gradients)
        }
        Rule::RmsProp { rho, inside, outside, momentum, gain, alpha } => {
            let [rest, inside, outside, gain, alpha] =
                [1.0 - rho, inside, outside, gain, alpha].map(|c| c as f32);
            let descent = Descent {
                momentum: momentum.unwrap_or_default() as f32,
                nesterov: false,
                gain,
                alpha,
            };
            let rule = RmsProp { rest, inside, outside, descent };
            match momentum {
                None => along::<_, 2>(update, rule, items, gradients),
                Some(_) => along::<_, 3>(update, rule, items, gradients),
            }
        }
        Rule::Sgd { momentum, nesterov, gain, alpha } => {
            let [gain, alpha] = [gain, alpha].map(|c| c as f32);
            let rule =
                Descent { momentum: momentum.unwrap_or_default() as f32, nesterov, gain, alpha };
            match momentum {
                None => along::<_, 1>(update, rule, items, gradients),
                Some(_) => along::<_, 2>(update, rule, items, gradients),
            }
        }
    }
}

fn along<C: Change<N>, const N: usize>(
    update: Update,
    rule: C,
    items: Vec<Vec<FlexTensor>>,
    gradients: Vec<FlexTensor>,
) -> Vec<Vec<FlexTensor>> {
    let [scale, pull, kept] = [update.scale, update.pull, update.kept].map(|c| c as f32);
    // `ops::update` has counted the tensors of every item.
    let items = items.into_iter().filter_map(|item| <[FlexTensor; N]>::try_from(item).ok());
    let mut items: Vec<[FlexTensor; N]> = items.map(|item| item.map(own)).collect();
    let gradients: Vec<Values> = gradients.into_iter().map(Values::of).collect();
    sweep(&mut items, &gradients, Along { scale, pull, kept, rule });
    items.into_iter().map(Vec::from).collect()
}

/// The sum of the squares of all numbers, in f64 and in an order that does not depend on the
/// threads.
pub(crate) fn squares(tensors: Vec<FlexTensor>) -> f64 {
    let tensors: Vec<Values> = tensors.into_iter().map(Values::of).collect();
    let pieces: Vec<&[f32]> = tensors.iter().flat_map(|t| t.slice().chunks(RANGE)).collect();
    let sums: Vec<f64> = pieces
        .into_par_iter()
        .map(|piece| piece.iter().map(|&x| f64::from(x) * f64::from(x)).sum())
        .collect();
    sums.iter().sum()
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
pub(crate) fn average(
    averages: Vec<FlexTensor>,
    current: Vec<FlexTensor>,
    decay: f64,
) -> Vec<FlexTensor> {
    let mut items: Vec<[FlexTensor; 1]> = averages.into_iter().map(|t| [own(t)]).collect();
    let current: Vec<Values> = current.into_iter().map(Values::of).collect();
    sweep(&mut items, &current, Average { kept: decay as f32, new: (1.0 - decay) as f32 });
    items.into_iter().flatten().collect()
}
