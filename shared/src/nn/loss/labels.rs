//! What D is told about each picture: 1 and 0, or softer, noisy or exchanged.

use crate::nn::config::LossConfig;
use crate::rng::Stream;
use burn::tensor::{Tensor, TensorData};

/// Which labels a loss gives a meaning to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LabelRange {
    /// D learns without labels, so that they can be neither softened, drawn nor exchanged.
    None,
    /// 0 to 1: how likely a picture is real.
    Fractions,
    /// Any two numbers that logits may aim at.
    Numbers,
}

/// The labels of one kind of picture.
#[derive(Clone, Debug, PartialEq)]
pub enum Label {
    /// The same for all.
    Same(f64),
    /// One for each.
    Each(Vec<f32>),
}

/// The labels of the batches of real and of generated pictures.
#[derive(Clone, Debug, PartialEq)]
pub struct Labels {
    /// Those of the real ones.
    pub real: Label,
    /// Those of the generated ones.
    pub fake: Label,
}

impl Labels {
    /// 1 for real pictures, 0 for generated ones.
    pub const PLAIN: Self = Self { real: Label::Same(1.0), fake: Label::Same(0.0) };

    /// The labels of two batches of `batch` pictures. Nothing is drawn where noise and exchange are off.
    ///
    /// With noise n, a real picture's label is U(real − n, real), a generated one's U(fake, fake + n); an exchanged one is
    /// drawn as the other kind's.
    #[must_use]
    pub fn draw(config: &LossConfig, batch: usize, stream: &mut Stream) -> Self {
        let LossConfig { real_label, fake_label, label_noise, label_flip, .. } = *config;
        if label_noise == 0.0 && label_flip == 0.0 {
            return Self { real: Label::Same(real_label), fake: Label::Same(fake_label) };
        }
        // Two draws a label, whatever is off, so that a setting does not shift the other's numbers.
        let mut label = |is_real: bool| {
            let (noise, exchanged) = (label_noise * stream.uniform(), stream.coin(label_flip));
            let value = if is_real == exchanged { fake_label + noise } else { real_label - noise };
            value as f32
        };
        let mut labels = |is_real| Label::Each((0..batch).map(|_| label(is_real)).collect());
        Self { real: labels(true), fake: labels(false) }
    }
}

impl Label {
    /// As a tensor that goes with `logits` [B, 1]: [1, 1] or [B, 1], on their device and without a graph.
    #[must_use]
    pub fn beside(&self, logits: &Tensor<2>) -> Tensor<2> {
        let values = match self {
            Self::Same(value) => vec![*value as f32],
            Self::Each(values) => values.clone(),
        };
        let count = values.len();
        Tensor::from_data(TensorData::new(values, [count, 1]), &logits.device())
    }
}

#[cfg(test)]
mod tests {
    use crate::rng;

    use super::*;

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
        let labels = draw(&LossConfig { label_flip: 0.05, real_label: 0.9, fake_label: 0.1, ..LossConfig::default() });
        for (values, own, other) in [(each(&labels.real), 0.9, 0.1), (each(&labels.fake), 0.1, 0.9)] {
            assert!(values.iter().all(|&v| v == own || v == other));
            let share = values.iter().filter(|&&v| v == other).count() as f64 / values.len() as f64;
            // Five standard errors: 5 · √(0.05 · 0.95/10,000).
            assert!((share - 0.05).abs() < 0.011, "{share}");
        }
    }
}
