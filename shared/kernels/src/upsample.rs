//! Modes of doubling pictures.

/// The interpolation of a doubled picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upsample {
    /// Four copies of each pixel.
    Nearest,
    /// ¾ of the nearest pixel and ¼ of the next along each axis, borders repeated: half-pixel
    /// centres, as in Keras' `UpSampling2D("bilinear")` and PyTorch's
    /// `interpolate(align_corners=False)`.
    Bilinear,
}

impl Upsample {
    /// Along one axis of `n` pixels: the sources of pixel `o` of the doubled axis, with their
    /// weights.
    pub(super) fn sources(self, o: usize, n: usize) -> [(usize, f32); 2] {
        let near = o / 2;
        match self {
            Self::Nearest => [(near, 1.0), (near, 0.0)],
            Self::Bilinear if o.is_multiple_of(2) => [(near, 0.75), (near.saturating_sub(1), 0.25)],
            Self::Bilinear => [(near, 0.75), ((near + 1).min(n - 1), 0.25)],
        }
    }

    /// Along one axis of `n` pixels: the pixels of the doubled axis to which pixel `i` contributes,
    /// with the weights.
    pub(super) fn shown_by(self, i: usize, n: usize) -> [(usize, f32); 4] {
        let (a, b) = (2 * i, 2 * i + 1);
        match self {
            Self::Nearest => [(a, 1.0), (b, 1.0), (a, 0.0), (b, 0.0)],
            // At the border the repeated pixel is this one again.
            Self::Bilinear => {
                [(a.saturating_sub(1), 0.25), (a, 0.75), (b, 0.75), ((b + 1).min(2 * n - 1), 0.25)]
            }
        }
    }
}
