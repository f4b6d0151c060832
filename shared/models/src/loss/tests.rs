//! Every loss against its formula in f64, values and slopes, including large logits.

use burn::tensor::{Device, Tensor, activation};

use super::*;

/// Chosen so that no difference lies at a hinge's kink, where the formula has no slope.
const REAL: [f32; 7] = [-80.0, -3.0, -0.1, 0.0, 0.5, 4.0, 60.0];
const FAKE: [f32; 7] = [2.5, 80.0, 0.3, -0.7, -60.0, -2.0, 1.7];
/// Drawn labels of the real and the generated pictures.
const SOFT: [[f32; 7]; 2] =
    [[1.0, 0.9, 0.95, 0.1, 0.0, 0.5, 0.92], [0.0, 0.1, 0.05, 0.9, 1.0, 0.5, 0.02]];

/// log(1 + eˣ).
pub(super) fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

/// 1/(1 + e⁻ˣ).
pub(super) fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// Binary cross-entropy of a logit with a label.
pub(super) fn entropy(logit: f64, label: f64) -> f64 {
    label * softplus(-logit) + (1.0 - label) * softplus(logit)
}

/// The mean of `pays` over all logits.
pub(super) fn mean(logits: &[f64], pays: impl Fn(f64) -> f64) -> f64 {
    logits.iter().map(|&l| pays(l)).sum::<f64>() / logits.len() as f64
}

/// D's two parts of a loss that is a function of logit and label.
pub(super) fn labelled(
    logits: [&[f64]; 2],
    labels: [&[f64]; 2],
    pays: impl Fn(f64, f64) -> f64,
) -> Vec<f64> {
    let part = |(logits, labels): (&[f64], &[f64])| {
        logits.iter().zip(labels).map(|(&l, &y)| pays(l, y)).sum::<f64>() / logits.len() as f64
    };
    logits.into_iter().zip(labels).map(part).collect()
}

/// D's (0) or G's (1) loss by [`Loss::formula`], reduced.
fn expected(
    config: &LossConfig,
    network: usize,
    logits: &[Vec<f64>; 2],
    labels: &[[f64; 7]; 2],
) -> f64 {
    let parts = &config.name.row().loss.formula([&logits[0], &logits[1]], [&labels[0], &labels[1]])
        [network];
    let halved = config.reduction == Reduction::Mean && parts.len() == 2;
    parts.iter().sum::<f64>() * if halved { 0.5 } else { 1.0 }
}

#[test]
fn values_and_gradients_of_every_loss_equal_the_formula_in_f64_also_far_from_zero() {
    let device = Device::flex();
    let leaf = |values: [f32; 7]| {
        Tensor::<1>::from_floats(values, &device).reshape([7, 1]).autodiff().require_grad()
    };
    let plain = [[1.0; 7], [0.0; 7]];
    let soft = SOFT.map(|side| side.map(f64::from));
    let drawn = Labels { real: Label::Each(SOFT[0].to_vec()), fake: Label::Each(SOFT[1].to_vec()) };
    let smooth = Labels { real: Label::Same(0.9), fake: Label::Same(0.1) };
    for row in LOSSES {
        for reduction in [Reduction::Mean, Reduction::Sum] {
            let config = LossConfig { name: row.into(), reduction, ..LossConfig::default() };
            let objective = of(&config);
            let mut cases = vec![(1, Labels::PLAIN, plain), (0, Labels::PLAIN, plain)];
            if row.labels != LabelRange::None {
                cases.extend([(0, drawn.clone(), soft), (0, smooth.clone(), [[0.9; 7], [0.1; 7]])]);
            }
            for (network, labels, numbers) in cases {
                let (real, fake) = (leaf(REAL), leaf(FAKE));
                let loss = if network == 0 {
                    objective.discriminator(real.clone(), fake.clone(), &labels)
                } else {
                    objective.generator(Some(real.clone()), fake.clone())
                };
                let logits = [REAL, FAKE].map(|l| l.map(f64::from).to_vec());
                let value = expected(&config, network, &logits, &numbers);
                let found = f64::from(loss.clone().into_scalar::<f32>());
                // Seven sums of f32 numbers, each rounded at 6e-8 relative.
                assert!(
                    (found - value).abs() < 1e-6 * value.abs(),
                    "{config:?} {network}: {found} {value}"
                );
                let gradients = loss.backward();
                let mut scale = 0.0f64;
                let mut pairs = Vec::new();
                for (side, leaf) in [real, fake].into_iter().enumerate() {
                    let found: Vec<f64> = leaf.grad(&gradients).map_or_else(
                        || vec![0.0; 7],
                        |g| g.into_data().iter::<f32>().map(f64::from).collect(),
                    );
                    for (i, found) in found.into_iter().enumerate() {
                        // The formula's slope; its error is about 1e-10 of the largest.
                        let moved = |by: f64| {
                            let mut logits = logits.clone();
                            logits[side][i] += by;
                            expected(&config, network, &logits, &numbers)
                        };
                        let slope = (moved(1e-4) - moved(-1e-4)) / 2e-4;
                        scale = scale.max(slope.abs());
                        pairs.push((found, slope));
                    }
                }
                for (found, slope) in pairs {
                    assert!(
                        (found - slope).abs() < 1e-6 * scale,
                        "{config:?} {network}: {found} {slope}"
                    );
                }
            }
        }
    }
}

#[test]
fn plain_labels_give_the_same_bits_as_the_cross_entropy_without_labels() {
    let device = Device::flex();
    let [real, fake] = [REAL, FAKE].map(|l| Tensor::<1>::from_floats(l, &device).reshape([7, 1]));
    let taken_for_real = |logits: Tensor<2>| activation::log_sigmoid(logits).mean().neg();
    let without = (taken_for_real(real.clone()) + taken_for_real(fake.clone().neg())) * 0.5;
    let objective = of(&LossConfig::default());
    let labels =
        Labels::draw(&LossConfig::default(), 7, &mut fledge_base::rng::stream(0, "labels", 0));
    let bits = |t: Tensor<1>| t.into_scalar::<f32>().to_bits();
    assert_eq!(bits(objective.discriminator(real, fake.clone(), &labels)), bits(without));
    assert_eq!(bits(objective.generator(None, fake.clone())), bits(taken_for_real(fake)));
}
