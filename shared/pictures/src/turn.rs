//! The EXIF orientation: which stored pixel is which of the upright picture.

use image::metadata::Orientation;

use super::{Picture, Window, exif};

/// The rotation and reflection that turn the stored picture upright. Upright pixel (x, y) is the
/// stored one whose column and row are x and y, exchanged if `exchanged`, then counted from the
/// right if `from_right`, from below if `from_below`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Turn {
    exchanged: bool,
    from_right: bool,
    from_below: bool,
}

impl From<Orientation> for Turn {
    fn from(orientation: Orientation) -> Self {
        let turn = |exchanged, from_right, from_below| Self { exchanged, from_right, from_below };
        match orientation {
            Orientation::NoTransforms => turn(false, false, false),
            Orientation::FlipHorizontal => turn(false, true, false),
            Orientation::Rotate180 => turn(false, true, true),
            Orientation::FlipVertical => turn(false, false, true),
            Orientation::Rotate90FlipH => turn(true, false, false),
            Orientation::Rotate90 => turn(true, false, true),
            Orientation::Rotate270FlipH => turn(true, true, true),
            Orientation::Rotate270 => turn(true, true, false),
        }
    }
}

impl Turn {
    /// The turn that an EXIF block asks for; none if it is malformed. Some writers leave the name
    /// of the block in front of it.
    pub(super) fn of_exif(exif: &[u8]) -> Self {
        let exif = exif.strip_prefix(b"Exif\0\0").unwrap_or(exif);
        exif::orientation(exif).map(Self::from).unwrap_or_default()
    }

    /// Maps a point of the stored picture of that width and height to the upright one.
    pub(super) fn upright(self, (x, y): (f64, f64), (width, height): (f64, f64)) -> (f64, f64) {
        let x = if self.from_right { width - x } else { x };
        let y = if self.from_below { height - y } else { y };
        if self.exchanged { (y, x) } else { (x, y) }
    }

    /// Returns true if the stored picture is upright.
    pub(super) fn is_none(self) -> bool {
        self == Self::default()
    }

    /// Width and height after turning, or before it: it is the same exchange.
    pub(super) fn extents(self, width: u32, height: u32) -> (u32, u32) {
        if self.exchanged { (height, width) } else { (width, height) }
    }

    /// Maps a window of the upright picture to the stored one of `width` × `height`.
    pub(super) fn stored(self, window: Window, width: u32, height: u32) -> Window {
        let (columns, rows) = ((window.left, window.width), (window.top, window.height));
        let ((left, across), (top, down)) =
            if self.exchanged { (rows, columns) } else { (columns, rows) };
        Window {
            left: if self.from_right { width - left - across } else { left },
            top: if self.from_below { height - top - down } else { top },
            width: across,
            height: down,
        }
    }

    /// A stored picture upright.
    pub(super) fn apply(self, stored: Picture) -> Picture {
        if self.is_none() {
            return stored;
        }
        let (n, stride) = (stored.channels as usize, stored.stride());
        let (width, height) = self.extents(stored.width, stored.height);
        let mut pixels = Vec::with_capacity(stored.pixels.len());
        for y in 0..height {
            for x in 0..width {
                let (column, row) = if self.exchanged { (y, x) } else { (x, y) };
                let column =
                    if self.from_right { stored.width - 1 - column } else { column } as usize;
                let row = if self.from_below { stored.height - 1 - row } else { row } as usize;
                pixels.extend_from_slice(&stored.pixels[row * stride + column * n..][..n]);
            }
        }
        Picture { width, height, channels: stored.channels, pixels }
    }
}
