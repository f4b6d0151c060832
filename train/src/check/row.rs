//! The deviation between two results of one computation, and the verdict on it.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::Serialize;

use super::case::{Case, Outputs, Part, Scale};
use super::tolerance::Precision;

/// Smallest reference magnitude of a part, as a share of its group's largest number.
const GROUP_SHARE: f64 = 0.1;

/// The outcome of one comparison.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// The case's name.
    pub name: String,
    /// The largest deviation, relative to its part's reference magnitude; `None` if there is
    /// nothing to compare.
    pub deviation: Option<f64>,
    /// The part with the largest deviation.
    pub part: String,
    /// The largest acceptable deviation.
    pub tolerance: f64,
    /// True if the deviation is within the tolerance.
    pub ok: bool,
    /// Reason why there is nothing to compare: a panic's message, or numbers missing or not finite.
    pub failure: Option<String>,
}

/// Totals over rows.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Totals {
    /// Number of rows.
    pub rows: usize,
    /// Names of the failed rows.
    pub failed: Vec<String>,
}

impl Totals {
    /// Adds a row.
    pub fn add(&mut self, row: &Row) {
        self.rows += 1;
        if !row.ok {
            self.failed.push(row.name.clone());
        }
    }
}

impl Row {
    /// Computes both sides and compares them. A panic in either becomes the row's failure and is
    /// not propagated.
    pub fn of(
        case: &Case,
        precision: Precision,
        expected: impl FnOnce() -> Outputs,
        found: impl FnOnce() -> Outputs,
    ) -> Self {
        let tolerance = case.kind.tolerance(precision);
        let outcome = caught(expected)
            .map_err(|message| format!("the CPU itself: {message}"))
            .and_then(|expected| Ok((expected, caught(found)?)))
            .and_then(|(expected, found)| worst(&expected, &found));
        let row = Self {
            name: case.name.clone(),
            deviation: None,
            part: String::new(),
            tolerance,
            ok: false,
            failure: None,
        };
        match outcome {
            Ok((deviation, part)) => {
                Self { deviation: Some(deviation), part, ok: deviation <= tolerance, ..row }
            }
            Err(failure) => Self { failure: Some(failure), ..row },
        }
    }
}

/// The result, or the message of the panic.
fn caught<T>(f: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(f)).map_err(|panic| message(&*panic))
}

/// A panic's message on one line.
fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .map(|s| (*s).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned());
    let text = text.unwrap_or_else(|| "a panic without a message".to_owned());
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The largest deviation of all parts, and the name of its part.
fn worst(expected: &Outputs, found: &Outputs) -> Result<(f64, String), String> {
    let names =
        |outputs: &Outputs| outputs.parts.iter().map(|p| p.name.clone()).collect::<Vec<_>>();
    if names(expected) != names(found) {
        return Err(format!("gives {:?}, not {:?}", names(found), names(expected)));
    }
    let mut largest = (0.0, String::new());
    for (e, f) in expected.parts.iter().zip(&found.parts) {
        let off = deviation(e, f, scale(e, expected))?;
        if off > largest.0 {
            largest = (off, e.name.clone());
        }
    }
    Ok(largest)
}

/// The largest magnitude.
fn magnitude(values: &[f32]) -> f64 {
    values.iter().fold(0.0, |largest, v| f64::max(largest, f64::from(v.abs())))
}

/// Reference magnitude for the deviation of `part`.
fn scale(part: &Part, all: &Outputs) -> f64 {
    match part.scale {
        Scale::One => 1.0,
        Scale::Own => magnitude(&part.values),
        Scale::Group(_) => {
            let group = all.parts.iter().filter(|p| p.scale == part.scale);
            let largest = group.map(|p| magnitude(&p.values)).fold(0.0, f64::max);
            magnitude(&part.values).max(GROUP_SHARE * largest)
        }
    }
}

/// The largest difference in units of `scale`.
fn deviation(expected: &Part, found: &Part, scale: f64) -> Result<f64, String> {
    let name = &expected.name;
    if expected.values.len() != found.values.len() {
        return Err(format!(
            "{name}: {} numbers, expected {}",
            found.values.len(),
            expected.values.len()
        ));
    }
    for (values, who) in [(&expected.values, "the CPU's "), (&found.values, "")] {
        let not_finite = values.iter().filter(|v| !v.is_finite()).count();
        if not_finite > 0 {
            return Err(format!(
                "{name}: {not_finite} of {} of {who}numbers are not finite",
                values.len()
            ));
        }
    }
    let pairs = expected.values.iter().zip(&found.values);
    let largest = pairs.map(|(e, f)| (f64::from(*e) - f64::from(*f)).abs()).fold(0.0, f64::max);
    Ok(if largest == 0.0 { 0.0 } else { largest / scale.max(f64::MIN_POSITIVE) })
}

#[cfg(test)]
mod tests {
    use super::super::tolerance::Kind;
    use super::*;

    fn outputs(parts: &[(&str, &[f32], Scale)]) -> Outputs {
        let mut outputs = Outputs::default();
        parts.iter().for_each(|(name, values, scale)| outputs.list(*name, values.to_vec(), *scale));
        outputs
    }

    fn row(expected: Outputs, found: Outputs) -> Row {
        let case = Case::new("case", Kind::Elementwise, |_| Outputs::default());
        Row::of(&case, Precision::F32, || expected, || found)
    }

    #[test]
    fn deviations_are_measured_by_the_largest_number_of_a_part_or_by_one() {
        let off = |scale| {
            row(outputs(&[("x", &[10.0, 1.0], scale)]), outputs(&[("x", &[10.0, 1.5], scale)]))
                .deviation
        };
        assert_eq!(off(Scale::Own), Some(0.05));
        assert_eq!(off(Scale::One), Some(0.5));
    }

    #[test]
    fn a_gradient_that_is_zero_in_theory_is_measured_by_its_group() {
        let group = Scale::Group("gradients");
        let expected = outputs(&[("weight", &[2.0], group), ("bias", &[1e-9], group)]);
        let found = outputs(&[("weight", &[2.0], group), ("bias", &[-3e-9], group)]);
        let row = row(expected, found);
        assert!(row.ok && row.part == "bias", "{row:?}");
        assert!((row.deviation.expect("a deviation") - 4e-9 / 0.2).abs() < 1e-12, "{row:?}");
    }

    #[test]
    fn panics_missing_parts_and_numbers_that_are_none_are_failures_with_their_message() {
        let one = || outputs(&[("x", &[1.0], Scale::Own)]);
        let case = Case::new("case", Kind::Elementwise, |_| Outputs::default());
        let of = |found: fn() -> Outputs| {
            let row = Row::of(&case, Precision::F32, one, found);
            assert!(!row.ok && row.deviation.is_none());
            row.failure.expect("a message")
        };
        assert_eq!(of(|| panic!("no such\n   kernel")), "no such kernel");
        assert!(of(Outputs::default).contains("not [\"x\"]"));
        assert!(of(|| outputs(&[("x", &[f32::NAN], Scale::Own)])).contains("not finite"));
        assert!(
            of(|| outputs(&[("x", &[1.0, 1.0], Scale::Own)])).contains("2 numbers, expected 1")
        );
    }
}
