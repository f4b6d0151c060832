//! Every loss of the table: values, and gradients with respect to the logits.

use burn::tensor::Device;
use shared::nn::config::{LossConfig, Reduction};
use shared::nn::loss::{self, LOSSES, Label, LabelRange, Labels, Row};

use super::case::{Case, Outputs};
use super::extent::Extent;
use super::numbers::{drawn, stream};
use super::tolerance::Kind;

/// Number of judged pictures.
const BATCH: usize = 37;

/// All rows; losses are small, so both extents have all of them.
#[must_use]
pub fn cases(_: Extent) -> Vec<Case> {
    let case = |row: &'static Row| {
        Case::new(format!("loss {}", row.name), Kind::Loss, move |device| of(row, device))
    };
    LOSSES.iter().map(case).collect()
}

fn of(row: &'static Row, device: &Device) -> Outputs {
    let mut outputs = Outputs::default();
    let mut labels = vec![("plain labels", Labels::PLAIN)];
    if row.labels != LabelRange::None {
        let drawn = |name: &str| {
            let mut numbers = stream(name);
            Label::Each((0..BATCH).map(|_| numbers.uniform() as f32).collect())
        };
        labels.push(("smooth labels", Labels { real: Label::Same(0.9), fake: Label::Same(0.1) }));
        labels.push((
            "drawn labels",
            Labels { real: drawn("labels of reals"), fake: drawn("labels of fakes") },
        ));
    }
    for reduction in [Reduction::Mean, Reduction::Sum] {
        let objective =
            loss::of(&LossConfig { name: row.into(), reduction, ..LossConfig::default() });
        // Also far from 0, where the logarithm of a sigmoid would lose precision.
        let leaf =
            |name: &str| (drawn::<2>(name, [BATCH, 1], device) * 8.0).autodiff().require_grad();
        for (text, labels) in
            labels.iter().map(|(text, labels)| (*text, Some(labels))).chain([("generator", None)])
        {
            let (real, fake) = (leaf("logits of reals"), leaf("logits of fakes"));
            let loss = match labels {
                Some(labels) => objective.discriminator(real.clone(), fake.clone(), labels),
                None => objective.generator(Some(real.clone()), fake.clone()),
            };
            let name = format!("{reduction:?}, {text}");
            outputs.tensor(&name, loss.clone());
            let gradients = loss.backward();
            for (of, logits) in [("reals", real), ("fakes", fake)] {
                let gradient =
                    logits.grad(&gradients).unwrap_or_else(|| logits.clone().inner().zeros_like());
                outputs.tensor(&format!("{name}: gradient of {of}"), gradient);
            }
        }
    }
    outputs
}
