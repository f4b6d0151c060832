//! Every operation of [`shared::nn::ops`]: results and gradients, over shapes that do not divide
//! evenly.

use std::sync::Arc;

use burn::tensor::{Device, Tensor};
use shared::nn::ops::{
    self, Activation, Affine, Border, Fir, Lookups, Padding, Resampling, Rule, Update, Upsample,
};

use super::case::{Case, Outputs};
use super::extent::Extent;
use super::numbers::{differentiated, drawn};
use super::tolerance::Kind;

/// A convolution's shape: batch, input channels, height, width, output channels; kernel; stride;
/// zero padding.
type Shape = ([usize; 5], usize, usize, Padding);

/// Shapes from the networks, and odd ones. The first `SMALL` cover every kind once.
const SMALL: usize = 6;

fn shapes() -> Vec<Shape> {
    let both = |n| Padding::both([n, n]);
    vec![
        ([3, 16, 8, 8, 20], 4, 2, both(1)),
        ([2, 3, 9, 7, 5], 3, 1, both(1)),
        ([2, 7, 5, 6, 3], 1, 1, both(0)),
        ([2, 3, 10, 12, 16], 5, 2, Padding::same(5, 2)),
        ([2, 16, 6, 6, 3], 4, 1, Padding::same(4, 1)),
        ([1, 1, 4, 4, 1], 4, 1, both(0)),
        ([5, 33, 11, 13, 17], 3, 2, Padding { before: [0, 1], after: [1, 0] }),
        ([4, 3, 64, 64, 128], 4, 2, both(1)),
        ([4, 128, 16, 16, 128], 4, 2, both(1)),
        ([4, 128, 8, 8, 3], 4, 2, both(1)),
        ([2, 256, 1, 1, 64], 7, 2, both(0)),
        ([2, 64, 17, 17, 32], 5, 2, both(1)),
        ([2, 32, 32, 32, 16], 5, 1, both(2)),
        ([128, 32, 4, 4, 32], 4, 2, both(1)),
    ]
}

/// All rows.
#[must_use]
pub fn cases(extent: Extent) -> Vec<Case> {
    let shapes: Vec<Shape> = match extent {
        Extent::Whole => shapes(),
        Extent::Small => shapes().into_iter().take(SMALL).collect(),
    };
    let mut cases: Vec<Case> = shapes.into_iter().flat_map(convolutions).collect();
    cases.extend(activations());
    cases.extend(normalisations(extent));
    cases.extend(pools());
    cases.extend(products());
    cases.extend(look_ups());
    cases.extend(updates());
    cases
}

fn convolutions(shape: Shape) -> Vec<Case> {
    let ([b, ci, h, w, co], k, stride, padding) = shape;
    let text = format!("k{k} s{stride} {b}×{ci}×{h}×{w}→{co}");
    let weights = move |device: &Device, shape: [usize; 4]| {
        drawn("weight", shape, device) * (1.0 / ((ci * k * k) as f64).sqrt())
    };
    let x = move |device: &Device| drawn("x", [b, ci, h, w], device);
    let mut cases = Vec::new();
    // A single pixel is enough for the transpose of a large kernel, but not for the kernel.
    if [h, w].iter().zip(0..).all(|(n, axis)| n + padding.before[axis] + padding.after[axis] >= k) {
        cases.extend([
            Case::new(format!("operation conv2d {text}"), Kind::Product, move |device| {
                differentiated([x(device), weights(device, [co, ci, k, k])], |[x, w]| {
                    ops::conv2d(x, w, stride, padding)
                })
            }),
            // Without a graph, some devices fuse bias and activation.
            Case::new(format!("operation conv2d_act {text}"), Kind::Product, move |device| {
                let mut outputs = Outputs::default();
                for (name, activation) in
                    [("leaky", Activation::LeakyRelu(0.2)), ("tanh", Activation::Tanh)]
                {
                    let (weight, bias) =
                        (weights(device, [co, ci, k, k]), drawn("bias", [co], device));
                    outputs.tensor(
                        name,
                        ops::conv2d_act(x(device), weight, bias, activation, stride, padding),
                    );
                }
                outputs
            }),
        ]);
    }
    let cut = |n: usize, axis: usize| {
        ((n - 1) * stride + k).checked_sub(padding.before[axis] + padding.after[axis])
    };
    if cut(h, 0).is_some_and(|n| n > 0) && cut(w, 1).is_some_and(|n| n > 0) {
        cases.push(Case::new(
            format!("operation conv_transpose2d {text}"),
            Kind::Product,
            move |device| {
                differentiated([x(device), weights(device, [ci, co, k, k])], |[x, w]| {
                    ops::conv_transpose2d(x, w, stride, padding)
                })
            },
        ));
    }
    cases
}

