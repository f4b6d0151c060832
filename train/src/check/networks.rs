//! Both networks of every preset, and of variations that together cover every part that settings
//! offer.

use burn::tensor::{Device, Tensor};
use shared::nn::config::Settings;
use shared::nn::layers::{Classes, Masks, Mode, Pass};
use shared::nn::networks::{Input, Takes};
use shared::nn::parameter::Parameters;
use shared::nn::preset;

use super::case::{Case, Outputs};
use super::extent::Extent;
use super::numbers::{drawn, moved, pictures, stream, weighted};
use super::tolerance::Kind;
use crate::step::gradient::{cross_entropy, flat_gradients};

/// Number of classes, for conditional networks.
const CLASSES: usize = 3;

/// Two networks to compare.
#[derive(Clone, Debug)]
pub struct Networks {
    /// Their name in the rows.
    pub name: String,
    /// The preset that the settings start from.
    pub preset: &'static str,
    /// Changed settings.
    pub assignments: Vec<String>,
    /// Height and width of the pictures.
    pub size: usize,
    /// Channels of the pictures.
    pub channels: usize,
    /// Pictures in a batch.
    pub batch: usize,
}

impl Networks {
    fn new(
        name: &str,
        preset: &'static str,
        changes: &[&str],
        size: usize,
        channels: usize,
        batch: usize,
    ) -> Self {
        let assignments = changes.iter().map(|&a| a.to_owned()).collect();
        Self { name: name.to_owned(), preset, assignments, size, channels, batch }
    }

    /// A preset at `width`, at its smallest size.
    #[must_use]
    pub fn narrow(preset: &'static preset::Preset, width: usize, batch: usize) -> Self {
        let (size, channels) = preset.extent;
        // A plan of single convolutions fits one size.
        let size = if preset.assignments.concat().iter().any(|a| a.contains(".plan=")) {
            size
        } else {
            32
        };
        let styled = preset.assignments.concat().contains(&"generator.family=stylegan2");
        let key = if styled { "channel_max" } else { "width" };
        let mut widths =
            vec![format!("generator.{key}={width}"), format!("discriminator.{key}={width}")];
        if styled {
            widths.extend(["generator.latent=16".into(), "generator.styles=16".into()]);
        }
        Self {
            name: preset.name.to_owned(),
            preset: preset.name,
            assignments: widths,
            size,
            channels,
            batch,
        }
    }

    /// The settings.
    ///
    /// # Panics
    /// If the table below holds inconsistent settings, which a test rules out.
    #[must_use]
    pub fn settings(&self) -> Settings {
        let settings = Settings::resolve(self.preset, None, &self.assignments);
        settings.unwrap_or_else(|e| panic!("{}: {e}", self.name))
    }

    /// The classes of a batch.
    #[must_use]
    pub fn classes(&self) -> Vec<u32> {
        (0..self.batch).map(|i| ((i * 2 + 1) % CLASSES) as u32).collect()
    }

    /// True if the networks are conditional.
    #[must_use]
    pub fn is_told(&self) -> bool {
        self.settings().cond.is_on()
    }
}

/// Variations of gan-ada that together cover every part.
const VARIATIONS: &[(&str, &[&str])] = &[
    (
        "nearest, silu",
        &[
            "generator.upsample=nearest",
            "generator.activation=silu",
            "generator.bias=true",
            "discriminator.activation=silu",
        ],
    ),
    (
        "bilinear, tanh",
        &[
            "generator.upsample=bilinear",
            "generator.kernel=5",
            "generator.activation=tanh",
            "discriminator.kernel=5",
        ],
    ),
    (
        "residual",
        &[
            "generator.block=residual",
            "generator.multipliers=[3,2,1]",
            "discriminator.block=residual",
            "discriminator.multipliers=[1,2,2]",
        ],
    ),
    ("attention", &["generator.attention=8", "discriminator.attention=8"]),
    (
        "spectral norm",
        &[
            "generator.spectral_norm=true",
            "discriminator.spectral_norm=true",
            "generator.upsample=nearest",
        ],
    ),
    (
        "minibatch stddev, no norm",
        &[
            "discriminator.minibatch_stddev=4",
            "discriminator.norm=none",
            "generator.norm=none",
            "discriminator.bias=true",
        ],
    ),
    ("embedding + projection", &["cond=embedding+projection", "generator.output=tanh"]),
    ("by class + auxiliary", &["cond=batch-norm+auxiliary", "generator.stem_norm=channels"]),
    (
        "everything",
        &[
            "generator.block=residual",
            "generator.attention=8",
            "generator.spectral_norm=true",
            "discriminator.block=residual",
            "discriminator.attention=8",
            "discriminator.spectral_norm=true",
            "discriminator.minibatch_stddev=4",
            "cond=batch-norm+projection",
            "batch_norm.scale=true",
            "generator.multipliers=[2,1,1]",
            "generator.dropout=0.2",
            "discriminator.dropout_at=blocks",
        ],
    ),
];

