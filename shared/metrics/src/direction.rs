//! The better direction of each metric.
//!
//! ```
//! use fledge_metrics::direction::{Better, better};
//!
//! assert_eq!(better("kid"), Better::Lower);
//! assert_eq!(better("recall"), Better::Higher);
//! ```

/// The location of a metric's best value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// Distances: lower is better.
    Lower,
    /// Scores and shares: higher is better.
    Higher,
    /// Signed tests, where the sign says in which way the sets differ: nearest to 0 is best.
    NearZero,
}

/// The direction of a metric by its name in `metrics.jsonl`: `recall`, or `is_random-features`, of
/// which the part from `_` on is ignored. Unknown metrics are treated as distances.
#[must_use]
pub fn better(metric: &str) -> Better {
    match metric.split('_').next().unwrap_or(metric) {
        "is" | "precision" | "recall" | "f-score" | "density" | "coverage" | "authpct" => {
            Better::Higher
        }
        "ct" => Better::NearZero,
        _ => Better::Lower,
    }
}

impl Better {
    /// Badness of a value: the lowest is the best.
    #[must_use]
    pub fn badness(self, value: f64) -> f64 {
        match self {
            Self::Lower => value,
            Self::Higher => -value,
            Self::NearZero => value.abs(),
        }
    }

    /// A heading for tables, such as "lower is better".
    #[must_use]
    pub const fn about(self) -> &'static str {
        match self {
            Self::Lower => "lower is better",
            Self::Higher => "higher is better",
            Self::NearZero => "best near 0",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_has_its_direction_whatever_is_behind_its_name() {
        for metric in [
            "is",
            "precision_vgg16",
            "recall",
            "f-score",
            "density",
            "coverage",
            "authpct_random-features",
        ] {
            assert_eq!(better(metric), Better::Higher, "{metric}");
        }
        for metric in ["kid", "kid_random-features", "fid", "fid-inf", "mind", "ppl_squeezenet"] {
            assert_eq!(better(metric), Better::Lower, "{metric}");
        }
        assert_eq!(better("ct_dinov2-vit-b-14"), Better::NearZero);
    }

    #[test]
    fn the_best_is_the_least_bad() {
        let best = |better: Better| {
            [-3.0, 0.5, 2.0]
                .into_iter()
                .min_by(|a, b| better.badness(*a).total_cmp(&better.badness(*b)))
        };
        assert_eq!(
            [Better::Lower, Better::Higher, Better::NearZero].map(best),
            [Some(-3.0), Some(2.0), Some(0.5)]
        );
    }
}
