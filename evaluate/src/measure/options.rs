//! The options of a measurement.

use std::path::{Path, PathBuf};

use shared::nn::run::Which;

use crate::protocols::conventions::Conventions;
use crate::protocols::metric::Metric;
use shared::metrics::lpips::Backbone;

/// The number of random halves from which a value's spread is estimated: 0, or at least 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repeats(pub usize);

/// The options of a measurement.
#[derive(Clone, Debug)]
pub struct MeasureOptions {
    /// Real pictures; `None` if no metric needs them.
    pub real: Option<PathBuf>,
    /// Generated pictures.
    pub fake: PathBuf,
    /// Training pictures of the generator.
    pub train: Option<PathBuf>,
    /// Checkpoint of a run.
    pub checkpoint: Which,
    /// Split of a data set.
    pub split: String,
    /// Metrics, computed under each protocol that defines them.
    pub metrics: Vec<Metric>,
    /// Pictures of each side; `None` for all.
    pub count: Option<usize>,
    /// Pictures that a run generates, if not `count`.
    pub generate: Option<usize>,
    /// Random halves for the spread.
    pub repeats: Repeats,
    /// Also measure every class.
    pub per_class: bool,
    /// Subsets of a KID, if not the protocol's.
    pub kid_subsets: Option<usize>,
    /// Pictures in a subset or batch of a KID, if not the protocol's.
    pub kid_subset_size: Option<usize>,
    /// Neighbours, if not the protocol's.
    pub neighbours: Option<usize>,
    /// Cells of C_T.
    pub cells: usize,
    /// The network of LPIPS.
    pub lpips: Backbone,
    /// The conventions.
    pub conventions: Conventions,
}

impl MeasureOptions {
    /// The defaults for generated pictures at `fake`.
    #[must_use]
    pub fn of(fake: &Path, conventions: Conventions) -> Self {
        Self {
            real: None,
            fake: fake.to_owned(),
            train: None,
            checkpoint: Which::Best,
            split: "val".into(),
            metrics: Vec::new(),
            count: None,
            generate: None,
            repeats: Repeats(0),
            per_class: false,
            kid_subsets: None,
            kid_subset_size: None,
            neighbours: None,
            cells: 3,
            lpips: Backbone::Vgg16,
            conventions,
        }
    }
}
