//! The named tensors of a network. Each is stored flat with its shape, so that optimizers, averages
//! and files treat all alike; a layer requests the rank it needs.
//!
//! ```
//! use burn::tensor::Device;
//! use fledge_models::parameter::{Parameter, Purpose};
//!
//! let values = vec![1.0, 2.0, 3.0, 4.0];
//! let parameter = Parameter::new(values.clone(), &[2, 2], Purpose::Weight, &Device::flex());
//! assert_eq!(parameter.tensor::<2>().dims(), [2, 2]);
//! assert_eq!(parameter.to_vec(), values);
//! ```

use std::sync::Arc;

use burn::tensor::{Device, Gradients, Tensor, TensorData};

/// The role of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Updated by an optimizer, from its gradient.
    Weight,
    /// A weight that is not updated and has no gradient: see [`Parameter::freeze`].
    Frozen,
    /// Changed by the forward pass in training: the running mean and variance of BatchNorm.
    Statistic,
    /// Not trained: constant, or a running value like w's average. An average of networks copies it.
    Buffer,
    /// Updated by the power iteration of spectral normalisation. The mean of two directions is not
    /// a direction, so an average of networks copies the latest.
    Direction,
}

/// One tensor of a network.
#[derive(Clone, Debug)]
pub struct Parameter {
    value: Tensor<1>,
    shape: Vec<usize>,
    purpose: Purpose,
    /// Identifies a statistic; the same in every copy of its network.
    key: Option<Arc<str>>,
}

/// Running statistics as updated by training passes. A pass leaves its network unchanged; the
/// updates are collected here until the network adopts them.
#[derive(Clone, Debug, Default)]
pub struct Moved(Vec<(Arc<str>, Tensor<1>)>);

impl Moved {
    /// The updates with their values replaced by `f`'s, in the same order.
    #[must_use]
    pub fn map(self, f: impl FnOnce(Vec<Tensor<1>>) -> Vec<Tensor<1>>) -> Self {
        let (keys, values): (Vec<_>, Vec<_>) = self.0.into_iter().unzip();
        Self(if values.is_empty() { Vec::new() } else { keys.into_iter().zip(f(values)).collect() })
    }

    /// The mean of the updates of several passes, each from the same values.
    #[must_use]
    pub fn mean(all: Vec<Self>) -> Self {
        let count = all.len() as f64;
        let sum = all.into_iter().reduce(|sum, more| {
            let plus =
                |((key, a), (_, b)): ((Arc<str>, Tensor<1>), (Arc<str>, Tensor<1>))| (key, a + b);
            Self(sum.0.into_iter().zip(more.0).map(plus).collect())
        });
        let Some(Self(mut list)) = sum else { return Self::default() };
        if count > 1.0 {
            list = list.into_iter().map(|(key, sum)| (key, sum / count)).collect();
        }
        Self(list)
    }

    /// The value of a statistic: the updated one, or else the network's own.
    pub(crate) fn value(&self, statistic: &Parameter) -> Tensor<1> {
        let moved = self.0.iter().find(|(key, _)| Some(key) == statistic.key.as_ref());
        moved.map_or_else(|| statistic.flat(), |(_, value)| value.clone())
    }

    /// Records an update of a statistic.
    pub(crate) fn set(&mut self, statistic: &Parameter, value: Tensor<1>) {
        let Some(key) = &statistic.key else { return };
        match self.0.iter_mut().find(|(known, _)| known == key) {
            Some((_, earlier)) => *earlier = value,
            None => self.0.push((Arc::clone(key), value)),
        }
    }
}

impl Parameter {
    /// Creates a parameter of `shape` with `values` in row-major order.
    #[must_use]
    pub fn new(values: Vec<f32>, shape: &[usize], purpose: Purpose, device: &Device) -> Self {
        let value =
            Tensor::from_data(TensorData::new(values, [shape.iter().product::<usize>()]), device);
        Self { value, shape: shape.to_vec(), purpose, key: None }
    }

    /// A parameter without values: a summary needs only its shape.
    #[must_use]
    pub(crate) fn undrawn(shape: &[usize], purpose: Purpose, device: &Device) -> Self {
        Self { value: Tensor::empty([0], device), shape: shape.to_vec(), purpose, key: None }
    }

    /// A running statistic called `name`, filled with `value`.
    #[must_use]
    pub fn statistic(name: &str, value: f32, shape: &[usize], device: &Device) -> Self {
        Self { key: Some(name.into()), ..Self::filled(value, shape, Purpose::Statistic, device) }
    }

    /// A running value called `name` that averages of networks copy, at 0.
    #[must_use]
    pub fn running(name: &str, shape: &[usize], device: &Device) -> Self {
        Self { key: Some(name.into()), ..Self::filled(0.0, shape, Purpose::Buffer, device) }
    }

