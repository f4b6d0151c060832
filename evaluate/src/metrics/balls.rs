//! Which rows of one set lie in the balls around the rows of another, counted both ways in one pass over the pairs.

use super::tiles::{self, Frame, Place, Row, Side};
use shared::metrics::features::Features;

pub use super::tiles::Ball;

/// Values that are screened before any of them is looked at.
const SCREENED: usize = 256;

/// How a row lies to the balls of the other set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Rows of the other set within this row's ball.
    pub holds: u32,
    /// Balls of the other set that hold this row.
    pub held: u32,
}

/// Counts for every row of `a` and of `b`, whose balls have the squared radii given. Rows of one length, all finite.
#[must_use]
pub fn counts(
    rule: Ball,
    (a, squared_radii_a): (&Features, Vec<f64>),
    (b, squared_radii_b): (&Features, Vec<f64>),
) -> (Vec<Counts>, Vec<Counts>) {
    let frame = Frame::of(&[a, b]);
    let (a, b) = (Side::new(a, &frame, Some((rule, squared_radii_a))), Side::new(b, &frame, Some((rule, squared_radii_b))));
    let (mut counts_a, mut counts_b) = (vec![Counts::default(); a.count()], vec![Counts::default(); b.count()]);
    tiles::between(&a, Some(&mut counts_a), &b, &mut counts_b, "balls of two sets");
    (counts_a, counts_b)
}

impl Row for Counts {
    fn part(&self) -> Self {
        Self::default()
    }

    fn merge(&mut self, part: Self) {
        self.holds += part.holds;
        self.held += part.held;
    }

    fn scan(&mut self, owner: Place<'_>, other: Place<'_>, products: &[f32]) {
        let (Some(own), Some(others)) = (&owner.side.balls, &other.side.balls) else { return };
        let (i, range) = (owner.first, other.first..other.first + products.len());
        let (own_lower, own_upper) = (owner.side.lower[i], owner.side.upper[i]);
        let holds = Screen {
            may: &other.side.lower[range.clone()],
            must: &other.side.upper[range.clone()],
            may_below: own.outer[i] - own_lower,
            must_below: own.inner[i] - own_upper,
        };
        let held = Screen {
            may: &others.lower_reach[range.clone()],
            must: &others.upper_reach[range],
            may_below: -own_lower,
            must_below: -own_upper,
        };
        self.holds += holds.count(products, |j| owner.side.holds(i, other.side, other.first + j));
        self.held += held.count(products, |j| other.side.holds(other.first + j, owner.side, i));
    }
}

/// Two bounds for every product: the answer may be yes, or must be.
struct Screen<'a> {
    may: &'a [f32],
    must: &'a [f32],
    may_below: f32,
    must_below: f32,
}

impl Screen<'_> {
    /// How many answers are yes; `exactly` is asked where the bounds do not tell.
    fn count(&self, products: &[f32], exactly: impl Fn(usize) -> bool) -> u32 {
        let may = |bound: f32, product: f32| bound - product <= self.may_below;
        let must = |bound: f32, product: f32| bound - product < self.must_below;
        let mut count = 0;
        for (chunk, products) in products.chunks(SCREENED).enumerate() {
            let first = chunk * SCREENED;
            let (bounds_may, bounds_must) = (&self.may[first..first + products.len()], &self.must[first..first + products.len()]);
            let mut possible = 0;
            let mut certain = 0;
            for ((&p, &a), &b) in products.iter().zip(bounds_may).zip(bounds_must) {
                possible += u32::from(may(a, p));
                certain += u32::from(must(b, p));
            }
            count += certain;
            if possible != certain {
                let open = (0..products.len()).filter(|&j| may(bounds_may[j], products[j]) && !must(bounds_must[j], products[j]));
                count += open.filter(|&j| exactly(first + j)).count() as u32;
            }
        }
        count
    }
}
