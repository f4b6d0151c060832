//! Settings of the loss, and of what makes the discriminator's task harder: soft, noisy and flipped
//! labels, and instance noise.
//!
//! ```
//! use fledge_models::loss::LossConfig;
//!
//! let smooth = LossConfig { real_label: 0.9, ..LossConfig::default() };
//! assert!(smooth.validate().is_ok());
//! ```

use fledge_base::cli::UsageError;
use fledge_base::rng::Stream;
use serde::{Deserialize, Serialize};

use super::labels::{Label, LabelRange, Labels};
use super::name::LossName;
use crate::check::{amount, fraction, require, share};

/// The loss. Keys missing from older files have the value of [`LossConfig::default`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LossConfig {
    /// Name in the table [`LOSSES`](crate::loss::LOSSES).
    pub name: LossName,
    /// Reduction of a loss of two parts (real and generated pictures) to one number.
    pub reduction: Reduction,
    /// D's target for real pictures; 0.9 is one-sided label smoothing (Salimans et al. 2016,
    /// arXiv:1606.03498, section 3.4). G's own target is always 1.
    pub real_label: f64,
    /// D's target for generated pictures.
    pub fake_label: f64,
    /// Width n of the noise on D's labels: U(real_label − n, real_label) and U(fake_label,
    /// fake_label + n).
    pub label_noise: f64,
    /// Share of D's labels that are flipped, drawn for each picture.
    pub label_flip: f64,
    /// Standard deviation of the Gaussian noise on D's input, in units of pictures in [−1, 1]
    /// (Sønderby et al. 2017, arXiv:1610.04490; Arjovsky & Bottou 2017, arXiv:1701.04862); 0 =
    /// none.
    pub instance_noise: f64,
    /// The pictures that get instance noise.
    pub instance_noise_on: NoiseOn,
    /// Thousands of real pictures over which the noise fades linearly to 0; 0 = no fading.
    pub instance_noise_kimg: f64,
}

/// Reduction of a loss of two parts to one number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reduction {
    /// Half the sum: the mean over all pictures judged.
    #[default]
    Mean,
    /// The sum, as in most papers.
    Sum,
}

/// The pictures that get instance noise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoiseOn {
    /// The real ones.
    Reals,
    /// Real and generated ones.
    #[default]
    Both,
}

impl Default for LossConfig {
    /// The non-saturating loss with labels 1 and 0, without noise.
    fn default() -> Self {
        Self {
            name: LossName::default(),
            reduction: Reduction::default(),
            real_label: 1.0,
            fake_label: 0.0,
            label_noise: 0.0,
            label_flip: 0.0,
            instance_noise: 0.0,
            instance_noise_on: NoiseOn::default(),
            instance_noise_kimg: 0.0,
        }
    }
}

impl LossConfig {
    /// Checks that the values are valid together.
    ///
    /// # Errors
    /// If one is not; the error names it.
    pub fn validate(&self) -> Result<(), UsageError> {
        let (plain, labels) = (Self::default(), self.name.row().labels);
        for (key, value, usual) in [
            ("loss.real_label", self.real_label, plain.real_label),
            ("loss.fake_label", self.fake_label, plain.fake_label),
            ("loss.label_noise", self.label_noise, plain.label_noise),
            ("loss.label_flip", self.label_flip, plain.label_flip),
        ] {
            let expected = format!("{usual}, because {} has no labels", self.name);
            require(labels != LabelRange::None || value == usual, key, value, &expected)?;
        }
        if labels == LabelRange::Numbers {
            require(self.real_label.is_finite(), "loss.real_label", self.real_label, "a number")?;
            require(self.fake_label.is_finite(), "loss.fake_label", self.fake_label, "a number")?;
            amount(self.label_noise, "loss.label_noise")?;
        } else {
            fraction(self.real_label, "loss.real_label")?;
            fraction(self.fake_label, "loss.fake_label")?;
            let room = self.real_label.min(1.0 - self.fake_label);
            let expected = format!("0 to {room}, so that every label lies in 0 to 1");
            require(
                (0.0..=room).contains(&self.label_noise),
                "loss.label_noise",
                self.label_noise,
                &expected,
            )?;
        }
        share(self.label_flip, "loss.label_flip")?;
        amount(self.instance_noise, "loss.instance_noise")?;
        amount(self.instance_noise_kimg, "loss.instance_noise_kimg")
    }
}

