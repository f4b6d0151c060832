//! A rectangle within a picture.

/// A rectangle of whole pixels within a picture; never empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// First column.
    pub left: u32,
    /// First row.
    pub top: u32,
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

impl Window {
    /// The whole of a picture.
    #[must_use]
    pub fn whole(width: u32, height: u32) -> Self {
        Self { left: 0, top: 0, width, height }
    }

    /// The smallest window that holds both.
    #[must_use]
    pub fn around(self, other: Self) -> Self {
        let (left, top) = (self.left.min(other.left), self.top.min(other.top));
        let right = (self.left + self.width).max(other.left + other.width);
        let bottom = (self.top + self.height).max(other.top + other.height);
        Self { left, top, width: right - left, height: bottom - top }
    }

    /// The window relative to `outer`, which contains it.
    #[must_use]
    pub fn within(self, outer: &Self) -> Self {
        Self { left: self.left - outer.left, top: self.top - outer.top, ..self }
    }
}
