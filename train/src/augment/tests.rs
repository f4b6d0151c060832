use burn::tensor::Tensor;
use shared::nn::config::Coins;
use shared::nn::range::Range;
use shared::testing::relative_difference;

use super::transform::{Distribution, SETS, TRANSFORMS, Transform};
use super::*;

/// Standard errors allowed; the chance of a larger deviation in either direction is 6e-7.
const SIGMAS: f64 = 5.0;

/// True if `count` of `n` is plausible for a probability of `rate`.
fn within(count: usize, n: usize, rate: f64, what: &str) {
    let error = (rate * (1.0 - rate) / n as f64).sqrt();
    assert!(
        (count as f64 / n as f64 - rate).abs() <= SIGMAS * error,
        "{what}: {count} of {n}, expected {rate}"
    );
}

#[test]
fn each_transform_of_the_keras_example_happens_at_its_rate_and_within_its_range() {
    let (n, p) = (20_000, 0.3);
    let mut stream = shared::rng::stream(7, "augment rates", 0);
    let applied: Vec<keras::Transform> =
        keras::draw(true, p, n, &mut stream).into_iter().flatten().collect();
    within(applied.len(), n, p, "pictures");
    let rate = |f: &dyn Fn(&keras::Transform) -> bool| applied.iter().filter(|t| f(t)).count();
    within(rate(&|t| t.flip), n, p / 2.0, "flip");
    // Every continuous amount lies in the upper half of its range half the time, and in the outer
    // tenth a tenth of the time.
    type Amount = (&'static str, fn(&keras::Transform) -> f64, f64, f64);
    let amounts: [Amount; 5] = [
        ("shift_y", |t| t.shift_y, -0.125, 0.125),
        ("shift_x", |t| t.shift_x, -0.125, 0.125),
        ("rotation", |t| t.rotation, -0.125, 0.125),
        ("zoom_y", |t| t.zoom_y, -0.25, 0.0),
        ("zoom_x", |t| t.zoom_x, -0.25, 0.0),
    ];
    for (name, amount, low, high) in amounts {
        assert!(applied.iter().all(|t| (low..high).contains(&amount(t))), "{name}");
        within(rate(&|t| amount(t) > (low + high) / 2.0), n, p / 2.0, name);
        within(rate(&|t| amount(t) > high - 0.1 * (high - low)), n, p / 10.0, name);
    }
}

#[test]
fn coins_of_their_own_let_the_keras_transforms_happen_apart() {
    let (n, p) = (20_000, 0.3);
    let drawn = keras::draw(false, p, n, &mut shared::rng::stream(8, "augment rates", 0));
    let rate =
        |f: &dyn Fn(&keras::Transform) -> bool| drawn.iter().flatten().filter(|t| f(t)).count();
    within(rate(&|t| t.rotation != 0.0), n, p, "rotation");
    within(rate(&|t| t.rotation != 0.0 && t.zoom_x != 0.0), n, p * p, "rotation and zoom");
    within(rate(&|t| t.flip && t.shift_x != 0.0), n, p * p / 2.0, "flip and shift");
    within(
        drawn.iter().filter(|t| t.is_none()).count(),
        n,
        (1.0 - p / 2.0) * (1.0 - p).powi(3),
        "nothing",
    );
}

/// Standard normal quantiles (e.g. Abramowitz & Stegun 1964, table 26.5) with their probabilities.
const NORMAL: [(f64, f64); 4] =
    [(-1.281_551_6, 0.1), (-0.674_489_8, 0.25), (0.0, 0.5), (1.281_551_6, 0.9)];

/// Quantiles of a distribution with their probabilities.
fn quantiles(distribution: Distribution) -> Vec<(f64, f64)> {
    let of_normal = |f: &dyn Fn(f64) -> f64| NORMAL.iter().map(|&(z, q)| (f(z), q)).collect();
    match distribution {
        Distribution::Choice(n) => {
            (1..n).map(|i| (f64::from(i) - 0.5, f64::from(i) / f64::from(n))).collect()
        }
        Distribution::Share => [0.1, 0.25, 0.5, 0.9].map(|q| (q, q)).to_vec(),
        Distribution::Uniform(a) => {
            [0.1, 0.25, 0.5, 0.9].map(|q| (a * (2.0 * q - 1.0), q)).to_vec()
        }
        Distribution::Normal(s) => of_normal(&|z| s * z),
        Distribution::LogNormal(s) => of_normal(&|z| 2f64.powf(s * z)),
        // |z| < x with probability 2Φ(x) − 1.
        Distribution::HalfNormal(s) => vec![(s * 0.674_489_8, 0.5), (s * 1.281_551_6, 0.8)],
    }
}

#[test]
fn each_transform_happens_at_its_rate_with_amounts_as_they_should_be_distributed() {
    const P: f64 = 0.36;
    let (n, extent) = (10_000, [32, 32]);
    for transform in TRANSFORMS {
        // Alone, with numbers from the stream: its effect shows whether it happened.
        let mut stream = shared::rng::stream(9, transform.name, 0);
        let mut amounts = [Vec::new(), Vec::new()];
        for _ in 0..n {
            let Some(drawn) = transform.draw(P, &mut stream) else { continue };
            (transform.add)(&mut Effect::default(), drawn, extent);
            amounts.iter_mut().zip(drawn).for_each(|(list, amount)| list.push(amount));
        }
        let happened = amounts[0].len();
        // Both rotations together happen as often as any other transform: 1 − 0.8² = 0.36.
        let expected = if transform.name.starts_with("rotate") && transform.name != "rotate90" {
            0.2
        } else {
            P
        };
        within(happened, n, expected, transform.name);
        for list in &amounts[..transform.amounts] {
            for (amount, below) in quantiles(transform.distribution) {
                within(
                    list.iter().filter(|&&a| a < amount).count(),
                    happened,
                    below,
                    transform.name,
                );
            }
        }
        if let [x, y] = &amounts
            && transform.amounts == 2
        {
            let both = x
                .iter()
                .zip(y)
                .filter(|&(x, y)| (x > &x_middle(transform)) == (y > &x_middle(transform)))
                .count();
            within(both, happened, 0.5, "x and y are drawn apart");
        }
    }
}

/// The median of an amount.
fn x_middle(transform: &Transform) -> f64 {
    quantiles(transform.distribution)
        .iter()
        .find(|(_, q)| *q == 0.5)
        .map_or(0.0, |(amount, _)| *amount)
}

#[test]
fn each_set_does_what_its_groups_do_and_one_coin_decides_about_all() {
    let shape = [3, 16, 16];
    for &(pipeline, groups) in SETS {
        let drawn = |one_coin, p| {
            let mut stream = shared::rng::stream(3, "augment sets", 0);
            (0..500)
                .map(|_| transform::draw(pipeline, one_coin, p, shape, &mut stream))
                .collect::<Vec<_>>()
        };
        let has = |group| groups.contains(&group);
        for effect in drawn(false, 1.0) {
            assert_eq!(
                effect.map.is_some(),
                has(transform::Group::Blit) || has(transform::Group::Geom),
                "{pipeline:?}"
            );
            assert_eq!(effect.color.is_some(), has(transform::Group::Color), "{pipeline:?}");
            assert_eq!(effect.gains.is_some(), has(transform::Group::Filter), "{pipeline:?}");
            assert_eq!(effect.noise > 0.0, has(transform::Group::Noise), "{pipeline:?}");
            assert_eq!(effect.hole.is_some(), has(transform::Group::Cutout), "{pipeline:?}");
        }
        // With one coin, a picture gets all transforms (except possibly one of the two rotations)
        // or none.
        let whole = drawn(true, 0.5);
        let untouched = whole.iter().filter(|e| **e == Effect::default()).count();
        within(untouched, whole.len(), 0.5, "untouched pictures");
    }
}

fn config(pipeline: PipelineName) -> AugmentConfig {
    AugmentConfig { pipeline, ..AugmentConfig::default() }
}

#[test]
fn p_zero_and_no_pipeline_leave_every_picture_without_work() {
    let mut stream = shared::rng::stream(0, "augment none", 0);
    for pipeline in [PipelineName::Keras, PipelineName::Bgcfnc, PipelineName::None] {
        for coins in [Coins::Picture, Coins::Transform] {
            let p = if pipeline == PipelineName::None { 1.0 } else { 0.0 };
            let config = AugmentConfig { coins, ..config(pipeline) };
            assert!(
                draw(&config, p, 100, [3, 8, 8], Range::Unit, &mut stream).is_empty(),
                "{pipeline:?}"
            );
        }
    }
    assert!(
        !draw(&config(PipelineName::Diffaugment), 0.0, 2, [3, 8, 8], Range::Unit, &mut stream)
            .is_empty()
    );
}

#[test]
fn diffaugment_draws_each_amount_from_its_whole_range() {
    let mut stream = shared::rng::stream(5, "augment rates", 0);
    let n = 20_000;
    let drawn: Vec<_> =
        (0..n).map(|_| diffaugment::DiffAugment::draw([3, 16, 12], &mut stream)).collect();
    let count = |holds: &dyn Fn(&diffaugment::DiffAugment) -> bool| {
        drawn.iter().filter(|d| holds(d)).count()
    };
    within(count(&|d| d.brightness < -0.4), n, 0.1, "brightness");
    within(count(&|d| d.saturation < 0.2), n, 0.1, "saturation");
    within(count(&|d| d.contrast < 0.6), n, 0.1, "contrast");
    // 12/8 = 1.5 is rounded up; an even rectangle has one more position than there are rows.
    for shift in -2..=2 {
        within(count(&|d| d.shift[0] == shift), n, 0.2, "rows");
        within(count(&|d| d.shift[1] == shift), n, 0.2, "columns");
    }
    within(count(&|d| d.centre[0] == 16), n, 1.0 / 17.0, "centre");
    within(count(&|d| d.centre[1] == 0), n, 1.0 / 13.0, "centre");
}

#[test]
fn the_linear_part_of_every_pipeline_is_its_derivative() {
    let (shape, range) = ([3, 16, 16], Range::Signed);
    let drawn = |purpose| {
        let values = shared::rng::stream(3, purpose, 0).normals(4 * 3 * 16 * 16);
        Tensor::<4>::from_data(
            burn::tensor::TensorData::new(values, [4, 3, 16, 16]),
            &burn::tensor::Device::flex(),
        )
    };
    for pipeline in [PipelineName::Keras, PipelineName::Bgcfnc, PipelineName::Diffaugment] {
        for range in [range, Range::Unit] {
            let mut stream = shared::rng::stream(5, "augment linear", 0);
            let plan = draw(&config(pipeline), 0.9, 4, shape, range, &mut stream);
            let (x, t) = (drawn("x"), drawn("t"));
            let slope = (plan.apply(x.clone() + t.clone()) - plan.apply(x - t.clone())) / 2.0;
            let values = |x: Tensor<4>| x.into_data().iter::<f32>().collect::<Vec<_>>();
            let off = relative_difference(values(plan.linear(t.clone())), values(slope));
            // Affine steps: only the rounding of two sums.
            assert!(off < 1e-5, "{pipeline:?} {range:?}: {off:.1e}");
            assert_ne!(values(plan.linear(t.clone())), values(t));
        }
    }
}
