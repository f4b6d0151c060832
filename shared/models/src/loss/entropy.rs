//! The binary cross-entropies of Goodfellow et al. 2014 (arXiv:1406.2661).

use burn::tensor::{Tensor, activation};

use super::labels::{Label, Labels};
use super::pair::{Loss, Parts};
#[cfg(test)]
use super::tests::{entropy, labelled, mean, softplus};

/// Binary cross-entropy with logits for the label 1: −log σ(l) = softplus(−l), averaged.
fn taken_for_real(logits: Tensor<2>) -> Tensor<1> {
    activation::log_sigmoid(logits).mean().neg()
}

/// Binary cross-entropy with logits: −y·log σ(l) − (1−y)·log σ(−l), averaged.
fn cross_entropy(logits: Tensor<2>, label: &Label) -> Tensor<1> {
    match label {
        Label::Same(1.0) => taken_for_real(logits),
        Label::Same(0.0) => taken_for_real(logits.neg()),
        Label::Same(y) => {
            taken_for_real(logits.clone()) * *y + taken_for_real(logits.neg()) * (1.0 - y)
        }
        Label::Each(_) => {
            let y = label.beside(&logits);
            let rest = y.ones_like() - y.clone();
            let real = activation::log_sigmoid(logits.clone()) * y;
            (real + activation::log_sigmoid(logits.neg()) * rest).mean().neg()
        }
    }
}

/// Equation 1: D maximises and G minimises log D(x) + log(1 − D(G(z))). G's gradient vanishes while
/// D is confident.
#[derive(Clone, Copy, Debug)]
pub struct Minimax;

impl Loss for Minimax {
    fn generator(&self, _: Tensor<2>, fake: Tensor<2>) -> Parts {
        // log(1 − σ(l)) = log σ(−l), the negative of D's term.
        Parts::one(taken_for_real(fake.neg()).neg())
    }

    fn discriminator(&self, real: Tensor<2>, fake: Tensor<2>, labels: &Labels) -> Parts {
        Parts::two(cross_entropy(real, &labels.real), cross_entropy(fake, &labels.fake))
    }

    #[cfg(test)]
    fn formula(&self, logits: [&[f64]; 2], labels: [&[f64]; 2]) -> [Vec<f64>; 2] {
        [labelled(logits, labels, entropy), vec![mean(logits[1], |l| -softplus(l))]]
    }
}

/// Section 3: G maximises log D(G(z)) instead. D's loss is the mean over real and generated
/// pictures in the Keras GAN-ADA example.
#[derive(Clone, Copy, Debug)]
pub struct NonSaturating;

impl Loss for NonSaturating {
    fn generator(&self, _: Tensor<2>, fake: Tensor<2>) -> Parts {
        Parts::one(taken_for_real(fake))
    }

    fn discriminator(&self, real: Tensor<2>, fake: Tensor<2>, labels: &Labels) -> Parts {
        Minimax.discriminator(real, fake, labels)
    }

    #[cfg(test)]
    fn formula(&self, logits: [&[f64]; 2], labels: [&[f64]; 2]) -> [Vec<f64>; 2] {
        [labelled(logits, labels, entropy), vec![mean(logits[1], |l| softplus(-l))]]
    }
}
