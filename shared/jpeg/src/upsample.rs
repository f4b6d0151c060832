//! Upsampling: collects the samples of one row of units by component and makes rows of the whole
//! width from them. A component with half the samples across or down uses libjpeg's "fancy"
//! upsampling, a triangle filter; any other ratio uses repetition.

use std::ops::RangeInclusive;

use crate::Window;
use crate::header::{Component, Frame};
use crate::idct::Samples;

/// The upsampling of a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Upsampling {
    /// Full size already.
    None,
    /// A triangle filter across, down, or both.
    Triangle { across: bool, down: bool },
    /// Repeats each sample this often across and down.
    Repeat { across: u32, down: u32 },
}

impl Upsampling {
    /// libjpeg's choice: with two columns or fewer, nothing is filtered across.
    fn of(frame: &Frame, component: &Component) -> Self {
        match (frame.across / component.h, frame.down / component.v) {
            (1, 1) => Self::None,
            (1, 2) => Self::Triangle { across: false, down: true },
            (2, down @ (1 | 2)) if component.width > 2 => {
                Self::Triangle { across: true, down: down == 2 }
            }
            (across, down) => Self::Repeat { across, down },
        }
    }

    fn is_filtered_down(self) -> bool {
        matches!(self, Self::Triangle { down: true, .. })
    }

    /// Rows (or columns) of the picture per row of the component.
    fn factors(self) -> (u32, u32) {
        match self {
            Self::None => (1, 1),
            Self::Triangle { across, down } => (1 + u32::from(across), 1 + u32::from(down)),
            Self::Repeat { across, down } => (across, down),
        }
    }
}

/// The blocks of a component that a window needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    upsampling: Upsampling,
    columns: RangeInclusive<u32>,
    rows: RangeInclusive<u32>,
}

impl Extent {
    pub(super) fn of(frame: &Frame, component: &Component, window: Window) -> Self {
        let upsampling = Upsampling::of(frame, component);
        let (across, down) = upsampling.factors();
        let (right, bottom) = (window.left + window.width - 1, window.top + window.height - 1);
        let (mut left, mut right) = (window.left / across, right / across);
        if matches!(upsampling, Upsampling::Triangle { across: true, .. }) {
            (left, right) = (left.saturating_sub(1), (right + 1).min(component.width - 1));
        }
        let rows = [window.top, bottom].map(|y| {
            let (near, far) = (
                y / down,
                if upsampling.is_filtered_down() { neighbour(component, y) } else { y / down },
            );
            (near.min(far), near.max(far))
        });
        Self { upsampling, columns: left / 8..=right / 8, rows: rows[0].0 / 8..=rows[1].1 / 8 }
    }

    /// Rows of units that contain its blocks.
    pub(super) fn unit_rows(&self, component: &Component) -> RangeInclusive<u32> {
        self.rows.start() / component.v..=self.rows.end() / component.v
    }

    /// The first column of units that contains its blocks.
    pub(super) fn first_unit_column(&self, component: &Component) -> u32 {
        self.columns.start() / component.h
    }

    /// The last column of units that contains its blocks.
    pub(super) fn last_unit_column(&self, component: &Component) -> u32 {
        self.columns.end() / component.h
    }

    /// Returns true if the last row of the picture above a row of units also needs that row.
    pub(super) fn looks_down(&self) -> bool {
        self.upsampling.is_filtered_down()
    }

    /// The block columns to fill, in any row.
    pub(super) fn columns(&self) -> RangeInclusive<u32> {
        self.columns.clone()
    }

    #[inline(always)]
    pub(super) fn wants(&self, x: u32, y: u32) -> bool {
        self.columns.contains(&x) && self.rows.contains(&y)
    }

    fn stride(&self) -> usize {
        8 * (self.columns.end() - self.columns.start() + 1) as usize
    }

    /// Number of samples allocated by [`Plane::new`].
    fn samples(&self, component: &Component) -> usize {
        (8 * component.v as usize + 1) * self.stride()
    }

    /// Number of samples of one upsampled row, and of the sums that it is computed from.
    fn line(&self, window: Window) -> (usize, usize) {
        match self.upsampling {
            Upsampling::None => (0, 0),
            Upsampling::Triangle { across: false, .. } | Upsampling::Repeat { .. } => {
                (window.width as usize, 0)
            }
            // A window may begin and end in the middle of a pair.
            Upsampling::Triangle { across: true, .. } => {
                (window.width as usize + 2, window.width as usize / 2 + 4)
            }
        }
    }

    /// Bytes allocated by [`Plane::new`].
    pub(super) fn bytes(&self, component: &Component, window: Window) -> u64 {
        let (line, sums) = self.line(window);
        (self.samples(component) + line + 2 * sums) as u64
    }
}

/// The other row of the component that row `y` of the picture is mixed from, at half the rows: the
/// one above for an even `y`, the one below for an odd one, the row itself at the edge.
fn neighbour(component: &Component, y: u32) -> u32 {
    if y.is_multiple_of(2) {
        (y / 2).saturating_sub(1)
    } else {
        (y / 2 + 1).min(component.height - 1)
    }
}

/// The samples of a component in one row of units, between the columns that the window needs.
pub(super) struct Plane {
    component: Component,
    pub(super) extent: Extent,
    window: Window,
    /// The row above the unit, then its rows.
    samples: Vec<u8>,
    stride: usize,
    line: Vec<u8>,
    sums: Vec<u16>,
}

