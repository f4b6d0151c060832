//! Batch normalisation together with the activation that follows it, class-conditional if the
//! network is.

use burn::tensor::Tensor;
use fledge_base::rng;
use fledge_kernels::collective::Member;
use fledge_kernels::{self as ops, Activation, together};

use super::act::Activator;
use super::layer::Layer;
use super::pass::{Classes, Mode, Pass};
use crate::init::Maker;
use crate::parameter::{Parameter, Purpose, parameters};

/// Batch normalisation, then an activation.
#[derive(Clone, Debug)]
pub struct BatchNorm {
    /// Scale of the normalised values, `[C]` or [classes, C]; `None` stands for ones that are never
    /// trained.
    pub gamma: Option<Parameter>,
    /// Shift added afterwards, `[C]` or [classes, C].
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
    /// The group that shares the batch's moments; `None` if the layer sees the whole batch.
    member: Option<Member>,
}

parameters!(BatchNorm { gamma, beta, mean, variance });

impl BatchNorm {
    /// Creates the layer for `channels`, with a gamma and a beta for each of `classes`, if given.
    #[must_use]
    pub fn new(channels: usize, classes: Option<usize>, name: &str, maker: &Maker<'_>) -> Self {
        let config = maker.batch_norm;
        let shape: Vec<usize> = classes.into_iter().chain([channels]).collect();
        let gamma = (config.scale || classes.is_some()).then(|| {
            let mut stream = rng::stream(maker.seed, &format!("initialise {name}.gamma"), 0);
            let count = shape.iter().product();
            let values =
                (0..count).map(|_| (1.0 + config.scale_std * stream.normal()) as f32).collect();
            Parameter::new(values, &shape, Purpose::Weight, maker.device)
        });
        Self {
            gamma,
            beta: maker.filled(0.0, &shape, Purpose::Weight),
            mean: Parameter::statistic(&format!("{name}.mean"), 0.0, &[channels], maker.device),
            variance: Parameter::statistic(
                &format!("{name}.variance"),
                1.0,
                &[channels],
                maker.device,
            ),
            ones: Tensor::ones([channels], maker.device),
            zeros: Tensor::zeros([channels], maker.device),
            momentum: config.momentum,
            epsilon: config.epsilon as f32,
            unbiased: config.unbiased,
            by_class: classes.is_some(),
            member: None,
        }
    }

    /// Constant added to the variance before the square root.
    #[must_use]
    pub fn epsilon(&self) -> f32 {
        self.epsilon
    }

    /// Scale and shift, each `[C]`, of a layer without classes.
    pub(crate) fn affine(&self) -> [Tensor<1>; 2] {
        let gamma = self.gamma.as_ref().map_or_else(|| self.ones.clone(), Parameter::flat);
        [gamma, self.beta.flat()]
    }

    /// Returns true if gamma and beta are tables with a row for each class.
    #[must_use]
    pub fn by_class(&self) -> bool {
        self.by_class
    }

    /// Enables synchronised BatchNorm: training uses the moments of all members' batches, weighted
    /// equally. Every member must make the same passes, forward and backward, in the same order.
    pub fn synchronize(&mut self, member: &Member) {
        self.member = Some(member.clone());
    }

    /// # Shapes
    /// `x` [B, C, H, W] gives the same.
    #[must_use]
    pub fn forward(&self, x: Tensor<4>, activator: Activator, pass: &mut Pass<'_>) -> Tensor<4> {
        let moments = self.moments(&x, pass);
        let normalize = |gamma, beta, slope| match (pass.mode, &self.member) {
            (Mode::Train, None) => {
                ops::normalize_train(x.clone(), gamma, beta, moments.clone(), self.epsilon, slope)
            }
            (Mode::Train, Some(member)) => together::normalize(
                x.clone(),
                gamma,
                beta,
                moments.clone(),
                self.epsilon,
                slope,
                member,
            ),
            (Mode::Infer, _) => {
                ops::normalize_with(x.clone(), gamma, beta, moments.clone(), self.epsilon, slope)
            }
        };
        if self.by_class {
            let classes = pass.classes;
            let (gamma, beta) = (
                self.of_class(self.gamma.as_ref(), classes),
                self.of_class(Some(&self.beta), classes),
            );
            let y = normalize(self.ones.clone(), self.zeros.clone(), 1.0);
            return activator.forward(ops::full(y) * gamma + beta);
        }
        let gamma = self.gamma.as_ref().map_or_else(|| self.ones.clone(), Parameter::flat);
        match activator.leaky_slope() {
            Some(slope) => normalize(gamma, self.beta.flat(), slope),
            None => activator.forward(normalize(gamma, self.beta.flat(), 1.0)),
        }
    }

