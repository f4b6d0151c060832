//! The specification a network is built from, common to all families.

use super::cond::CondConfig;
use crate::init::Maker;

/// The pictures and classes that a network is built for, and its weight initialisation.
#[derive(Clone, Copy, Debug)]
pub struct Blueprint<'a> {
    /// The role in its run: the prefix of the names of its weights' random streams.
    pub role: &'a str,
    /// Height and width of the pictures.
    pub size: usize,
    /// Channels of the pictures.
    pub channels: usize,
    /// Number of classes in the data set; 0 = none.
    pub classes: usize,
    /// The class conditioning of both networks.
    pub cond: &'a CondConfig,
    /// Creates the layers and their weights.
    pub maker: Maker<'a>,
}

impl Blueprint<'_> {
    /// The full name of a layer.
    #[must_use]
    pub fn name(&self, layer: &str) -> String {
        format!("{}.{layer}", self.role)
    }
}
