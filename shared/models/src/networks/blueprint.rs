//! What a network is built for, the same for every family.

use super::cond::CondConfig;
use crate::init::Maker;

/// The pictures and classes that a network is built for, and how its weights are drawn.
#[derive(Clone, Copy, Debug)]
pub struct Blueprint<'a> {
    /// The role in its run, with which the names of its weights' random streams begin.
    pub role: &'a str,
    /// Height and width of the pictures.
    pub size: usize,
    /// Channels of the pictures.
    pub channels: usize,
    /// Classes of the data set; 0 = none.
    pub classes: usize,
    /// How the networks are told the class.
    pub cond: &'a CondConfig,
    /// Draws the weights.
    pub maker: Maker<'a>,
}

impl Blueprint<'_> {
    /// The full name of a layer.
    #[must_use]
    pub fn name(&self, layer: &str) -> String {
        format!("{}.{layer}", self.role)
    }
}
