//! The CPU operations do not depend on the number of threads, not in a single bit.

use super::*;

/// A chain of every differentiable operation, and all its gradients, as bits.
fn everything() -> Vec<Vec<u32>> {
    let shapes = [[3, 16, 8, 12], [32, 16, 4, 4], [32, 24, 4, 4], [7, 24, 3, 3], [7, 3, 4, 4]];
    let maps: Vec<_> =
        (0..3).map(|i| (i != 1).then_some(Affine([[0.9, 0.3, 0.5], [-0.3, 0.9, 2.0]]))).collect();
    let inputs: [Tensor<4>; 5] = std::array::from_fn(|i| drawn(shapes[i], i as u64));
    let (y, gradients) = gradients(inputs, |[x, a, b, c, d]| {
        let x = conv2d(x, a, 2, Padding::both([1, 1])); // [3, 32, 4, 6], by nine products
        let moments = channel_moments(&x);
        let x = normalize_train(
            x,
            Tensor::ones([32], &Device::flex()),
            Tensor::zeros([32], &Device::flex()),
            moments,
            1e-3,
            0.2,
        );
        let x = conv_transpose2d(x, b, 2, Padding::both([1, 1])); // [3, 24, 8, 12]
        let x = conv2d(x, c, 1, Padding::both([1, 1])); // [3, 7, 8, 12]
        let x = conv_transpose2d(x, d, 2, Padding::both([1, 1])); // [3, 3, 16, 24]
        warp(bias_act(x, drawn([3], 9), Activation::Sigmoid), &maps)
    });
    let items = gradients.iter().map(|g| g.clone().flatten(0, 3));
    let adam = Rule::Adam { alpha: 1e-3, beta_1: 0.5, beta_2: 0.999, epsilon: 1e-7 };
    let adam = Update { rule: adam, scale: 1.0, pull: 0.0, kept: 1.0 };
    let updated = update(
        adam,
        items.clone().map(|g| vec![g.clone(), g.clone(), g.square()]).collect(),
        items.clone().collect(),
    );
    let averaged = moving_average(
        items.clone().collect(),
        updated.iter().map(|item| item[0].clone()).collect(),
        0.99,
    );
    let mut found = vec![bits(y)];
    found.extend(gradients.map(bits));
    found.extend(updated.into_iter().flatten().map(bits));
    found.extend(averaged.into_iter().map(bits));
    found
}

#[test]
fn results_are_equal_bit_by_bit_for_any_number_of_threads() {
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        pool.install(everything)
    };
    let once = with(1);
    for threads in [1, 2, 3, 5, 16] {
        assert!(with(threads) == once, "{threads} threads");
    }
}
