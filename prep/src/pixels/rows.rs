//! The rows of a window of a picture, unscaled.

use shared::picture::{Picture, Window};

/// The pixels of the window.
pub(super) fn cut(picture: &Picture, window: Window) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(
        window.width as usize * window.height as usize * picture.channels as usize,
    );
    (0..window.height as usize).for_each(|row| bytes.extend_from_slice(line(picture, window, row)));
    bytes
}

/// The bytes of the window's row `row`.
pub(super) fn line(picture: &Picture, window: Window, row: usize) -> &[u8] {
    let n = picture.channels as usize;
    let start = (window.top as usize + row) * picture.stride() + window.left as usize * n;
    &picture.pixels[start..][..window.width as usize * n]
}
