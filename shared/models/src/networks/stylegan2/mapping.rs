//! The mapping network: latent vector and class to the intermediate latent w.

use burn::tensor::Tensor;

use super::settings::GeneratorConfig;
use crate::dual::Dual;
use crate::init::Maker;
use crate::layers::{EqualLinear, Mode, Pass, rectifier};
use crate::parameter::{Parameter, Parameters, join};

/// z (and class) → w; in a discriminator, class → embedding.
#[derive(Clone, Debug)]
pub struct Mapping {
    /// One-hot class → `[styles]`.
    pub embed: Option<EqualLinear>,
    /// The layers.
    pub layers: Vec<EqualLinear>,
    /// The running average of w, `[styles]`; a discriminator has none.
    pub average: Option<Parameter>,
    decay: f64,
}

/// The inputs and sizes of a mapping.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MappingConfig {
    /// Length of z; 0 = none.
    pub(crate) latent: usize,
    /// 0 = none.
    pub(crate) classes: usize,
    pub(crate) styles: usize,
    pub(crate) layers: usize,
    /// Learning rate as a share of the optimizer's.
    pub(crate) rate: f64,
    /// Share of the average that each batch keeps; `None` = no average.
    pub(crate) decay: Option<f64>,
}

impl MappingConfig {
    pub(crate) fn of(config: &GeneratorConfig, classes: usize) -> Self {
        Self {
            latent: config.latent,
            classes,
            styles: config.styles,
            layers: config.mapping_layers,
            rate: config.mapping_rate,
            decay: Some(config.average_decay),
        }
    }

    /// Creates the network `name`.
    pub(crate) fn init(&self, name: &str, maker: &Maker<'_>) -> Mapping {
        let embedded = if self.classes > 0 { self.styles } else { 0 };
        let inputs = |i: usize| if i == 0 { self.latent + embedded } else { self.styles };
        let average = format!("{name}.w_avg");
        Mapping {
            embed: (self.classes > 0).then(|| {
                let name = format!("{name}.embed");
                EqualLinear::new([self.classes, self.styles], 1.0, Some(0.0), &name, maker)
            }),
            layers: (0..self.layers)
                .map(|i| {
                    let name = format!("{name}.fc{i}");
                    EqualLinear::new([inputs(i), self.styles], self.rate, Some(0.0), &name, maker)
                })
                .collect(),
            average: self.decay.map(|_| Parameter::running(&average, &[self.styles], maker.device)),
            decay: self.decay.unwrap_or_default(),
        }
    }
}

impl Mapping {
    /// # Shapes
    /// `z` [B, latent] and the classes of `pass` give w [B, styles].
    ///
    /// # Panics
    /// If there is neither z nor a class.
    #[must_use]
    pub fn forward(&self, z: Option<Dual<2>>, pass: &Pass<'_>) -> Dual<2> {
        let classes = self.embed.as_ref().zip(pass.classes).map(|(embed, classes)| {
            let row = classes.rows(embed.effective_weight().transpose()); // [B, styles]
            let row = match embed.effective_bias() {
                Some(bias) => row + bias.unsqueeze(),
                None => row,
            };
            Dual::from(row).normalized()
        });
        let x = match (z.map(Dual::normalized), classes) {
            (Some(z), Some(classes)) => z.beside(classes.value()),
            (Some(x), None) | (None, Some(x)) => x,
            (None, None) => unreachable!("a mapping of nothing"),
        };
        self.layers.iter().fold(x, |x, layer| layer.forward_act(x, rectifier(1.0, 0.0)))
    }

    /// Moves the average of w towards the mean of `w` [B, styles] in training.
    pub(crate) fn follow(&self, w: &Tensor<2>, pass: &mut Pass<'_>) {
        if let (Some(average), Mode::Train) = (&self.average, pass.mode) {
            let w = if w.is_autodiff() { w.clone().inner() } else { w.clone() };
            let mean: Tensor<1> = w.mean_dim(0).reshape([-1]);
            let before = pass.moved.value(average);
            let after = before * self.decay + mean * (1.0 - self.decay);
            pass.moved.set(average, after);
        }
    }
}

impl Parameters for Mapping {
    fn collect<'a>(&'a self, prefix: &str, list: &mut Vec<(String, &'a Parameter)>) {
        self.embed.collect(&join(prefix, "embed"), list);
        for (i, layer) in self.layers.iter().enumerate() {
            layer.collect(&join(prefix, &format!("fc{i}")), list);
        }
        self.average.collect(&join(prefix, "w_avg"), list);
    }

    fn collect_mut<'a>(&'a mut self, prefix: &str, list: &mut Vec<(String, &'a mut Parameter)>) {
        self.embed.collect_mut(&join(prefix, "embed"), list);
        for (i, layer) in self.layers.iter_mut().enumerate() {
            layer.collect_mut(&join(prefix, &format!("fc{i}")), list);
        }
        self.average.collect_mut(&join(prefix, "w_avg"), list);
    }
}