/// Rows for activations and the operations around them.
fn activations() -> Vec<Case> {
    let all = [
        ("none", Activation::NONE),
        ("relu", Activation::RELU),
        ("leaky relu", Activation::LeakyRelu(0.2)),
        ("sigmoid", Activation::Sigmoid),
        ("tanh", Activation::Tanh),
    ];
    let mut cases = Vec::new();
    for (name, activation) in all {
        cases.push(Case::new(
            format!("operation activation {name}"),
            Kind::Elementwise,
            move |device| {
                let zeros = || Tensor::zeros([19], device);
                differentiated([drawn("x", [3, 19, 5, 7], device) * 3.0], |[x]| {
                    ops::bias_act(x, zeros(), activation)
                })
            },
        ));
        cases.push(Case::new(format!("operation bias_act {name}"), Kind::Sum, move |device| {
            let inputs = [drawn("x", [5, 19, 9, 7], device), drawn("bias", [1, 19, 1, 1], device)];
            differentiated(inputs, |[x, bias]| ops::bias_act(x, bias.reshape([19]), activation))
        }));
    }
    cases.push(Case::new("operation leaky_relu_tangent", Kind::Elementwise, |device| {
        let y: Tensor<4> = drawn("y", [3, 19, 5, 7], device);
        differentiated([drawn("t", [3, 19, 5, 7], device)], |[t]| {
            ops::leaky_relu_tangent(t, y.clone().autodiff(), 0.2)
        })
    }));
    cases
}

fn normalisations(extent: Extent) -> Vec<Case> {
    let mut shapes = vec![[4, 20, 3, 5], [7, 130, 1, 1]];
    if extent == Extent::Whole {
        shapes.extend([[32, 128, 32, 32], [128, 2048, 1, 1], [2, 3, 65, 63]]);
    }
    let mut cases = Vec::new();
    for shape in shapes {
        let channels = shape[1];
        let text = format!("{}×{}×{}×{}", shape[0], shape[1], shape[2], shape[3]);
        // Far from zero, where a variance computed as the difference of two large numbers would
        // lose precision.
        let x = move |device: &Device| drawn::<4>("x", shape, device) * 2.0 + 5.0;
        let vectors = move |device: &Device| {
            ["gamma", "beta"].map(|name| drawn::<4>(name, [1, channels, 1, 1], device))
        };
        cases.push(Case::new(
            format!("operation channel_moments {text}"),
            Kind::Sum,
            move |device| {
                let mut outputs = Outputs::default();
                let moments = ops::channel_moments(&x(device));
                outputs.tensor("mean", moments.clone().narrow(0, 0, 1));
                outputs.tensor("variance", moments.narrow(0, 1, 1));
                outputs
            },
        ));
        for slope in [0.0f32, 0.2, 1.0] {
            cases.push(Case::new(
                format!("operation normalize_train {text} slope {slope}"),
                Kind::Network,
                move |device| {
                    let [gamma, beta] = vectors(device);
                    differentiated([x(device), gamma, beta], |[x, gamma, beta]| {
                        let moments = ops::channel_moments(&x);
                        ops::normalize_train(
                            x,
                            gamma.reshape([channels]),
                            beta.reshape([channels]),
                            moments,
                            1e-3,
                            slope,
                        )
                    })
                },
            ));
        }
        cases.push(Case::new(
            format!("operation normalize_with {text}"),
            Kind::Sum,
            move |device| {
                let [gamma, beta] = vectors(device).map(|v| v.reshape([channels]));
                let moments = ops::channel_moments(&x(device));
                let mut outputs = Outputs::default();
                outputs.tensor(
                    "result",
                    ops::normalize_with(
                        x(device),
                        gamma.clone(),
                        beta.clone(),
                        moments.clone(),
                        1e-3,
                        0.2,
                    ),
                );
                let [gamma, beta] = [gamma, beta].map(Tensor::autodiff);
                let tracked = differentiated([x(device)], |[x]| {
                    ops::normalize_with(
                        x,
                        gamma.clone(),
                        beta.clone(),
                        moments.clone().autodiff(),
                        1e-3,
                        0.2,
                    )
                });
                outputs.parts.extend(tracked.parts);
                outputs
            },
        ));
    }
    cases
}

