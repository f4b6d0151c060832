//! Precision and recall by nearest neighbours, density and coverage.
//!
//! [`precision_recall`]: improved precision and recall (Kynkäänniemi et al. 2019,
//! arXiv:1904.06991), following torch-fidelity's `metric_prc.py`: third neighbour, closed balls.
//! [`prdc`]: Naeem et al. 2020, arXiv:2002.09797, following their package `prdc`: fifth neighbour,
//! open balls, distances rounded to f32. torch-fidelity computes its distances in f32; counts agree
//! unless a row lies on a border to within that rounding.

use shared::metrics::features::{self, Features, FeaturesError};

use super::balls::{self, Ball, Counts};
use super::pairs;

/// torch-fidelity's default neighbour.
pub const NEIGHBOUR: usize = 3;

/// The neighbour in the paper of the package `prdc`.
pub const PRDC_NEIGHBOUR: usize = 5;

/// Improved precision and recall.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PrecisionRecall {
    /// Share of generated pictures in some real picture's ball.
    pub precision: f64,
    /// Share of real pictures in some generated picture's ball.
    pub recall: f64,
    /// Their harmonic mean; 0 when both are 0.
    pub f_score: f64,
}

/// Precision, recall, density and coverage.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prdc {
    /// Share of generated pictures in some real picture's ball.
    pub precision: f64,
    /// Share of real pictures in some generated picture's ball.
    pub recall: f64,
    /// Mean number of real balls around a generated picture, divided by the neighbour: 1 for equal
    /// distributions.
    pub density: f64,
    /// Share of real pictures whose ball contains a generated one.
    pub coverage: f64,
}

/// Precision and recall with balls to the `neighbour`-th neighbour (torch-fidelity: [`NEIGHBOUR`]).
///
/// # Errors
/// When the rows differ in length, are not finite, or a set has no `neighbour`-th neighbour.
pub fn precision_recall(
    generated: &Features,
    real: &Features,
    neighbour: usize,
) -> Result<PrecisionRecall, FeaturesError> {
    let (generated, real) = crossed(generated, real, neighbour, Ball::Closed)?;
    let (precision, recall) = (share(&generated, |c| c.held > 0), share(&real, |c| c.held > 0));
    // The floor is torch-fidelity's.
    Ok(PrecisionRecall {
        precision,
        recall,
        f_score: 2.0 * precision * recall / (precision + recall).max(1e-5),
    })
}

/// All four measures with balls to the `neighbour`-th neighbour (usually [`PRDC_NEIGHBOUR`]).
///
/// # Errors
/// When the rows differ in length, are not finite, or a set has no `neighbour`-th neighbour.
pub fn prdc(
    generated: &Features,
    real: &Features,
    neighbour: usize,
) -> Result<Prdc, FeaturesError> {
    let (generated, real) = crossed(generated, real, neighbour, Ball::OpenSingle)?;
    let held: u64 = generated.iter().map(|c| u64::from(c.held)).sum();
    Ok(Prdc {
        precision: share(&generated, |c| c.held > 0),
        recall: share(&real, |c| c.held > 0),
        density: held as f64 / generated.len() as f64 / neighbour as f64,
        coverage: share(&real, |c| c.holds > 0),
    })
}

fn crossed(
    generated: &Features,
    real: &Features,
    neighbour: usize,
    rule: Ball,
) -> Result<(Vec<Counts>, Vec<Counts>), FeaturesError> {
    features::check(generated, real, neighbour.saturating_add(1))
        .map_err(|e| no_neighbour(e, neighbour))?;
    let radii = |set| pairs::nearest_within(set, neighbour).squared_radii();
    Ok(balls::counts(rule, (generated, radii(generated)), (real, radii(real))))
}

/// Names the missing neighbour in the error of too few pictures.
fn no_neighbour(error: FeaturesError, neighbour: usize) -> FeaturesError {
    match error {
        FeaturesError::TooFew { set, count, .. } => {
            FeaturesError::NoNeighbour { set, count, neighbour }
        }
        other => other,
    }
}

fn share(counts: &[Counts], inside: impl Fn(&Counts) -> bool) -> f64 {
    counts.iter().filter(|c| inside(c)).count() as f64 / counts.len() as f64
}
