//! Counts of rows of one set in the balls around the rows of another, in both directions in one
//! pass over the pairs.

use super::tiles::{self, Accumulator, Frame, Place, Rows};
use shared::metrics::features::Features;

pub use super::tiles::Ball;

/// Values screened at once.
const SCREENED: usize = 256;

/// A row's counts against the other set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Rows of the other set within this row's ball.
    pub holds: u32,
    /// Balls of the other set that hold this row.
    pub held: u32,
}

/// Counts for every row of `a` and of `b`, with balls of the given squared radii. All rows are
/// finite and of one length.
#[must_use]
pub fn counts(
    rule: Ball,
    (a, squared_radii_a): (&Features, Vec<f64>),
    (b, squared_radii_b): (&Features, Vec<f64>),
) -> (Vec<Counts>, Vec<Counts>) {
    let frame = Frame::of(&[a, b]);
    let a = Rows::new(a, &frame, Some((rule, squared_radii_a)));
    let b = Rows::new(b, &frame, Some((rule, squared_radii_b)));
    let (mut counts_a, mut counts_b) =
        (vec![Counts::default(); a.count()], vec![Counts::default(); b.count()]);
    tiles::between(&a, Some(&mut counts_a), &b, &mut counts_b, "balls of two sets");
    (counts_a, counts_b)
}

impl Accumulator for Counts {
    fn part(&self) -> Self {
        Self::default()
    }

    fn merge(&mut self, part: Self) {
        self.holds += part.holds;
        self.held += part.held;
    }

    fn scan(&mut self, owner: Place<'_>, other: Place<'_>, products: &[f32]) {
        let (Some(own), Some(others)) = (&owner.rows.balls, &other.rows.balls) else { return };
        let (i, range) = (owner.first, other.first..other.first + products.len());
        let (own_lower, own_upper) = (owner.rows.lower[i], owner.rows.upper[i]);
        let holds = Screen {
            may: &other.rows.lower[range.clone()],
            must: &other.rows.upper[range.clone()],
            may_below: own.outer[i] - own_lower,
            must_below: own.inner[i] - own_upper,
        };
        let held = Screen {
            may: &others.lower_reach[range.clone()],
            must: &others.upper_reach[range],
            may_below: -own_lower,
            must_below: -own_upper,
        };
        self.holds += holds.count(products, |j| owner.rows.holds(i, other.rows, other.first + j));
        self.held += held.count(products, |j| other.rows.holds(other.first + j, owner.rows, i));
    }
}

/// Two bounds for every product: inside is possible, or certain.
struct Screen<'a> {
    may: &'a [f32],
    must: &'a [f32],
    may_below: f32,
    must_below: f32,
}

impl Screen<'_> {
    /// The number of rows inside; `exactly` decides between the bounds.
    fn count(&self, products: &[f32], exactly: impl Fn(usize) -> bool) -> u32 {
        let may = |bound: f32, product: f32| bound - product <= self.may_below;
        let must = |bound: f32, product: f32| bound - product < self.must_below;
        let mut count = 0;
        for (chunk, products) in products.chunks(SCREENED).enumerate() {
            let first = chunk * SCREENED;
            let (bounds_may, bounds_must) = (
                &self.may[first..first + products.len()],
                &self.must[first..first + products.len()],
            );
            let mut possible = 0;
            let mut certain = 0;
            for ((&p, &a), &b) in products.iter().zip(bounds_may).zip(bounds_must) {
                possible += u32::from(may(a, p));
                certain += u32::from(must(b, p));
            }
            count += certain;
            if possible != certain {
                let open = (0..products.len()).filter(|&j| {
                    may(bounds_may[j], products[j]) && !must(bounds_must[j], products[j])
                });
                count += open.filter(|&j| exactly(first + j)).count() as u32;
            }
        }
        count
    }
}