fn products() -> Vec<Case> {
    let shapes = [
        ([1, 1, 5, 7], [1, 1, 7, 3]),
        ([2, 3, 64, 33], [2, 3, 33, 65]),
        ([1, 1, 128, 100], [1, 1, 100, 2048]),
    ];
    let case = |(a, b): ([usize; 4], [usize; 4])| {
        Case::new(
            format!("operation matmul {}×{}×{}, {} of them", a[2], a[3], b[3], a[0] * a[1]),
            Kind::Product,
            move |device| {
                differentiated([drawn("a", a, device), drawn("b", b, device)], |[a, b]| {
                    ops::matmul(a, b)
                })
            },
        )
    };
    shapes.into_iter().map(case).collect()
}

fn pools() -> Vec<Case> {
    let x = |device: &Device| drawn::<4>("x", [2, 19, 9, 13], device);
    let even = |device: &Device| drawn::<4>("x", [3, 19, 6, 10], device);
    let one = |name, y: Tensor<4>| {
        let mut outputs = Outputs::default();
        outputs.tensor(name, y);
        outputs
    };
    let mut cases = vec![
        Case::new("operation max_pool3", Kind::Elementwise, move |device| {
            let mut outputs = one("stride 2", ops::max_pool3(x(device), 2, 0));
            outputs.tensor("stride 1, same", ops::max_pool3(x(device), 1, 1));
            outputs
        }),
        Case::new("operation average_pool3", Kind::Sum, move |device| {
            one("result", ops::average_pool3(x(device)))
        }),
        Case::new("operation average_pool2", Kind::Product, move |device| {
            differentiated([even(device)], |[x]| ops::average_pool2(x))
        }),
        Case::new("operation join", Kind::Elementwise, move |device| {
            one("result", ops::join(vec![x(device), x(device).narrow(1, 0, 5), x(device) * 2.0]))
        }),
    ];
    for (name, mode) in [("nearest", Upsample::Nearest), ("bilinear", Upsample::Bilinear)] {
        cases.push(Case::new(
            format!("operation upsample2 {name}"),
            Kind::Product,
            move |device| differentiated([x(device)], |[x]| ops::upsample2(x, mode)),
        ));
    }
    cases
}

/// A map that rotates, stretches and shifts, different for each picture; none for the second.
fn maps(batch: usize) -> Vec<Option<Affine>> {
    let map = |i: usize| {
        let s = 0.15 * i as f64;
        Affine([[0.9 - s, 0.3 + s, 0.7 - 2.0 * s], [-0.35, 1.1 - s, 1.3 + s]])
    };
    (0..batch).map(|i| (i != 1).then(|| map(i))).collect()
}

/// Weighted sums of three samples each.
fn fir(samples: usize, results: usize) -> Fir {
    let result = |i: usize| {
        [0, 1, 2].map(|k| ((i * 5 + k * 3) % samples, (i % 4 + 2 * k) as f32 * 0.1 - 0.3)).to_vec()
    };
    Fir { samples, results: (0..results).map(result).collect() }
}

