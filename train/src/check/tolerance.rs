//! The permitted deviations of a device from the CPU, with reasons: one table.

pub use shared::nn::ops::Precision;

/// The kind of a computation, which selects a row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Each number depends on only a few others.
    Elementwise,
    /// Sums of many numbers without matrix products.
    Sum,
    /// Convolutions and matrix products.
    Product,
    /// A whole network, forward and backward.
    Network,
    /// Losses over logits.
    Loss,
    /// Gradients of gradients.
    Penalty,
    /// Resampling, filters and colour transforms of pictures.
    Augmentation,
    /// Weights and optimizer state.
    Optimizer,
    /// 8-bit pictures, in levels.
    Picture,
    /// The movement of weights in one step.
    Step,
    /// The movement of weights in three steps.
    Steps,
    /// Inception's features.
    Features,
    /// KID itself.
    Kid,
}

/// One row: the tolerances in f32, tf32 and bf16, and the reason for them.
#[derive(Clone, Copy, Debug)]
pub struct Tolerance {
    /// Kind of computation.
    pub kind: Kind,
    /// In the order of [`Precision`]; relative to the largest number of a tensor, unless the reason
    /// says otherwise.
    pub largest: [f64; 3],
    /// The reason.
    pub reason: &'static str,
}

const fn row(kind: Kind, largest: [f64; 3], reason: &'static str) -> Tolerance {
    Tolerance { kind, largest, reason }
}

/// The table.
pub const TOLERANCES: &[Tolerance] = &[
    row(
        Kind::Elementwise,
        [1e-6, 1e-6, 1e-2],
        "a few roundings of 6e-8, and each device's own exp and tanh; in bf16 two or three \
         roundings of 4e-3",
    ),
    row(
        Kind::Sum,
        [1e-5, 1e-5, 2e-2],
        "sums of up to about ten thousand numbers in another order: 6e-8 times the root of their \
         count",
    ),
    row(
        Kind::Product,
        [1e-5, 2e-3, 2e-2],
        "sums of up to a few thousand products in another order, or by Winograd's transforms; \
         tf32 rounds both factors at 5e-4, bf16 at 4e-3",
    ),
    row(
        Kind::Network,
        [1e-4, 3e-2, 2e-1],
        "up to ten consecutive products, each normalised by statistics of few numbers: PyTorch's \
         own f32 lies 2e-6 to 9e-6 from f64",
    ),
    row(Kind::Loss, [2e-6, 2e-6, 2e-6], "a mean of elementwise functions, always in f32"),
    row(
        Kind::Penalty,
        [1e-4, 5e-2, 3e-1],
        "a network forward, back and forward again: PyTorch's own f32 lies 5e-6 from f64",
    ),
    row(
        Kind::Augmentation,
        [1e-5, 2e-3, 2e-2],
        "resampling with weights rounded to f32, and filters that may be matrix products",
    ),
    row(
        Kind::Optimizer,
        [5e-6, 5e-6, 5e-6],
        "a few roundings per step for three steps, and one root, always in f32",
    ),
    row(
        Kind::Picture,
        [1.0, 3.0, 12.0],
        "in levels of 255: a value at the edge between two levels may fall to either side; tf32 \
         and bf16 move it by as much as a network's result",
    ),
    row(
        Kind::Step,
        [2e-3, 2e-1, 1.0],
        "relative to the largest movement of a weight: gradients as of a network, divided by \
         their own size; a weight of 0.1 holds a movement of 2e-4 to 4e-5",
    ),
    row(
        Kind::Steps,
        [1e-2, 5e-1, 2.0],
        "each step starts from the last one's deviation, and the networks react to each other",
    ),
    row(Kind::Features, [1e-4, 2e-2, 1e-1], "94 consecutive convolutions with untrained weights"),
    row(
        Kind::Kid,
        [1e-4, 1e-3, 5e-3],
        "absolute: permitted difference in KID of the same \
                                        generator",
    ),
];

impl Kind {
    /// The largest acceptable deviation of a computation of this kind.
    #[must_use]
    pub fn tolerance(self, precision: Precision) -> f64 {
        // A kind without a row would tolerate no deviation; a test rules that out.
        TOLERANCES
            .iter()
            .find(|row| row.kind == self)
            .map_or(0.0, |row| row.largest[precision as usize])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_one_row_and_no_precision_is_stricter_than_a_finer_one() {
        for (i, row) in TOLERANCES.iter().enumerate() {
            assert!(
                TOLERANCES[..i].iter().all(|other| other.kind != row.kind),
                "{:?} twice",
                row.kind
            );
            assert!(row.largest[0] > 0.0 && row.largest.is_sorted(), "{row:?}");
        }
        for case in super::super::cases(super::super::Extent::Small) {
            assert!(case.kind.tolerance(Precision::F32) > 0.0, "{}", case.name);
        }
    }
}
