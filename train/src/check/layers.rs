//! Every layer: its forward pass, the propagation of a tangent through it, and the gradients of its
//! weights in both.

use burn::tensor::{Device, Tensor};
use shared::nn::config::{ActivationName, BatchNormConfig, InitializerConfig};
use shared::nn::init::Maker;
use shared::nn::layers::{
    Activator, Attention, BatchNorm, Classes, Conv2d, ConvConfig, Layer, Linear, Masks,
    MinibatchStddev, Mode, Pass, dropout,
};
use shared::nn::ops::{Activation, Upsample};
use shared::nn::parameter::Parameters;

use super::case::{Case, Outputs};
use super::extent::Extent;
use super::numbers::{differentiated, drawn, moved, stream, weighted};
use super::tolerance::Kind;
use crate::step::gradient::flat_gradients;

/// All rows; layers are small, so both extents have all of them.
#[must_use]
pub fn cases(_: Extent) -> Vec<Case> {
    let mut cases = activators();
    cases.extend(convolutions());
    cases.extend(normalisations());
    cases.push(Case::new("layer linear", Kind::Product, |device| linear(device, false)));
    cases.push(Case::new("layer linear, spectral norm", Kind::Network, |device| {
        linear(device, true)
    }));
    cases.push(Case::new("layer attention", Kind::Network, |device| {
        let attention = with_maker(device, false, |maker| Attention::new(16, "attention", maker));
        layer(&moved(attention, device), [3, 16, 4, 5], device)
    }));
    for (batch, group) in [(8, 4), (6, 4), (5, 2)] {
        cases.push(Case::new(
            format!("layer minibatch stddev {batch} by {group}"),
            Kind::Sum,
            move |device| along(&MinibatchStddev(group), [batch, 5, 3, 4], device),
        ));
    }
    cases.push(Case::new("layer dropout", Kind::Elementwise, |device| {
        let masks = || Masks::Batch(Box::new(stream("masks")));
        differentiated([drawn("x", [5, 3, 7, 9], device)], |[x]| dropout(x, 0.4, &mut masks()))
    }));
    cases
}

