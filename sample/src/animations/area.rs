//! The part of a frame that differs from the previous one.

use rayon::prelude::*;
use shared::picture::{Picture, PictureError, Window};

/// The smallest window with all pixels whose index, row by row, is `changed`; `None` if there are
/// none.
pub fn window(width: u32, height: u32, changed: impl Fn(usize) -> bool) -> Option<Window> {
    let across = width as usize;
    let (mut left, mut right, mut top, mut bottom) = (across, 0, None, 0);
    for row in 0..height as usize {
        let Some(first) = (0..across).find(|x| changed(row * across + x)) else { continue };
        // At the latest, it finds `first`.
        let last = (first..across).rev().find(|x| changed(row * across + x)).unwrap_or(first);
        (left, right) = (left.min(first), right.max(last + 1));
        top.get_or_insert(row);
        bottom = row + 1;
    }
    let top = top?;
    Some(Window {
        left: left as u32,
        top: top as u32,
        width: (right - left) as u32,
        height: (bottom - top) as u32,
    })
}

/// The window in which `now` differs from `before`, of the same extent; one pixel if they are
/// equal, because a frame must not be empty.
#[must_use]
pub fn of_change(before: &Picture, now: &Picture) -> Window {
    let n = now.channels as usize;
    let pixel = |picture: &Picture, i: usize| -> [u8; 3] {
        std::array::from_fn(|c| picture.pixels[i * n + c.min(n - 1)])
    };
    window(now.width, now.height, |i| pixel(before, i) != pixel(now, i)).unwrap_or(ONE_PIXEL)
}

/// For each of `frames`, the window in which it differs from the previous one (`before` for the
/// first; the whole frame without one), enlarged by `grown` and encoded by `encode`.
///
/// # Errors
/// When one cannot be encoded.
pub fn packed(
    before: Option<&Picture>,
    frames: &[Picture],
    grown: impl Fn(Window) -> Window + Sync,
    encode: impl Fn(&Picture) -> Result<Vec<u8>, PictureError> + Sync,
) -> Result<Vec<(Window, Vec<u8>)>, PictureError> {
    let one = |(i, frame): (usize, &Picture)| {
        let before = if i == 0 { before } else { Some(&frames[i - 1]) };
        let whole = Window { left: 0, top: 0, width: frame.width, height: frame.height };
        let window = before.map_or(whole, |before| grown(of_change(before, frame)));
        Ok((window, encode(&frame.cut(window))?))
    };
    frames.par_iter().enumerate().map(one).collect()
}

/// The window of an unchanged frame.
pub const ONE_PIXEL: Window = Window { left: 0, top: 0, width: 1, height: 1 };

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_is_as_small_as_the_change() {
        let marks = |set: &'static [usize]| window(5, 4, move |i| set.contains(&i));
        assert_eq!(marks(&[]), None);
        assert_eq!(marks(&[19]), Some(Window { left: 4, top: 3, width: 1, height: 1 }));
        assert_eq!(marks(&[6, 13]), Some(Window { left: 1, top: 1, width: 3, height: 2 }));
        assert_eq!(marks(&[0, 19]), Some(Window { left: 0, top: 0, width: 5, height: 4 }));
    }
}
