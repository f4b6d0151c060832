//! Times the operations of a training step on the CPU, at the sizes of a 64×64 DCGAN; prints
//! milliseconds, the best of several rounds.
//!
//!     cargo bench --package fledge-kernels

use std::time::Instant;

use burn::tensor::{Device, Distribution, Tensor};
use fledge_kernels::{
    Activation, Padding, Rule, Update, bias_act, channel_moments, conv_transpose2d, conv2d,
    instructions, normalize_train, update, upsample2, warp,
};
use fledge_kernels::{Affine, Upsample};

/// Number of rounds; the best counts.
const ROUNDS: usize = 9;
/// Batch size.
const BATCH: usize = 32;

fn drawn<const D: usize>(shape: [usize; D]) -> Tensor<D> {
    Tensor::random(shape, Distribution::Default, &Device::flex())
}

/// Prints the best time of `work`.
fn time<T>(name: &str, mut work: impl FnMut() -> T) {
    let best = (0..ROUNDS).map(|_| {
        let begun = Instant::now();
        std::hint::black_box(work());
        begun.elapsed()
    });
    println!("{name:<42} {:>9.3} ms", best.min().unwrap_or_default().as_secs_f64() * 1e3);
}

/// Times an operation, and the operation with its backward pass to all inputs.
fn both_ways<const N: usize>(
    name: &str,
    inputs: [Tensor<4>; N],
    f: impl Fn([Tensor<4>; N]) -> Tensor<4>,
) {
    time(name, || f(inputs.clone()));
    let tracked = inputs.map(|x| x.autodiff().require_grad());
    time(&format!("{name}, and back"), || f(tracked.clone()).sum().backward());
}

fn main() {
    println!("{} threads, {}", rayon::current_num_threads(), instructions());
    let halving = Padding::both([1, 1]);
    for (from, to, extent) in
        [(512, 512, 2), (512, 512, 4), (512, 512, 8), (256, 512, 16), (128, 256, 32)]
    {
        both_ways(
            &format!("conv2d 4x4/2, {from} to {to}, {extent}x{extent}, one picture"),
            [drawn([1, from, extent, extent]), drawn([to, from, 4, 4])],
            |[x, w]| conv2d(x, w, 2, halving),
        );
        both_ways(
            &format!(
                "conv_transpose2d 4x4/2, {} to {from}, {1}x{1}, one picture",
                2 * to,
                extent / 2
            ),
            [drawn([1, 2 * to, extent / 2, extent / 2]), drawn([2 * to, from, 4, 4])],
            |[x, w]| conv_transpose2d(x, w, 2, halving),
        );
    }
    both_ways(
        "conv2d 4x4/2, 64 to 128, 32x32",
        [drawn([BATCH, 64, 32, 32]), drawn([128, 64, 4, 4])],
        |[x, w]| conv2d(x, w, 2, halving),
    );
    both_ways(
        "conv2d 4x4/2, 3 to 64, 64x64",
        [drawn([BATCH, 3, 64, 64]), drawn([64, 3, 4, 4])],
        |[x, w]| conv2d(x, w, 2, halving),
    );
    both_ways(
        "conv2d 3x3, 64 to 64, 32x32",
        [drawn([BATCH, 64, 32, 32]), drawn([64, 64, 3, 3])],
        |[x, w]| conv2d(x, w, 1, halving),
    );
    both_ways(
        "conv2d 3x3, 32 to 32, 64x64",
        [drawn([BATCH, 32, 64, 64]), drawn([32, 32, 3, 3])],
        |[x, w]| conv2d(x, w, 1, halving),
    );
    both_ways(
        "conv2d 3x3, 128 to 128, 16x16",
        [drawn([BATCH, 128, 16, 16]), drawn([128, 128, 3, 3])],
        |[x, w]| conv2d(x, w, 1, halving),
    );
    both_ways(
        "conv2d 3x3, 128 to 128, 4x4",
        [drawn([BATCH, 128, 4, 4]), drawn([128, 128, 3, 3])],
        |[x, w]| conv2d(x, w, 1, halving),
    );
    both_ways(
        "conv_transpose2d 4x4/2, 128 to 64, 16x16",
        [drawn([BATCH, 128, 16, 16]), drawn([128, 64, 4, 4])],
        |[x, w]| conv_transpose2d(x, w, 2, halving),
    );
    let [gamma, beta] = [drawn([64]), drawn([64])];
    both_ways("normalize_train, 64, 32x32", [drawn([BATCH, 64, 32, 32])], |[x]| {
        let moments = channel_moments(&x);
        normalize_train(x, gamma.clone(), beta.clone(), moments, 1e-5, 0.2)
    });
    let bias = drawn([64]);
    both_ways("bias_act, 64, 32x32", [drawn([BATCH, 64, 32, 32])], |[x]| {
        bias_act(x, bias.clone(), Activation::LeakyRelu(0.2))
    });
    both_ways("upsample2 bilinear, 64, 16x16", [drawn([BATCH, 64, 16, 16])], |[x]| {
        upsample2(x, Upsample::Bilinear)
    });
    let maps = [Some(Affine([[0.9, 0.3, 0.5], [-0.3, 0.9, 2.0]])); BATCH];
    both_ways("warp, 3, 64x64", [drawn([BATCH, 3, 64, 64])], |[x]| warp(x, &maps));
    let (n, rule) =
        (1 << 22, Rule::Adam { alpha: 1e-3, beta_1: 0.5, beta_2: 0.999, epsilon: 1e-7 });
    let (mut items, gradient) = (vec![vec![drawn([n]), drawn([n]), drawn([n])]], drawn([n]));
    time("Adam, 4 million weights", || {
        let step = Update { rule, scale: 1.0, pull: 0.0, kept: 1.0 };
        items = update(step, std::mem::take(&mut items), vec![gradient.clone()]);
    });
}
