//! Several protocols, statistics, classes, memorisation, spreads, and the plotting commands.

use std::path::{Path, PathBuf};

use serde_json::Value;
use shared::fs;
use shared::picture::{Limits, Picture};
use shared::testing::{Scratch, relative_difference};

use crate::common::{self, InScratch as _, path, text};

const RANDOM: [&str; 4] = ["--features", "random", "--device", "cpu"];

fn lines(scratch: &Scratch, arguments: &[&str]) -> Vec<Value> {
    let run = scratch.run(&[arguments, &["--json"]].concat());
    assert!(run.status.success(), "{arguments:?}: {}", text(&run.stderr));
    text(&run.stdout).lines().map(|l| serde_json::from_str(l).expect("JSON")).collect()
}

fn value(lines: &[Value], metric: &str) -> f64 {
    let line = lines
        .iter()
        .find(|l| l["metric"].as_str().is_some_and(|m| m.split('_').next() == Some(metric)));
    line.unwrap_or_else(|| panic!("{metric} in {lines:?}"))["value"].as_f64().expect("a number")
}

fn picture(at: &Path) -> Picture {
    Picture::decode(&fs::read(at).expect("written"), &Limits::default()).expect("a picture")
}

#[test]
fn every_protocol_is_explained_and_none_shares_a_table_with_another() {
    let scratch = Scratch::new("commands-tables");
    let run = scratch.run(&["protocols"]);
    for name in ["torch-fidelity", "pytorch-fid", "clean-fid", "stylegan", "keras75", "keras75-fid"]
    {
        assert!(text(&run.stdout).lines().any(|line| line == name), "{name}");
    }
    let (real, fake) = (scratch.pictures("real", 4, 60), scratch.pictures("fake", 4, 90));
    let two = [
        "--real",
        path(&real),
        "--fake",
        path(&fake),
        "--protocol",
        "pytorch-fid,clean-fid",
        "--metrics",
        "fid",
    ];
    let table = text(&scratch.run(&[&two[..], &RANDOM, &["--repeats", "0"]].concat()).stdout);
    let headings: Vec<usize> =
        (0..).zip(table.lines()).filter(|(_, l)| l.contains("value")).map(|(i, _)| i).collect();
    assert_eq!(headings.len(), 2, "{table}");
    let rows: Vec<&str> = table.lines().collect();
    assert!(
        rows[headings[0]].starts_with("pytorch-fid") && rows[headings[1]].starts_with("clean-fid"),
        "{table}"
    );
    assert!(rows[headings[1] - 1].is_empty(), "{table}");
    // They resize differently, and say so.
    let of = lines(&scratch, &[&two[..], &RANDOM, &["--repeats", "0"]].concat());
    assert_ne!(of[0]["preprocessing"], of[1]["preprocessing"]);
    assert_ne!(of[0]["value"], of[1]["value"]);
}

