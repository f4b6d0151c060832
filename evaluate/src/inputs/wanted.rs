//! A selection of the pictures at a path.

use burn::tensor::Device;
use shared::nn::run::Which;

use crate::protocols::Protocol;

/// A selection of the pictures at a path.
#[derive(Clone, Debug)]
pub struct Wanted<'a> {
    /// The split of a data set.
    pub split: &'a str,
    /// Pictures that a run generates.
    pub generated: usize,
    /// The checkpoint of a run.
    pub checkpoint: Which,
    /// The device of a run's generator.
    pub device: &'a Device,
    /// The protocols of the measurement.
    pub protocols: &'a [&'static Protocol],
}