impl Plane {
    pub(super) fn new(component: &Component, extent: Extent, window: Window) -> Self {
        let (line, sums) = extent.line(window);
        let (samples, stride) = (vec![0; extent.samples(component)], extent.stride());
        Self {
            component: *component,
            extent,
            window,
            samples,
            stride,
            line: vec![0; line],
            sums: vec![0; sums],
        }
    }

    /// Stores a block that [`Extent::wants`] at column `x` of blocks, row `y` within the unit.
    #[inline(always)]
    pub(super) fn put(&mut self, x: u32, y: u32, samples: &Samples) {
        let at =
            (8 * y as usize + 1) * self.stride + 8 * (x - self.extent.columns.start()) as usize;
        let rows = self.samples[at..].chunks_mut(self.stride);
        for (to, from) in rows.zip(samples) {
            to[..8].copy_from_slice(from);
        }
    }

    /// [`Plane::put`] for a block of one value.
    #[inline(always)]
    pub(super) fn put_flat(&mut self, x: u32, y: u32, value: u8) {
        self.put(x, y, &[[value; 8]; 8]);
    }

    /// Computes row `y` of the picture from row `unit` of units and the row above it.
    #[inline(always)]
    pub(super) fn prepare(&mut self, y: u32, unit: u32) {
        let Self { component, extent, window, samples, stride, line, sums } = self;
        let Window { left, width, .. } = *window;
        let first = 8 * extent.columns.start();
        let row = |row: u32| row_of(samples, *stride, component, unit, row);
        match extent.upsampling {
            Upsampling::None => {}
            Upsampling::Repeat { across, down } => {
                let row = row(y / down);
                for (x, to) in (left..).zip(line) {
                    *to = row[(x / across - first) as usize];
                }
            }
            Upsampling::Triangle { across: false, .. } => {
                let columns = (left - first) as usize..(left - first + width) as usize;
                let (near, far) =
                    (&row(y / 2)[columns.clone()], &row(neighbour(component, y))[columns]);
                // The rounding alternates, so that the mean is preserved.
                let round = if y.is_multiple_of(2) { 1 } else { 2 };
                for ((to, &near), &far) in line.iter_mut().zip(near).zip(far) {
                    *to = ((3 * u16::from(near) + u16::from(far) + round) >> 2) as u8;
                }
            }
            Upsampling::Triangle { across: true, down } => {
                // sums[0] is one column left of the pair in which the window begins.
                let (start, end) = (left / 2, (left + width - 1) / 2);
                let (from, to) = (start.saturating_sub(1), (end + 1).min(component.width - 1));
                let columns = (from - first) as usize..(to - first + 1) as usize;
                let missing = usize::from(start == 0);
                let sums = &mut sums[..(end - start + 3) as usize];
                let last = missing + columns.len();
                let middle = &mut sums[missing..last];
                if down {
                    let (near, far) =
                        (&row(y / 2)[columns.clone()], &row(neighbour(component, y))[columns]);
                    for ((to, &near), &far) in middle.iter_mut().zip(near).zip(far) {
                        *to = 3 * u16::from(near) + u16::from(far);
                    }
                } else {
                    for (to, &near) in middle.iter_mut().zip(&row(y)[columns]) {
                        *to = u16::from(near);
                    }
                }
                // At an edge the last sample replaces the one beyond.
                if missing == 1 {
                    sums[0] = sums[1];
                }
                let edge = sums[last - 1];
                sums[last..].fill(edge);
                if down {
                    widen::<4, 8, 7>(sums, line);
                } else {
                    widen::<2, 1, 2>(sums, line);
                }
            }
        }
    }

    /// The prepared row, as wide as the window.
    #[inline(always)]
    pub(super) fn row(&self, y: u32, unit: u32) -> &[u8] {
        let Window { left, width, .. } = self.window;
        match self.extent.upsampling {
            Upsampling::None => {
                let from = (left - 8 * self.extent.columns.start()) as usize;
                &row_of(&self.samples, self.stride, &self.component, unit, y)
                    [from..from + width as usize]
            }
            Upsampling::Triangle { across: true, .. } => {
                &self.line[left as usize % 2..][..width as usize]
            }
            _ => &self.line,
        }
    }

    /// Keeps the last row for the next row of units.
    pub(super) fn advance(&mut self) {
        let last = 8 * self.component.v as usize * self.stride;
        self.samples.copy_within(last.., 0);
    }
}

/// A row of a component, while row `unit` of units is in `samples`.
#[inline(always)]
fn row_of<'a>(
    samples: &'a [u8],
    stride: usize,
    component: &Component,
    unit: u32,
    row: u32,
) -> &'a [u8] {
    &samples[(row + 1 - unit * 8 * component.v) as usize * stride..][..stride]
}

/// Pairs of samples: three quarters of a sum plus a quarter of its left neighbour, and of its right
/// one.
#[inline(always)]
fn widen<const SHIFT: u32, const LEFT: u16, const RIGHT: u16>(sums: &[u16], line: &mut [u8]) {
    let pairs = line.as_chunks_mut::<2>().0;
    let inputs = sums.iter().zip(&sums[1..]).zip(&sums[2..]);
    for (pair, ((&before, &here), &after)) in pairs.iter_mut().zip(inputs) {
        *pair = [
            ((3 * here + before + LEFT) >> SHIFT) as u8,
            ((3 * here + after + RIGHT) >> SHIFT) as u8,
        ];
    }
}