#[test]
fn statistics_in_a_file_replace_their_pictures() {
    let scratch = Scratch::new("commands-statistics");
    let (real, fake) = (scratch.pictures("real", 6, 60), scratch.pictures("fake", 5, 90));
    let (npz, rows) = (scratch.join("real.npz"), scratch.join("rows.npz"));
    let keep = |out: &Path, more: &[&str]| {
        let base = ["statistics", path(&real), "--out", path(out), "--protocol", "clean-fid"];
        let run = scratch.run(&[&base[..], &RANDOM, more].concat());
        assert!(run.status.success(), "{}", text(&run.stderr));
    };
    keep(&npz, &[]);
    keep(&rows, &["--rows"]);
    let of = |real: &Path, metrics: &str| {
        let base = [
            "--real",
            path(real),
            "--fake",
            path(&fake),
            "--protocol",
            "clean-fid",
            "--metrics",
            metrics,
        ];
        lines(&scratch, &[&base[..], &RANDOM, &["--repeats", "0"]].concat())
    };
    let (direct, kept, from_rows) = (of(&real, "kid,fid"), of(&npz, "fid"), of(&rows, "kid,fid"));
    let fid = value(&direct, "fid");
    // Mean and covariance are exact in f64; roots of zero eigenvalues add noise that rows do not
    // have.
    let apart = relative_difference([value(&kept, "fid")], [fid]);
    assert!(apart <= 1e-5, "{apart}: {kept:?} against {direct:?}");
    assert_eq!((value(&from_rows, "fid"), value(&from_rows, "kid")), (fid, value(&direct, "kid")));
    assert_eq!(kept[0]["real_count"], 6);

    let refused = |arguments: &[&str], code: i32, expected: &str| {
        let run = scratch.run(&[arguments, &RANDOM].concat());
        assert_eq!(run.status.code(), Some(code), "{}", text(&run.stderr));
        assert!(text(&run.stderr).contains(expected), "{}", text(&run.stderr));
    };
    let both = ["--real", path(&npz), "--fake", path(&fake), "--protocol"];
    refused(&[&both[..], &["clean-fid", "--metrics", "kid"]].concat(), 2, "only fid");
    refused(
        &[&both[..], &["pytorch-fid", "--metrics", "fid"]].concat(),
        3,
        "computed with protocol clean-fid",
    );
    refused(
        &[&both[..], &["clean-fid", "--metrics", "fid", "--layer", "768"]].concat(),
        3,
        "layer 2048",
    );
    refused(&[&both[..], &["clean-fid", "--metrics", "fid", "-n", "3"]].concat(), 2, "-n");
    let part = [
        "--real",
        path(&rows),
        "--fake",
        path(&fake),
        "--protocol",
        "clean-fid",
        "--metrics",
        "kid",
        "-n",
        "4",
    ];
    assert_eq!(lines(&scratch, &[&part[..], &RANDOM].concat())[0]["real_count"], 4);
    let one = ["statistics", path(&real), "-n", "1", "--out", path(&rows)];
    refused(&one, 2, "-n 1");
    let weights = scratch.join("weights.safetensors");
    shared::metrics::inception::write_drawn(&weights, 7).expect("weights");
    let others = [
        "--real",
        path(&npz),
        "--fake",
        path(&fake),
        "--protocol",
        "clean-fid",
        "--metrics",
        "fid",
    ];
    let run =
        scratch.run(&[&others[..], &["--weights", path(&weights), "--device", "cpu"]].concat());
    assert_eq!(run.status.code(), Some(3), "{}", text(&run.stderr));
    assert!(
        text(&run.stderr).contains("network random, not inception-v3-compat"),
        "{}",
        text(&run.stderr)
    );
}

#[test]
fn classes_are_measured_by_their_own_pictures() {
    let scratch = Scratch::new("commands-classes");
    let set = |name: &str, greys: [u8; 2]| {
        for (class, grey) in ["dark", "light"].into_iter().zip(greys) {
            let pictures = scratch.pictures(&format!("{name}-{class}"), 4, grey);
            fs::create_folder(scratch.join(name)).expect("folder");
            fs::rename(&pictures, scratch.join(name).join(class)).expect("move");
        }
        scratch.join(name)
    };
    let (real, fake) = (set("real", [30, 200]), set("fake", [30, 90]));
    let base =
        ["--real", path(&real), "--fake", path(&fake), "--protocol", "keras75-fid", "--per-class"];
    let of = lines(&scratch, &[&base[..], &RANDOM].concat());
    let classes: Vec<Option<&str>> = of.iter().map(|l| l["class"].as_str()).collect();
    assert_eq!(classes, [None, Some("dark"), Some("light")]);
    let values: Vec<f64> = of.iter().map(|l| l["value"].as_f64().expect("a number")).collect();
    // The generated light pictures are too dark; the dark ones are right.
    assert!(values[2] > values[0] && values[0] > values[1], "{values:?}");
    assert_eq!((&of[1]["generated_count"], &of[1]["real_count"]), (&4.into(), &4.into()));
}

#[test]
fn copies_of_training_pictures_are_detected() {
    let scratch = Scratch::new("commands-copies");
    let (train, held_out) =
        (scratch.pictures("train", 24, 60), scratch.pictures("held-out", 24, 60));
    let other = scratch.pictures("other", 24, 60);
    let of = |fake: &Path| {
        let base = [
            "--real",
            path(&held_out),
            "--train",
            path(&train),
            "--fake",
            path(fake),
            "--protocol",
            "clean-fid",
        ];
        lines(
            &scratch,
            &[&base[..], &RANDOM, &["--metrics", "authpct,ct", "--repeats", "4", "--cells", "1"]]
                .concat(),
        )
    };
    let (copied, fresh) = (of(&train), of(&other));
    assert_eq!((value(&copied, "authpct"), value(&copied, "nearest-training")), (0.0, 0.0));
    assert!(value(&fresh, "authpct") > 0.0 && value(&fresh, "nearest-training") > 0.0);
    assert!(value(&copied, "ct") < value(&fresh, "ct"), "{copied:?} {fresh:?}");
    assert_eq!(copied[0]["training_count"], 24);
    assert_eq!((&copied[0]["std_over"], &copied[0]["std_count"]), (&"halves".into(), &4.into()));
}

