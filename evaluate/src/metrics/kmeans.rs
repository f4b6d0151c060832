//! Clusters of features by k-means: Lloyd's iterations from k-means++ (Arthur and Vassilvitskii
//! 2007), the best of several starts.

use rayon::prelude::*;
use shared::metrics::features::Features;
use shared::rng::{self, Stream};

use super::tiles::squared_distance;

/// Maximum iterations of a start; scikit-learn's default.
const ITERATIONS: usize = 300;

/// Centres of clusters.
#[derive(Clone, Debug, PartialEq)]
pub struct KMeans {
    centres: Features,
}

impl KMeans {
    /// The best of `starts` (at least 1) runs with `clusters` clusters, at most as many as rows;
    /// all rows are finite.
    #[must_use]
    pub fn of(features: &Features, clusters: usize, starts: u64, seed: u64) -> Self {
        let runs = (0..starts).map(|start| {
            let mut found = Self {
                centres: spread_out(features, clusters, &mut rng::stream(seed, "k-means", start)),
            };
            let mut assigned = found.nearest(features);
            for _ in 0..ITERATIONS {
                found = Self { centres: found.moved(features, &assigned) };
                let next = found.nearest(features);
                let settled = next.iter().zip(&assigned).all(|(a, b)| a.0 == b.0);
                assigned = next;
                if settled {
                    break;
                }
            }
            (assigned.iter().map(|&(_, squared)| squared).sum::<f64>(), found)
        });
        let best = runs.min_by(|a, b| a.0.total_cmp(&b.0));
        best.map_or_else(
            || Self { centres: Features::empty(features.dimensions()) },
            |(_, found)| found,
        )
    }

    /// The cluster of every row.
    #[must_use]
    pub fn cells(&self, features: &Features) -> Vec<u32> {
        self.nearest(features).into_iter().map(|(cell, _)| cell).collect()
    }

    /// Every row's nearest centre and the squared distance to it.
    fn nearest(&self, features: &Features) -> Vec<(u32, f64)> {
        let nearest = |i: usize| {
            let to = |cell: usize| {
                (cell as u32, squared_distance(features.row(i), self.centres.row(cell)))
            };
            (0..self.centres.count()).map(to).min_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or_default()
        };
        (0..features.count()).into_par_iter().map(nearest).collect()
    }

    /// The means of the assigned rows; a centre without rows stays.
    fn moved(&self, features: &Features, assigned: &[(u32, f64)]) -> Features {
        let (k, d) = (self.centres.count(), features.dimensions());
        let (mut sums, mut counts) = (vec![0.0; k * d], vec![0_usize; k]);
        for (i, &(cell, _)) in assigned.iter().enumerate() {
            let cell = cell as usize;
            counts[cell] += 1;
            sums[cell * d..(cell + 1) * d]
                .iter_mut()
                .zip(features.row(i))
                .for_each(|(s, &v)| *s += f64::from(v));
        }
        let mean = |(cell, &count): (usize, &usize)| match count {
            0 => self.centres.row(cell).to_vec(),
            _ => sums[cell * d..(cell + 1) * d].iter().map(|s| (s / count as f64) as f32).collect(),
        };
        Features::new(counts.iter().enumerate().flat_map(mean).collect(), d)
    }
}

/// k-means++: draws each row with probability proportional to its squared distance to the nearest
/// drawn row.
fn spread_out(features: &Features, clusters: usize, random: &mut Stream) -> Features {
    let n = features.count();
    let mut chosen = vec![random.below(n as u64) as usize];
    let mut squared = vec![f64::INFINITY; n];
    while chosen.len() < clusters {
        let last = features.row(chosen[chosen.len() - 1]);
        squared
            .par_iter_mut()
            .enumerate()
            .for_each(|(i, s)| *s = s.min(squared_distance(features.row(i), last)));
        let mut left = random.uniform() * squared.iter().sum::<f64>();
        let drawn = squared.iter().position(|s| {
            left -= s;
            left < 0.0
        });
        // All rows equal drawn ones: any will do.
        chosen.push(drawn.unwrap_or_else(|| random.below(n as u64) as usize));
    }
    Features::new(
        chosen.iter().flat_map(|&i| features.row(i)).copied().collect(),
        features.dimensions(),
    )
}
