//! Batch normalisation together with the activation that follows it; by class, where the network is told the class.

use burn::tensor::Tensor;

use super::act::Activator;
use super::layer::Layer;
use super::pass::{Classes, Mode, Pass};
use crate::nn::collective::Member;
use crate::nn::init::Maker;
use crate::nn::ops::{self, Activation, together};
use crate::nn::parameter::{Parameter, Role, parameters};

/// Batch normalisation, then an activation.
#[derive(Clone, Debug)]
pub struct BatchNorm {
    /// What the normalised values are multiplied by, `[C]`, or [classes, C]; ones that are never trained where absent.
    pub gamma: Option<Parameter>,
    /// What is added then, `[C]` or [classes, C].
    pub beta: Parameter,
    /// Running mean, `[C]`.
    pub mean: Parameter,
    /// Running variance, `[C]`: biased as in Keras, or unbiased as in PyTorch.
    pub variance: Parameter,
    ones: Tensor<1>,
    zeros: Tensor<1>,
    momentum: f64,
    epsilon: f32,
    unbiased: bool,
    by_class: bool,
    /// With whom the batch is shared whose moments count; `None` where the layer sees all of it.
    member: Option<Member>,
}

parameters!(BatchNorm { gamma, beta, mean, variance });

impl BatchNorm {
    /// For `channels`, with a gamma and a beta for each of `classes` where there are any.
    #[must_use]
    pub fn new(channels: usize, classes: Option<usize>, name: &str, maker: &Maker<'_>) -> Self {
        let config = maker.batch_norm;
        let shape: Vec<usize> = classes.into_iter().chain([channels]).collect();
        let gamma = (config.scale || classes.is_some()).then(|| {
            let mut stream = crate::rng::stream(maker.seed, &format!("initialise {name}.gamma"), 0);
            let count = shape.iter().product();
            let values = (0..count).map(|_| (1.0 + config.scale_std * stream.normal()) as f32).collect();
            Parameter::new(values, &shape, Role::Weight, maker.device)
        });
        Self {
            gamma,
            beta: maker.filled(0.0, &shape, Role::Weight),
            mean: maker.filled(0.0, &[channels], Role::Statistic),
            variance: maker.filled(1.0, &[channels], Role::Statistic),
            ones: Tensor::ones([channels], maker.device),
            zeros: Tensor::zeros([channels], maker.device),
            momentum: config.momentum,
            epsilon: config.epsilon as f32,
            unbiased: config.unbiased,
            by_class: classes.is_some(),
            member: None,
        }
    }

    /// What is added to a variance before its root is taken.
    #[must_use]
    pub fn epsilon(&self) -> f32 {
        self.epsilon
    }

    /// Whether gamma and beta are tables with a row for each class.
    #[must_use]
    pub fn by_class(&self) -> bool {
        self.by_class
    }

    /// From now on training goes by the moments of what all members have together, as much each: synchronised BatchNorm. Every member
    /// must make the same passes, forward and backward, in the same order.
    pub fn synchronize(&mut self, member: &Member) {
        self.member = Some(member.clone());
    }

    /// # Shapes
    /// `x` [B, C, H, W] gives the same.
    pub fn forward(&mut self, x: Tensor<4>, activator: Activator, mode: Mode, classes: Option<&Classes>) -> Tensor<4> {
        let moments = self.moments(&x, mode);
        let normalize = |gamma, beta, slope| match (mode, &self.member) {
            (Mode::Train, None) => ops::normalize_train(x.clone(), gamma, beta, moments.clone(), self.epsilon, slope),
            (Mode::Train, Some(member)) => {
                together::normalize(x.clone(), gamma, beta, moments.clone(), self.epsilon, slope, member)
            }
            (Mode::Infer, _) => ops::normalize_with(x.clone(), gamma, beta, moments.clone(), self.epsilon, slope),
        };
        if self.by_class {
            let (gamma, beta) = (self.of_class(self.gamma.as_ref(), classes), self.of_class(Some(&self.beta), classes));
            let y = normalize(self.ones.clone(), self.zeros.clone(), 1.0);
            return activator.forward(ops::full(y) * gamma + beta);
        }
        let gamma = self.gamma.as_ref().map_or_else(|| self.ones.clone(), Parameter::flat);
        match activator.leaky_slope() {
            Some(slope) => normalize(gamma, self.beta.flat(), slope),
            None => activator.forward(normalize(gamma, self.beta.flat(), 1.0)),
        }
    }

