//! Weights and pools of the tasks that translate pictures.
//!
//! ```
//! use fledge_models::config::Settings;
//!
//! let settings = Settings::resolve("cyclegan", None, &["translate.identity=0".into()])?;
//! assert_eq!((settings.translate.cycle_a, settings.translate.identity), (10.0, 0.0));
//! # Ok::<(), fledge_base::cli::UsageError>(())
//! ```

use fledge_base::cli::UsageError;
use serde::{Deserialize, Serialize};

use crate::check::{above_zero, amount, positive, require};

/// The largest number of pictures in a pool: more would fill a checkpoint.
const MOST_POOLED: usize = 10_000;

/// The terms of a translating generator's loss. A task reads those that it has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TranslateConfig {
    /// Weight of the adversarial term.
    pub gan: f64,
    /// Task `paired`: weight of the mean absolute difference from the target (Isola et al. 2017,
    /// arXiv:1611.07004, equation 4).
    pub l1: f64,
    /// Task `cycle`: weight of the mean absolute difference of a picture of A translated to B and back
    /// (Zhu et al. 2017, arXiv:1703.10593, equation 2).
    pub cycle_a: f64,
    /// The same of a picture of B.
    pub cycle_b: f64,
    /// Task `cycle`: weight of the difference that a generator makes to a picture of its own target,
    /// as a share of that side's cycle weight (section 5.2).
    pub identity: f64,
    /// Task `cycle`: number of earlier translations that each discriminator is shown some of; 0 = none
    /// (Shrivastava et al. 2017, arXiv:1612.07828, section 2.3).
    pub pool: usize,
    /// Task `contrastive`: weight of the contrast between patches (Park et al. 2020,
    /// arXiv:2007.15651, equation 4).
    pub nce: f64,
    /// Whether pictures of the target are translated and contrasted, too: half of the weight each.
    pub nce_identity: bool,
    /// Layers of the generator whose features are contrasted, as the source numbers them.
    pub nce_layers: Vec<usize>,
    /// Patches of a picture and layer that are contrasted.
    pub nce_patches: usize,
    /// Divisor of the similarities.
    pub nce_temperature: f64,
    /// Length of the projected features.
    pub nce_width: usize,
    /// Whether a mirrored source is to become the mirrored translation, in half of the steps.
    pub flip_equivariance: bool,
}

impl Default for TranslateConfig {
    /// The weights of pix2pix, CycleGAN and CUT.
    fn default() -> Self {
        Self {
            gan: 1.0,
            l1: 100.0,
            cycle_a: 10.0,
            cycle_b: 10.0,
            identity: 0.5,
            pool: 50,
            nce: 1.0,
            nce_identity: true,
            nce_layers: vec![0, 4, 8, 12, 16],
            nce_patches: 256,
            nce_temperature: 0.07,
            nce_width: 256,
            flip_equivariance: false,
        }
    }
}

impl TranslateConfig {
    /// # Errors
    /// If a value is invalid.
    pub(crate) fn validate(&self) -> Result<(), UsageError> {
        for (value, key) in [
            (self.gan, "translate.gan"),
            (self.l1, "translate.l1"),
            (self.cycle_a, "translate.cycle_a"),
            (self.cycle_b, "translate.cycle_b"),
            (self.identity, "translate.identity"),
            (self.nce, "translate.nce"),
        ] {
            amount(value, key)?;
        }
        let most = format!("at most {MOST_POOLED}");
        require(self.pool <= MOST_POOLED, "translate.pool", self.pool, &most)?;
        positive(self.nce_patches, "translate.nce_patches")?;
        positive(self.nce_width, "translate.nce_width")?;
        above_zero(self.nce_temperature, "translate.nce_temperature")?;
        let layers = &self.nce_layers;
        let ascending = !layers.is_empty() && layers.windows(2).all(|pair| pair[0] < pair[1]);
        let expected = "one or more layers in ascending order, like [0,4,8,12,16]";
        require(ascending, "translate.nce_layers", format!("{layers:?}"), expected)
    }
}
