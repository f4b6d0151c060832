//! One affine look-up per picture with bilinear sampling, with an exact gradient.

/// A look-up: the output pixel (x, y) samples the input at (m₀x + m₁y + m₂, m₃x + m₄y + m₅), pixel
/// centres at integers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Affine(pub [[f64; 3]; 2]);

impl Affine {
    /// Every pixel samples itself.
    pub const IDENTITY: Self = Self([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]);

    /// The look-up through `first`, then through this one: the matrix product self·first.
    #[must_use]
    pub fn after(&self, first: &Self) -> Self {
        let row = |r: [f64; 3]| {
            let [a, b] = first.0;
            [r[0] * a[0] + r[1] * b[0], r[0] * a[1] + r[1] * b[1], r[0] * a[2] + r[1] * b[2] + r[2]]
        };
        Self(self.0.map(row))
    }

    /// The source position of the output pixel (x, y).
    #[must_use]
    pub fn at(&self, x: f64, y: f64) -> [f64; 2] {
        self.0.map(|r| r[0] * x + r[1] * y + r[2])
    }

    /// The four pixels of an input of `extent` (height, width) that an output pixel samples, with
    /// their weights.
    pub(super) fn taps(
        &self,
        x: usize,
        y: usize,
        [height, width]: [usize; 2],
        border: Border,
    ) -> [(usize, f32); 4] {
        let [sx, sy] = self.at(x as f64, y as f64);
        let (x0, y0) = (sx.floor(), sy.floor());
        let (fx, fy) = (sx - x0, sy - y0);
        let [x0, x1] = [0, 1].map(|d| border.place(x0 as i64 + d, width));
        let [y0, y1] = [0, 1].map(|d| border.place(y0 as i64 + d, height));
        let tap = |y: Option<usize>, x: Option<usize>, weight: f64| match (y, x) {
            (Some(y), Some(x)) => (y * width + x, weight as f32),
            _ => (0, 0.0),
        };
        [
            tap(y0, x0, (1.0 - fy) * (1.0 - fx)),
            tap(y0, x1, (1.0 - fy) * fx),
            tap(y1, x0, fy * (1.0 - fx)),
            tap(y1, x1, fy * fx),
        ]
    }
}

/// The values outside a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Border {
    /// The picture reflected, half-sample symmetric: d c b a | a b c d | d c b a.
    Reflect,
    /// Zeros.
    Zeros,
}

impl Border {
    /// The index below `n` visible at `i`.
    fn place(self, i: i64, n: usize) -> Option<usize> {
        match self {
            Self::Reflect => {
                let n = n as i64;
                let r = i.rem_euclid(2 * n);
                Some((if r < n { r } else { 2 * n - 1 - r }) as usize)
            }
            Self::Zeros => usize::try_from(i).ok().filter(|&i| i < n),
        }
    }
}

/// The look-ups of a batch.
#[derive(Clone, Debug, PartialEq)]
pub struct Lookups {
    /// One for each picture; `None` is the identity.
    pub maps: Vec<Option<Affine>>,
    /// The values outside a picture.
    pub border: Border,
    /// Height and width of the result.
    pub extent: [usize; 2],
}
