//! Whether generated pictures are copies of training pictures.
//!
//! [`authenticity`]: Alaa et al. 2022, arXiv:2102.08921, as dgm-eval's `authpct.py` computes it. [`nearest_training`]: how near the
//! generated pictures lie to the training pictures, against how near pictures that were held out lie to them.

use shared::metrics::features::{self, Features, FeaturesError};
use shared::rng;

use super::pairs;
use super::subset::subset;

/// How many generated pictures are no copies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Authenticity {
    /// Percent that are authentic.
    pub percent: f64,
    /// Generated pictures that are not.
    pub copies: usize,
}

/// Distances to the nearest training picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NearestTraining {
    /// Median over the generated pictures.
    pub generated_median: f64,
    /// Median over the held-out pictures.
    pub held_out_median: f64,
    /// Percent of the generated pictures that are nearer to a training picture than to a held-out one, out of equally many of
    /// both; equally near ones count half. About 50 unless training pictures are copied.
    pub nearer_percent: f64,
    /// Pictures drawn from each of the two sets for that.
    pub drawn: usize,
}

/// A generated picture is authentic when it is farther from its nearest training picture than that is from its own nearest.
///
/// # Errors
/// When the rows differ in length, are not finite, there is no generated or fewer than 2 training pictures.
pub fn authenticity(generated: &Features, train: &Features) -> Result<Authenticity, FeaturesError> {
    checked(generated, &[("training", train, 2)])?;
    let own: Vec<f64> = pairs::nearest_within(train, 1).squared_radii();
    let to_train = pairs::nearest(generated, train, 1);
    let authentic = to_train.nearest().filter(|near| own[near.row as usize] < near.squared).count();
    let count = generated.count();
    Ok(Authenticity { percent: 100.0 * authentic as f64 / count as f64, copies: count - authentic })
}

/// Nearest-training distances of generated and held-out pictures. `seed` draws the pictures of the larger of the two real sets.
///
/// # Errors
/// When the rows differ in length, are not finite, or a set is empty.
pub fn nearest_training(
    generated: &Features,
    train: &Features,
    held_out: &Features,
    seed: u64,
) -> Result<NearestTraining, FeaturesError> {
    checked(generated, &[("training", train, 1), ("held-out", held_out, 1)])?;
    let median_distance = |of| median(pairs::nearest(of, train, 1).nearest().map(pairs::Neighbour::distance).collect());
    let drawn = train.count().min(held_out.count());
    let squared = |set: &Features, purpose| {
        let order = rng::stream(seed, purpose, 0).permutation(set.count());
        pairs::nearest(generated, &subset(set, &order[..drawn]), 1).squared_radii()
    };
    let (to_train, to_held_out) = (squared(train, "nearest of training"), squared(held_out, "nearest of held-out"));
    let nearer = |(t, h): (&f64, &f64)| {
        if t < h {
            1.0
        } else if t == h {
            0.5
        } else {
            0.0
        }
    };
    let nearer: f64 = to_train.iter().zip(&to_held_out).map(nearer).sum();
    Ok(NearestTraining {
        generated_median: median_distance(generated),
        held_out_median: median_distance(held_out),
        nearer_percent: 100.0 * nearer / generated.count() as f64,
        drawn,
    })
}

/// Whether there are generated pictures, and enough of the other sets with rows of the same length.
pub(super) fn checked(generated: &Features, others: &[(&'static str, &Features, usize)]) -> Result<(), FeaturesError> {
    features::check_one("generated", generated, 1)?;
    for &(set, features, least) in others {
        if features.dimensions() != generated.dimensions() {
            return Err(FeaturesError::Dimensions { generated: generated.dimensions(), real: features.dimensions() });
        }
        features::check_one(set, features, least)?;
    }
    Ok(())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let (low, high) = ((values.len() - 1) / 2, values.len() / 2);
    f64::midpoint(values[low], values[high])
}
