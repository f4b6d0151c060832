//! The rank of a translation's own target among all targets: does a translation depend on its
//! source at all? A constant picture is nearest to one target, whatever its source.

use rayon::prelude::*;

use super::similarity::absolute;

/// The place of a translation's own target among all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rank {
    /// 1 if it is nearer than all others; of equally near ones it is the last.
    pub rank: usize,
    /// The index of the nearest target, the first of equally near ones.
    pub nearest: usize,
}

/// The rank of target `own` by mean absolute difference from `output`; all have one size.
#[must_use]
pub fn rank(output: &[u8], targets: &[&[u8]], own: usize) -> Rank {
    let distances: Vec<u64> = targets.par_iter().map(|target| absolute(output, target)).collect();
    let nearer = distances.iter().filter(|&&distance| distance <= distances[own]).count();
    let nearest = (0..distances.len()).min_by_key(|&i| distances[i]).unwrap_or(own);
    Rank { rank: nearer, nearest }
}

/// The 95 % interval of a share of which `hits` of `count` were seen (Wilson 1927, "Probable
/// inference, the law of succession, and statistical inference").
#[must_use]
pub fn wilson(hits: usize, count: usize) -> [f64; 2] {
    /// The 97.5 % point of the normal distribution.
    const Z: f64 = 1.959_963_984_540_054;
    let (n, p) = (count as f64, hits as f64 / count as f64);
    let scale = 1.0 / (1.0 + Z * Z / n);
    let middle = (p + Z * Z / (2.0 * n)) * scale;
    let half = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt() * scale;
    [(middle - half).max(0.0), (middle + half).min(1.0)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_target_is_first_only_if_it_is_nearer_than_all_others() {
        let targets: [&[u8]; 4] = [&[10, 10], &[20, 20], &[20, 20], &[90, 90]];
        assert_eq!(rank(&[11, 11], &targets, 0), Rank { rank: 1, nearest: 0 });
        assert_eq!(rank(&[11, 11], &targets, 3), Rank { rank: 4, nearest: 0 });
        // Two equal targets: neither is nearer than the other.
        assert_eq!(rank(&[21, 21], &targets, 1), Rank { rank: 2, nearest: 1 });
        assert_eq!(rank(&[21, 21], &targets, 2), Rank { rank: 2, nearest: 1 });
    }
}
