//! Class conditioning of the networks.
//!
//! ```
//! use fledge_models::config::Settings;
//!
//! let settings = Settings::resolve("gan-ada", None, &["cond=embedding+projection".into()])?;
//! assert!(settings.cond.is_on());
//! # Ok::<(), fledge_base::cli::UsageError>(())
//! ```

use fledge_base::cli::UsageError;
use serde::{Deserialize, Serialize};

use crate::check;

/// Class conditioning of the generator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CondGenerator {
    /// Unconditional.
    None,
    /// A learned class embedding is concatenated to the latent vector (Mirza & Osindero 2014,
    /// arXiv:1411.1784).
    Embedding,
    /// Every BatchNorm has a gamma and a beta for each class (de Vries et al. 2017,
    /// arXiv:1707.00683).
    BatchNorm,
}

/// Class conditioning of the discriminator, or its classifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CondDiscriminator {
    /// Unconditional.
    None,
    /// The inner product of the features and a learned class embedding is added to the logit
    /// (Miyato & Koyama 2018, arXiv:1802.05637).
    Projection,
    /// The discriminator also classifies its input (Odena et al. 2017, arXiv:1610.09585).
    Auxiliary,
}

/// Class conditioning. `--set cond=embedding+projection` sets both sides at once; `--set cond=none`
/// turns both off.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CondConfig {
    /// Conditioning of the generator.
    pub generator: CondGenerator,
    /// Conditioning of the discriminator.
    pub discriminator: CondDiscriminator,
    /// Length of the class embedding concatenated to the latent vector.
    pub embedding: usize,
    /// Weight of the auxiliary classifier's cross-entropy in both losses.
    pub auxiliary_weight: f64,
}

impl Default for CondConfig {
    /// Both networks unconditional.
    fn default() -> Self {
        Self {
            generator: CondGenerator::None,
            discriminator: CondDiscriminator::None,
            embedding: 32,
            auxiliary_weight: 1.0,
        }
    }
}

/// The words of `cond=…`, each with the key that it sets.
const WORDS: &[(&str, &str)] = &[
    ("embedding", "generator"),
    ("batch-norm", "generator"),
    ("projection", "discriminator"),
    ("auxiliary", "discriminator"),
];

impl CondConfig {
    /// Returns true if either network is class-conditional.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.generator != CondGenerator::None || self.discriminator != CondDiscriminator::None
    }

    /// Parses `embedding+projection` into the values of the two keys.
    ///
    /// # Errors
    /// If a word is not known.
    pub(crate) fn words(text: &str) -> Result<[(&'static str, String); 2], String> {
        let mut values = [("generator", "none".to_owned()), ("discriminator", "none".to_owned())];
        for word in text.split('+').map(str::trim).filter(|w| *w != "none") {
            let known = || WORDS.iter().map(|w| w.0).collect::<Vec<_>>().join(", ");
            let (_, key) = WORDS.iter().find(|w| w.0 == word).ok_or_else(|| {
                format!("cond = {word}: expected none, or one or two of {} joined by +", known())
            })?;
            values.iter_mut().filter(|v| v.0 == *key).for_each(|v| word.clone_into(&mut v.1));
        }
        Ok(values)
    }

    /// # Errors
    /// If a value is invalid.
    pub(crate) fn validate(&self) -> Result<(), UsageError> {
        check::positive(self.embedding, "cond.embedding")?;
        check::amount(self.auxiliary_weight, "cond.auxiliary_weight")
    }
}
