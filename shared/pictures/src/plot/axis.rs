//! An axis: its range, its ticks and their labels.

/// The scale of an axis.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Scale {
    /// As far as the values go; of very many, a few far off are cut off at the edge.
    #[default]
    Auto,
    /// The same, from 0 at least.
    FromZero,
    /// From one value to the other.
    Fixed(f64, f64),
    /// By the logarithm; values that are not above 0 are left out.
    Log,
}

/// From this many values on, a few far off do not stretch an axis.
const MANY: usize = 50;
/// The largest share of outliers at each end.
const FAR_OFF: f64 = 0.02;
/// A step may be this much smaller than the number of ticks allows, as the next round one may be
/// more than twice as large.
const SLACK: f64 = 0.8;
/// Part of the axis that stays free beyond the values.
const ROOM: f64 = 0.05;

/// An axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Axis {
    /// Values at its ends; their logarithms to the base 10 where `log` is set.
    low: f64,
    high: f64,
    log: bool,
}

/// A value with a line and a label.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tick {
    pub(super) value: f64,
    pub(super) label: String,
}

impl Axis {
    /// The axis of what is counted on, over these values: from 0, where none is below, to the last.
    pub(super) fn counted(values: impl Iterator<Item = f64>) -> Self {
        let (low, high) = values
            .filter(|v| v.is_finite())
            .fold((0.0f64, f64::MIN), |(low, high), v| (low.min(v), high.max(v)));
        Self { low, high: if high > low { high } else { low + 1.0 }, log: false }
    }

    /// The axis over these values by a scale.
    pub(super) fn scaled(values: impl Iterator<Item = f64>, scale: Scale) -> Self {
        let log = scale == Scale::Log;
        let mut values: Vec<f64> =
            values.map(|v| if log { v.log10() } else { v }).filter(|v| v.is_finite()).collect();
        values.sort_by(f64::total_cmp);
        let (mut low, mut high) = match scale {
            Scale::Fixed(low, high) => return Self { low, high, log },
            _ => extent(&values),
        };
        if high <= low {
            let room = if low == 0.0 { 1.0 } else { low.abs() * 0.1 };
            (low, high) = (low - room, high + room);
        }
        let room = (high - low) * ROOM;
        let from_zero =
            scale == Scale::FromZero && values.first().is_none_or(|&least| least >= 0.0);
        Self { low: if from_zero { 0.0 } else { low - room }, high: high + room, log }
    }

    /// The position of `value`: 0 at the lower end, 1 at the upper one. Not finite if the value is
    /// not, or has no logarithm.
    pub(super) fn place(&self, value: f64) -> f64 {
        ((if self.log { value.log10() } else { value }) - self.low) / (self.high - self.low)
    }

    /// Round values within the axis, about `most` of them.
    pub(super) fn ticks(&self, most: usize) -> Vec<Tick> {
        if self.log && self.high - self.low >= 1.0 {
            return self.log_ticks(most);
        }
        let (low, high) = if self.log {
            (10f64.powf(self.low), 10f64.powf(self.high))
        } else {
            (self.low, self.high)
        };
        let step = round_step((high - low) / most as f64 * SLACK);
        // A value that is at the end but for rounding has its tick.
        let (first, last) =
            ((low / step - 1e-9).ceil() as i64, (high / step + 1e-9).floor() as i64);
        (first..=last)
            .map(|i| Tick { value: i as f64 * step, label: label(i as f64 * step, step) })
            .collect()
    }

    /// Powers of ten, every n-th if there are many, with twice and five times between them if there
    /// are few.
    fn log_ticks(&self, most: usize) -> Vec<Tick> {
        let decades = (self.low - 1e-9).floor() as i32..=(self.high + 1e-9).ceil() as i32;
        let every = ((self.high - self.low) / most as f64).ceil().max(1.0) as i32;
        let factors = if self.high - self.low < 2.5 { &[1.0, 2.0, 5.0][..] } else { &[1.0] };
        let values = decades
            .filter(|k| k % every == 0)
            .flat_map(|k| factors.iter().map(move |f| (f * 10f64.powi(k), 10f64.powi(k))));
        let within = |value: f64| (-1e-9..=1.0 + 1e-9).contains(&self.place(value));
        values
            .filter(|(value, _)| within(*value))
            .map(|(value, unit)| Tick { value, label: label(value, unit) })
            .collect()
    }
}

/// From the least to the greatest; of many, as far as the bulk of them reaches and as much again.
fn extent(sorted: &[f64]) -> (f64, f64) {
    let (Some(&least), Some(&greatest)) = (sorted.first(), sorted.last()) else {
        return (0.0, 0.0);
    };
    if sorted.len() < MANY {
        return (least, greatest);
    }
    let off = (FAR_OFF * sorted.len() as f64) as usize;
    let (low, high) = (sorted[off], sorted[sorted.len() - 1 - off]);
    let spread = high - low;
    if spread == 0.0 {
        (least, greatest)
    } else {
        (least.max(low - spread), greatest.min(high + spread))
    }
}

