//! `.npz` files against numpy's (`tools/golden_npz.py`), and damaged ones. `tools/check_npz.py`
//! reads ours.

use std::path::{Path, PathBuf};

use evaluate::inputs::npz::{NpzContents, NpzError, Statistics, read, write};
use evaluate::metrics::fid::{Gaussian, GaussianError};
use shared::cli::{is_damage, one_line};
use shared::fs;
use shared::metrics::features::Features;
use shared::testing::Scratch;

fn golden(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/npz")).join(name)
}

#[test]
fn every_golden_file_has_its_test() {
    let files = std::fs::read_dir(golden("")).expect("golden files");
    assert_eq!(files.count(), 17, "a golden file is missing or untested");
}

/// The numbers in all files of the script.
fn statistics() -> Statistics {
    let sigma = |i: usize, j: usize| ((i + 1) * (j + 1)) as f64 / 8.0 + f64::from(u8::from(i == j));
    Statistics {
        mean: vec![-1.0, -0.5, 0.0],
        covariance: (0..3).flat_map(|i| (0..3).map(move |j| sigma(i, j))).collect(),
    }
}

fn features() -> Features {
    Features::new((0..5).flat_map(|i| (0..3).map(move |j| i as f32 - j as f32 / 4.0)).collect(), 3)
}

fn ours() -> NpzContents {
    let facts = serde_json::json!({ "protocol": "clean-fid", "network": "inception", "count": 5 });
    NpzContents { statistics: Some(statistics()), features: Some(features()), facts: Some(facts) }
}

#[test]
fn numpys_files_are_read() {
    for name in ["all-stored", "all-f4", "all-f8", "all-fortran", "all-version2", "all-version3"] {
        let contents =
            read(&golden(&format!("{name}.npz"))).unwrap_or_else(|e| panic!("{}", one_line(&e)));
        assert_eq!(
            contents,
            NpzContents { statistics: Some(statistics()), features: Some(features()), facts: None },
            "{name}"
        );
    }
    let contents = read(&golden("statistics-deflated.npz")).expect("statistics");
    assert_eq!((contents.statistics, contents.features), (Some(statistics()), None));
    let contents = read(&golden("features-deflated.npz")).expect("features");
    assert_eq!((contents.statistics, contents.features), (None, Some(features())));
}

#[test]
fn what_is_written_is_read_again_and_has_the_same_bytes() {
    let scratch = Scratch::new("npz-write");
    write(&scratch.path("a.npz"), &ours()).expect("write");
    assert_eq!(read(&scratch.path("a.npz")).expect("read"), ours());
    // `tools/check_npz.py` read the committed file; FLEDGE_WRITE_GOLDEN=1 rewrites it.
    if std::env::var_os("FLEDGE_WRITE_GOLDEN").is_some() {
        write(&golden("ours.npz"), &ours()).expect("write");
    }
    assert_eq!(
        fs::read(scratch.path("a.npz")).expect("read"),
        fs::read(golden("ours.npz")).expect("ours.npz")
    );
    let only = NpzContents { features: Some(features()), ..NpzContents::default() };
    write(&scratch.path("b.npz"), &only).expect("write");
    assert_eq!(read(&scratch.path("b.npz")).expect("read"), only);
}

fn refusal(path: &Path) -> String {
    let error = read(path).expect_err("refused");
    // The program ends with the exit code of unusable data.
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    let mut damage = false;
    while let Some(error) = cause {
        damage |= is_damage(error);
        cause = error.source();
    }
    assert!(damage, "{error:?}");
    let text = one_line(&error);
    assert!(text.contains(&path.display().to_string()), "{text}");
    text
}

#[test]
fn what_cannot_be_used_is_refused_with_the_reason() {
    for (name, reason) in [
        ("pickle", "pickle"),
        ("big-endian", "'<f4' and '<f8' are read"),
        ("integers", "i8"),
        ("records", "records"),
        ("shape", "[2, 3], not [3, 3]"),
        ("nan", "not finite"),
        ("names", "arr_0.npy"),
    ] {
        let text = refusal(&golden(&format!("refused-{name}.npz")));
        assert!(text.contains(reason), "{name}: {text}");
    }
    // Its shape is right; `Gaussian::new` refuses it.
    let asymmetric =
        read(&golden("refused-asymmetric.npz")).expect("numbers").statistics.expect("statistics");
    let error = Gaussian::new(asymmetric.mean, &asymmetric.covariance, 3).expect_err("refused");
    assert!(matches!(error, GaussianError::NoCovariance { .. }), "{error}");
    let scratch = Scratch::new("npz-no");
    fs::write(scratch.path("text.npz"), b"no zip file").expect("write");
    assert!(refusal(&scratch.path("text.npz")).contains("not a readable .npz file"));
    assert!(matches!(read(&scratch.path("absent.npz")), Err(NpzError::File(_))));
}

#[test]
fn every_changed_byte_and_truncation_is_refused_or_changes_no_number() {
    let scratch = Scratch::new("npz-damage");
    let path = scratch.path("damaged.npz");
    for name in ["ours.npz", "statistics-deflated.npz"] {
        let bytes = fs::read(golden(name)).expect("read");
        let whole = read(&golden(name)).expect("whole");
        let check = |damaged: &[u8], what: String| {
            // A sync for each of thousands would take minutes.
            fs::write_unsynced(&path, &[damaged]).expect("write");
            let Ok(contents) = read(&path) else { return };
            // A time or an attribute is ignored; an array under another name is absent.
            let same = |there: bool, equal: bool| !there || equal;
            assert!(
                same(contents.statistics.is_some(), contents.statistics == whole.statistics),
                "{what}"
            );
            assert!(
                same(contents.features.is_some(), contents.features == whole.features),
                "{what}"
            );
            assert!(same(contents.facts.is_some(), contents.facts == whole.facts), "{what}");
        };
        for i in 0..bytes.len() {
            for flip in [1, 0x80, 0xff] {
                let mut damaged = bytes.clone();
                damaged[i] ^= flip;
                check(&damaged, format!("{name}: byte {i} ^ {flip:#x}"));
            }
            check(&bytes[..i], format!("{name} cut at {i}"));
        }
    }
}
