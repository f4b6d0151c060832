//! Every penalty on critics with every possible part: values, norms, and gradients with respect to
//! the weights.

use burn::tensor::Device;
use shared::nn::config::Settings;
use shared::nn::layers::Masks;
use shared::nn::parameter::Parameters;

use super::case::{Case, Outputs, Scale};
use super::extent::Extent;
use super::numbers::{moved, pictures, stream};
use super::tolerance::Kind as Tolerance;
use crate::step::gradient::flat_gradients;
use crate::step::penalty::{self, Kind, Points};

/// Height and width of the pictures.
const SIZE: usize = 16;
/// Pictures in a batch.
const BATCH: usize = 8;

/// Critics, by their parts beyond two convolutions.
const CRITICS: &[(&str, &[&str])] = &[
    ("plain", &[]),
    ("residual", &["discriminator.block=residual", "discriminator.multipliers=[1,2]"]),
    ("spectral norm", &["discriminator.spectral_norm=true"]),
    ("minibatch stddev", &["discriminator.minibatch_stddev=4"]),
    ("attention", &["discriminator.attention=8"]),
    (
        "silu, dropout",
        &[
            "discriminator.activation=silu",
            "discriminator.dropout=0.3",
            "discriminator.dropout_at=blocks",
        ],
    ),
];

/// All rows.
#[must_use]
pub fn cases(extent: Extent) -> Vec<Case> {
    let width = if extent == Extent::Whole { 16 } else { 4 };
    let kinds = [("gradient", Kind::Gradient(10.0)), ("square", Kind::Square(10.0))];
    let mut cases = Vec::new();
    for (critic, changes) in CRITICS {
        for (name, kind) in kinds {
            cases.push(Case::new(
                format!("penalty {name}, {critic}"),
                Tolerance::Penalty,
                move |device| of(kind, &settings(changes, width), device),
            ));
        }
    }
    cases
}

fn settings(changes: &[&str], width: usize) -> Settings {
    let mut assignments: Vec<String> =
        ["discriminator.norm=none", "discriminator.bias=true", "discriminator.dropout=0.0"]
            .map(str::to_owned)
            .to_vec();
    assignments.extend(changes.iter().map(|&a| a.to_owned()));
    assignments.push(format!("discriminator.width={width}"));
    Settings::resolve("gan-ada", None, &assignments).unwrap_or_else(|e| panic!("{changes:?}: {e}"))
}

fn of(kind: Kind, settings: &Settings, device: &Device) -> Outputs {
    let mut critic = moved(settings.discriminator(SIZE, 3, 0, 0, device), device);
    critic.iterate();
    let tracked = critic.tracked();
    let [real, fake] =
        ["reals", "fakes"].map(|name| pictures(name, [BATCH, 3, SIZE, SIZE], device));
    let mut numbers = stream("penalty points");
    let x = penalty::between(&real, &fake, (0..BATCH).map(|_| numbers.uniform() as f32).collect());
    let masks = Masks::Batch(Box::new(stream("penalty masks")));
    let penalty = penalty::of(
        kind,
        &critic,
        &tracked,
        &Points { x: x.clone(), classes: None, masks: &masks, view: None },
    );
    let mut outputs = Outputs::default();
    outputs.tensor("points", x);
    outputs.value("value", penalty.value());
    outputs.list("norms", penalty.norms().iter().map(|n| *n as f32).collect(), Scale::Own);
    outputs.gradients(&tracked, flat_gradients(&tracked, &penalty.tangent.backward()));
    outputs
}