fn look_ups() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, border, extent) in [
        ("reflected", Border::Reflect, [11, 9]),
        ("zeros around", Border::Zeros, [11, 9]),
        ("smaller", Border::Zeros, [5, 4]),
        ("larger", Border::Reflect, [17, 23]),
    ] {
        cases.push(Case::new(
            format!("operation look_up {name}"),
            Kind::Augmentation,
            move |device| {
                let lookups = Lookups { maps: maps(4), border, extent };
                differentiated([drawn("x", [4, 3, 11, 9], device)], |[x]| {
                    ops::look_up(x, lookups.clone())
                })
            },
        ));
    }
    cases.push(Case::new("operation warp", Kind::Augmentation, |device| {
        differentiated([drawn("x", [5, 1, 32, 32], device)], |[x]| ops::warp(x, &maps(5)))
    }));
    cases.push(Case::new("operation resample", Kind::Augmentation, |device| {
        let (height, width, extent) = (9, 7, [12, 8]);
        let resampling = Arc::new(Resampling {
            up: [height, width].map(|n| fir(n, 2 * n + 2)),
            lookups: Lookups {
                maps: maps(3).into_iter().map(|m| m.or(Some(Affine::IDENTITY))).collect(),
                border: Border::Zeros,
                extent,
            },
            down: [fir(extent[0], height), fir(extent[1], width)],
        });
        differentiated([drawn("x", [3, 3, height, width], device)], |[x]| {
            ops::resample(x, &resampling)
        })
    }));
    cases
}

/// Every rule, with and without its optional state.
fn rules() -> Vec<Rule> {
    let mut rules = vec![Rule::Adam { alpha: 0.01, beta_1: 0.5, beta_2: 0.999, epsilon: 1e-7 }];
    for momentum in [None, Some(0.9)] {
        rules.push(Rule::RmsProp {
            rho: 0.9,
            inside: 1e-3,
            outside: 1e-2,
            momentum,
            gain: 0.7,
            alpha: 0.1,
        });
        rules.push(Rule::Sgd { momentum, nesterov: false, gain: 0.7, alpha: 0.1 });
    }
    rules.push(Rule::Sgd { momentum: Some(0.9), nesterov: true, gain: 0.7, alpha: 0.1 });
    rules
}

fn updates() -> Vec<Case> {
    const SIZES: [usize; 4] = [1, 7, 1025, 40_001];
    let mut cases = Vec::new();
    for rule in rules() {
        let name = format!("{rule:?}").replace("momentum: None", "no momentum");
        let name = name.split_once('{').map_or(name.clone(), |(head, rest)| {
            let momentum = if rest.contains("Some") { " with momentum" } else { "" };
            let nesterov = if rest.contains("nesterov: true") { ", Nesterov's" } else { "" };
            format!("{}{momentum}{nesterov}", head.trim())
        });
        cases.push(Case::new(format!("operation update {name}"), Kind::Optimizer, move |device| {
            let mut outputs = Outputs::default();
            for (how, update) in [
                ("plain", Update { rule, scale: 1.0, pull: 0.0, kept: 1.0 }),
                ("scaled, decayed", Update { rule, scale: 0.3, pull: 0.1, kept: 0.9 }),
            ] {
                let item = |n: usize| {
                    let kept = (0..rule.kept())
                        .map(|k| drawn::<1>(&format!("kept {k}"), [n], device).square());
                    std::iter::once(drawn("w", [n], device)).chain(kept).collect::<Vec<_>>()
                };
                let gradients = SIZES.iter().map(|&n| drawn("g", [n], device)).collect();
                let items =
                    ops::update(update, SIZES.iter().map(|&n| item(n)).collect(), gradients);
                for (n, item) in SIZES.iter().zip(items) {
                    item.into_iter()
                        .enumerate()
                        .for_each(|(i, x)| outputs.tensor(&format!("{how}: {n} numbers, {i}"), x));
                }
            }
            outputs
        }));
    }
    cases.push(Case::new("operation norm", Kind::Sum, |device| {
        let mut outputs = Outputs::default();
        let tensors: Vec<Tensor<1>> = SIZES.iter().map(|&n| drawn("g", [n], device)).collect();
        outputs.value("norm", ops::norm(&tensors));
        outputs
    }));
    cases.push(Case::new("operation moving_average", Kind::Elementwise, |device| {
        let of =
            |name: &str| SIZES.iter().map(|&n| drawn::<1>(name, [n], device)).collect::<Vec<_>>();
        let mut outputs = Outputs::default();
        let averages = ops::moving_average(of("average"), of("current"), 0.99);
        SIZES.iter().zip(averages).for_each(|(n, x)| outputs.tensor(&format!("{n} numbers"), x));
        outputs
    }));
    cases
}
