//! Cropping and resizing.

use clap::ValueEnum;
use shared::picture::kernel::Kernel;
use shared::picture::{Picture, Window};

use super::rows::cut;
use super::{area, kernel};

/// Resampling methods.
///
/// Each equals a well-known implementation, because results of training are compared with others
/// that used it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Resampling {
    /// The mean over the exact footprint of each pixel: TensorFlow's
    /// `tf.image.resize(method="area")`, and OpenCV's `INTER_AREA` when shrinking, up to rounding.
    Area,
    /// A triangle, as wide as the footprint: Pillow's `Image.resize` with `BILINEAR`.
    Bilinear,
    /// The cubic of Keys (1981) with a = -½: Pillow's `Image.resize` with `BICUBIC`.
    Bicubic,
    /// The sinc with three lobes: Pillow's `Image.resize` with `LANCZOS`.
    Lanczos,
}

impl Resampling {
    /// The name in flags and manifests.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Area => "area",
            Self::Bilinear => "bilinear",
            Self::Bicubic => "bicubic",
            Self::Lanczos => "lanczos",
        }
    }
}

/// Crops `window` from `picture` and resizes it to `width` × `height` pixels: uint8, [height,
/// width, channels].
/// Pixels outside the window have no influence.
///
/// # Panics
/// When the picture has other than 1, 3 or 4 channels, or the window does not lie within it.
#[must_use]
pub fn crop_and_resize(
    picture: &Picture,
    window: Window,
    width: u32,
    height: u32,
    method: Resampling,
) -> Vec<u8> {
    if width == 0 || height == 0 {
        return Vec::new();
    }
    if (width, height) == (window.width, window.height) {
        return cut(picture, window);
    }
    match picture.channels {
        1 => scale::<1, 1>(picture, window, width, height, method),
        3 => scale::<3, 4>(picture, window, width, height, method),
        4 => scale::<4, 4>(picture, window, width, height, method),
        n => panic!("pictures of {n} channels are not scaled, only of 1, 3 or 4"),
    }
}

fn scale<const N: usize, const L: usize>(
    picture: &Picture,
    window: Window,
    width: u32,
    height: u32,
    method: Resampling,
) -> Vec<u8> {
    match method {
        // Three channels use four lanes, so that a pixel is one load.
        Resampling::Area => area::scale::<N, L>(picture, window, width, height),
        Resampling::Bilinear => {
            kernel::scale::<N>(picture, window, width, height, &Kernel::BILINEAR)
        }
        Resampling::Bicubic => kernel::scale::<N>(picture, window, width, height, &Kernel::BICUBIC),
        Resampling::Lanczos => kernel::scale::<N>(picture, window, width, height, &Kernel::LANCZOS),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A picture of reproducible noise.
    pub(in crate::pixels) fn drawn(width: u32, height: u32, channels: u32) -> Picture {
        let byte = |i: u32| {
            (i.wrapping_mul(2_654_435_761) ^ (i >> 3).wrapping_mul(0x5bd1_e995)).to_be_bytes()[1]
        };
        Picture {
            width,
            height,
            channels,
            pixels: (0..width * height * channels).map(byte).collect(),
        }
    }

    fn method() -> impl Strategy<Value = Resampling> {
        prop::sample::select(Resampling::value_variants())
    }

    #[test]
    fn names_are_those_of_the_flags() {
        for method in Resampling::value_variants() {
            assert_eq!(
                method.to_possible_value().map(|v| v.get_name().to_owned()).as_deref(),
                Some(method.name())
            );
        }
    }

    proptest! {
        #[test]
        fn one_colour_stays_one_colour(
            (width, height) in (1u32..50, 1u32..50), to in (1u32..40, 1u32..40), value in any::<u8>(), method in method(),
            channels in prop::sample::select(vec![1u32, 3, 4]),
        ) {
            let picture = Picture::filled(width, height, channels, value);
            let scaled = crop_and_resize(&picture, Window::whole(width, height), to.0, to.1, method);
            prop_assert_eq!(scaled, vec![value; (to.0 * to.1 * channels) as usize]);
        }

        #[test]
        fn a_window_scaled_equals_the_same_pixels_without_a_window(
            (width, height) in (1u32..50, 1u32..50), at in any::<[u16; 4]>(), to in (1u32..40, 1u32..40), method in method(),
            channels in prop::sample::select(vec![1u32, 3, 4]),
        ) {
            let picture = drawn(width, height, channels);
            let (left, top) = (u32::from(at[0]) % width, u32::from(at[1]) % height);
            let (columns, rows) = (1 + u32::from(at[2]) % (width - left), 1 + u32::from(at[3]) % (height - top));
            let window = Window { left, top, width: columns, height: rows };
            let alone = Picture { width: columns, height: rows, channels, pixels: cut(&picture, window) };
            let expected = crop_and_resize(&alone, Window::whole(columns, rows), to.0, to.1, method);
            prop_assert_eq!(crop_and_resize(&picture, window, to.0, to.1, method), expected);
        }

        #[test]
        fn a_window_of_the_wanted_size_is_copied((width, height) in (1u32..20, 1u32..20), method in method()) {
            let picture = drawn(width, height, 3);
            let whole = Window::whole(width, height);
            prop_assert_eq!(&crop_and_resize(&picture, whole, width, height, method), &picture.pixels);
        }
    }
}
