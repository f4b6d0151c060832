//! Inception Score (Salimans et al. 2016, arXiv:1606.03498): exp E KL(p(y|x) ‖ p(y)) over the
//! logits without bias, in ten splits, in f64. torch-fidelity's `metric_isc.py` permutes the rows
//! by `RandomState(2020)`; NVIDIA's StyleGAN repositories keep their order.

use shared::metrics::features::{self, Features, FeaturesError};
use shared::mt19937::RandomState;

/// Splits over which the score is averaged.
pub const SPLITS: usize = 10;

/// An Inception Score with its spread over the splits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InceptionScore {
    /// Mean over the splits.
    pub mean: f64,
    /// Standard deviation over the splits, in numpy's convention (divided by their number).
    pub std: f64,
}

/// The order of the rows before splitting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Permuted by numpy's legacy generator with this seed (torch-fidelity: 2020).
    Permuted(u32),
    /// Unchanged (NVIDIA's StyleGAN repositories).
    AsGiven,
}

/// The score of one set's logits.
///
/// # Errors
/// When there are fewer rows than splits, or one is not finite.
pub fn inception_score(logits: &Features, order: Order) -> Result<InceptionScore, FeaturesError> {
    features::check_one("generated", logits, SPLITS)?;
    let n = logits.count();
    let order = match order {
        Order::Permuted(seed) => RandomState::new(seed).permutation(n),
        Order::AsGiven => (0..n as u32).collect(),
    };
    let scores: Vec<f64> = (0..SPLITS)
        .map(|i| split_score(logits, &order[i * n / SPLITS..(i + 1) * n / SPLITS]))
        .collect();
    let mean = scores.iter().sum::<f64>() / SPLITS as f64;
    let variance = scores.iter().map(|s| (s - mean).powi(2)).sum::<f64>() / SPLITS as f64;
    Ok(InceptionScore { mean, std: variance.sqrt() })
}

fn split_score(logits: &Features, rows: &[u32]) -> f64 {
    let log_p: Vec<Vec<f64>> = rows.iter().map(|&i| log_softmax(logits.row(i as usize))).collect();
    let mut marginal = vec![0.0; logits.dimensions()];
    for row in &log_p {
        marginal.iter_mut().zip(row).for_each(|(q, l)| *q += l.exp() / rows.len() as f64);
    }
    let log_q: Vec<f64> = marginal.iter().map(|q| q.ln()).collect();
    // A class whose probability underflows everywhere contributes 0, not 0·∞.
    let term = |l: f64, log_q: f64| if log_q.is_finite() { l.exp() * (l - log_q) } else { 0.0 };
    let divergence: f64 =
        log_p.iter().flat_map(|row| row.iter().zip(&log_q).map(|(&l, &q)| term(l, q))).sum();
    (divergence / rows.len() as f64).exp()
}

fn log_softmax(row: &[f32]) -> Vec<f64> {
    let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let shifted: Vec<f64> = row.iter().map(|&v| f64::from(v) - f64::from(largest)).collect();
    let log_sum = shifted.iter().map(|v| v.exp()).sum::<f64>().ln();
    shifted.iter().map(|v| v - log_sum).collect()
}
