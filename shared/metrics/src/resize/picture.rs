//! The pictures that are resized, and the filters that do it.

/// Channels of what the networks see.
pub(super) const RGB: usize = 3;
/// An 8-bit RGB picture, rows from the top, three bytes a pixel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RgbPicture {
    /// Pixels a row, at least 1.
    pub width: usize,
    /// Rows, at least 1.
    pub height: usize,
    /// `height · width · 3` bytes.
    pub pixels: Vec<u8>,
}

/// How values between the pixels of a picture are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Filter {
    /// Bilinear, as TensorFlow 1's `resize_bilinear`: output pixel i lies at i·(in/out).
    Tf1Bilinear,
    /// Bilinear with half-pixel centres, as TensorFlow 2's and Keras' `Resizing`: at (i +
    /// ½)·(in/out) − ½.
    KerasBilinear,
    /// The same places, as PyTorch's `interpolate` with `align_corners=False`. It weighs both
    /// neighbours, where TensorFlow adds a part of their difference to one, and its kernels (AVX2
    /// and later) fuse one multiplication with the addition.
    PytorchBilinear,
    /// The cubic with a = −½, as wide as the footprint of an output pixel, as Pillow resizes a
    /// channel of mode "F"; clipped to what the levels 0 and 255 are.
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
