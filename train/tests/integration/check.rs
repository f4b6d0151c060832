//! `train check` on the one device that is always there: the CPU against itself lies at zero
//! everywhere, and what is disturbed is found.

use std::process::Command;

use burn::tensor::Device;
use train::check::case::Scale;
use train::check::{Case, Extent, Outputs, Precision, Row, Totals, cases, compare};

fn on_cpu(case: &Case) -> Outputs {
    case.on(&Device::flex())
}

fn rows(found: impl Fn(&Case) -> Outputs) -> (Vec<Row>, Totals) {
    let mut rows = Vec::new();
    let totals =
        compare(&cases(Extent::Small), Precision::F32, on_cpu, found, |row| rows.push(row.clone()));
    (rows, totals)
}

#[test]
fn the_cpu_against_itself_lies_at_zero_everywhere() {
    let (rows, totals) = rows(on_cpu);
    for row in &rows {
        assert_eq!(row.deviation, Some(0.0), "{row:?}");
    }
    assert_eq!((totals.rows, totals.failed.len()), (rows.len(), 0));
    for group in [
        "operation",
        "layer",
        "network",
        "loss",
        "penalty",
        "augment",
        "optimizer",
        "pictures",
        "step",
        "features",
        "kid",
    ] {
        assert!(rows.iter().any(|row| row.name.starts_with(group)), "no row of {group}");
    }
    for (i, row) in rows.iter().enumerate() {
        assert!(rows[..i].iter().all(|other| other.name != row.name), "{} twice", row.name);
    }
}

#[test]
fn one_number_that_is_off_by_three_tolerances_fails_in_every_row_and_by_a_third_in_none() {
    let off_by = |share: f64| {
        move |case: &Case| {
            let mut outputs = on_cpu(case);
            let part = &mut outputs.parts[0];
            let off = share * case.kind.tolerance(Precision::F32);
            let largest = part
                .values
                .iter()
                .enumerate()
                .max_by(|a, b| a.1.abs().total_cmp(&b.1.abs()))
                .map(|(i, _)| i);
            let value = &mut part.values[largest.expect("a number")];
            *value = (f64::from(*value)
                + if part.scale == Scale::One { off } else { f64::from(*value) * off })
                as f32;
            outputs
        }
    };
    let (rows_far, totals) = rows(off_by(3.0));
    assert!(rows_far.iter().all(|row| !row.ok && row.failure.is_none()), "{rows_far:?}");
    assert_eq!(totals.failed.len(), totals.rows);
    let (rows_near, totals) = rows(off_by(0.33));
    assert!(rows_near.iter().all(|row| row.ok), "{rows_near:?}");
    assert!(totals.failed.is_empty());
}

#[test]
fn a_device_that_mixes_up_two_pictures_or_gives_up_is_found_and_the_rest_goes_on() {
    let (rows, totals) = rows(|case| {
        let mut outputs = on_cpu(case);
        match case.name.as_str() {
            "operation warp" => panic!("gather is not there"),
            name if name.starts_with("network gan-ada: discriminator") => {
                outputs.parts[0].values.swap(0, 1)
            }
            _ => {}
        }
        outputs
    });
    assert_eq!(totals.failed, ["operation warp", "network gan-ada: discriminator"]);
    let of = |name: &str| rows.iter().find(|row| row.name == name).expect(name);
    assert_eq!(of("operation warp").failure.as_deref(), Some("gather is not there"));
    assert_eq!(of("network gan-ada: discriminator").part, "logits");
}

#[test]
fn the_program_prints_rows_and_totals_and_refuses_words_that_no_row_holds() {
    let run = |flags: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_train"))
            .arg("check")
            .args(flags)
            .output()
            .expect("start");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let (code, out, _) = run(&["--device", "cpu", "--small", "--only", "loss hinge,optimizer sgd"]);
    assert_eq!(code, Some(0), "{out}");
    assert!(
        out.starts_with("ok   loss hinge ")
            && out.contains(" 0 FAIL (cpu against the CPU, f32, fusion off)"),
        "{out}"
    );
    let (code, out, _) =
        run(&["--device", "cpu", "--small", "--json", "--fusion", "on", "--only", "loss hinge"]);
    let lines: Vec<serde_json::Value> =
        out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!((code, lines.len()), (Some(0), 2), "{out}");
    assert_eq!((&lines[0]["ok"], &lines[1]["rows"]), (&true.into(), &1.into()));
    let (code, _, err) = run(&["--device", "cpu", "--only", "no such row"]);
    assert!(code != Some(0) && err.contains("--only no such row"), "{err}");
}