#[test]
fn the_curve_of_a_run_measures_every_checkpoint_once() {
    let scratch = Scratch::new("commands-curve");
    let (real, folder) = (scratch.pictures("real", 5, 60), scratch.join("run"));
    common::run(&folder, &[10, 20]);
    let arguments = ["curve", path(&folder), "--real", path(&real), "--protocol", "keras75-fid"];
    let first = scratch.run(&[&arguments[..], &RANDOM].concat());
    assert!(first.status.success(), "{}", text(&first.stderr));
    let table = text(&first.stdout);
    assert!(
        table.contains("10 ") && table.contains("20 ") && table.contains("keras75-fid"),
        "{table}"
    );
    assert!(picture(&folder.join("metrics.png")).width > 100);
    let log = shared::jsonl::read(&folder.join("metrics.jsonl")).expect("log");
    assert_eq!(log.iter().map(|l| l["step"].as_u64()).collect::<Vec<_>>(), [Some(10), Some(20)]);

    let again = scratch.run(&[&arguments[..], &RANDOM].concat());
    assert_eq!(again.stdout, first.stdout, "{}", text(&again.stderr));
    assert_eq!(shared::jsonl::read(&folder.join("metrics.jsonl")).expect("log"), log);
    // The same value as of that checkpoint alone.
    let one = [
        "--real",
        path(&real),
        "--fake",
        path(&folder),
        "--checkpoint",
        "20",
        "--protocol",
        "keras75-fid",
    ];
    assert_eq!(
        value(&lines(&scratch, &[&one[..], &RANDOM].concat()), "kid"),
        log[1]["value"].as_f64().expect("a number")
    );
}

#[test]
fn scatter_plane_and_nearest_draw_what_they_say() {
    let scratch = Scratch::new("commands-draw");
    let (a, b) = (scratch.pictures("a", 8, 60), scratch.pictures("b", 8, 120));
    let drawn = |arguments: &[&str]| -> PathBuf {
        let out = scratch.join(format!("{}.png", arguments[0]));
        let run = scratch.run(&[arguments, &["--out", path(&out)], &RANDOM].concat());
        assert!(run.status.success(), "{arguments:?}: {}", text(&run.stderr));
        assert!(text(&run.stdout).contains(path(&out)));
        out
    };
    let colours = |at: &Path| {
        let picture = picture(at);
        let mut colours: Vec<&[u8]> = picture.pixels.chunks_exact(3).collect();
        colours.sort_unstable();
        colours.dedup();
        colours.len()
    };
    let scatter = drawn(&["scatter", path(&a), path(&b), "--protocol", "keras75-fid"]);
    assert!(colours(&scatter) > 3);
    let plane = drawn(&[
        "plane",
        path(&a),
        path(&b),
        "--real",
        path(&a),
        "--protocol",
        "clean-fid",
        "--repeats",
        "0",
    ]);
    assert!(colours(&plane) > 3);
    // b holds a copy of a's first picture: it comes first.
    fs::write(b.join("zzz.png"), &fs::read(a.join("000.png")).expect("read")).expect("copy");
    let out = scratch.join("sheet.png");
    let arguments = [
        "nearest",
        path(&b),
        "--train",
        path(&a),
        "--rows",
        "2",
        "-k",
        "2",
        "--protocol",
        "keras75-fid",
        "--out",
        path(&out),
    ];
    let run = scratch.run(&[&arguments[..], &RANDOM].concat());
    assert!(run.status.success(), "{}", text(&run.stderr));
    let table = text(&run.stdout);
    assert_eq!(
        table.lines().nth(1).map(|l| l.split_whitespace().collect::<Vec<_>>()),
        Some(vec!["zzz.png", "000.png", "0.0000"]),
        "{table}"
    );
    assert!(picture(&out).width > 100);
}

#[test]
fn the_path_length_of_a_run_needs_no_real_pictures() {
    let scratch = Scratch::new("commands-ppl");
    let folder = scratch.join("run");
    common::run(&folder, &[10]);
    let of = || {
        lines(
            &scratch,
            &[&["--fake", path(&folder), "--metrics", "ppl", "--generate", "20"][..], &RANDOM]
                .concat(),
        )
    };
    let first = of();
    assert_eq!(first[0]["metric"], "ppl_random-features");
    assert!(value(&first, "ppl") >= 0.0 && first[0]["real"].is_null());
    assert_eq!(value(&of(), "ppl"), value(&first, "ppl"));
}

