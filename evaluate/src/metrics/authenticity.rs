//! Memorisation: are generated pictures copies of training pictures?
//!
//! The share of authentic pictures: Alaa et al. 2022, arXiv:2102.08921, following dgm-eval's
//! `authpct.py`. The distances to the nearest training picture: those of generated pictures against
//! those of held-out pictures.
//!
//! Distances that all halves of the pictures share are computed once.

use shared::metrics::features::{self, Features, FeaturesError};
use shared::rng;

use super::pairs::{self, Neighbour};
use super::spread::Halves;
use super::subset::subset;

/// Measures of copying.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Authenticity {
    /// Percent of authentic pictures: farther from their nearest training picture than that is from
    /// its own nearest.
    pub percent: f64,
    /// Median distance of the generated pictures to their nearest training picture.
    pub generated_median: f64,
    /// Median distance of the held-out pictures to their nearest training picture.
    pub held_out_median: f64,
    /// Percent of the generated pictures nearer to a training picture than to a held-out one, among
    /// equally many of both; ties count half. About 50 unless training pictures are copied.
    pub nearer_percent: f64,
}

/// The distances behind an [`Authenticity`] of all or some pictures.
#[derive(Clone, Debug)]
pub struct Distances<'a> {
    generated: &'a Features,
    train: &'a Features,
    held_out: &'a Features,
    seed: u64,
    /// Squared distance of every training picture to the nearest other.
    own: Vec<f64>,
    /// Nearest training picture of every generated picture.
    to_train: Vec<Neighbour>,
    /// Distance of every held-out picture to the training pictures.
    held_out_to_train: Vec<f64>,
    /// By number of drawn training pictures: squared distance of every generated picture to them.
    to_drawn: Vec<(usize, Vec<f64>)>,
}

impl<'a> Distances<'a> {
    /// Computes the shared distances. `seed` draws pictures from the larger of the two real sets.
    ///
    /// # Errors
    /// When the rows differ in length or are not finite, there is no generated or held-out picture,
    /// or there are fewer than 2 training pictures.
    pub fn new(
        generated: &'a Features,
        train: &'a Features,
        held_out: &'a Features,
        seed: u64,
    ) -> Result<Self, FeaturesError> {
        checked(generated, &[("training", train, 2), ("held-out", held_out, 1)])?;
        Ok(Self {
            generated,
            train,
            held_out,
            seed,
            own: pairs::nearest_within(train, 1).squared_radii(),
            to_train: pairs::nearest(generated, train, 1).nearest().collect(),
            held_out_to_train: pairs::nearest(held_out, train, 1)
                .nearest()
                .map(Neighbour::distance)
                .collect(),
            to_drawn: Vec::new(),
        })
    }

    /// The measures of all pictures.
    #[must_use]
    pub fn whole(&mut self) -> Authenticity {
        let every = |set: &Features| (0..set.count() as u32).collect();
        self.of(
            &Halves { generated: every(self.generated), real: every(self.held_out) },
            self.generated,
        )
    }

    /// The measures of some generated and held-out (`real`) pictures, against all training
    /// pictures.
    ///
    /// # Errors
    /// When there are none on a side.
    pub fn half(&mut self, half: &Halves) -> Result<Authenticity, FeaturesError> {
        for (set, rows) in [("generated", &half.generated), ("held-out", &half.real)] {
            if rows.is_empty() {
                return Err(FeaturesError::TooFew { set, count: 0, least: 1 });
            }
        }
        Ok(self.of(half, &subset(self.generated, &half.generated)))
    }

    /// The measures of `rows`, not empty on either side; `generated` holds its rows of the
    /// generated set.
    fn of(&mut self, rows: &Halves, generated: &Features) -> Authenticity {
        let count = rows.generated.len() as f64;
        let near = || rows.generated.iter().map(|&i| self.to_train[i as usize]);
        let authentic = near().filter(|near| self.own[near.row as usize] < near.squared).count();
        let generated_median = median(near().map(Neighbour::distance).collect());
        let held_out_median =
            median(rows.real.iter().map(|&i| self.held_out_to_train[i as usize]).collect());
        let drawn = self.train.count().min(rows.real.len());
        let order = rng::stream(self.seed, "nearest of held-out", 0).permutation(rows.real.len());
        let held_out: Vec<u32> = order[..drawn].iter().map(|&i| rows.real[i as usize]).collect();
        let to_held_out =
            pairs::nearest(generated, &subset(self.held_out, &held_out), 1).squared_radii();
        let to_train = self.squared_to_drawn(drawn);
        let nearer = |(&i, h): (&u32, &f64)| {
            let t = to_train[i as usize];
            if t < *h {
                1.0
            } else if t == *h {
                0.5
            } else {
                0.0
            }
        };
        let nearer: f64 = rows.generated.iter().zip(&to_held_out).map(nearer).sum();
        Authenticity {
            percent: 100.0 * authentic as f64 / count,
            generated_median,
            held_out_median,
            nearer_percent: 100.0 * nearer / count,
        }
    }

    /// Squared distances of all generated pictures to `drawn` training pictures.
    fn squared_to_drawn(&mut self, drawn: usize) -> &[f64] {
        let at = self.to_drawn.iter().position(|(count, _)| *count == drawn).unwrap_or_else(|| {
            let squared = if drawn == self.train.count() {
                self.to_train.iter().map(|near| near.squared).collect()
            } else {
                let order = rng::stream(self.seed, "nearest of training", 0)
                    .permutation(self.train.count());
                pairs::nearest(self.generated, &subset(self.train, &order[..drawn]), 1)
                    .squared_radii()
            };
            self.to_drawn.push((drawn, squared));
            self.to_drawn.len() - 1
        });
        &self.to_drawn[at].1
    }
}

/// Checks that no set is too small or differs in dimensions.
pub(super) fn checked(
    generated: &Features,
    others: &[(&'static str, &Features, usize)],
) -> Result<(), FeaturesError> {
    features::check_one("generated", generated, 1)?;
    for &(set, features, least) in others {
        if features.dimensions() != generated.dimensions() {
            return Err(FeaturesError::Dimensions {
                generated: generated.dimensions(),
                real: features.dimensions(),
            });
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
