//! From decoded samples to the bytes of a picture: depth, transparency, grey and colour.

use super::{Picture, Window};

/// The target format of decoded pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Canvas {
    /// 1: luma, rounded from 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601) as Pillow's `convert("L")`
    /// does. 3: RGB, grey repeated.
    pub channels: u32,
    /// The background under transparency, as RGB. Without one, opacity is dropped and the stored
    /// colour shows, as Pillow's `convert("RGB")` has it.
    pub background: Option<[u8; 3]>,
}

impl Default for Canvas {
    /// RGB over white.
    fn default() -> Self {
        Self { channels: 3, background: Some([255; 3]) }
    }
}

/// The samples of one decoded pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// 1 grey, 2 grey and opacity, 3 RGB, 4 RGB and opacity.
    pub(super) samples: usize,
    /// 16 bits a sample, the higher byte first, instead of 8.
    pub(super) wide: bool,
}

impl Layout {
    /// 8-bit RGB.
    pub(super) const RGB: Self = Self { samples: 3, wide: false };
    /// 8-bit RGB with opacity.
    pub(super) const RGBA: Self = Self { samples: 4, wide: false };

    /// Bytes of one pixel.
    pub(super) fn bytes(self) -> usize {
        self.samples * if self.wide { 2 } else { 1 }
    }
}

/// 16 bits to 8: v·255/65535 = v/257, rounded.
fn narrow(pair: &[u8]) -> u8 {
    ((u32::from(u16::from_be_bytes([pair[0], pair[1]])) + 128) / 257) as u8
}

/// `value` at opacity `alpha` over `below`, rounded. Colours hidden below full transparency are
/// often black or random.
fn over(value: u8, alpha: u8, below: u8) -> u8 {
    let (value, alpha, below) = (u32::from(value), u32::from(alpha), u32::from(below));
    ((value * alpha + below * (255 - alpha) + 127) / 255) as u8
}

/// Luma in 16-bit fixed point; the three factors add up to 1, so grey stays as it is.
fn luma([r, g, b]: [u8; 3]) -> u8 {
    ((u32::from(r) * 19595 + u32::from(g) * 38470 + u32::from(b) * 7471 + 0x8000) >> 16) as u8
}

impl Canvas {
    /// RGB without regard to opacity.
    pub const OPAQUE: Self = Self { channels: 3, background: None };

    /// One decoded pixel as RGB over the background.
    fn rgb(&self, layout: Layout, pixel: &[u8]) -> [u8; 3] {
        let sample = |i: usize| if layout.wide { narrow(&pixel[2 * i..]) } else { pixel[i] };
        let (rgb, alpha) = match layout.samples {
            1 => ([sample(0); 3], None),
            2 => ([sample(0); 3], Some(1)),
            3 => ([sample(0), sample(1), sample(2)], None),
            _ => ([sample(0), sample(1), sample(2)], Some(3)),
        };
        match (alpha, self.background) {
            (Some(alpha), Some(below)) => [0, 1, 2].map(|c| over(rgb[c], sample(alpha), below[c])),
            _ => rgb,
        }
    }

    /// Writes one pixel.
    pub(super) fn put(&self, rgb: [u8; 3], target: &mut [u8]) {
        match target {
            [grey] => *grey = luma(rgb),
            _ => target.copy_from_slice(&rgb),
        }
    }

    /// Writes one decoded pixel.
    pub(super) fn put_decoded(&self, layout: Layout, pixel: &[u8], target: &mut [u8]) {
        self.put(self.rgb(layout, pixel), target);
    }

    /// Writes a row of decoded pixels.
    pub(super) fn put_row(&self, layout: Layout, row: &[u8], target: &mut [u8]) {
        if (layout == Layout::RGB && self.channels == 3)
            || (layout == Layout { samples: 1, wide: false } && self.channels == 1)
        {
            target.copy_from_slice(row);
            return;
        }
        let pixels =
            row.chunks_exact(layout.bytes()).zip(target.chunks_exact_mut(self.channels as usize));
        pixels.for_each(|(pixel, target)| self.put_decoded(layout, pixel, target));
    }

    /// The window of a decoded picture, moved together in the memory of the picture itself: that of
    /// a picture of 100 MB is not taken twice. The layout has at least as many bytes as a pixel of
    /// the canvas.
    pub(super) fn cut(
        &self,
        mut pixels: Vec<u8>,
        layout: Layout,
        width: u32,
        window: Window,
    ) -> Vec<u8> {
        let (from, to) = (layout.bytes(), self.channels as usize);
        let unchanged = from == to && layout == Layout::RGB;
        let mut end = 0;
        for y in window.top..window.top + window.height {
            let start = (y as usize * width as usize + window.left as usize) * from;
            let length = window.width as usize * from;
            if unchanged {
                pixels.copy_within(start..start + length, end);
                end += length;
                continue;
            }
            for at in (start..start + length).step_by(from) {
                let rgb = self.rgb(layout, &pixels[at..at + from]);
                self.put(rgb, &mut pixels[end..end + to]);
                end += to;
            }
        }
        pixels.truncate(end);
        pixels
    }

    /// The window of a decoded picture, whose pixels may be smaller than those of the canvas.
    pub(super) fn window(
        &self,
        samples: &[u8],
        layout: Layout,
        width: u32,
        window: Window,
    ) -> Picture {
        let mut picture = Picture::filled(window.width, window.height, self.channels, 0);
        let (from, to) = (width as usize * layout.bytes(), picture.stride());
        let columns = window.left as usize * layout.bytes()
            ..(window.left + window.width) as usize * layout.bytes();
        let rows = samples.chunks_exact(from.max(1)).skip(window.top as usize);
        for (row, target) in rows.zip(picture.pixels.chunks_exact_mut(to.max(1))) {
            self.put_row(layout, &row[columns.clone()], target);
        }
        picture
    }

    /// One pixel of the background, black where there is none.
    #[must_use]
    pub fn pixel(&self) -> Vec<u8> {
        let below = self.background.unwrap_or_default();
        if self.channels == 1 { vec![luma(below)] } else { below.to_vec() }
    }

    /// A decoded picture of 1 or 3 channels with the channels of the canvas.
    #[must_use]
    pub fn paint(&self, picture: Picture) -> Picture {
        let Picture { width, height, channels, pixels } = picture;
        let pixels = match (channels, self.channels) {
            (1, 3) => pixels.iter().flat_map(|&v| [v; 3]).collect(),
            (3, 1) => self.cut(pixels, Layout::RGB, width, Window::whole(width, height)),
            _ => pixels,
        };
        Picture { width, height, channels: self.channels, pixels }
    }
}