/// All networks to compare.
#[must_use]
pub fn networks(extent: Extent) -> Vec<Networks> {
    let (width, batch) = if extent == Extent::Whole { (16, 6) } else { (4, 4) };
    let mut all: Vec<_> =
        preset::PRESETS.iter().map(|p| Networks::narrow(p, width, batch)).collect();
    for (name, changes) in VARIATIONS {
        let widths = [format!("generator.width={width}"), format!("discriminator.width={width}")];
        let mut networks = Networks::new(name, "gan-ada", changes, 32, 3, batch);
        networks.assignments.extend(widths);
        all.push(networks);
    }
    if extent == Extent::Whole {
        all.push(Networks::new("gan-ada as published", "gan-ada", &[], 64, 3, 16));
        all.push(Networks::new("gan-ada as published, 128×128", "gan-ada", &[], 128, 3, 4));
        all.push(Networks::new(
            "wgan-gp as published",
            "wgan-gp",
            &["generator.width=64", "discriminator.width=64"],
            32,
            1,
            16,
        ));
    }
    all
}

/// All rows.
#[must_use]
pub fn cases(extent: Extent) -> Vec<Case> {
    let mut cases = Vec::new();
    for networks in networks(extent) {
        let (of_g, of_d) = (networks.clone(), networks.clone());
        cases.push(Case::new(
            format!("network {}: generator", networks.name),
            Kind::Network,
            move |device| generator(&of_g, device),
        ));
        cases.push(Case::new(
            format!("network {}: discriminator", networks.name),
            Kind::Network,
            move |device| discriminator(&of_d, device),
        ));
    }
    cases
}

fn generator(networks: &Networks, device: &Device) -> Outputs {
    let settings = networks.settings();
    let told = networks.is_told();
    let classes = told.then(|| Classes::new(&networks.classes(), device));
    let drawn_by_seed = settings.generator(
        networks.size,
        networks.channels,
        if told { CLASSES } else { 0 },
        0,
        device,
    );
    let mut plain = moved(drawn_by_seed, device);
    plain.iterate();
    let tracked = plain.tracked();
    let shape = [networks.batch, networks.channels, networks.size, networks.size];
    let input = |tracked: bool| -> Input {
        let on = |x: Tensor<4>| if tracked { x.autodiff() } else { x };
        match settings.generator.takes() {
            Takes::Latents(latents) => {
                let z = drawn::<2>("latents", [networks.batch, latents.length], device);
                if tracked { z.autodiff().into() } else { z.into() }
            }
            Takes::Pictures => on(pictures("sources", shape, device)).into(),
        }
    };
    let masks = || Masks::Batch(Box::new(stream("generator's masks")));
    let mut outputs = Outputs::default();
    let (mut first, mut second) = (masks(), masks());
    let mut pass = Pass::new(Mode::Train, classes.as_ref(), &mut first);
    let made = tracked.forward(input(true), &mut pass);
    let moved = pass.moved;
    let gradients = flat_gradients(&tracked, &weighted(&made).backward());
    outputs.tensor("pictures", made);
    outputs.gradients(&tracked, gradients);
    plain.adopt(moved);
    outputs.statistics(&plain);
    let mut pass = Pass::new(Mode::Infer, classes.as_ref(), &mut second);
    outputs.tensor("pictures in use", plain.forward(input(false), &mut pass));
    outputs
}

fn discriminator(networks: &Networks, device: &Device) -> Outputs {
    let settings = networks.settings();
    let told = networks.is_told();
    let classes = told.then(|| Classes::new(&networks.classes(), device));
    let drawn_by_seed = settings.discriminator(
        networks.size,
        networks.channels,
        if told { CLASSES } else { 0 },
        0,
        device,
    );
    let mut plain = moved(drawn_by_seed, device);
    plain.iterate();
    let tracked = plain.tracked();
    let pairs = if settings.discriminator.judges_pairs() { 2 } else { 1 };
    let shape = [networks.batch, pairs * networks.channels, networks.size, networks.size];
    let x = pictures("reals", shape, device);
    let x = x.autodiff().require_grad();
    let mut masks = Masks::Batch(Box::new(stream("discriminator's masks")));
    let mut pass = Pass::new(Mode::Train, classes.as_ref(), &mut masks);
    let judgement = tracked.forward(x.clone(), &mut pass);
    let moved = pass.moved;
    let mut outputs = Outputs::default();
    outputs.tensor("logits", judgement.logits.clone());
    let mut loss: Tensor<1> = weighted(&judgement.logits);
    if let (Some(logits), Some(classes)) = (judgement.classes, &classes) {
        outputs.tensor("logits of classes", logits.clone());
        let entropy = cross_entropy(logits, classes);
        outputs.tensor("cross-entropy", entropy.clone());
        loss = loss + entropy;
    }
    let gradients = loss.backward();
    outputs.tensor(
        "gradient of the pictures",
        x.grad(&gradients).unwrap_or_else(|| x.clone().inner().zeros_like()),
    );
    outputs.gradients(&tracked, flat_gradients(&tracked, &gradients));
    plain.adopt(moved);
    outputs.statistics(&plain);
    outputs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_networks_have_settings_that_fit_together_and_their_size() {
        for networks in [Extent::Small, Extent::Whole].into_iter().flat_map(networks) {
            networks
                .settings()
                .check_size(networks.size)
                .unwrap_or_else(|e| panic!("{}: {e}", networks.name));
        }
    }
}
