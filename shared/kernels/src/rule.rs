//! Update rules of weights.

/// One update of weights: first w ← kept·w and g ← scale·g + pull·w (with the weight before the
/// update), then the rule.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Update {
    /// The update rule.
    pub rule: Rule,
    /// Factor of the gradients; 1 = unchanged.
    pub scale: f64,
    /// Fraction of the weight added to its gradient; 0 = none.
    pub pull: f64,
    /// Fraction of the weight that is kept; 1 = all of it.
    pub kept: f64,
}

/// An update rule of weights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rule {
    /// m ← m + (1−β₁)(g−m), v ← v + (1−β₂)(g²−v), w ← w − α·m/(√v + ε). States: m and v.
    Adam {
        /// Learning rate times √(1−β₂ᵗ)/(1−β₁ᵗ).
        alpha: f64,
        /// Decay of the first moment.
        beta_1: f64,
        /// Decay of the second moment.
        beta_2: f64,
        /// The number added to the uncorrected root.
        epsilon: f64,
    },
    /// v ← v + (1−ρ)(g²−v), d = g/(√(v + inside) + outside), then as [`Rule::Sgd`] along d. States:
    /// v and, with a momentum, b.
    RmsProp {
        /// Decay of the mean square.
        rho: f64,
        /// The number added under the root.
        inside: f64,
        /// The number added to the root.
        outside: f64,
        /// μ.
        momentum: Option<f64>,
        /// Factor of the input of b.
        gain: f64,
        /// Factor of b.
        alpha: f64,
    },
    /// b ← μ·b + gain·g, w ← w − α·b; with Nesterov's momentum w ← w − α·(μ·b + gain·g); without a
    /// momentum w ← w − α·gain·g. State: b, if there is a momentum.
    Sgd {
        /// μ.
        momentum: Option<f64>,
        /// Nesterov's momentum: the step looks ahead along b.
        nesterov: bool,
        /// Factor of the input of b.
        gain: f64,
        /// Factor of b.
        alpha: f64,
    },
}

impl Rule {
    /// Number of states per weight.
    #[must_use]
    pub const fn kept(&self) -> usize {
        match self {
            Self::Adam { .. } => 2,
            Self::RmsProp { momentum, .. } => 1 + momentum.is_some() as usize,
            Self::Sgd { momentum, .. } => momentum.is_some() as usize,
        }
    }
}
