//! The list of all comparisons.

use super::case::{Case, Outputs};
use super::extent::Extent;
use super::row::{Row, Totals};
use super::tolerance::Precision;
use super::{
    augmentations, features, layers, losses, networks, operations, optimizers, penalties, pictures,
    steps,
};

/// Everything that can be compared, with dependencies first, so that the first failure is nearest
/// to the cause.
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

/// Compares the results of `expected` and `found` for every case; calls `each` with every row as
/// soon as it is ready.
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
