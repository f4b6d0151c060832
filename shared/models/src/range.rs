//! The interval of the pixel values that a network produces or takes.
//!
//! ```
//! use burn::tensor::{Device, Tensor};
//! use fledge_models::range::Range;
//!
//! let black = Tensor::<1>::full([1], -1.0, &Device::flex());
//! assert_eq!(Range::Signed.to_unit(black).into_scalar::<f32>(), 0.0);
//! ```

use burn::tensor::Tensor;

/// The interval of pixel values, determined by the generator's output activation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Range {
    /// [0, 1], black to white: a sigmoid.
    #[default]
    Unit,
    /// [−1, 1], black to white: a tanh.
    Signed,
}

#[expect(
    clippy::wrong_self_convention,
    reason = "from_unit reads as the opposite of to_unit; the range says which map it is"
)]
impl Range {
    /// Maps pixels from this interval to [0, 1].
    #[must_use]
    pub fn to_unit<const D: usize>(self, x: Tensor<D>) -> Tensor<D> {
        match self {
            Self::Unit => x,
            Self::Signed => x * 0.5 + 0.5,
        }
    }

    /// Maps pixels from [0, 1] to this interval.
    #[must_use]
    pub fn from_unit<const D: usize>(self, x: Tensor<D>) -> Tensor<D> {
        match self {
            Self::Unit => x,
            Self::Signed => x * 2.0 - 1.0,
        }
    }

    /// Maps pixels from this interval to [−1, 1].
    #[must_use]
    pub fn to_signed<const D: usize>(self, x: Tensor<D>) -> Tensor<D> {
        match self {
            Self::Unit => x * 2.0 - 1.0,
            Self::Signed => x,
        }
    }

    /// Maps pixels from [−1, 1] to this interval.
    #[must_use]
    pub fn from_signed<const D: usize>(self, x: Tensor<D>) -> Tensor<D> {
        match self {
            Self::Unit => x * 0.5 + 0.5,
            Self::Signed => x,
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    #[test]
    fn the_ends_of_one_interval_are_the_ends_of_the_other_and_come_back() {
        let values = |x: Tensor<1>| x.into_data().iter::<f32>().collect::<Vec<_>>();
        let unit = || Tensor::<1>::from_data([0.0, 0.25, 1.0], &Device::flex());
        let signed = || Tensor::<1>::from_data([-1.0, -0.5, 1.0], &Device::flex());
        for (range, own) in [(Range::Unit, unit()), (Range::Signed, signed())] {
            assert_eq!(values(range.to_unit(own.clone())), values(unit()));
            assert_eq!(values(range.to_signed(own.clone())), values(signed()));
            assert_eq!(values(range.from_unit(unit())), values(own.clone()));
            assert_eq!(values(range.from_signed(signed())), values(own));
        }
    }
}
