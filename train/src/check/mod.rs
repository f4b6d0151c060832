//! `train check`: whether a device computes what the CPU computes. The CPU's numbers are held to PyTorch's and Keras' by golden
//! files; this compares a device with them on the machine where it will train.
//!
//! | module | holds |
//! |---|---|
//! | [`command`] | flags, and what is printed |
//! | [`case`] | one comparison: a name, a computation, what it gives |
//! | [`row`] | how far apart two results lie, and whether that is near enough |
//! | [`tolerance`] | how far is near enough, and why |
//! | [`numbers`] | drawn tensors, results with their gradients |
//! | [`operations`], [`layers`], [`networks`], [`losses`], [`penalties`], [`augmentations`], [`optimizers`], [`pictures`], [`steps`], [`features`] | what is compared |

pub mod augmentations;
pub mod case;
pub mod command;
pub mod features;
pub mod layers;
pub mod losses;
pub mod networks;
pub mod numbers;
pub mod operations;
pub mod optimizers;
pub mod penalties;
pub mod pictures;
pub mod row;
pub mod steps;
pub mod tolerance;

pub use case::{Case, Outputs};
pub use row::{Row, Totals};
pub use tolerance::Precision;

/// How much is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// Everything, published widths and sizes among it.
    Whole,
    /// One of each kind, small: what the tests repeat on the CPU.
    Small,
}

/// Everything that can be compared, in the order in which it depends on each other: what fails first is nearest to the cause.
#[must_use]
pub fn cases(extent: Extent) -> Vec<Case> {
    let groups: [fn(Extent) -> Vec<Case>; 10] = [
        operations::cases,
        layers::cases,
        networks::cases,
        losses::cases,
        penalties::cases,
        augmentations::cases,
        optimizers::cases,
        pictures::cases,
        steps::cases,
        features::cases,
    ];
    groups.iter().flat_map(|group| group(extent)).collect()
}

/// Compares what `expected` and `found` give for every case; `each` is told every row as soon as it is known.
pub fn compare(
    cases: &[Case],
    precision: Precision,
    expected: impl Fn(&Case) -> Outputs,
    found: impl Fn(&Case) -> Outputs,
    mut each: impl FnMut(&Row),
) -> Totals {
    let mut totals = Totals::default();
    for case in cases {
        let row = Row::of(case, precision, || expected(case), || found(case));
        each(&row);
        totals.add(&row);
    }
    totals
}