    /// Returns true if training passes move it.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.key.is_some()
    }

    /// A parameter filled with `value`.
    #[must_use]
    pub fn filled(value: f32, shape: &[usize], purpose: Purpose, device: &Device) -> Self {
        Self::new(vec![value; shape.iter().product()], shape, purpose, device)
    }

    /// The tensor in its own shape, of rank `D`.
    #[must_use]
    pub fn tensor<const D: usize>(&self) -> Tensor<D> {
        let shape: Vec<i64> = self.shape.iter().map(|&n| n as i64).collect();
        self.value.clone().reshape::<D, _>(<[i64; D]>::try_from(shape).unwrap_or([-1; D]))
    }

    /// The flat tensor.
    #[must_use]
    pub fn flat(&self) -> Tensor<1> {
        self.value.clone()
    }

    /// Replaces the values; `value` must have as many.
    pub fn set(&mut self, value: Tensor<1>) {
        debug_assert_eq!(value.dims(), [self.count()]);
        self.value = value;
    }

    /// Moves the flat tensor out for an update in place; [`Parameter::set`] must follow.
    #[must_use]
    pub fn take(&mut self) -> Tensor<1> {
        let nothing = Tensor::empty([0], &self.value.device());
        std::mem::replace(&mut self.value, nothing)
    }

    /// The shape.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Number of values.
    #[must_use]
    pub fn count(&self) -> usize {
        self.shape.iter().product()
    }

    /// The parameter's role.
    #[must_use]
    pub fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// Freezes a weight; parameters of other roles are unaffected.
    pub fn freeze(&mut self) {
        if self.purpose == Purpose::Weight {
            self.purpose = Purpose::Frozen;
        }
    }

    /// Its flat gradient; `None` if no gradient reached it or it is not tracked.
    #[must_use]
    pub fn gradient(&self, gradients: &Gradients) -> Option<Tensor<1>> {
        self.value.grad(gradients)
    }

    /// The values on the host, in row-major order.
    #[must_use]
    pub fn to_vec(&self) -> Vec<f32> {
        self.value.clone().inner().into_data().iter::<f32>().collect()
    }
}

/// A network or layer that lists its named parameters, always in the same order.
pub trait Parameters {
    /// Appends the parameters to `list`, prefixing their names with `prefix`.
    fn collect<'a>(&'a self, prefix: &str, list: &mut Vec<(String, &'a Parameter)>);

    /// Mutable variant of [`Parameters::collect`].
    fn collect_mut<'a>(&'a mut self, prefix: &str, list: &mut Vec<(String, &'a mut Parameter)>);

    /// All parameters by name.
    fn parameters(&self) -> Vec<(String, &Parameter)> {
        let mut list = Vec::new();
        self.collect("", &mut list);
        list
    }

    /// All parameters by name, mutably.
    fn parameters_mut(&mut self) -> Vec<(String, &mut Parameter)> {
        let mut list = Vec::new();
        self.collect_mut("", &mut list);
        list
    }

    /// A copy whose weights are leaves of a new autodiff graph, so that a backward pass yields
    /// their gradients.
    #[must_use]
    fn tracked(&self) -> Self
    where
        Self: Clone,
    {
        let mut copy = self.clone();
        for (_, parameter) in copy.parameters_mut() {
            if parameter.purpose == Purpose::Weight {
                parameter.value = parameter.value.clone().inner().autodiff().require_grad();
            }
        }
        copy
    }

    /// Adopts the running statistics that training passes have updated.
    fn adopt(&mut self, moved: Moved) {
        if moved.0.is_empty() {
            return;
        }
        for (_, statistic) in self.parameters_mut() {
            if statistic.is_running() {
                statistic.value = moved.value(statistic).inner();
            }
        }
    }

    /// Returns true if every value is finite.
    fn is_finite(&self) -> bool {
        self.parameters().iter().all(|(_, p)| p.to_vec().iter().all(|v| v.is_finite()))
    }
}

/// `prefix.name`, or `name` at the top.
pub(crate) fn join(prefix: &str, name: &str) -> String {
    if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") }
}

/// Implements [`Parameters`] for a struct from the list of its parts, in order. A part is a layer,
/// a `Vec` of layers, an `Option`, or a [`Parameter`].
macro_rules! parameters {
    ($type:ty { $($part:ident),+ $(,)? }) => {
        impl $crate::parameter::Parameters for $type {
            fn collect<'a>(&'a self, prefix: &str, list: &mut Vec<(String, &'a $crate::parameter::Parameter)>) {
                $(self.$part.collect(&$crate::parameter::join(prefix, stringify!($part)), list);)+
            }

            fn collect_mut<'a>(&'a mut self, prefix: &str, list: &mut Vec<(String, &'a mut $crate::parameter::Parameter)>) {
                $(self.$part.collect_mut(&$crate::parameter::join(prefix, stringify!($part)), list);)+
            }
        }
    };
}
pub(crate) use parameters;

impl Parameters for Parameter {
    fn collect<'a>(&'a self, prefix: &str, list: &mut Vec<(String, &'a Self)>) {
        list.push((prefix.to_owned(), self));
    }

    fn collect_mut<'a>(&'a mut self, prefix: &str, list: &mut Vec<(String, &'a mut Self)>) {
        list.push((prefix.to_owned(), self));
    }
}

impl<P: Parameters> Parameters for Option<P> {
    fn collect<'a>(&'a self, prefix: &str, list: &mut Vec<(String, &'a Parameter)>) {
        self.iter().for_each(|p| p.collect(prefix, list));
    }

    fn collect_mut<'a>(&'a mut self, prefix: &str, list: &mut Vec<(String, &'a mut Parameter)>) {
        self.iter_mut().for_each(|p| p.collect_mut(prefix, list));
    }
}

impl<P: Parameters> Parameters for Vec<P> {
    fn collect<'a>(&'a self, prefix: &str, list: &mut Vec<(String, &'a Parameter)>) {
        self.iter().enumerate().for_each(|(i, p)| p.collect(&join(prefix, &i.to_string()), list));
    }

    fn collect_mut<'a>(&'a mut self, prefix: &str, list: &mut Vec<(String, &'a mut Parameter)>) {
        self.iter_mut()
            .enumerate()
            .for_each(|(i, p)| p.collect_mut(&join(prefix, &i.to_string()), list));
    }
}
