//! The CPU operations and their gradients against PyTorch in f64 (`tools/golden_ops.py`).

use crate::util;

use burn::tensor::{Device, Tensor, TensorData};
use serde_json::Value;
use shared::nn::ops::{self, Activation, Padding};
use shared::testing::relative_difference;
use util::{committed, golden, normal};

/// Relative to the largest value: sums of up to 800 products in f32, over which rounding stays
/// below 1e-6 or so.
const TOLERANCE: f64 = 5e-6;

type Cases = Vec<(String, [usize; 5], [usize; 2], usize, [usize; 2])>;

/// Name; batch, channels in, height, width, channels out; kernel; stride; padding.
fn cases(text: &str) -> Cases {
    let n = |v: &Value| v.as_u64().expect("number") as usize;
    let two = |v: &Value| [n(&v[0]), n(&v[1])];
    let cases: serde_json::Map<String, Value> = serde_json::from_str(text).expect("cases");
    cases
        .iter()
        .map(|(name, c)| {
            (name.clone(), [0, 1, 2, 3, 4].map(|i| n(&c[i])), two(&c[5]), n(&c[6]), two(&c[7]))
        })
        .collect()
}

fn drawn<const D: usize>(name: &str, shape: [usize; D]) -> Tensor<D> {
    let values = normal(name, shape.iter().product());
    Tensor::from_data(TensorData::new(values, shape), &Device::flex()).autodiff().require_grad()
}

fn near<const D: usize>(found: Tensor<D>, golden: &util::Golden, name: &str) {
    let (shape, values) = &golden[name];
    assert_eq!(found.dims().to_vec(), *shape, "{name}");
    let off = relative_difference(found.into_data().iter::<f32>(), values.iter().copied());
    assert!(off < TOLERANCE, "{name}: {off}");
}

/// Compares the result and goes back through it.
fn backward(case: &str, y: &Tensor<4>, golden: &util::Golden) -> burn::tensor::Gradients {
    near(y.clone().inner(), golden, &format!("{case}.y"));
    let upstream = drawn(&format!("{case}.upstream"), y.dims());
    (y.clone() * upstream).sum().backward()
}

#[test]
fn convolutions_equal_pytorchs() {
    let (file, metadata) = golden(&committed("ops.safetensors"));
    for (kind, transposed) in [("conv", false), ("transposed", true)] {
        for (case, [b, ci, h, w, co], [kh, kw], stride, padding) in cases(&metadata[kind]) {
            let x = drawn(&format!("{case}.x"), [b, ci, h, w]);
            let weight = drawn(
                &format!("{case}.w"),
                if transposed { [ci, co, kh, kw] } else { [co, ci, kh, kw] },
            );
            let f = if transposed { ops::conv_transpose2d } else { ops::conv2d };
            let gradients = backward(
                &case,
                &f(x.clone(), weight.clone(), stride, Padding::both(padding)),
                &file,
            );
            near(x.grad(&gradients).expect("gradient"), &file, &format!("{case}.dx"));
            near(weight.grad(&gradients).expect("gradient"), &file, &format!("{case}.dw"));
        }
    }
}

#[test]
fn normalisation_equals_pytorchs() {
    let (file, _) = golden(&committed("ops.safetensors"));
    for (case, shape) in [("norm", [3, 20, 4, 5]), ("norm-wide", [2, 32, 3, 3])] {
        let [gamma, beta] =
            ["gamma", "beta"].map(|name| drawn(&format!("{case}.{name}"), [shape[1]]));
        let x = drawn(&format!("{case}.x"), shape);
        let moments = ops::channel_moments(&x);
        let y = ops::normalize_train(x.clone(), gamma.clone(), beta.clone(), moments, 1e-3, 0.2);
        let gradients = backward(case, &y, &file);
        near(x.grad(&gradients).expect("gradient"), &file, &format!("{case}.dx"));
        near(gamma.grad(&gradients).expect("gradient"), &file, &format!("{case}.dgamma"));
        near(beta.grad(&gradients).expect("gradient"), &file, &format!("{case}.dbeta"));
    }
}

#[test]
fn activations_equal_pytorchs() {
    let (file, _) = golden(&committed("ops.safetensors"));
    for (case, activation) in [
        ("sigmoid", Activation::Sigmoid),
        ("tanh", Activation::Tanh),
        ("leaky", Activation::LeakyRelu(0.2)),
    ] {
        let (x, bias) =
            (drawn(&format!("{case}.x"), [2, 3, 4, 5]), drawn(&format!("{case}.bias"), [3]));
        let gradients = backward(case, &ops::bias_act(x.clone(), bias.clone(), activation), &file);
        near(x.grad(&gradients).expect("gradient"), &file, &format!("{case}.dx"));
        near(bias.grad(&gradients).expect("gradient"), &file, &format!("{case}.dbias"));
    }
}

#[test]
fn pools_equal_pytorchs() {
    let (file, _) = golden(&committed("ops.safetensors"));
    let x = |case: &str| drawn(&format!("{case}.x"), [2, 19, 7, 9]).inner();
    near(ops::max_pool3(x("max"), 2, 0), &file, "max.y");
    near(ops::max_pool3(x("max-same"), 1, 1), &file, "max-same.y");
    near(ops::average_pool3(x("average")), &file, "average.y");
}

/// The other tests of this file once more, in a process that may use fewer instructions than the
/// machine has.
#[test]
fn they_do_so_with_other_instructions_too() {
    const VARIABLE: &str = "FLEDGE_SIMD";
    if std::env::var_os(VARIABLE).is_some() {
        return;
    }
    for instructions in ["scalar", "avx2", "avx512"] {
        let program = std::env::current_exe().expect("this program");
        let output = std::process::Command::new(program)
            .arg("ops_golden::")
            .env(VARIABLE, instructions)
            .output()
            .expect("start");
        assert!(
            output.status.success(),
            "{instructions}: {}",
            String::from_utf8_lossy(&output.stdout)
        );
    }
}
