//! The optimizers and the rates' schedules against PyTorch's and Keras' own, on the numbers of
//! `tools/golden_optimizers.py`.

use crate::util;

use burn::tensor::{Device, Tensor, TensorData};
use shared::nn::config::{OptimizerConfig, RateConfig};
use shared::nn::parameter::{Parameter, Purpose};
use shared::testing::largest_difference;
use train::step::optimizer::Optimizer;
use train::step::rate;
use util::{committed, golden, normal};

const SIZES: [usize; 2] = [7, 12];

#[test]
fn ten_steps_of_every_optimizer_move_weights_as_the_library_moves_them() {
    let (file, metadata) = golden(&committed("optimizers.safetensors"));
    let cases: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(&metadata["cases"]).unwrap();
    let device = Device::flex();
    let start: Vec<Vec<f32>> =
        SIZES.iter().enumerate().map(|(i, &n)| normal(&format!("optimizer.w{i}"), n)).collect();
    let (mut worst, mut compared) = (0.0f64, 0);
    for (case, mut settings) in cases {
        let falling = settings.as_object_mut().unwrap().remove("falling").is_some();
        let config: OptimizerConfig = serde_json::from_value(settings).unwrap();
        let weight = |values: &Vec<f32>| {
            Parameter::new(values.clone(), &[values.len()], Purpose::Weight, &device)
        };
        let mut network: Vec<Parameter> = start.iter().map(weight).collect();
        let mut optimizer = Optimizer::new(&config, &network);
        for t in 1..=10u64 {
            let gradients = SIZES.iter().enumerate().map(|(i, &n)| {
                Tensor::from_data(
                    TensorData::new(normal(&format!("optimizer.g{i}.{t}"), n), [n]),
                    &device,
                )
            });
            let factor = if falling { 1.0 / t as f64 } else { 1.0 };
            let norm = optimizer.step(t, factor, &mut network, gradients.collect());
            assert_eq!(norm.is_some(), config.clip_norm > 0.0);
            let Some((_, expected)) = file.get(&format!("{case}.{t}")) else { continue };
            let found = network.iter().flat_map(Parameter::to_vec);
            let movement: Vec<f64> =
                start.concat().iter().zip(expected).map(|(s, e)| e - f64::from(*s)).collect();
            // Weights of up to 2 are stored in f32, each time up to 1.2e-7 off: of ten steps that
            // lead less far than ½, 1e-6 cannot be seen.
            let scale = movement.iter().fold(0.5f64, |a, m| a.max(m.abs()));
            let off = largest_difference(found, expected.iter().copied()) / scale;
            assert!(off < 1e-6, "{case}, step {t}: {off:.1e} of the movement");
            worst = worst.max(off);
            compared += 1;
        }
    }
    let stored = file.keys().filter(|key| !key.starts_with("rate.")).count();
    assert_eq!(compared, stored, "numbers that no case is compared with");
    assert!(stored > 0, "no numbers to compare with");
    println!("worst weight: {worst:.1e} of the movement");
}

#[test]
fn the_rates_schedules_are_pytorchs() {
    let (file, metadata) = golden(&committed("optimizers.safetensors"));
    let cases: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(&metadata["rates"]).unwrap();
    let last: u64 = metadata["last"].parse().unwrap();
    for (case, settings) in cases {
        let config: RateConfig = serde_json::from_value(settings).unwrap();
        config.validate().unwrap();
        for (step, expected) in file[&format!("rate.{case}")].1.iter().enumerate() {
            let found = rate::factor(&config, step as u64, last, 1);
            // PyTorch multiplies step by step in f64.
            assert!((found - expected).abs() < 1e-12, "{case}, step {step}: {found} {expected}");
        }
    }
}