impl Labels {
    /// Draws the labels of two batches of `batch` pictures. Nothing is drawn if noise and flipping
    /// are off.
    ///
    /// With noise n, a real picture's label is U(real − n, real), a generated one's U(fake, fake +
    /// n); a flipped label is drawn as for the other kind.
    #[must_use]
    pub fn draw(config: &LossConfig, batch: usize, stream: &mut Stream) -> Self {
        let LossConfig { real_label, fake_label, label_noise, label_flip, .. } = *config;
        if label_noise == 0.0 && label_flip == 0.0 {
            return Self { real: Label::Same(real_label), fake: Label::Same(fake_label) };
        }
        // Always two draws per label, so that enabling one setting does not shift the draws of the
        // other.
        let mut label = |is_real: bool| {
            let (noise, exchanged) = (label_noise * stream.uniform(), stream.coin(label_flip));
            let value = if is_real == exchanged { fake_label + noise } else { real_label - noise };
            value as f32
        };
        let mut labels = |is_real| Label::Each((0..batch).map(|_| label(is_real)).collect());
        Self { real: labels(true), fake: labels(false) }
    }
}

#[cfg(test)]
mod tests {
    use fledge_base::rng;

    use super::*;

    fn named(name: &str) -> LossConfig {
        LossConfig { name: LossName::find(name).expect(name), ..LossConfig::default() }
    }

    #[test]
    fn labels_are_refused_by_name_where_the_loss_has_none() {
        let config = |name| LossConfig { real_label: 0.9, ..named(name) };
        assert!(config("lsgan").validate().is_ok());
        let error = config("relativistic-hinge").validate().expect_err("labels").to_string();
        assert!(
            error.contains("loss.real_label = 0.9")
                && error.contains("relativistic-hinge has no labels"),
            "{error}"
        );
    }

    #[test]
    fn labels_of_a_cross_entropy_stay_probabilities() {
        let config = |name, label_noise| LossConfig { real_label: 0.8, label_noise, ..named(name) };
        assert!(config("non-saturating", 0.8).validate().is_ok());
        for wrong in [0.9, -0.1, f64::NAN] {
            let error = config("non-saturating", wrong).validate().expect_err("noise").to_string();
            assert!(error.contains("loss.label_noise"), "{error}");
        }
        assert!(config("lsgan", 0.9).validate().is_ok());
    }

    fn draw(config: &LossConfig) -> Labels {
        Labels::draw(config, 10_000, &mut rng::stream(0, "labels", 0))
    }

    fn each(label: &Label) -> &[f32] {
        match label {
            Label::Each(values) => values,
            Label::Same(_) => panic!("one label for all"),
        }
    }

    #[test]
    fn without_noise_and_exchange_nothing_is_drawn() {
        let mut stream = rng::stream(0, "labels", 0);
        let smooth = LossConfig { real_label: 0.9, ..LossConfig::default() };
        assert_eq!(Labels::draw(&LossConfig::default(), 4, &mut stream), Labels::PLAIN);
        assert_eq!(Labels::draw(&smooth, 4, &mut stream).real, Label::Same(0.9));
        assert_eq!(stream.bits(), rng::stream(0, "labels", 0).bits());
    }

    #[test]
    fn noisy_labels_fill_their_range_evenly() {
        let labels = draw(&LossConfig { label_noise: 0.1, ..LossConfig::default() });
        for (values, low) in [(each(&labels.real), 0.9f32), (each(&labels.fake), 0.0)] {
            assert!(values.iter().all(|v| (low..=low + 0.1).contains(v)));
            let mean = values.iter().sum::<f32>() / values.len() as f32;
            // Five standard errors of a uniform of width 0.1 and 10,000 draws: 5 · 0.1/√12/100.
            assert!((mean - low - 0.05).abs() < 1.5e-3, "{mean}");
        }
    }

    #[test]
    fn the_asked_share_of_both_kinds_is_exchanged() {
        let labels = draw(&LossConfig {
            label_flip: 0.05,
            real_label: 0.9,
            fake_label: 0.1,
            ..LossConfig::default()
        });
        for (values, own, other) in [(each(&labels.real), 0.9, 0.1), (each(&labels.fake), 0.1, 0.9)]
        {
            assert!(values.iter().all(|&v| v == own || v == other));
            let share = values.iter().filter(|&&v| v == other).count() as f64 / values.len() as f64;
            // Five standard errors: 5 · √(0.05 · 0.95/10,000).
            assert!((share - 0.05).abs() < 0.011, "{share}");
        }
    }
}
