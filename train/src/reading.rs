//! What a step leaves to be read: its losses, logits and norms, first as one tensor on the device, so that nothing waits for it, then
//! as numbers on the host.

use burn::tensor::{Tensor, TensorData};

use crate::augment::controller::Observation;
use crate::gradient::{DiscriminatorSide, GeneratorSide};
use crate::metrics::StepMetrics;
use crate::optimizer::Norm;
use crate::penalty::Kind;

/// What a stretch of a reading's numbers is.
#[derive(Clone, Copy, Debug, PartialEq)]
enum What {
    /// G's loss in one turn.
    GLoss,
    /// D's loss in one turn, without the penalties that follow it.
    DLoss,
    /// ‖∇ₓD‖² of each picture, of which the last turn's penalty is made.
    Squares(Kind),
    /// D's logits of real pictures.
    Real,
    /// Those of generated ones, in D's turn.
    Fake,
    /// The same in G's turn.
    Fooled,
    /// The norm of G's last gradient.
    GNorm,
    /// The norm of D's last gradient.
    DNorm,
}

/// What one step left on its device.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    stretches: Vec<(What, usize)>,
    tensors: Vec<Tensor<1>>,
    g_norm: Option<f64>,
    d_norm: Option<f64>,
}

impl Reading {
    fn add(&mut self, what: What, tensor: Tensor<1>) {
        self.stretches.push((what, tensor.dims()[0]));
        self.tensors.push(tensor);
    }

    fn add_logits(&mut self, what: What, logits: &Tensor<2>) {
        self.add(what, logits.clone().reshape([-1]));
    }

    /// What D's side of a turn tells.
    pub fn add_discriminator(&mut self, side: &DiscriminatorSide) {
        self.add(What::DLoss, side.loss.clone());
        for (kind, squares) in &side.penalties {
            self.add(What::Squares(*kind), squares.clone());
        }
        self.add_logits(What::Real, &side.logits_real);
        self.add_logits(What::Fake, &side.logits_fake);
    }

    /// What G's side of a turn tells.
    pub fn add_generator(&mut self, side: &GeneratorSide) {
        self.add(What::GLoss, side.loss.clone());
        self.add_logits(What::Fooled, &side.logits_fake);
    }

    /// The norm of G's gradient; a later one replaces it.
    pub fn set_g_norm(&mut self, norm: Option<Norm>) {
        match norm {
            Some(Norm::Host(norm)) => self.g_norm = Some(norm),
            Some(Norm::Device(norm)) => self.add(What::GNorm, *norm),
            None => {}
        }
    }

    /// The norm of D's gradient; a later one replaces it.
    pub fn set_d_norm(&mut self, norm: Option<Norm>) {
        match norm {
            Some(Norm::Host(norm)) => self.d_norm = Some(norm),
            Some(Norm::Device(norm)) => self.add(What::DNorm, *norm),
            None => {}
        }
    }

    /// All tensors as one, so that one transfer brings them to the host. To be called on the thread that took the step.
    #[must_use]
    pub fn joined(mut self) -> Self {
        if self.tensors.len() > 1 {
            self.tensors = vec![Tensor::cat(self.tensors, 0)];
        }
        self
    }

    /// The numbers; waits until the device has them.
    #[must_use]
    pub fn read(self) -> Values {
        let numbers: Vec<f32> = self.tensors.into_iter().flat_map(|t| to_vec(t.into_data())).collect();
        let mut values = Values { g_norm: self.g_norm, d_norm: self.d_norm, ..Values::default() };
        let mut at = 0;
        for (what, count) in self.stretches {
            values.add(what, &numbers[at..at + count]);
            at += count;
        }
        values
    }
}

fn to_vec(data: TensorData) -> Vec<f32> {
    data.iter::<f32>().collect()
}

/// What one step measured, on the host.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Values {
    g_loss: Vec<f64>,
    d_loss: Vec<f64>,
    penalty: Vec<f64>,
    real: Vec<f32>,
    fake: Vec<f32>,
    fooled: Vec<f32>,
    d_norm: Option<f64>,
    g_norm: Option<f64>,
}

impl Values {
    fn add(&mut self, what: What, numbers: &[f32]) {
        let first = || numbers.first().copied().map(f64::from);
        match what {
            What::GLoss => self.g_loss.extend(first()),
            What::DLoss => {
                self.d_loss.extend(first());
                self.penalty.push(0.0);
            }
            What::Squares(kind) => {
                let value = kind.value(numbers);
                self.penalty.iter_mut().last().into_iter().for_each(|penalty| *penalty += value);
            }
            What::Real => self.real.extend(numbers),
            What::Fake => self.fake.extend(numbers),
            What::Fooled => self.fooled.extend(numbers),
            What::GNorm => self.g_norm = first(),
            What::DNorm => self.d_norm = first(),
        }
    }

    /// What all devices measured in a step; the norms are those of the gradients that they share.
    #[must_use]
    pub fn joined(parts: Vec<Self>) -> Self {
        parts.into_iter().reduce(Self::and).unwrap_or_default()
    }

    fn and(mut self, other: Self) -> Self {
        self.g_loss.extend(other.g_loss);
        self.d_loss.extend(other.d_loss);
        self.penalty.extend(other.penalty);
        self.real.extend(other.real);
        self.fake.extend(other.fake);
        self.fooled.extend(other.fooled);
        self
    }

    /// What moves the probability of augmenting.
    #[must_use]
    pub fn observation(&self) -> Observation {
        Observation::of(&self.real)
    }

    /// Means over the step.
    #[must_use]
    pub fn metrics(&self) -> StepMetrics {
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let share =
            |logits: &[f32], holds: fn(f32) -> bool| logits.iter().filter(|&&l| holds(l)).count() as f64 / logits.len() as f64;
        let sigmoid = |logits: &[f32]| mean(&logits.iter().map(|&l| 1.0 / (1.0 + (-f64::from(l)).exp())).collect::<Vec<_>>());
        let d_loss: Vec<f64> = self.d_loss.iter().zip(&self.penalty).map(|(loss, penalty)| loss + penalty).collect();
        StepMetrics {
            g_loss: mean(&self.g_loss),
            d_loss: mean(&d_loss),
            penalty: mean(&self.penalty),
            real_accuracy: share(&self.real, |l| l > 0.0),
            generated_accuracy: share(&self.fake, |l| l < 0.0),
            d_real: sigmoid(&self.real),
            d_fake: sigmoid(&self.fake),
            d_fooled: sigmoid(&self.fooled),
            g_norm: self.g_norm.unwrap_or(0.0),
            d_norm: self.d_norm.unwrap_or(0.0),
        }
    }
}
