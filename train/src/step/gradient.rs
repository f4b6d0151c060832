//! The gradients of one turn, for D's weights and for G's weights.

use burn::tensor::{Gradients, Tensor, activation};
use shared::nn::config::{NoiseOn, Reduction, RunConfig};
use shared::nn::layers::{Classes, Mode, Pass};
use shared::nn::loss::{Labels, Objective};
use shared::nn::networks::{Discriminator, Generator, Judgement};
use shared::nn::parameter::{Moved, Parameters, Purpose};
use shared::nn::range::Range;

use crate::augment;
use crate::augment::plan::Plan;
use crate::step::instance_noise;
use crate::step::penalty::{self, At, Kind, Penalty, Points};
use crate::step::turn::{Origin, Turn};

/// Everything that determines the gradients, besides the networks.
#[derive(Clone, Copy, Debug)]
pub struct Recipe<'a> {
    /// The run's settings.
    pub config: &'a RunConfig,
    /// The run's loss.
    pub loss: Objective,
    /// Probability of augmenting.
    pub probability: f64,
    /// Number of real pictures seen before.
    pub images_seen: f64,
}

/// D's side of a turn.
#[derive(Clone, Debug)]
pub struct DiscriminatorSide {
    /// Flat gradients in the order of the weights.
    pub gradients: Vec<Tensor<1>>,
    /// D's loss without its penalties, `[1]`, on the device.
    pub loss: Tensor<1>,
    /// The penalties, each with ‖∇ₓD‖² of the pictures, `[B]`, on the device.
    pub penalties: Vec<(Kind, Tensor<1>)>,
    /// D's logits of the real pictures, [B, 1].
    pub logits_real: Tensor<2>,
    /// D's logits of the generated pictures, [B, 1].
    pub logits_fake: Tensor<2>,
    /// D's running statistics, moved by the real batch, then by the generated one.
    pub moved: Moved,
}

/// G's side of a turn.
#[derive(Clone, Debug)]
pub struct GeneratorSide {
    /// Flat gradients in the order of the weights.
    pub gradients: Vec<Tensor<1>>,
    /// G's loss, `[1]`, on the device.
    pub loss: Tensor<1>,
    /// D's logits of the generated pictures, [B, 1].
    pub logits_fake: Tensor<2>,
}

impl DiscriminatorSide {
    /// D's loss with its penalties. Blocks until the device has computed it.
    #[must_use]
    pub fn loss(&self) -> f64 {
        f64::from(self.loss.clone().into_scalar::<f32>()) + self.penalty()
    }

    /// The penalties alone. Blocks until the device has computed them.
    #[must_use]
    pub fn penalty(&self) -> f64 {
        let squares = |of: &Tensor<1>| of.clone().into_data().iter::<f32>().collect::<Vec<_>>();
        self.penalties.iter().map(|(kind, of)| kind.value(&squares(of))).sum()
    }
}

impl GeneratorSide {
    /// G's loss. Blocks until the device has computed it.
    #[must_use]
    pub fn loss(&self) -> f64 {
        f64::from(self.loss.clone().into_scalar::<f32>())
    }
}

/// The generated pictures of a turn.
#[derive(Clone, Debug)]
pub struct Generated {
    /// [B, C, H, W].
    pub pictures: Tensor<4>,
    /// A copy of the generator whose weights are the leaves of the graph.
    pub leaves: Option<Generator>,
    /// The generator's running statistics, moved by the batch.
    pub moved: Moved,
}

/// Generates the pictures of a turn; with `tracked`, gradients reach the generator's weights.
#[must_use]
pub fn generate(generator: &Generator, turn: &Turn, tracked: bool) -> Generated {
    let leaves = tracked.then(|| generator.tracked());
    let z = if tracked { turn.latents().autodiff() } else { turn.latents() };
    let mut masks = turn.masks("generator");
    let mut pass = Pass::new(Mode::Train, turn.classes.as_ref(), &mut masks);
    let pictures = leaves.as_ref().unwrap_or(generator).forward(z, &mut pass);
    let moved = pass.moved;
    Generated { pictures, leaves, moved }
}

