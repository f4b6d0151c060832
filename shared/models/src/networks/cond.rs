//! Classes: how the networks are told them.

use fledge_base::cli::UsageError;
use serde::{Deserialize, Serialize};

use crate::check;

/// How the generator is told the class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CondGenerator {
    /// It is not.
    None,
    /// A trained vector of the class is put behind the latent (Mirza & Osindero 2014,
    /// arXiv:1411.1784).
    Embedding,
    /// Every BatchNorm has a gamma and a beta for each class (de Vries et al. 2017,
    /// arXiv:1707.00683).
    BatchNorm,
}

/// How the discriminator is told the class, or asked for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CondDiscriminator {
    /// It is not.
    None,
    /// The product of features and a trained vector of the class is added to the logit (Miyato &
    /// Koyama 2018, arXiv:1802.05637).
    Projection,
    /// It also says which class it sees (Odena et al. 2017, arXiv:1610.09585).
    Auxiliary,
}

/// Classes. `--set cond=embedding+projection` sets both sides at once; `--set cond=none` neither.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CondConfig {
    /// The generator.
    pub generator: CondGenerator,
    /// The discriminator.
    pub discriminator: CondDiscriminator,
    /// Length of the class' vector behind the latent.
    pub embedding: usize,
    /// Weight of the auxiliary classifier's cross-entropy in both losses.
    pub auxiliary_weight: f64,
}

impl Default for CondConfig {
    /// No classes.
    fn default() -> Self {
        Self {
            generator: CondGenerator::None,
            discriminator: CondDiscriminator::None,
            embedding: 32,
            auxiliary_weight: 1.0,
        }
    }
}

/// The words of `cond=…`, and the key that each sets.
const WORDS: &[(&str, &str)] = &[
    ("embedding", "generator"),
    ("batch-norm", "generator"),
    ("projection", "discriminator"),
    ("auxiliary", "discriminator"),
];

impl CondConfig {
    /// Whether either network is told the class.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.generator != CondGenerator::None || self.discriminator != CondDiscriminator::None
    }

    /// `embedding+projection` as the values of the two keys.
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
    /// If a value makes no sense.
    pub(crate) fn validate(&self) -> Result<(), UsageError> {
        check::positive(self.embedding, "cond.embedding")?;
        check::amount(self.auxiliary_weight, "cond.auxiliary_weight")
    }
}
