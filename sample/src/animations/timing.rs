//! Delays of frames in the units of a format.

/// The timing of an animation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Timing {
    /// Frames per second.
    pub fps: f64,
    /// Additional seconds of the last frame.
    pub hold: f64,
    /// Number of frames.
    pub count: usize,
    /// Number of plays; 0 for infinitely many.
    pub plays: u16,
}

impl Timing {
    /// The delay of frame `index` in whole units, `units` per second. Rounding is spread over the
    /// frames, so that the total is off by at most half a unit.
    #[must_use]
    pub fn delay(&self, index: usize, units: f64) -> u64 {
        let starts = |index: usize| (index as f64 * units / self.fps).round() as u64;
        let held = if index + 1 == self.count { (self.hold * units).round() as u64 } else { 0 };
        starts(index + 1) - starts(index) + held
    }

    /// The delay of frame `index` in seconds, as the nearest fraction of 16-bit numbers.
    #[must_use]
    pub fn fraction(&self, index: usize) -> (u16, u16) {
        fraction(1.0 / self.fps + if index + 1 == self.count { self.hold } else { 0.0 })
    }

    /// Seconds from the first frame to the end.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.count as f64 / self.fps + self.hold
    }
}

/// The last convergent of the continued fraction of `value` (below 65536) that fits.
fn fraction(value: f64) -> (u16, u16) {
    let (mut before, mut last) = ((0u64, 1u64), (1u64, 0u64));
    let mut rest = value;
    loop {
        let whole = rest.floor() as u64;
        let next = (whole * last.0 + before.0, whole * last.1 + before.1);
        let (Ok(above), Ok(below)) = (u16::try_from(next.0), u16::try_from(next.1)) else { break };
        (before, last) = (last, next);
        // Nearer than the rounding error of `value`: further terms are noise.
        if (f64::from(above) / f64::from(below) - value).abs() <= value * 1e-12 {
            break;
        }
        rest = 1.0 / (rest - whole as f64);
    }
    (last.0 as u16, last.1 as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_add_up_and_rounding_is_spread() {
        let timing = |fps, hold| Timing { fps, hold, count: 90, plays: 0 };
        let delays: Vec<u64> = (0..90).map(|i| timing(30.0, 0.0).delay(i, 100.0)).collect();
        assert_eq!(delays[..6], [3, 4, 3, 3, 4, 3]);
        assert_eq!(delays.iter().sum::<u64>(), 300);
        assert_eq!((0..90).map(|i| timing(49.9, 1.5).delay(i, 100.0)).sum::<u64>(), 180 + 150);
        assert_eq!(timing(4.0, 2.0).delay(89, 100.0), 225);
        assert_eq!((timing(0.5, 0.0).seconds(), timing(30.0, 1.0).seconds()), (180.0, 4.0));
        // The fastest GIF respects the limit of viewers.
        assert!((0..90).all(|i| timing(50.0, 0.0).delay(i, 100.0) == 2));
        // The fastest WebP respects the limit of browsers, ten thousandths.
        assert!((0..90).all(|i| timing(90.0, 0.0).delay(i, 1000.0) > 10));
    }

    #[test]
    fn a_fraction_is_exact_where_there_is_one() {
        for (value, expected) in [
            (1.0 / 30.0, (1, 30)),
            (1001.0 / 30000.0, (1001, 30000)),
            (2.25, (9, 4)),
            (1.0 / 20.0, (1, 20)),
            (3.0, (3, 1)),
        ] {
            assert_eq!(fraction(value), expected, "{value}");
        }
        let (above, below) = fraction(std::f64::consts::PI / 100.0);
        assert!((f64::from(above) / f64::from(below) - std::f64::consts::PI / 100.0).abs() < 1e-8);
    }
}