fn with_maker<T>(device: &Device, spectral_norm: bool, f: impl FnOnce(&Maker<'_>) -> T) -> T {
    let (initializer, batch_norm) = (
        InitializerConfig::default(),
        BatchNormConfig { scale: true, unbiased: true, ..BatchNormConfig::default() },
    );
    f(&Maker {
        seed: 0,
        device,
        initializer: &initializer,
        batch_norm: &batch_norm,
        spectral_norm,
        draws: true,
    })
}

/// The forward pass and the propagation of a tangent, each with its gradient.
fn along(layer: &impl Layer, shape: [usize; 4], device: &Device) -> Outputs {
    let mut outputs = differentiated([drawn("x", shape, device)], |[x]| layer.forward(x));
    let (x, t): (Tensor<4>, Tensor<4>) = (drawn("x", shape, device), drawn("t", shape, device));
    let t = t.autodiff().require_grad();
    let (y, moved) = layer.tangent(x.autodiff(), t.clone());
    outputs.tensor("result beside the direction", y);
    let gradients = weighted(&moved).backward();
    outputs.tensor("direction", moved);
    outputs.tensor(
        "gradient of the direction",
        t.grad(&gradients).unwrap_or_else(|| t.clone().inner().zeros_like()),
    );
    outputs
}

/// As [`along`], with the gradients of the weights.
fn layer<L: Layer + Parameters + Clone>(layer: &L, shape: [usize; 4], device: &Device) -> Outputs {
    let tracked = layer.tracked();
    let mut outputs = along(&tracked, shape, device);
    let y = tracked.forward(drawn::<4>("x", shape, device).autodiff());
    outputs.gradients(&tracked, flat_gradients(&tracked, &weighted(&y).backward()));
    let tracked = layer.tracked();
    let (_, t) = tracked.tangent(
        drawn::<4>("x", shape, device).autodiff(),
        drawn::<4>("t", shape, device).autodiff(),
    );
    outputs.gradients(&tracked, flat_gradients(&tracked, &weighted(&t).backward()));
    outputs
}

fn activators() -> Vec<Case> {
    let names = [
        ("relu", ActivationName::Relu),
        ("leaky relu", ActivationName::LeakyRelu),
        ("silu", ActivationName::Silu),
        ("tanh", ActivationName::Tanh),
    ];
    let case = |(text, name)| {
        Case::new(format!("layer activation {text}"), Kind::Elementwise, move |device| {
            along(&Activator { name, slope: 0.3 }, [3, 5, 7, 4], device)
        })
    };
    names.into_iter().map(case).collect()
}

fn convolutions() -> Vec<Case> {
    let configs = [
        ("halving", ConvConfig::halving(12, 20, 4, true)),
        ("doubling, transposed", ConvConfig::doubling(12, 20, 5, None, true)),
        ("doubling, nearest", ConvConfig::doubling(12, 20, 4, Some(Upsample::Nearest), true)),
        ("doubling, bilinear", ConvConfig::doubling(12, 20, 5, Some(Upsample::Bilinear), true)),
        ("pointwise", ConvConfig::pointwise(12, 20)),
    ];
    let mut cases = Vec::new();
    for (text, config) in configs {
        for spectral in [false, true] {
            let (norm, kind) =
                if spectral { (", spectral norm", Kind::Network) } else { ("", Kind::Product) };
            cases.push(Case::new(format!("layer convolution {text}{norm}"), kind, move |device| {
                let mut conv: Conv2d =
                    moved(with_maker(device, spectral, |maker| config.init("conv", maker)), device);
                conv.iterate();
                let tracked = conv.tracked();
                let x: Tensor<4> = drawn("x", [3, 12, 6, 8], device);
                let mut outputs = differentiated([x.clone()], |[x]| tracked.forward(x));
                outputs.tensor(
                    "without a graph",
                    conv.forward_act(x.clone(), Activation::LeakyRelu(0.2)),
                );
                let tracked = conv.tracked();
                // Without a kink: where rounding moves a result across one, its gradient is
                // entirely different.
                let y = tracked.forward_act(x.autodiff(), Activation::Tanh);
                outputs.gradients(&tracked, flat_gradients(&tracked, &weighted(&y).backward()));
                outputs.statistics(&conv);
                outputs
            }));
        }
    }
    cases
}

fn linear(device: &Device, spectral: bool) -> Outputs {
    let mut linear = moved(
        with_maker(device, spectral, |maker| Linear::new([37, 50], true, "linear", maker)),
        device,
    );
    linear.iterate();
    let mut outputs = Outputs::default();
    outputs.statistics(&linear);
    let tracked = linear.tracked();
    let x = drawn::<2>("x", [6, 37], device).autodiff().require_grad();
    let y = tracked.forward(x.clone());
    let gradients = weighted(&y).backward();
    outputs.tensor("result", y);
    outputs.tensor(
        "gradient of the input",
        x.grad(&gradients).unwrap_or_else(|| x.clone().inner().zeros_like()),
    );
    outputs.gradients(&tracked, flat_gradients(&tracked, &gradients));
    outputs
}

fn normalisations() -> Vec<Case> {
    let mut cases = Vec::new();
    for (text, name) in [("leaky relu", ActivationName::LeakyRelu), ("silu", ActivationName::Silu)]
    {
        for by_class in [None, Some(3)] {
            let told = if by_class.is_some() { ", by class" } else { "" };
            cases.push(Case::new(
                format!("layer batch norm, {text}{told}"),
                Kind::Network,
                move |device| {
                    let norm = moved(
                        with_maker(device, false, |maker| {
                            BatchNorm::new(12, by_class, "norm", maker)
                        }),
                        device,
                    );
                    let classes = by_class.map(|_| Classes::new(&[2, 0, 1, 2], device));
                    let activator = Activator { name, slope: 0.2 };
                    let x = || drawn::<4>("x", [4, 12, 5, 3], device) + 1.0;
                    let tracked = norm.tracked();
                    let (mut masks, mut none) = (Masks::None, Masks::None);
                    let mut pass = Pass::new(Mode::Train, classes.as_ref(), &mut masks);
                    let leaf = x().autodiff().require_grad();
                    let y = tracked.forward(leaf.clone(), activator, &mut pass);
                    let gradients = weighted(&y).backward();
                    let mut outputs = Outputs::default();
                    outputs.tensor("result", y);
                    outputs.tensor(
                        "gradient of the input",
                        leaf.grad(&gradients).unwrap_or_else(|| x().zeros_like()),
                    );
                    outputs.gradients(&tracked, flat_gradients(&tracked, &gradients));
                    let mut used = norm.clone();
                    used.adopt(pass.moved);
                    outputs.statistics(&used);
                    outputs.tensor(
                        "in use",
                        used.forward(
                            x(),
                            activator,
                            &mut Pass::new(Mode::Infer, classes.as_ref(), &mut none),
                        ),
                    );
                    outputs
                },
            ));
        }
    }
    cases
}
