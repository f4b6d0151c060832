//! Borders that continue a picture, and the blur of anti-aliased networks. All are linear maps along
//! both axes, each a short sum of samples, so that [`fledge_kernels::filter`] computes them and their
//! exact transposes.

use std::sync::Arc;

use fledge_kernels::{self as ops, Fir};

use crate::dual::Dual;

/// A border, or a blur, along both axes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Border {
    /// This many pixels on each side, mirrored at the outermost pixel without repeating it: −i is i.
    /// The picture must be larger than the border.
    Reflect(usize),
    /// This many pixels on each side, equal to the outermost one.
    Replicate(usize),
    /// [1, 2, 1]/4 at every second pixel, with reflected borders (Zhang 2019, "Making convolutional
    /// networks shift-invariant again", arXiv:1904.11486): n pixels become ⌈n/2⌉.
    BlurHalf,
}

/// The binomial filter of [`Border::BlurHalf`]; its sum is 1.
pub(crate) const BLUR: [f32; 3] = [0.25, 0.5, 0.25];

/// Index `i` of a line of `n` pixels, reflected once at its ends.
fn reflected(i: isize, n: usize) -> usize {
    let last = n as isize - 1;
    let i = i.abs();
    (if i > last { 2 * last - i } else { i }) as usize
}

impl Border {
    /// The map along an axis of `n` pixels.
    ///
    /// # Panics
    /// If a reflection is not smaller than the picture.
    pub(crate) fn along(self, n: usize) -> Fir {
        let around = |width: usize, at: &dyn Fn(isize) -> usize| {
            let result = |i: usize| vec![(at(i as isize - width as isize), 1.0)];
            Fir { samples: n, results: (0..n + 2 * width).map(result).collect() }
        };
        match self {
            Self::Reflect(width) => {
                assert!(width < n, "a border of {width} reflected pixels around {n}");
                around(width, &|i| reflected(i, n))
            }
            Self::Replicate(width) => around(width, &|i| i.clamp(0, n as isize - 1) as usize),
            Self::BlurHalf => {
                assert!(n > 1, "a blur needs two pixels");
                let result = |i: usize| {
                    let taps = (-1..).zip(BLUR);
                    taps.map(|(k, tap)| (reflected(2 * i as isize + k, n), tap)).collect()
                };
                Fir { samples: n, results: (0..n.div_ceil(2)).map(result).collect() }
            }
        }
    }
}

impl Dual<4> {
    /// Applies a border or a blur along both axes.
    pub(crate) fn bordered(self, border: Border) -> Self {
        let [_, _, height, width] = self.dims();
        let maps = Arc::new([border.along(height), border.along(width)]);
        self.linear(|x| ops::filter(x, &maps))
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Tensor};

    use super::*;

    fn line(border: Border, x: &[f32]) -> Vec<f32> {
        let fir = border.along(x.len());
        fir.results.iter().map(|r| r.iter().map(|&(i, f)| f * x[i]).sum()).collect()
    }

    #[test]
    fn borders_continue_a_line_as_pytorchs_layers_do() {
        let x = [1.0, 2.0, 3.0, 4.0];
        assert_eq!(line(Border::Reflect(2), &x), [3.0, 2.0, 1.0, 2.0, 3.0, 4.0, 3.0, 2.0]);
        assert_eq!(line(Border::Replicate(1), &x), [1.0, 1.0, 2.0, 3.0, 4.0, 4.0]);
        // (2 + 2·1 + 2)/4, (2 + 2·3 + 4)/4.
        assert_eq!(line(Border::BlurHalf, &x), [1.5, 3.0]);
        assert_eq!(line(Border::BlurHalf, &x[..3]), [1.5, 2.5]);
    }

    #[test]
    fn a_border_is_the_same_for_a_value_and_its_direction() {
        let x = Tensor::<4>::from_floats([[[[1.0, 2.0], [3.0, 5.0]]]], &Device::flex());
        let (y, t) = Dual::along(x.clone(), x * 2.0).bordered(Border::Reflect(1)).parts();
        let values = |x: Tensor<4>| x.into_data().iter::<f32>().collect::<Vec<_>>();
        let (y, t) = (values(y), values(t.expect("a direction")));
        assert_eq!(&y[..4], [5.0, 3.0, 5.0, 3.0]);
        assert!(y.iter().zip(&t).all(|(y, t)| 2.0 * y == *t));
    }
}