#[test]
fn stylegans_path_lengths_are_those_of_runs_with_styles() {
    let scratch = Scratch::new("commands-stylegan-ppl");
    let [styled, plain] = ["styled", "plain"].map(|name| scratch.join(name));
    let narrow = ["channel_base=64", "channel_max=6", "latent=8", "styles=8", "mapping_layers=2"];
    common::run_of(&styled, &[10], ("stylegan2-config-f", 32), &narrow);
    common::run(&plain, &[10]);
    let names = ["ppl2_wend", "ppl_zfull", "ppl_wfull", "ppl_zend", "ppl_wend"];
    let metrics = names.join(",");
    let flags = ["--protocol", "stylegan", "--metrics", &metrics, "--generate", "12"];
    let of = || lines(&scratch, &[&["--fake", path(&styled)], &flags[..], &RANDOM].concat());
    let found = of();
    assert_eq!(found.len(), names.len());
    let of_name = |lines: &[Value], name: &str| {
        let whole = format!("{name}_random-features");
        let line = lines.iter().find(|line| line["metric"] == whole.as_str());
        line.and_then(|line| line["value"].as_f64()).expect("a value")
    };
    let values = names.map(|name| of_name(&found, name));
    assert!(values.iter().all(|v| *v > 0.0 && v.is_finite()), "{values:?}");
    assert!((0..5).all(|i| (0..i).all(|j| values[i] != values[j])), "{values:?}");
    let again = of();
    assert_eq!(names.map(|name| of_name(&again, name)), values);
    let small = scratch.join("small");
    common::run_of(&small, &[10], ("stylegan2-config-f", 16), &narrow);
    let output = scratch.run(&[&["--fake", path(&small)], &flags[..], &RANDOM].concat());
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("32×32 or larger"), "{}", text(&output.stderr));
    let refused = [&["--fake", path(&plain)], &flags[..], &RANDOM].concat();
    let output = scratch.run(&refused);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("has no styles"), "{}", text(&output.stderr));
}

#[test]
fn nvidias_names_fix_what_their_values_depend_on() {
    let scratch = Scratch::new("commands-named");
    let run = scratch.join("run");
    common::run(&run, &[10]);
    let folder = scratch.pictures("fakes", 4, 60);
    let refused = |fake: &Path, metric: &str, more: &[&str]| {
        let flags = ["--real", path(&folder), "--fake", path(fake), "--metrics", metric];
        let output = scratch.run(&[&flags, more, &RANDOM].concat());
        assert_eq!(output.status.code(), Some(2), "{metric}");
        text(&output.stderr)
    };
    let another = refused(&run, "fid50k_full", &["--generate", "100"]);
    assert!(another.contains("50000 pictures, not 100"), "{another}");
    let folder_of = refused(&folder, "kid50k_full", &[]);
    assert!(folder_of.contains("neither a run nor a network.pkl"), "{folder_of}");
    let other_protocol = refused(&run, "is50k", &["--protocol", "clean-fid"]);
    assert!(other_protocol.contains("clean-fid does not define it"), "{other_protocol}");
    assert!(refused(&run, "fid50k", &[]).contains("fid50k_full"));
    assert!(refused(&run, "pr50k3_full", &[]).contains("--metrics prdc"));
}

#[test]
fn a_failing_metric_does_not_stop_the_others() {
    let scratch = Scratch::new("commands-failing");
    let (real, fake) = (scratch.pictures("real", 4, 60), scratch.pictures("fake", 4, 90));
    // Four pictures have no fifth neighbour.
    let arguments = [
        "--real",
        path(&real),
        "--fake",
        path(&fake),
        "--protocol",
        "clean-fid",
        "--metrics",
        "prdc,fid",
        "--json",
    ];
    let run = scratch.run(&[&arguments[..], &RANDOM].concat());
    assert_eq!(run.status.code(), Some(3), "{}", text(&run.stderr));
    let lines: Vec<Value> =
        text(&run.stdout).lines().map(|l| serde_json::from_str(l).expect("JSON")).collect();
    assert_eq!(
        lines.iter().map(|l| l["metric"].as_str()).collect::<Vec<_>>(),
        [Some("fid_random-features")]
    );
    assert!(text(&run.stderr).contains("prdc"), "{}", text(&run.stderr));
}