impl Recipe<'_> {
    /// The augmentation of a batch of `shape` [B, C, H, W].
    #[must_use]
    pub fn plan(&self, shape: [usize; 4], of: Origin, turn: &Turn) -> Plan {
        let [batch, channels, height, width] = shape;
        let settings = &self.config.settings;
        augment::draw(
            &settings.augment,
            self.probability,
            batch,
            [channels, height, width],
            settings.range(),
            &mut turn.stream(&format!("augment {of}")),
        )
    }

    /// D's input: pictures augmented and with instance noise.
    #[must_use]
    pub fn seen(&self, x: Tensor<4>, of: Origin, turn: &Turn) -> Tensor<4> {
        let settings = &self.config.settings;
        let range = settings.range();
        let x = self.plan(x.dims(), of, turn).apply(x);
        if of == Origin::Generated && settings.loss.instance_noise_on == NoiseOn::Reals {
            return x;
        }
        let unit = if range == Range::Unit { 0.5 } else { 1.0 };
        let deviation = unit * instance_noise::deviation(&settings.loss, self.images_seen);
        instance_noise::noise(x, deviation, &mut turn.stream(&format!("instance noise {of}")))
    }

    /// The gradients of D's loss with the penalties `due`, at its current weights, given its inputs
    /// without graphs.
    #[must_use]
    pub fn discriminator(
        &self,
        discriminator: &Discriminator,
        turn: &Turn,
        [real, fake]: [&Tensor<4>; 2],
        due: &[(Kind, At)],
    ) -> DiscriminatorSide {
        let settings = &self.config.settings;
        let tracked = discriminator.tracked();
        let mut moved = Moved::default();
        let mut judge =
            |x: &Tensor<4>, of: Origin| judge(&tracked, x.clone().autodiff(), of, turn, &mut moved);
        let (of_real, of_fake) = (judge(real, Origin::Real), judge(fake, Origin::Generated));
        let labels = Labels::draw(&settings.loss, real.dims()[0], &mut turn.stream("labels"));
        let mut loss =
            self.loss.discriminator(of_real.logits.clone(), of_fake.logits.clone(), &labels);
        if let Some((a, b)) = self.classified(&of_real, turn).zip(self.classified(&of_fake, turn)) {
            let share = if settings.loss.reduction == Reduction::Mean { 0.5 } else { 1.0 };
            loss = loss + (a + b) * share;
        }
        let value = loss.clone().inner();
        let mut penalties = Vec::new();
        for &(kind, at) in due {
            let x = match at {
                At::Real => real.clone(),
                At::Fake => fake.clone(),
                At::Between => {
                    let mut stream = turn.stream("penalty points");
                    let epsilon = (0..real.dims()[0]).map(|_| stream.uniform() as f32).collect();
                    penalty::between(real, fake, epsilon)
                }
            };
            let (classes, masks) = (turn.classes.as_ref(), &turn.masks("penalty"));
            let points = Points { x, classes, masks, view: None };
            let found = penalty::of(kind, discriminator, &tracked, &points);
            penalties.push((kind, found.squares));
            loss = loss + found.tangent;
        }
        let gradients = flat_gradients(&tracked, &loss.backward());
        let (logits_real, logits_fake) = (of_real.logits.inner(), of_fake.logits.inner());
        DiscriminatorSide { gradients, loss: value, penalties, logits_real, logits_fake, moved }
    }

    /// The gradients of a penalty on D at the real pictures of `turn`, before they are augmented,
    /// and the penalty.
    #[must_use]
    pub fn penalty(
        &self,
        discriminator: &Discriminator,
        turn: &Turn,
        kind: Kind,
    ) -> (Vec<Tensor<1>>, Penalty) {
        let plan = self.plan(turn.real.dims(), Origin::Real, turn);
        let points = Points {
            x: turn.real.clone(),
            classes: turn.classes.as_ref(),
            masks: &turn.masks("penalty"),
            view: Some(&plan),
        };
        let tracked = discriminator.tracked();
        let found = penalty::of(kind, discriminator, &tracked, &points);
        (flat_gradients(&tracked, &found.tangent.clone().backward()), found)
    }

    /// The gradients of G's loss. `fake` is D's input from the pictures of `generator`, whose
    /// weights are leaves; `real` is D's input from the real ones.
    pub fn generator(
        &self,
        discriminator: &Discriminator,
        generator: &Generator,
        turn: &Turn,
        fake: Tensor<4>,
        real: &Tensor<4>,
    ) -> GeneratorSide {
        // With the same dropout mask as in D's turn.
        let mut moved = Moved::default();
        let of_fake = judge(discriminator, fake, Origin::Generated, turn, &mut moved);
        let mut judge_real =
            || judge(discriminator, real.clone(), Origin::Real, turn, &mut moved).logits.autodiff();
        let of_real = self.loss.compares().then(&mut judge_real);
        let mut loss = self.loss.generator(of_real, of_fake.logits.clone());
        if let Some(classified) = self.classified(&of_fake, turn) {
            loss = loss + classified;
        }
        let gradients = flat_gradients(generator, &loss.backward());
        GeneratorSide { gradients, loss: loss.inner(), logits_fake: of_fake.logits.inner() }
    }

    /// The weighted cross-entropy of the auxiliary classifier, `[1]`.
    fn classified(&self, judgement: &Judgement, turn: &Turn) -> Option<Tensor<1>> {
        let (logits, classes) = (judgement.classes.as_ref()?, turn.classes.as_ref()?);
        Some(cross_entropy(logits.clone(), classes) * self.config.settings.cond.auxiliary_weight)
    }
}

/// D's judgement of a batch in training; its moved running statistics go into `moved`.
fn judge(
    discriminator: &Discriminator,
    x: Tensor<4>,
    of: Origin,
    turn: &Turn,
    moved: &mut Moved,
) -> Judgement {
    let mut masks = turn.masks(&of.to_string());
    let mut pass = Pass::new(Mode::Train, turn.classes.as_ref(), &mut masks);
    std::mem::swap(&mut pass.moved, moved);
    let judgement = discriminator.forward(x, &mut pass);
    *moved = pass.moved;
    judgement
}

/// The mean of −log softmax(logits) at the true classes, `[1]`.
#[must_use]
pub fn cross_entropy(logits: Tensor<2>, classes: &Classes) -> Tensor<1> {
    let [_, count] = logits.dims();
    let chosen = classes.one_hot(count, &logits.device().inner());
    (activation::log_softmax(logits, 1) * chosen).sum_dim(1).mean().neg()
}

/// The gradients of a tracked network's weights; zeros for weights without one.
pub fn flat_gradients(network: &dyn Parameters, gradients: &Gradients) -> Vec<Tensor<1>> {
    let weights = network.parameters().into_iter().filter(|(_, p)| p.purpose() == Purpose::Weight);
    weights
        .map(|(_, p)| p.gradient(gradients).unwrap_or_else(|| p.flat().inner().zeros_like()))
        .collect()
}
