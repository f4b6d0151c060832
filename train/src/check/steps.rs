//! Whole training steps of every preset, and of variations that take other paths through a step:
//! the movement of every weight, the losses, the running statistics and p.

use burn::tensor::Device;
use shared::nn::config::{DataConfig, Feed, RunConfig};
use shared::nn::parameter::{Parameters, Purpose};
use shared::nn::preset;
use shared::nn::range::Range;

use super::case::{Case, Outputs, Scale, values};
use super::extent::Extent;
use super::networks::Networks;
use super::numbers::pictures;
use super::tolerance::{Kind, Precision};
use crate::step::players::Player;
use crate::step::trainer::Trainer;
use crate::step::turn::Batch;

/// Settings changed for all rows: a large ε, with which an optimizer's step is a smooth function of
/// the gradient. With the published ε, the first step of a weight whose gradient is almost zero has
/// the sign of a rounding error.
const SMOOTH: [&str; 1] = ["optimizer.epsilon=1e-3"];

/// Variations of a step.
const VARIATIONS: &[(&str, &str, &[&str])] = &[
    (
        "gan-ada with bgcfnc",
        "gan-ada",
        &["augment.pipeline=bgcfnc", "augment.probability=0.6", "schedule.batch=8"],
    ),
    (
        "gan-ada with diffaugment, soft and noisy labels",
        "gan-ada",
        &[
            "augment.pipeline=diffaugment",
            "loss.label_noise=0.1",
            "loss.label_flip=0.1",
            "loss.real_label=0.9",
            "loss.instance_noise=0.1",
        ],
    ),
    (
        "gan-ada in parts, clipped",
        "gan-ada",
        &["schedule.accumulate=2", "optimizer.clip_norm=0.5", "augment.probability=0.5"],
    ),
    (
        "r1 and r2, relativistic",
        "gan-ada",
        &[
            "discriminator.norm=none",
            "discriminator.bias=true",
            "penalty.r1=1.0",
            "penalty.r2=1.0",
            "loss.name=relativistic-average",
            "discriminator.minibatch_stddev=4",
        ],
    ),
    (
        "spectral norm, hinge, residual",
        "gan-ada",
        &[
            "generator.spectral_norm=true",
            "discriminator.spectral_norm=true",
            "loss.name=hinge",
            "discriminator.block=residual",
            "generator.block=residual",
            "schedule.order=alternating",
        ],
    ),
    (
        "attention, adamw of pytorch",
        "gan-ada",
        &[
            "generator.attention=8",
            "discriminator.attention=8",
            "optimizer.name=adamw",
            "optimizer.convention=pytorch",
            "optimizer.weight_decay=0.01",
        ],
    ),
];

/// All rows.
#[must_use]
pub fn cases(extent: Extent) -> Vec<Case> {
    let (width, batch) = if extent == Extent::Whole { (16, 8) } else { (4, 4) };
    let mut all: Vec<Networks> =
        preset::PRESETS.iter().map(|p| Networks::narrow(p, width, batch)).collect();
    for (name, preset, changes) in VARIATIONS {
        let base = preset::PRESETS.iter().filter(|p| p.name == *preset);
        all.extend(base.map(|p| {
            let mut networks = Networks::narrow(p, width, batch);
            networks.name = (*name).to_owned();
            networks.assignments.extend(changes.iter().map(|&a| a.to_owned()));
            networks
        }));
    }
    let mut cases = Vec::new();
    for mut networks in all {
        networks.assignments.extend(SMOOTH.map(str::to_owned));
        networks.assignments.push(format!("schedule.batch={batch}"));
        if networks.name == "gan-ada" {
            networks.assignments.push("augment.probability=0.5".to_owned());
        }
        let counts: &[(usize, Kind)] = if extent == Extent::Whole {
            &[(1, Kind::Step), (3, Kind::Steps)]
        } else {
            &[(2, Kind::Steps)]
        };
        for &(steps, kind) in counts {
            let networks = networks.clone();
            let plural = if steps == 1 { "" } else { "s" };
            cases.push(Case::new(
                format!("step {}, {steps} step{plural}", networks.name),
                kind,
                move |device| of(&networks, steps, device),
            ));
        }
    }
    cases
}

