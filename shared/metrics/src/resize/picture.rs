//! The pictures to resize, and the resizing filters.

/// Channels of the networks' input.
pub(super) const RGB: usize = 3;
/// An 8-bit RGB picture, rows from the top, three bytes per pixel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RgbPicture {
    /// Pixels per row, at least 1.
    pub width: usize,
    /// Rows, at least 1.
    pub height: usize,
    /// `height · width · 3` bytes.
    pub pixels: Vec<u8>,
}

/// Interpolation filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Filter {
    /// Bilinear, as TensorFlow 1's `resize_bilinear`: output pixel i lies at i·(in/out).
    Tf1Bilinear,
    /// Bilinear with half-pixel centres, as TensorFlow 2's and Keras' `Resizing`: at (i +
    /// ½)·(in/out) − ½.
    KerasBilinear,
    /// The same positions, as PyTorch's `interpolate` with `align_corners=False`. It weights both
    /// neighbours, where TensorFlow adds a fraction of their difference to one, and its kernels
    /// (AVX2 and later) fuse one multiplication with the addition.
    PytorchBilinear,
    /// The cubic with a = −½, as wide as the footprint of an output pixel, as in Pillow's resizing
    /// of a channel of mode "F"; clipped to the values of levels 0 and 255.
    PilBicubic,
}

impl Filter {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Tf1Bilinear => "tf1-bilinear",
            Self::KerasBilinear => "keras-bilinear",
            Self::PytorchBilinear => "pytorch-bilinear",
            Self::PilBicubic => "pil-bicubic",
        }
    }
}
