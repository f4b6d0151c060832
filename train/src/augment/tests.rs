use super::*;

/// Chance of a deviation beyond this many standard errors, in either direction: 6e-7.
const SIGMAS: f64 = 5.0;

#[test]
fn each_transform_happens_at_its_rate_and_within_its_range() {
    let (n, p) = (20_000, 0.3);
    let mut stream = shared::rng::stream(7, "augment rates", 0);
    let drawn = draw(PipelineName::Keras, p, n, &mut stream);
    let applied: Vec<Transform> = drawn.into_iter().flatten().collect();
    let within = |count: usize, rate: f64, what: &str| {
        let error = (rate * (1.0 - rate) / n as f64).sqrt();
        assert!((count as f64 / n as f64 - rate).abs() < SIGMAS * error, "{what}: {count} of {n}, expected {rate}");
    };
    within(applied.len(), p, "pictures");
    let rate = |f: &dyn Fn(&Transform) -> bool| applied.iter().filter(|t| f(t)).count();
    within(rate(&|t| t.flip), p / 2.0, "flip");
    // Every continuous amount lies in the upper half of its range half the time, and in the outer tenth a tenth of it.
    type Amount = (&'static str, fn(&Transform) -> f64, f64, f64);
    let amounts: [Amount; 5] = [
        ("shift_y", |t| t.shift_y, -0.125, 0.125),
        ("shift_x", |t| t.shift_x, -0.125, 0.125),
        ("rotation", |t| t.rotation, -0.125, 0.125),
        ("zoom_y", |t| t.zoom_y, -0.25, 0.0),
        ("zoom_x", |t| t.zoom_x, -0.25, 0.0),
    ];
    for (name, amount, low, high) in amounts {
        assert!(applied.iter().all(|t| (low..high).contains(&amount(t))), "{name}");
        within(rate(&|t| amount(t) > (low + high) / 2.0), p / 2.0, name);
        within(rate(&|t| amount(t) > high - 0.1 * (high - low)), p / 10.0, name);
    }
}

#[test]
fn p_zero_and_no_pipeline_leave_every_picture() {
    let mut stream = shared::rng::stream(0, "augment none", 0);
    assert!(draw(PipelineName::Keras, 0.0, 100, &mut stream).iter().all(Option::is_none));
    assert!(draw(PipelineName::None, 1.0, 100, &mut stream).iter().all(Option::is_none));
}

#[test]
fn the_controller_moves_by_the_difference_and_stays_in_its_bounds() {
    let config =
        AugmentConfig { pipeline: PipelineName::Keras, target_accuracy: 0.85, integration_steps: 1000.0, max_probability: 0.8 };
    assert!((next_probability(&config, 0.3, 1.0) - 0.30015).abs() < 1e-12);
    assert_eq!(next_probability(&config, 0.0, 0.5), 0.0);
    assert_eq!(next_probability(&config, 0.79999, 1.0), 0.8);
}
