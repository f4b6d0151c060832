//! A selection of the pictures at a path.

use std::path::Path;

use burn::tensor::Device;
use shared::direction::Direction;
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
    /// The pairs that a run translates, if it does.
    pub pairs: Option<Pairs<'a>>,
}

/// Pairs whose sources a run translates, and whose targets the translations are compared with.
#[derive(Clone, Copy, Debug)]
pub struct Pairs<'a> {
    /// The data set.
    pub path: &'a Path,
    /// The direction of the translation.
    pub direction: Direction,
}