    /// [`BatchNorm::forward`] over features: `x` [B, C] gives the same.
    pub fn forward_features(&mut self, x: Tensor<2>, act: Activator, mode: Mode, classes: Option<&Classes>) -> Tensor<2> {
        let [batch, channels] = x.dims();
        self.forward(x.reshape([batch, channels, 1, 1]), act, mode, classes).reshape([batch, channels])
    }

    /// Mean and variance to normalise by, [2, C]; in training the batch's, which move the running ones.
    fn moments(&mut self, x: &Tensor<4>, mode: Mode) -> Tensor<2> {
        if mode == Mode::Infer {
            return Tensor::stack(vec![self.mean.flat(), self.variance.flat()], 0);
        }
        let [batch, _, height, width] = x.dims();
        // [2, C]
        let (moments, members) = match &self.member {
            None => (ops::channel_moments(x), 1),
            Some(member) => (together::channel_moments(x, member), member.count()),
        };
        let n = (batch * height * width * members) as f64;
        let correction = if self.unbiased { n / (n - 1.0).max(1.0) } else { 1.0 };
        let running = [self.mean.flat(), self.variance.flat()];
        let [mean, variance] = ops::follow_moments(moments.clone(), running, 1.0 - self.momentum, correction);
        self.mean.set(mean);
        self.variance.set(variance);
        moments
    }

    /// The rows of a table [classes, C] that a batch's classes name, [B, C, 1, 1].
    fn of_class(&self, table: Option<&Parameter>, classes: Option<&Classes>) -> Tensor<4> {
        let (Some(table), Some(classes)) = (table, classes) else {
            unreachable!("a network that is built by class is told the classes");
        };
        let rows = classes.rows(table.tensor::<2>()); // [B, C]
        let [batch, channels] = rows.dims();
        rows.reshape([batch, channels, 1, 1])
    }
}

/// What follows a convolution: normalisation where the network has it, then the activation.
#[derive(Clone, Debug)]
pub struct NormAct {
    /// The normalisation.
    pub norm: Option<BatchNorm>,
    /// The activation.
    pub activator: Activator,
}

impl NormAct {
    /// The activation that a convolution can do itself, because nothing stands between.
    #[must_use]
    pub fn alone(&self) -> Option<Activation> {
        match (&self.norm, self.activator.leaky_slope()) {
            (None, Some(slope)) => Some(Activation::LeakyRelu(slope)),
            _ => None,
        }
    }

    /// [`BatchNorm::synchronize`], where there is one.
    pub fn synchronize(&mut self, member: &Member) {
        self.norm.iter_mut().for_each(|norm| norm.synchronize(member));
    }

    /// # Shapes
    /// `x` [B, C, H, W] gives the same.
    pub fn forward(&mut self, x: Tensor<4>, pass: &Pass<'_>) -> Tensor<4> {
        match &mut self.norm {
            Some(norm) => norm.forward(x, self.activator, pass.mode, pass.classes),
            None => self.activator.forward(x),
        }
    }
}

impl crate::nn::parameter::Parameters for NormAct {
    fn collect<'a>(&'a self, prefix: &str, list: &mut Vec<(String, &'a Parameter)>) {
        self.norm.collect(prefix, list);
    }

    fn collect_mut<'a>(&'a mut self, prefix: &str, list: &mut Vec<(String, &'a mut Parameter)>) {
        self.norm.collect_mut(prefix, list);
    }
}