/// A run whose pictures are not in any file.
fn config(networks: &Networks) -> RunConfig {
    RunConfig::new(
        networks.preset,
        networks.settings(),
        0,
        DataConfig::of_extent(networks.size, networks.channels),
    )
}

fn of(networks: &Networks, steps: usize, device: &Device) -> Outputs {
    let mut networks = networks.clone();
    networks.assignments.push(format!("schedule.precision={}", Precision::current()));
    let config = config(&networks);
    let mut trainer = Trainer::new(&config, 1000, device);
    let values_of = |player: &Player| {
        player.network.parameters().into_iter().map(|(_, p)| p.to_vec()).collect::<Vec<_>>()
    };
    let before: Vec<Vec<f32>> = trainer.game.players.iter().flat_map(values_of).collect();
    let mut outputs = Outputs::default();
    for step in 0..steps {
        let batches: Vec<Batch> = (0..config.settings.schedule.discriminator_steps)
            .map(|i| batch(&networks, &config, step, i, device))
            .collect();
        let measured = trainer.step(&batches);
        for (name, key) in [
            ("generator's loss", "g_loss"),
            ("discriminator's loss", "d_loss"),
            ("penalty", "penalty"),
            ("D(x)", "d_real"),
            ("D(G(z))", "d_fake"),
            ("D(G(z)) in G's turn", "d_fooled"),
            ("L1", "l1"),
            ("cycle", "cycle"),
            ("NCE", "nce"),
        ] {
            if config.settings.task.measures().iter().all(|measure| measure.key != key) {
                continue;
            }
            let value = measured.get(key);
            // Losses of a critic are differences of numbers near 1.
            outputs.list(format!("step {}: {name}", step + 1), vec![value as f32], Scale::One);
        }
    }
    let mut before = before.into_iter();
    for Player { role, network, .. } in &trainer.game.players {
        let side = role.short.to_uppercase();
        for ((name, parameter), before) in network.parameters().into_iter().zip(&mut before) {
            let now = values(parameter.flat());
            match parameter.purpose() {
                Purpose::Weight => {
                    let movement =
                        now.iter().zip(before).map(|(now, before)| now - before).collect();
                    let group = if side == "G" { "movements of G" } else { "movements of D" };
                    outputs.list(
                        format!("movement of {side}'s {name}"),
                        movement,
                        Scale::Group(group),
                    );
                }
                Purpose::Statistic | Purpose::Buffer | Purpose::Direction | Purpose::Frozen => {
                    outputs.list(format!("{side}'s {name}"), now, Scale::Own)
                }
            }
        }
    }
    trainer
        .shown()
        .parameters()
        .into_iter()
        .for_each(|(name, p)| outputs.tensor(&format!("average of {name}"), p.flat()));
    outputs.list("p", vec![trainer.game.controller.probability as f32], Scale::One);
    outputs
}

fn batch(
    networks: &Networks,
    config: &RunConfig,
    step: usize,
    index: usize,
    device: &Device,
) -> Batch {
    let shape = [networks.batch, networks.channels, networks.size, networks.size];
    let real = pictures(&format!("batch {step} {index}"), shape, device);
    let real = if config.settings.range() == Range::Signed {
        real
    } else {
        config.settings.range().from_signed(real)
    };
    let source = || pictures(&format!("sources {step} {index}"), shape, device);
    let source = (config.settings.task.feed() != Feed::Pictures).then(source);
    Batch { real, source, classes: None, latents: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_steps_have_settings_that_fit_together() {
        // A row resolves its settings only when it is computed, so its name alone shows nothing.
        for (name, preset, changes) in VARIATIONS {
            let base = preset::PRESETS.iter().find(|p| p.name == *preset).expect(name);
            let mut networks = Networks::narrow(base, 4, 4);
            networks.assignments.extend(changes.iter().map(|&a| a.to_owned()));
            networks.settings().check_size(networks.size).expect(name);
        }
    }
}
