//! Optimizers and averages of many weights, a few per launch, in place if they are not shared.

use burn::backend::fusion::FusionTensor;
use burn::backend::fusion::custom::{
    CustomOpIr, HandleContainer, OperationFn, OperationIr, StreamId, TensorIr,
};
use burn::backend::{BackendTensor, DispatchTensor, DispatchTensorKind, TensorMetadata};
use burn::tensor::Tensor;
use burn_cubecl::CubeBackend;
use burn_cubecl::fusion::FusionCubeRuntime;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::image::{address, contiguous, spread};
use crate::{Rule, Update};

/// Weights updated by one launch: their buffers are arguments of the kernel, the number of which is
/// limited.
const ITEMS: usize = 6;

/// A flat tensor.
#[derive(CubeType, CubeLaunch)]
struct Slot {
    data: Box<[f32]>,
}

/// The constants of an [`Update`]; their meaning depends on the rule.
#[derive(CubeType, CubeLaunch)]
struct Constants {
    scale: f32,
    pull: f32,
    stays: f32,
    a: f32,
    b: f32,
    c: f32,
    d: f32,
    e: f32,
    f: f32,
}

/// The rule, with the options that change its kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Form {
    Adam,
    RmsProp { momentum: bool },
    Sgd { momentum: bool, nesterov: bool },
    Average,
}

/// The new weight and states, from the old ones and the gradient.
#[cube]
fn change(
    w: f32,
    first: f32,
    second: f32,
    g: f32,
    by: &Constants,
    #[comptime] form: Form,
) -> (f32, f32, f32) {
    match comptime!(form) {
        // a: α, b: 1 − β₁, c: 1 − β₂, d: ε.
        Form::Adam => {
            let m = first + (g - first) * by.b;
            let v = second + (g * g - second) * by.c;
            (w - m * by.a / (v.sqrt() + by.d), m, v)
        }
        // a: α, b: 1 − ρ, c: inside, d: outside, e: gain, f: μ.
        Form::RmsProp { momentum } => {
            let v = first + (g * g - first) * by.b;
            let along = g / ((v + by.c).sqrt() + by.d) * by.e;
            if comptime!(momentum) {
                let b = second * by.f + along;
                (w - b * by.a, v, b)
            } else {
                (w - along * by.a, v, second)
            }
        }
        // a: α, b: gain, c: μ.
        Form::Sgd { momentum, nesterov } => {
            let along = g * by.b;
            if comptime!(momentum) {
                let b = first * by.c + along;
                let step = if comptime!(nesterov) { b * by.c + along } else { b };
                (w - step * by.a, b, second)
            } else {
                (w - along * by.a, first, second)
            }
        }
        // a: decay, b: 1 − decay.
        Form::Average => (w * by.a + g * by.b, first, second),
    }
}

/// Every weight with its states and gradient, concatenated from `starts` on: items × (1 + kept)
/// slots.
#[cube(launch, address_type = "dynamic")]
fn change_all(
    slots: &mut Sequence<Slot>,
    gradients: &Sequence<Slot>,
    starts: &Sequence<usize>,
    by: &Constants,
    #[comptime] kept: usize,
    #[comptime] form: Form,
) {
    let items = comptime!(gradients.len());
    #[unroll]
    for item in 0..items {
        let at = comptime!(item * (1 + kept));
        let start = *starts.index(item);
        let end = start + gradients.index(item).data.len();
        if ABSOLUTE_POS >= start && ABSOLUTE_POS < end {
            let i = ABSOLUTE_POS - start;
            let old = slots.index(at).data[i];
            let first =
                if comptime!(kept > 0) { slots.index(at + 1).data[i] } else { f32::new(0.0) };
            let second =
                if comptime!(kept > 1) { slots.index(at + 2).data[i] } else { f32::new(0.0) };
            let g = gradients.index(item).data[i] * by.scale + old * by.pull;
            let (w, first, second) = change(old * by.stays, first, second, g, by, form);
            slots.index_mut(at).data[i] = w;
            if comptime!(kept > 0) {
                slots.index_mut(at + 1).data[i] = first;
            }
            if comptime!(kept > 1) {
                slots.index_mut(at + 2).data[i] = second;
            }
        }
    }
}

/// The scalar arguments of a launch.
#[derive(Clone, Copy, Debug)]
struct Step {
    form: Form,
    /// Number of states per weight.
    kept: usize,
    /// scale, pull, stays, then a to f.
    constants: [f64; 9],
}

impl Step {
    fn of(update: &Update) -> Self {
        let (form, [a, b, c, d, e, f]) = match update.rule {
            Rule::Adam { alpha, beta_1, beta_2, epsilon } => {
                (Form::Adam, [alpha, 1.0 - beta_1, 1.0 - beta_2, epsilon, 0.0, 0.0])
            }
            Rule::RmsProp { rho, inside, outside, momentum, gain, alpha } => {
                let form = Form::RmsProp { momentum: momentum.is_some() };
                (form, [alpha, 1.0 - rho, inside, outside, gain, momentum.unwrap_or_default()])
            }
            Rule::Sgd { momentum, nesterov, gain, alpha } => {
                let form = Form::Sgd { momentum: momentum.is_some(), nesterov };
                (form, [alpha, gain, momentum.unwrap_or_default(), 0.0, 0.0, 0.0])
            }
        };
        let constants = [update.scale, update.pull, update.kept, a, b, c, d, e, f];
        Self { form, kept: update.rule.kept(), constants }
    }

