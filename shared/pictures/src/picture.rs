//! A picture in memory.

use fledge_jpeg::Window;

/// A picture: rows from the top, pixels from the left, `channels` bytes a pixel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Bytes of one pixel: 1 grey, 3 RGB.
    pub channels: u32,
    /// `height` × `width` × `channels` bytes.
    pub pixels: Vec<u8>,
}

impl Picture {
    /// A picture of one grey value.
    #[must_use]
    pub fn filled(width: u32, height: u32, channels: u32, value: u8) -> Self {
        Self {
            width,
            height,
            channels,
            pixels: vec![value; width as usize * height as usize * channels as usize],
        }
    }

    /// Bytes of one row.
    #[must_use]
    pub fn stride(&self) -> usize {
        self.width as usize * self.channels as usize
    }

    /// The pixels of a window, which lies within the picture.
    #[must_use]
    pub fn cut(&self, window: Window) -> Self {
        let n = self.channels as usize;
        let columns = window.left as usize * n..(window.left + window.width) as usize * n;
        let rows = self
            .pixels
            .chunks_exact(self.stride().max(1))
            .skip(window.top as usize)
            .take(window.height as usize);
        let pixels = rows.flat_map(|row| &row[columns.clone()]).copied().collect();
        Self { width: window.width, height: window.height, channels: self.channels, pixels }
    }

    /// Copies `other` so that its upper left corner lies at (`x`, `y`); parts outside are cut off.
    /// Grey is repeated into RGB.
    pub fn paste(&mut self, other: &Self, x: u32, y: u32) {
        let (n, from) = (self.channels as usize, other.channels as usize);
        let columns = other.width.min(self.width.saturating_sub(x)) as usize;
        let rows = other.height.min(self.height.saturating_sub(y)) as usize;
        let stride = self.stride();
        for row in 0..rows {
            let source = &other.pixels[row * other.stride()..][..columns * from];
            let target =
                &mut self.pixels[(y as usize + row) * stride + x as usize * n..][..columns * n];
            if n == from {
                target.copy_from_slice(source);
            } else {
                for (to, pixel) in target.chunks_exact_mut(n).zip(source.chunks_exact(from)) {
                    to.iter_mut().enumerate().for_each(|(c, v)| *v = pixel[c.min(from - 1)]);
                }
            }
        }
    }

    /// Each pixel as a square of `factor` × `factor`; pixel art stays sharp.
    #[must_use]
    pub fn enlarge(&self, factor: u32) -> Self {
        let (n, factor) = (self.channels as usize, factor.max(1));
        let mut pixels = Vec::with_capacity(self.pixels.len() * (factor * factor) as usize);
        for row in self.pixels.chunks_exact(self.stride().max(1)) {
            let start = pixels.len();
            row.chunks_exact(n)
                .for_each(|pixel| (0..factor).for_each(|_| pixels.extend_from_slice(pixel)));
            let end = pixels.len();
            (1..factor).for_each(|_| pixels.extend_from_within(start..end));
        }
        Self {
            width: self.width * factor,
            height: self.height * factor,
            channels: self.channels,
            pixels,
        }
    }
}
