//! The losses against PyTorch's criteria and autograd, on the numbers of `tools/golden_losses.py`.

use crate::util;

use burn::tensor::{Device, Tensor, TensorData};
use shared::nn::config::{LossConfig, Reduction};
use shared::nn::loss::{self, LOSSES, Label, LabelRange, Labels};
use shared::testing::relative_difference;
use util::{committed, golden, normal, uniform};

#[test]
fn every_loss_has_pytorchs_value_and_gradients() {
    let (file, metadata) = golden(&committed("losses.safetensors"));
    let batch: usize = metadata["batch"].parse().unwrap();
    let device = Device::flex();
    let leaf = |side: &str| {
        let values: Vec<f32> =
            normal(&format!("loss.{side}"), batch).into_iter().map(|v| 3.0 * v).collect();
        Tensor::<2>::from_data(TensorData::new(values, [batch, 1]), &device)
            .autodiff()
            .require_grad()
    };
    let label = |side: &str| Label::Each(uniform(&format!("loss.labels.{side}"), batch));
    let drawn = Labels { real: label("real"), fake: label("fake") };
    let (mut worst, mut compared) = (0.0f64, 0);
    // A row without numbers has its formula in f64 alone (`Loss::formula`).
    for row in LOSSES.iter().filter(|row| file.contains_key(&format!("{}.value", row.name))) {
        let name = row.name;
        let objective = loss::of(&LossConfig {
            name: row.into(),
            reduction: Reduction::Sum,
            ..LossConfig::default()
        });
        let mut cases = vec![(name.to_owned(), Labels::PLAIN)];
        if row.labels != LabelRange::None {
            cases.push((format!("{name}+labels"), drawn.clone()));
        }
        compared += cases.len();
        for (case, labels) in cases {
            for (i, network) in ["d", "g"].into_iter().enumerate() {
                let (real, fake) = (leaf("real"), leaf("fake"));
                let loss = match network {
                    "d" => objective.discriminator(real.clone(), fake.clone(), &labels),
                    _ => objective
                        .generator(objective.compares().then(|| real.clone()), fake.clone()),
                };
                let value = file[&format!("{case}.value")].1[i];
                let off = (f64::from(loss.clone().into_scalar::<f32>()) / value - 1.0).abs();
                let gradients = loss.backward();
                let all = [(real, "real"), (fake, "fake")].map(|(leaf, side)| {
                    let gradient =
                        leaf.grad(&gradients).unwrap_or_else(|| leaf.inner().zeros_like());
                    (
                        gradient.into_data().iter::<f32>().collect::<Vec<_>>(),
                        &file[&format!("{case}.{network}.{side}")].1,
                    )
                });
                let (found, expected): (Vec<_>, Vec<_>) = all.into_iter().unzip();
                let slopes =
                    relative_difference(found.concat(), expected.into_iter().flatten().copied());
                // Sixteen terms of about 1 in f32: each rounds at 6e-8, the sum a little more.
                assert!(off < 1e-6 && slopes < 1e-6, "{case}.{network}: {off:.1e} {slopes:.1e}");
                worst = worst.max(off).max(slopes);
            }
        }
    }
    assert_eq!(
        compared,
        file.keys().filter(|key| key.ends_with(".value")).count(),
        "numbers of losses that are not in the table"
    );
    println!("worst value or gradient: {worst:.1e} relative");
}
