//! Every transform alone, every set of transforms as drawn, and instance noise: pictures and
//! gradients.

use burn::tensor::Device;
use shared::nn::config::{AugmentConfig, PipelineName};
use shared::nn::range::Range;

use super::case::{Case, Outputs};
use super::extent::Extent;
use super::numbers::{differentiated, drawn, pictures, stream};
use super::tolerance::Kind;
use crate::augment::transform::{SETS, TRANSFORMS, Transform};
use crate::augment::{self, Effect, Plan, effect};
use crate::step::instance_noise;

/// All rows.
#[must_use]
pub fn cases(extent: Extent) -> Vec<Case> {
    let (batch, side) = if extent == Extent::Whole { (6, 32) } else { (3, 16) };
    let mut cases = Vec::new();
    for transform in TRANSFORMS {
        cases.push(Case::new(
            format!("augment {}", transform.name),
            Kind::Augmentation,
            move |device| {
                let mut outputs = Outputs::default();
                for (channels, range) in [(3, Range::Signed), (1, Range::Unit)] {
                    let plan = by_itself(transform, batch, [channels, side, side], range);
                    join(
                        &mut outputs,
                        &format!("{channels} channels"),
                        applied(&plan, [batch, channels, side, side], range, device),
                    );
                }
                outputs
            },
        ));
    }
    let sets =
        SETS.iter().map(|(name, _)| *name).chain([PipelineName::Keras, PipelineName::Diffaugment]);
    for pipeline in sets {
        cases.push(Case::new(
            format!("augment set {pipeline:?}").to_lowercase(),
            Kind::Augmentation,
            move |device| {
                let mut outputs = Outputs::default();
                let config = AugmentConfig { pipeline, ..AugmentConfig::default() };
                // Not square, and with an odd side.
                for [height, width] in [[side, side], [side + 5, side - 2]] {
                    let shape = [3, height, width];
                    let plan = augment::draw(
                        &config,
                        0.8,
                        batch,
                        shape,
                        Range::Signed,
                        &mut stream("augment"),
                    );
                    let found = applied(&plan, [batch, 3, height, width], Range::Signed, device);
                    join(&mut outputs, &format!("{height}×{width}"), found);
                }
                outputs
            },
        ));
    }
    cases.push(Case::new("augment instance noise", Kind::Elementwise, move |device| {
        differentiated([drawn("x", [batch, 3, side, side], device)], |[x]| {
            instance_noise::noise(x, 0.1, &mut stream("instance noise"))
        })
    }));
    cases
}

/// One transform on every picture but the second, with amounts from its own distribution.
fn by_itself(transform: &Transform, batch: usize, shape: [usize; 3], range: Range) -> Plan {
    let mut numbers = stream(transform.name);
    let one = |i: usize| {
        let mut effect = Effect::default();
        if i != 1 {
            let number = |n: &mut shared::rng::Stream| {
                if transform.distribution.is_of_normal() { n.normal() } else { n.uniform() }
            };
            let amounts = [0, 1].map(|_| transform.distribution.amount(number(&mut numbers)));
            (transform.add)(&mut effect, amounts, [shape[1], shape[2]]);
        }
        effect
    };
    let effects: Vec<_> = (0..batch).map(one).collect();
    let noise = augment::noise::draw(
        &effects.iter().map(|e| e.noise).collect::<Vec<_>>(),
        shape,
        &mut numbers,
    );
    effect::plan(&effects, noise, shape, range)
}

fn applied(plan: &Plan, shape: [usize; 4], range: Range, device: &Device) -> Outputs {
    let x = range.from_signed(pictures("reals", shape, device));
    differentiated([x], |[x]| plan.apply(x))
}

fn join(outputs: &mut Outputs, text: &str, more: Outputs) {
    outputs.parts.extend(more.parts.into_iter().map(|mut part| {
        part.name = format!("{text}: {}", part.name);
        part
    }));
}