/// The least of 1, 2 and 5 times a power of ten that is not below `step`.
fn round_step(step: f64) -> f64 {
    let unit = 10f64.powf(step.log10().floor());
    let factor = [1.0, 2.0, 5.0]
        .into_iter()
        .find(|factor| factor * unit >= step * (1.0 - 1e-9))
        .unwrap_or(10.0);
    factor * unit
}

/// `value` with as many digits as multiples of `step` need.
fn label(value: f64, step: f64) -> String {
    let (size, step) = (value.abs(), step.abs());
    if size < step * 1e-6 {
        return "0".into();
    }
    for (unit, letter, from) in [(1e6, "M", 1e6), (1e3, "k", 1e4)] {
        if step >= unit && (from..1e9).contains(&size) {
            return format!("{}{letter}", (value / unit).round());
        }
    }
    // Powers of ten below the step's own are noise.
    let decimals = |step: f64| (-(step.log10() + 1e-9).floor()).max(0.0) as usize;
    if step < 1e-4 || size >= 1e7 {
        let unit = 10f64.powf(size.log10().floor());
        return format!("{value:.*e}", decimals(step / unit));
    }
    format!("{value:.*}", decimals(step))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis, most: usize) -> Vec<String> {
        axis.ticks(most).into_iter().map(|tick| tick.label).collect()
    }

    fn between(low: f64, high: f64) -> Axis {
        Axis { low, high, log: false }
    }

    #[test]
    fn ticks_are_round_and_say_no_more_digits_than_they_need() {
        for (low, high, expected) in [
            (0.0, 1.0, &["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"][..]),
            (-0.3, 0.25, &["-0.3", "-0.2", "-0.1", "0.0", "0.1", "0.2"]),
            (0.0, 278.0, &["0", "50", "100", "150", "200", "250"]),
            (0.0, 52_000.0, &["0", "10k", "20k", "30k", "40k", "50k"]),
            (0.0, 5e6, &["0", "1M", "2M", "3M", "4M", "5M"]),
            (0.03, 0.045, &["0.030", "0.035", "0.040", "0.045"]),
            (0.0, 4e-5, &["0", "1e-5", "2e-5", "3e-5", "4e-5"]),
            (0.0, 4e12, &["0", "1e12", "2e12", "3e12", "4e12"]),
        ] {
            // Zero has no digits of its own.
            let expected: Vec<String> = expected
                .iter()
                .map(|l| if *l == "0.0" { "0".into() } else { (*l).to_owned() })
                .collect();
            assert_eq!(labels(&between(low, high), 5), expected, "{low} to {high}");
        }
    }

    #[test]
    fn an_axis_holds_every_value_unless_there_are_many_and_a_few_far_off() {
        let few = Axis::scaled([0.1, 3.0, f64::NAN, 900.0].into_iter(), Scale::Auto);
        assert!(few.place(0.1) > 0.0 && few.place(900.0) < 1.0 && few.place(f64::NAN).is_nan());
        let many =
            Axis::scaled((0..100).map(|i| if i == 0 { 1e6 } else { f64::from(i) }), Scale::Auto);
        assert!(many.place(1e6) > 1.0 && many.place(99.0) < 1.0);
        assert_eq!(Axis::scaled([2.0, 4.0].into_iter(), Scale::FromZero).place(0.0), 0.0);
        assert!(Axis::scaled([-2.0, 4.0].into_iter(), Scale::FromZero).place(-2.0) > 0.0);
        assert_eq!(Axis::scaled([9.0].into_iter(), Scale::Fixed(0.0, 2.0)).place(1.0), 0.5);
        for constant in [0.0, -3.0] {
            let axis = Axis::scaled([constant; 60].into_iter(), Scale::Auto);
            assert!((0.0..=1.0).contains(&axis.place(constant)));
            assert!(!axis.ticks(5).is_empty());
        }
        for empty in [Axis::scaled([].into_iter(), Scale::Auto), Axis::counted([].into_iter())] {
            assert!(empty.place(0.0).is_finite() && !empty.ticks(5).is_empty());
        }
    }

    #[test]
    fn a_logarithmic_axis_has_powers_of_ten_and_leaves_out_what_has_no_logarithm() {
        let axis = Axis::scaled([0.003, 0.0, -1.0, 7.0].into_iter(), Scale::Log);
        assert_eq!(labels(&axis, 5), ["0.01", "0.1", "1", "10"]);
        assert!(!axis.place(0.0).is_finite() && !axis.place(-1.0).is_finite());
        assert!((axis.place(0.1) - 0.5).abs() < 0.1);
        let narrow = Axis::scaled([0.03, 0.4].into_iter(), Scale::Log);
        assert_eq!(labels(&narrow, 5), ["0.05", "0.1", "0.2"]);
        let wide = Axis::scaled([1e-12, 1e12].into_iter(), Scale::Log);
        assert!((3..=6).contains(&wide.ticks(5).len()), "{:?}", labels(&wide, 5));
        // Within a power of ten the ticks are those of a common axis.
        let within = Axis::scaled([2.0, 3.0].into_iter(), Scale::Log);
        assert!(within.ticks(5).len() >= 3 && within.place(2.0) > 0.0);
    }
}