    /// The derivative of the normalisation, without the activation, along `t`. In training the
    /// batch's moments depend on the input: with x̂ = (x − μ)/σ the tangent is
    /// `γ/σ·(t − E[t] − x̂·E[x̂·t])`.
    ///
    /// # Shapes
    /// `x`, `t` [B, C, H, W] give the same.
    #[must_use]
    pub fn tangent(&self, x: Tensor<4>, t: Tensor<4>, pass: &Pass<'_>) -> Tensor<4> {
        assert!(self.member.is_none(), "no network with synchronised BatchNorm has a tangent");
        let channels = x.dims()[1];
        let picture = |row: Tensor<1>| row.reshape([1, channels, 1, 1]);
        let scale: Tensor<4> = match (&self.gamma, self.by_class) {
            (gamma, true) => self.of_class(gamma.as_ref(), pass.classes),
            (Some(gamma), false) => picture(gamma.flat()),
            (None, false) => picture(self.ones.clone()),
        };
        let root = |variance: Tensor<4>| (variance + self.epsilon).sqrt();
        if pass.mode == Mode::Infer {
            return t * scale / root(picture(self.variance.flat()));
        }
        let mean = |x: Tensor<4>| x.mean_dim(0).mean_dim(2).mean_dim(3); // [1, C, 1, 1]
        let centred = x.clone() - mean(x);
        let deviation = root(mean(centred.clone().square()));
        let normal = centred / deviation.clone();
        let pulled = normal.clone() * mean(normal * t.clone());
        (t.clone() - mean(t) - pulled) * scale / deviation
    }

    /// Mean and variance for the normalisation, [2, C]. In training they are the batch's, and
    /// update the running statistics.
    fn moments(&self, x: &Tensor<4>, pass: &mut Pass<'_>) -> Tensor<2> {
        if pass.mode == Mode::Infer {
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
        let running = [pass.moved.value(&self.mean), pass.moved.value(&self.variance)];
        let [mean, variance] =
            ops::follow_moments(moments.clone(), running, 1.0 - self.momentum, correction);
        pass.moved.set(&self.mean, mean);
        pass.moved.set(&self.variance, variance);
        moments
    }

    /// The rows of a table [classes, C] selected by a batch's classes, [B, C, 1, 1].
    fn of_class(&self, table: Option<&Parameter>, classes: Option<&Classes>) -> Tensor<4> {
        let (Some(table), Some(classes)) = (table, classes) else {
            unreachable!("a network that is built by class is told the classes");
        };
        let rows = classes.rows(table.tensor::<2>()); // [B, C]
        let [batch, channels] = rows.dims();
        rows.reshape([batch, channels, 1, 1])
    }
}

/// The layers after a convolution: an optional normalisation, then the activation.
#[derive(Clone, Debug)]
pub struct NormAct {
    /// The normalisation.
    pub norm: Option<BatchNorm>,
    /// The activation.
    pub activator: Activator,
}

impl NormAct {
    /// The activation, if there is no normalisation before it and the convolution can fuse it.
    #[must_use]
    pub fn alone(&self) -> Option<Activation> {
        match (&self.norm, self.activator.leaky_slope()) {
            (None, Some(slope)) => Some(Activation::LeakyRelu(slope)),
            _ => None,
        }
    }

    /// [`BatchNorm::synchronize`], if there is a normalisation.
    pub fn synchronize(&mut self, member: &Member) {
        self.norm.iter_mut().for_each(|norm| norm.synchronize(member));
    }

    /// # Shapes
    /// `x` [B, C, H, W] gives the same.
    #[must_use]
    pub fn forward(&self, x: Tensor<4>, pass: &mut Pass<'_>) -> Tensor<4> {
        match &self.norm {
            Some(norm) => norm.forward(x, self.activator, pass),
            None => self.activator.forward(x),
        }
    }

    /// The result, and its derivative along `t`.
    ///
    /// # Shapes
    /// `x`, `t` [B, C, H, W] give two of the same.
    #[must_use]
    pub fn tangent(
        &self,
        x: Tensor<4>,
        t: Tensor<4>,
        pass: &mut Pass<'_>,
    ) -> (Tensor<4>, Tensor<4>) {
        let Some(norm) = &self.norm else { return self.activator.tangent(x, t) };
        let t = norm.tangent(x.clone(), t, pass);
        let y = norm.forward(x, Activator::NONE, pass);
        self.activator.tangent(y, t)
    }
}

impl crate::parameter::Parameters for NormAct {
    fn collect<'a>(&'a self, prefix: &str, list: &mut Vec<(String, &'a Parameter)>) {
        self.norm.collect(prefix, list);
    }

    fn collect_mut<'a>(&'a mut self, prefix: &str, list: &mut Vec<(String, &'a mut Parameter)>) {
        self.norm.collect_mut(prefix, list);
    }
}
