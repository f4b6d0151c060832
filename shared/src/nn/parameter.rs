//! The named tensors of a network. Each is kept flat beside its shape, so that optimizers, averages and files treat all of
//! them alike; a layer asks for its own rank.

use burn::tensor::{Device, Gradients, Tensor, TensorData};

/// What a parameter is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Changed by an optimizer, along a gradient.
    Weight,
    /// A weight that nothing changes and that has no gradient: see [`Parameter::freeze`].
    Frozen,
    /// Changed by the forward pass in training: the running mean and variance of BatchNorm.
    Statistic,
    /// Changed by the power iteration of spectral normalisation. The mean of two directions is none of them, so an average of
    /// networks takes over the latest.
    Direction,
}

/// One tensor of a network.
#[derive(Clone, Debug)]
pub struct Parameter {
    value: Tensor<1>,
    shape: Vec<usize>,
    role: Role,
}

impl Parameter {
    /// A parameter of `shape` holding `values` in row-major order.
    #[must_use]
    pub fn new(values: Vec<f32>, shape: &[usize], role: Role, device: &Device) -> Self {
        let value = Tensor::from_data(TensorData::new(values, [shape.iter().product::<usize>()]), device);
        Self { value, shape: shape.to_vec(), role }
    }

    /// A parameter whose every value is `value`.
    #[must_use]
    pub fn filled(value: f32, shape: &[usize], role: Role, device: &Device) -> Self {
        Self::new(vec![value; shape.iter().product()], shape, role, device)
    }

    /// The tensor in its own shape, of rank `D`.
    #[must_use]
    pub fn tensor<const D: usize>(&self) -> Tensor<D> {
        let shape: Vec<i64> = self.shape.iter().map(|&n| n as i64).collect();
        self.value.clone().reshape::<D, _>(<[i64; D]>::try_from(shape).unwrap_or([-1; D]))
    }

    /// The tensor, flat.
    #[must_use]
    pub fn flat(&self) -> Tensor<1> {
        self.value.clone()
    }

    /// Replaces the values; `value` has as many.
    pub fn set(&mut self, value: Tensor<1>) {
        debug_assert_eq!(value.dims(), [self.count()]);
        self.value = value;
    }

    /// Takes the flat tensor out, so that it can be changed in place; [`Parameter::set`] must follow.
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

    /// How many values it has.
    #[must_use]
    pub fn count(&self) -> usize {
        self.shape.iter().product()
    }

    /// What it is for.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role
    }

    /// Keeps a weight as it is from now on; what is no weight goes on as before.
    pub fn freeze(&mut self) {
        if self.role == Role::Weight {
            self.role = Role::Frozen;
        }
    }

    /// Its gradient, flat; `None` when no gradient reached it or it is not tracked.
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

/// A network or layer that can name its parameters, always in the same order.
pub trait Parameters {
    /// Adds the parameters to `list`, their names beginning with `prefix`.
    fn collect<'a>(&'a self, prefix: &str, list: &mut Vec<(String, &'a Parameter)>);

    /// As [`Parameters::collect`], to change them.
    fn collect_mut<'a>(&'a mut self, prefix: &str, list: &mut Vec<(String, &'a mut Parameter)>);

    /// All parameters by name.
    fn parameters(&self) -> Vec<(String, &Parameter)> {
        let mut list = Vec::new();
        self.collect("", &mut list);
        list
    }

    /// All parameters by name, to change them.
    fn parameters_mut(&mut self) -> Vec<(String, &mut Parameter)> {
        let mut list = Vec::new();
        self.collect_mut("", &mut list);
        list
    }

    /// A copy whose weights are leaves of a new graph, so that a backward pass gives their gradients.
    #[must_use]
    fn tracked(&self) -> Self
    where
        Self: Clone,
    {
        let mut copy = self.clone();
        for (_, parameter) in copy.parameters_mut() {
            if parameter.role == Role::Weight {
                parameter.value = parameter.value.clone().inner().autodiff().require_grad();
            }
        }
        copy
    }

    /// Takes over the running statistics of a copy that saw a training batch.
    fn adopt_statistics(&mut self, from: &Self)
    where
        Self: Sized,
    {
        for ((_, to), (_, from)) in self.parameters_mut().into_iter().zip(from.parameters()) {
            if to.role == Role::Statistic {
                to.value = from.value.clone().inner();
            }
        }
    }

    /// Whether every value is finite.
    fn is_finite(&self) -> bool {
        self.parameters().iter().all(|(_, p)| p.to_vec().iter().all(|v| v.is_finite()))
    }
}

/// `prefix.name`, or `name` at the top.
pub(crate) fn join(prefix: &str, name: &str) -> String {
    if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") }
}

/// Implements [`Parameters`] for a struct from the list of its parts, in order. A part is a layer, a `Vec` of layers, an
/// `Option`, or a [`Parameter`].
macro_rules! parameters {
    ($type:ty { $($part:ident),+ $(,)? }) => {
        impl $crate::nn::parameter::Parameters for $type {
            fn collect<'a>(&'a self, prefix: &str, list: &mut Vec<(String, &'a $crate::nn::parameter::Parameter)>) {
                $(self.$part.collect(&$crate::nn::parameter::join(prefix, stringify!($part)), list);)+
            }

            fn collect_mut<'a>(&'a mut self, prefix: &str, list: &mut Vec<(String, &'a mut $crate::nn::parameter::Parameter)>) {
                $(self.$part.collect_mut(&$crate::nn::parameter::join(prefix, stringify!($part)), list);)+
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
        self.iter_mut().enumerate().for_each(|(i, p)| p.collect_mut(&join(prefix, &i.to_string()), list));
    }
}
