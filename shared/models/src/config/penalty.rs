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

/// Penalties on D's weights and gradients; 0 disables one.
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
}

impl Default for PenaltyConfig {
    /// No penalty.
    fn default() -> Self {
        Self { weight_clip: 0.0, gradient: 0.0, r1: 0.0, r2: 0.0, interval: 1 }
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
        ] {
            check::amount(value, key)?;
        }
        check::require(self.interval > 0, "penalty.interval", self.interval, "at least 1")
    }
}