    /// average ← decay·average + (1 − decay)·current, with `current` in place of the gradient.
    fn average(decay: f64) -> Self {
        Self {
            form: Form::Average,
            kept: 0,
            constants: [1.0, 0.0, 1.0, decay, 1.0 - decay, 0.0, 0.0, 0.0, 0.0],
        }
    }

    /// The new tensors of every item, with 1 + kept of `slots` for each.
    fn take(&self, slots: Vec<CubeTensor>, gradients: Vec<CubeTensor>) -> Vec<CubeTensor> {
        // In place, unless the tensor is shared.
        let own =
            |t: CubeTensor| if t.can_mut() && t.is_contiguous() { t } else { contiguous(t).copy() };
        let slots: Vec<CubeTensor> = slots.into_iter().map(own).collect();
        let gradients: Vec<CubeTensor> = gradients.into_iter().map(contiguous).collect();
        for (slots, gradients) in slots.chunks(ITEMS * (1 + self.kept)).zip(gradients.chunks(ITEMS))
        {
            self.launch(slots, gradients);
        }
        slots
    }

    fn launch(&self, slots: &[CubeTensor], gradients: &[CubeTensor]) {
        let slot = |t: &CubeTensor| SlotLaunch::new(t.clone().into_buffer_arg());
        let (mut at, mut starts, mut units) = (SequenceArg::new(), SequenceArg::new(), 0);
        let mut along = SequenceArg::new();
        slots.iter().for_each(|t| at.push(slot(t)));
        for gradient in gradients {
            along.push(slot(gradient));
            starts.push(units);
            units += gradient.shape().num_elements();
        }
        let client = &slots[0].client;
        let (count, dim) = spread(client, units);
        let address = address(&slots.iter().collect::<Vec<_>>());
        let [scale, pull, stays, a, b, c, d, e, f] = self.constants.map(|c| c as f32);
        let constants = ConstantsLaunch::new(scale, pull, stays, a, b, c, d, e, f);
        change_all::launch(
            client, count, dim, address, at, along, starts, constants, self.kept, self.form,
        );
    }

    /// [`Step::take`] for tensors whose values may still be pending.
    fn lazily(
        self,
        slots: Vec<FusionTensor<FusionCubeRuntime>>,
        gradients: Vec<FusionTensor<FusionCubeRuntime>>,
    ) -> Vec<Fused> {
        let Some(client) = slots.first().map(|t| t.client.clone()) else { return Vec::new() };
        let ids: Vec<_> = slots.iter().map(|_| client.create_empty_handle()).collect();
        let outputs = slots
            .iter()
            .zip(&ids)
            .map(|(t, &id)| TensorIr::uninit(id, t.shape.clone(), t.dtype))
            .collect();
        let [slots, gradients] = [slots, gradients]
            .map(|list| list.into_iter().map(FusionTensor::into_ir).collect::<Vec<_>>());
        let inputs = slots.iter().chain(&gradients).cloned().collect();
        let description =
            CustomOpIr { id: "change_all".into(), inputs, outputs, scalars: Vec::new() };
        let operation = OperationFn(move |handles: &mut HandleContainer<_>| {
            let mut of = |list: &[TensorIr]| {
                list.iter().map(|t| handles.get_float_tensor::<CubeBackend>(t)).collect()
            };
            let (slots, gradients) = (of(&slots), of(&gradients));
            for (id, tensor) in ids.iter().zip(self.take(slots, gradients)) {
                handles.register_float_tensor::<CubeBackend>(id, tensor);
            }
            Ok(())
        });
        client.register(StreamId::current(), OperationIr::Custom(description), operation)
    }
}

/// A tensor of a device programmed through CubeCL.
type Fused = FusionTensor<FusionCubeRuntime>;

/// The tensor below `x`, if it is on such a device; its autodiff graph is dropped.
fn fused(x: Tensor<1>) -> Option<Fused> {
    let x = if x.is_autodiff() { x.inner() } else { x };
    match x.into_dispatch().kind {
        DispatchTensorKind::Cube(BackendTensor::Float(x)) => Some(x),
        _ => None,
    }
}

fn lift(x: Fused) -> Tensor<1> {
    Tensor::from_dispatch(DispatchTensor {
        kind: DispatchTensorKind::Cube(BackendTensor::Float(x)),
        autodiff: Default::default(),
    })
}

/// [`crate::update`].
pub(crate) fn update(
    update: Update,
    items: Vec<Vec<Tensor<1>>>,
    gradients: Vec<Tensor<1>>,
) -> Vec<Vec<Tensor<1>>> {
    let (step, width) = (Step::of(&update), 1 + update.rule.kept());
    let slots = items.into_iter().flatten().filter_map(fused).collect();
    let mut changed =
        step.lazily(slots, gradients.into_iter().filter_map(fused).collect()).into_iter().map(lift);
    std::iter::from_fn(|| {
        Some(changed.by_ref().take(width).collect::<Vec<_>>()).filter(|item| !item.is_empty())
    })
    .collect()
}

/// [`crate::moving_average`].
pub(crate) fn average(
    averages: Vec<Tensor<1>>,
    current: Vec<Tensor<1>>,
    decay: f64,
) -> Vec<Tensor<1>> {
    let [averages, current] =
        [averages, current].map(|list| list.into_iter().filter_map(fused).collect());
    Step::average(decay).lazily(averages, current).into_iter().map(lift).collect()
}
