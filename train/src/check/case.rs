//! One comparison: a name, a computation that any device can run, and its results.

use std::fmt;

use burn::tensor::{Device, Tensor};
use shared::nn::parameter::{Parameters, Purpose};

use super::tolerance::Kind;

/// Reference magnitude for a deviation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// The largest magnitude of the numbers themselves.
    Own,
    /// That, or a tenth of the largest magnitude in this group if that is greater: some gradients
    /// are zero in theory (a bias before a normalisation) and consist only of rounding.
    Group(&'static str),
    /// The number 1.
    One,
}

/// A named list of numbers.
#[derive(Clone, Debug)]
pub struct Part {
    /// Description of the numbers.
    pub name: String,
    /// In row-major order.
    pub values: Vec<f32>,
    /// Reference magnitude of their deviation.
    pub scale: Scale,
}

/// All results of a computation.
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

    /// Adds one number, with itself as its reference.
    pub fn value(&mut self, name: &str, value: f64) {
        self.list(name, vec![value as f32], Scale::Own);
    }

    /// Adds a tensor, with itself as its reference. It is read back at once, so that failures of
    /// the device surface here.
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

/// The computation of a row.
type Compute = Box<dyn Fn(&Device) -> Outputs + Send + Sync>;

/// One comparison.
pub struct Case {
    /// Name of the computation, starting with its group.
    pub name: String,
    /// Kind, which selects the tolerance.
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

    /// Runs it on `device` (without autodiff).
    #[must_use]
    pub fn on(&self, device: &Device) -> Outputs {
        (self.compute)(device)
    }

    /// True if its name contains one of `words`, or if there are none.
    #[must_use]
    pub fn is_meant(&self, words: &[String]) -> bool {
        words.is_empty() || words.iter().any(|word| self.name.contains(word.as_str()))
    }
}
