//! Bare pixels, as IDX, CIFAR and NumPy files hold them, made a picture.

use shared::picture::Picture;

use crate::source::RawPixels;

/// The picture with rows of interleaved channels.
#[must_use]
pub fn interleaved(raw: &RawPixels, bytes: &[u8]) -> Picture {
    let (width, height, channels) =
        (raw.width as usize, raw.height as usize, raw.channels as usize);
    let plane = width * height;
    let pixels = if raw.planar {
        (0..plane).flat_map(|i| (0..channels).map(move |c| bytes[c * plane + i])).collect()
    } else {
        bytes.to_vec()
    };
    let pixels = if raw.transposed {
        let pixel = |y: usize, x: usize| &pixels[(x * height + y) * channels..][..channels];
        (0..height).flat_map(|y| (0..width).flat_map(move |x| pixel(y, x))).copied().collect()
    } else {
        pixels
    };
    Picture { width: raw.width, height: raw.height, channels: raw.channels, pixels }
}

#[cfg(test)]
mod tests {
    use shared::archive::Name;

    use super::*;

    fn raw(width: u32, height: u32, channels: u32) -> RawPixels {
        let file = Name(b"pixels".to_vec());
        let (planar, transposed) = (false, false);
        RawPixels { file, offset: 0, width, height, channels, planar, transposed, text: None }
    }

    #[test]
    fn planes_are_interleaved_and_columns_become_rows() {
        let planar = RawPixels { planar: true, ..raw(2, 1, 3) };
        assert_eq!(interleaved(&planar, &[1, 2, 3, 4, 5, 6]).pixels, [1, 3, 5, 2, 4, 6]);
        let transposed = RawPixels { transposed: true, ..raw(3, 2, 1) };
        assert_eq!(interleaved(&transposed, &[1, 2, 3, 4, 5, 6]).pixels, [1, 3, 5, 2, 4, 6]);
        assert_eq!(interleaved(&raw(2, 1, 3), &[1, 2, 3, 4, 5, 6]).pixels, [1, 2, 3, 4, 5, 6]);
    }
}
