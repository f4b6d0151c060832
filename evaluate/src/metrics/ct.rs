//! The C_T test for data copying (Meehan, Chaudhuri and Dasgupta 2020, arXiv:2004.05675), following
//! dgm-eval's `ct.py`.
//!
//! In every cell of the training features: the Z score of the rank sum of the generated pictures'
//! distances to the nearest training picture among those of the held-out pictures. C_T is their
//! mean, weighted by the held-out pictures in the cell. Far below 0, generated pictures are too
//! near to training pictures; far above 0, too far.

use shared::metrics::features::{Features, FeaturesError};
use thiserror::Error;

use super::authenticity;
use super::kmeans::KMeans;
use super::pairs;
use super::pca::Pca;
use super::subset::subset;

/// Parameters of the cells; the default is dgm-eval's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cells {
    /// Their number.
    pub count: usize,
    /// Starts of k-means; the best counts.
    pub starts: u64,
    /// Principal components of the training features to cluster.
    pub components: usize,
    /// A cell counts if it has more generated pictures than this.
    pub generated_above: usize,
    /// Seed of k-means.
    pub seed: u64,
}

impl Default for Cells {
    fn default() -> Self {
        Self { count: 3, starts: 10, components: 64, generated_above: 20, seed: 0 }
    }
}

/// One cell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cell {
    /// The Z score; 0 without a generated picture.
    pub z: f64,
    /// Training pictures in the cell.
    pub train: usize,
    /// Held-out pictures in the cell.
    pub held_out: usize,
    /// Generated pictures in the cell.
    pub generated: usize,
    /// It has enough generated pictures to count.
    pub counts: bool,
}

/// A C_T and its cells.
#[derive(Clone, Debug, PartialEq)]
pub struct Ct {
    /// The weighted mean of the Z scores of the cells that count.
    pub value: f64,
    /// Every cell.
    pub cells: Vec<Cell>,
}

/// Why there is no C_T.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum CtError {
    /// The features are unusable.
    #[error(transparent)]
    Features(#[from] FeaturesError),
    /// A cell lacks pictures.
    #[error(
        "cell {cell} of {cells} has no {set} picture: ask for fewer cells, or give more pictures"
    )]
    EmptyCell {
        /// Index of the cell.
        cell: usize,
        /// Number of cells.
        cells: usize,
        /// "training" or "held-out".
        set: &'static str,
    },
    /// No cell counts.
    #[error("no cell has more than {above} generated pictures: generate more")]
    NoneCounts {
        /// A cell needs more than this.
        above: usize,
    },
}

/// C_T with cells by k-means on the first principal components of the training features.
///
/// # Errors
/// When the rows differ in length or are not finite, a set has fewer than 2, a cell lacks training
/// or held-out pictures, or none has enough generated ones.
pub fn ct(
    generated: &Features,
    train: &Features,
    held_out: &Features,
    cells: Cells,
) -> Result<Ct, CtError> {
    authenticity::checked(
        generated,
        &[("training", train, cells.count.max(2)), ("held-out", held_out, 2)],
    )?;
    let reduced = if train.dimensions() > cells.components {
        let pca = Pca::of(&[("training", train)], cells.components)?;
        Some([generated, train, held_out].map(|set| pca.project(set)))
    } else {
        None
    };
    let [generated, train, held_out] =
        reduced.as_ref().map_or([generated, train, held_out], |[g, t, h]| [g, t, h]);
    let clusters = KMeans::of(train, cells.count, cells.starts, cells.seed);
    let assigned = |set| (set, clusters.cells(set));
    ct_in_cells(
        &assigned(generated),
        &assigned(train),
        &assigned(held_out),
        cells.count,
        cells.generated_above,
    )
}

/// C_T with `cells` given cells: every set comes with the cell of each row.
///
/// # Errors
/// When a cell lacks training or held-out pictures, or none has more than `generated_above`
/// generated ones.
pub fn ct_in_cells(
    generated: &(&Features, Vec<u32>),
    train: &(&Features, Vec<u32>),
    held_out: &(&Features, Vec<u32>),
    cells: usize,
    generated_above: usize,
) -> Result<Ct, CtError> {
    let of_cell = |(set, assigned): &(&Features, Vec<u32>), cell: usize| {
        let rows: Vec<u32> =
            (0..set.count() as u32).filter(|&i| assigned[i as usize] as usize == cell).collect();
        subset(set, &rows)
    };
    let mut found = Vec::with_capacity(cells);
    for cell in 0..cells {
        let [generated, train, held_out] =
            [generated, train, held_out].map(|set| of_cell(set, cell));
        for (set, rows) in [("training", &train), ("held-out", &held_out)] {
            if rows.count() == 0 {
                return Err(CtError::EmptyCell { cell, cells, set });
            }
        }
        let distances = |of: &Features| {
            pairs::nearest(of, &train, 1).nearest().map(pairs::Neighbour::distance).collect()
        };
        let z = if generated.count() > 0 {
            z_score(distances(&generated), distances(&held_out))
        } else {
            0.0
        };
        let (generated, train, held_out) = (generated.count(), train.count(), held_out.count());
        found.push(Cell { z, train, held_out, generated, counts: generated > generated_above });
    }
    let counted = || found.iter().filter(|cell| cell.counts);
    let weight: f64 = counted().map(|cell| cell.held_out as f64).sum();
    if weight == 0.0 {
        return Err(CtError::NoneCounts { above: generated_above });
    }
    let value = counted().map(|cell| cell.held_out as f64 * cell.z).sum::<f64>() / weight;
    Ok(Ct { value, cells: found })
}

/// Mann and Whitney's U of `x` over `y`, standardised under equal distributions (without ties),
/// with dgm-eval's continuity correction.
fn z_score(x: Vec<f64>, y: Vec<f64>) -> f64 {
    let (m, n) = (x.len() as f64, y.len() as f64);
    let mut all: Vec<(f64, bool)> =
        x.into_iter().map(|v| (v, true)).chain(y.into_iter().map(|v| (v, false))).collect();
    all.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let mut before = 0;
    let mut ranks = 0.0;
    for equal in all.chunk_by(|a, b| a.0 == b.0) {
        // Ties share their mean rank, counted from 1.
        let rank = before as f64 + (equal.len() as f64 + 1.0) / 2.0;
        ranks += rank * equal.iter().filter(|(_, first)| *first).count() as f64;
        before += equal.len();
    }
    let u = ranks - m * (m + 1.0) / 2.0;
    (u - (n * m / 2.0 - 0.5)) / (n * m * (n + m + 1.0) / 12.0).sqrt()
}
