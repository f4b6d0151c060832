//! Penalties that keep a critic smooth.
//!
//! ```
//! use fledge_models::config::PenaltyConfig;
//!
//! assert!(PenaltyConfig { r1: 10.0, ..PenaltyConfig::default() }.on_gradient());
//! assert!(!PenaltyConfig { weight_clip: 0.01, ..PenaltyConfig::default() }.on_gradient());
//! ```

use fledge_base::cli::UsageError;
use serde::{Deserialize, Serialize};

use crate::check;

/// Penalties on D's weights and gradients, and on G's; 0 disables one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PenaltyConfig {
    /// D's weights are clipped to ± this after each of its steps (Arjovsky et al. 2017,
    /// arXiv:1701.07875).
    pub weight_clip: f64,
    /// λ of λ·E(‖∇D(x̂)‖ − 1)² at points between real and generated pictures (Gulrajani et al.
    /// 2017, arXiv:1704.00028).
    pub gradient: f64,
    /// γ of γ/2·E‖∇D‖² at real pictures (Mescheder et al. 2018, arXiv:1801.04406, eq. 9).
    pub r1: f64,
    /// γ of γ/2·E‖∇D‖² at generated pictures (the same, eq. 10).
    pub r2: f64,
    /// The penalties are computed in every `interval`-th step of D, with `interval` times the
    /// weight (Karras et al. 2020, "lazy regularization").
    pub interval: u64,
    /// Weight of the path length penalty on G: the mean of (|Jᵀy| − a)², J being the derivative of a
    /// picture by its styles, y noise, and a the running mean of |Jᵀy| (Karras et al. 2020,
    /// arXiv:1912.04958, equation 4).
    pub path_length: f64,
    /// The path length penalty is computed in every `path_interval`-th step, with `path_interval`
    /// times the weight.
    pub path_interval: u64,
}

impl Default for PenaltyConfig {
    /// No penalty.
    fn default() -> Self {
        Self {
            weight_clip: 0.0,
            gradient: 0.0,
            r1: 0.0,
            r2: 0.0,
            interval: 1,
            path_length: 0.0,
            path_interval: 4,
        }
    }
}

impl PenaltyConfig {
    /// Returns true if D's gradient with respect to its input is penalised.
    #[must_use]
    pub fn on_gradient(&self) -> bool {
        self.gradient > 0.0 || self.r1 > 0.0 || self.r2 > 0.0
    }

    /// # Errors
    /// If a value is invalid.
    pub(crate) fn validate(&self) -> Result<(), UsageError> {
        for (value, key) in [
            (self.weight_clip, "penalty.weight_clip"),
            (self.gradient, "penalty.gradient"),
            (self.r1, "penalty.r1"),
            (self.r2, "penalty.r2"),
            (self.path_length, "penalty.path_length"),
        ] {
            check::amount(value, key)?;
        }
        check::require(self.interval > 0, "penalty.interval", self.interval, "at least 1")?;
        let interval = self.path_interval;
        check::require(interval > 0, "penalty.path_interval", interval, "at least 1")
    }
}
