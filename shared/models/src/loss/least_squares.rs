//! Least squares (Mao et al. 2017, arXiv:1611.04076, equation 2), on logits and on probabilities.
//!
//! The paper halves every square. Here the mean of D's two parts equals the paper's loss, and G's
//! loss is twice the paper's, like the mean squared error of the libraries.

use burn::tensor::{Tensor, activation};

use super::labels::{Label, Labels};
use super::pair::{Loss, Parts};
#[cfg(test)]
use super::tests::{labelled, mean, sigmoid};

/// (x − y)², averaged.
fn squares(x: Tensor<2>, label: &Label) -> Tensor<1> {
    let off = match label {
        Label::Same(y) => x - *y,
        Label::Each(_) => {
            let y = label.beside(&x);
            x - y
        }
    };
    off.square().mean()
}

/// On logits.
#[derive(Clone, Copy, Debug)]
pub struct Lsgan;

impl Loss for Lsgan {
    fn generator(&self, _: Tensor<2>, fake: Tensor<2>) -> Parts {
        Parts::one(squares(fake, &Label::Same(1.0)))
    }

    fn discriminator(&self, real: Tensor<2>, fake: Tensor<2>, labels: &Labels) -> Parts {
        Parts::two(squares(real, &labels.real), squares(fake, &labels.fake))
    }

    #[cfg(test)]
    fn formula(&self, logits: [&[f64]; 2], labels: [&[f64]; 2]) -> [Vec<f64>; 2] {
        [
            labelled(logits, labels, |l, y| (l - y).powi(2)),
            vec![mean(logits[1], |l| (l - 1.0).powi(2))],
        ]
    }
}

/// On σ(logit): for a D that ends in a sigmoid.
#[derive(Clone, Copy, Debug)]
pub struct LsganSigmoid;

impl Loss for LsganSigmoid {
    fn generator(&self, _: Tensor<2>, fake: Tensor<2>) -> Parts {
        Parts::one(squares(activation::sigmoid(fake), &Label::Same(1.0)))
    }

    fn discriminator(&self, real: Tensor<2>, fake: Tensor<2>, labels: &Labels) -> Parts {
        Lsgan.discriminator(activation::sigmoid(real), activation::sigmoid(fake), labels)
    }

    #[cfg(test)]
    fn formula(&self, logits: [&[f64]; 2], labels: [&[f64]; 2]) -> [Vec<f64>; 2] {
        let off = |l: f64, y: f64| (sigmoid(l) - y).powi(2);
        [labelled(logits, labels, off), vec![mean(logits[1], |l| off(l, 1.0))]]
    }
}
