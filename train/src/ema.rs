//! The exponential moving average of the generator: all its parameters, the running statistics of BatchNorm included.

use shared::nn::ops;
use shared::nn::parameter::Parameters;

/// average ← decay·average + (1 − decay)·current.
pub fn update(average: &mut dyn Parameters, current: &dyn Parameters, decay: f64) {
    let mut parameters = average.parameters_mut();
    let averages = parameters.iter_mut().map(|(_, p)| p.take()).collect();
    let current = current.parameters().into_iter().map(|(_, p)| p.flat()).collect();
    for ((_, parameter), value) in parameters.into_iter().zip(ops::moving_average(averages, current, decay)) {
        parameter.set(value);
    }
}
