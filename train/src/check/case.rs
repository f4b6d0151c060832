//! One comparison: a name, a computation that any device can do, and the numbers that it gives.

use std::fmt;

use burn::tensor::{Device, Tensor};
use shared::nn::parameter::{Parameters, Purpose};

use super::tolerance::Kind;

/// What a deviation is measured by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// The largest magnitude among the numbers themselves.
    Own,
    /// That, or a tenth of the largest among all numbers of this group, if that is more: some
    /// gradients are zero in theory (a bias in front of a normalisation) and consist of rounding
    /// alone.
    Group(&'static str),
    /// The number 1.
    One,
}

/// Numbers with a name.
#[derive(Clone, Debug)]
pub struct Part {
    /// What they are.
    pub name: String,
    /// In row-major order.
    pub values: Vec<f32>,
    /// What their deviation is measured by.
    pub scale: Scale,
}

/// Everything that a computation gives.
#[derive(Clone, Debug, Default)]
pub struct Outputs {
    /// In the order of the computation.
    pub parts: Vec<Part>,
}

impl Outputs {
    /// Adds numbers.
    pub fn list(&mut self, name: impl Into<String>, values: Vec<f32>, scale: Scale) {
        self.parts.push(Part { name: name.into(), values, scale });
    }

    /// Adds one number, measured by itself.
    pub fn value(&mut self, name: &str, value: f64) {
        self.list(name, vec![value as f32], Scale::Own);
    }

    /// Adds a tensor, measured by itself. It is read back at once, so that what fails on the device
    /// fails here.
    pub fn tensor<const D: usize>(&mut self, name: &str, x: Tensor<D>) {
        self.list(name, values(x), Scale::Own);
    }

    /// Adds the gradients of a network's weights, flat and in their order.
    pub fn gradients(&mut self, network: &dyn Parameters, gradients: Vec<Tensor<1>>) {
        let weights =
            network.parameters().into_iter().filter(|(_, p)| p.purpose() == Purpose::Weight);
        for ((name, _), gradient) in weights.zip(gradients) {
            self.list(format!("gradient of {name}"), values(gradient), Scale::Group("gradients"));
        }
    }

    /// Adds a network's running statistics and the vectors of its power iterations.
    pub fn statistics(&mut self, network: &dyn Parameters) {
        for (name, parameter) in network.parameters() {
            if parameter.purpose() != Purpose::Weight {
                self.list(name, parameter.to_vec(), Scale::Own);
            }
        }
    }
}

/// A tensor's values, without its graph.
#[must_use]
pub fn values<const D: usize>(x: Tensor<D>) -> Vec<f32> {
    x.inner().into_data().iter::<f32>().collect()
}

/// What one row computes.
type Compute = Box<dyn Fn(&Device) -> Outputs + Send + Sync>;

/// One comparison.
pub struct Case {
    /// What is computed: the group's word first.
    pub name: String,
    /// Which tolerance it has.
    pub kind: Kind,
    compute: Compute,
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Case")
            .field("name", &self.name)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

impl Case {
    /// A computation called `name`. It must depend on nothing but the device.
    pub fn new(
        name: impl Into<String>,
        kind: Kind,
        compute: impl Fn(&Device) -> Outputs + Send + Sync + 'static,
    ) -> Self {
        Self { name: name.into(), kind, compute: Box::new(compute) }
    }

    /// What it gives on `device` (without autodiff).
    #[must_use]
    pub fn on(&self, device: &Device) -> Outputs {
        (self.compute)(device)
    }

    /// Whether its name holds one of `words`; with no words, every name does.
    #[must_use]
    pub fn is_meant(&self, words: &[String]) -> bool {
        words.is_empty() || words.iter().any(|word| self.name.contains(word.as_str()))
    }
}
