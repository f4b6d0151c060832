//! What steps measured reaches the host in order, at once or some steps later, and a controller
//! that hears of it later moves p by the same amounts, later.

use burn::tensor::{Device, Tensor, TensorData};
use shared::nn::config::{DataConfig, RunConfig, Settings, TaskName};
use shared::rng;
use train::step::measured::Measured;
use train::step::readback::Readback;
use train::step::trainer::Trainer;
use train::step::turn::Batch;

const STEPS: u64 = 7;

fn trainer() -> Trainer {
    let settings = [
        "generator.width=4",
        "generator.latent=4",
        "discriminator.width=4",
        "schedule.batch=4",
        "augment.probability=0.3",
        "augment.integration_steps=20",
        "augment.target_accuracy=0.2",
        "optimizer.clip_norm=1",
    ]
    .map(str::to_owned);
    let settings = Settings::resolve("gan-ada", None, &settings).expect("settings");
    Trainer::new(
        &RunConfig::new("gan-ada", settings, 1, DataConfig::of_extent(8, 3)),
        STEPS,
        &Device::flex(),
    )
}

fn batch(step: u64) -> [Batch; 1] {
    let values = rng::stream(1, "lag test", step).normals(4 * 3 * 8 * 8);
    let real = Tensor::from_data(TensorData::new(values, [4, 3, 8, 8]), &Device::flex());
    [Batch { real, source: None, classes: None, latents: None }]
}

/// p before each step, and what was measured, in the order in which it came.
fn run(lag: u64) -> (Vec<f64>, Vec<(u64, Measured)>) {
    let (mut trainer, mut readback) = (trainer(), Readback::new(lag));
    let (mut p, mut measured) = (Vec::new(), Vec::new());
    for step in 1..=STEPS {
        p.push(trainer.game.controller.probability);
        let reading = trainer.take_step(&batch(step));
        readback.submit(step, vec![reading]);
        for (of, values) in readback.take(step.saturating_sub(lag)) {
            assert_eq!(of, step - lag, "each step's values are taken when they are due");
            trainer.observe(values.observation());
            measured.push((of, values.measured(TaskName::Adversarial)));
        }
    }
    measured.extend(
        readback
            .take(STEPS)
            .into_iter()
            .map(|(of, values)| (of, values.measured(TaskName::Adversarial))),
    );
    assert!(readback.take(STEPS).is_empty());
    (p, measured)
}

#[test]
fn without_a_lag_everything_is_as_if_each_step_were_waited_for() {
    let (p, measured) = run(0);
    let mut waiting = trainer();
    for (step, (p, (of, measured))) in (1..=STEPS).zip(p.into_iter().zip(measured)) {
        assert_eq!((p, of), (waiting.game.controller.probability, step));
        assert_eq!(waiting.step(&batch(step)), measured);
    }
    assert_ne!(waiting.game.controller.probability, 0.3, "the controller never moved");
}

#[test]
fn with_a_lag_p_stays_until_the_first_values_come_and_none_is_lost() {
    let (at_once, _) = run(0);
    for lag in [1, 2, 5] {
        let (p, measured) = run(lag);
        assert!(
            measured.iter().map(|(of, _)| *of).eq(1..=STEPS),
            "all steps, in order: {measured:?}"
        );
        let still = p.iter().take_while(|p| **p == 0.3).count() as u64;
        // Known from the end of step lag + 1 on, so that the step after it is the first with
        // another p.
        assert!(still > lag, "lag {lag}: {p:?}");
        assert_eq!(p[..1], at_once[..1]);
        assert_eq!(
            p[lag as usize + 1] - p[lag as usize],
            at_once[1] - at_once[0],
            "lag {lag}: what the first step moves"
        );
    }
}

#[test]
fn the_numbers_of_a_step_do_not_depend_on_when_they_are_read() {
    // With p held still, nothing that is read decides about what is computed.
    let fixed = |lag: u64| {
        let (mut trainer, mut readback) = (trainer(), Readback::new(lag));
        for step in 1..=STEPS {
            readback.submit(step, vec![trainer.take_step(&batch(step))]);
        }
        readback
            .take(STEPS)
            .into_iter()
            .map(|(_, values)| values.measured(TaskName::Adversarial))
            .collect::<Vec<_>>()
    };
    let expected = fixed(0);
    assert!(
        expected
            .iter()
            .all(|m| m.get("g_norm") > 0.0 && m.get("d_norm") > 0.0 && m.get("d_loss").is_finite())
    );
    assert_eq!(fixed(1), expected);
    assert_eq!(fixed(3), expected);
}
