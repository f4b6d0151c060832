//! The look of a line.

/// Colours that are told apart with any kind of colour vision (Okabe and Ito 2008, "Color Universal
/// Design"), without their yellow, which is too light for a line on white.
pub(super) const COLORS: [[u8; 3]; 7] = [
    [0, 114, 178],
    [213, 94, 0],
    [0, 158, 115],
    [204, 121, 167],
    [230, 159, 0],
    [86, 180, 233],
    [60, 60, 60],
];

/// The look of a line: its colour, and solid, dashed, or no line between its points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stroke {
    pub(super) color: [u8; 3],
    pub(super) pattern: Pattern,
}

/// The connection between points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pattern {
    Solid,
    Dashed,
    Apart,
}

impl Stroke {
    /// The looks of line `index` of a chart: seven colours, then the same ones dashed.
    #[must_use]
    pub fn of(index: usize) -> Self {
        let pattern = if index / COLORS.len() % 2 == 1 { Pattern::Dashed } else { Pattern::Solid };
        Self { color: COLORS[index % COLORS.len()], pattern }
    }

    /// The looks of set `index` of points that are not joined: seven colours, again and again.
    #[must_use]
    pub fn apart(index: usize) -> Self {
        Self { color: COLORS[index % COLORS.len()], pattern: Pattern::Apart }
    }
}
