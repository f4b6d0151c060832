//! The exponential moving average of the generator: all its parameters, the running statistics of BatchNorm included.

use shared::nn::parameter::Parameters;

/// average ← decay·average + (1 − decay)·current.
pub fn update(average: &mut dyn Parameters, current: &dyn Parameters, decay: f64) {
    for ((_, a), (_, c)) in average.parameters_mut().into_iter().zip(current.parameters()) {
        a.set(a.flat() * decay + c.flat() * (1.0 - decay));
    }
}
