//! Nothing that changes a number is silent: skipped files, metrics that a protocol does not define,
//! missing weights, flags of other programs.

use std::path::Path;

use serde_json::Value;
use shared::fs;
use shared::testing::Scratch;

use crate::common::{self, InScratch as _, path, text};

const RANDOM: [&str; 5] = ["--features", "random", "--json", "--device", "cpu"];

/// Exit code, lines of JSON, stderr.
fn measure(
    scratch: &Scratch,
    real: &Path,
    fake: &Path,
    more: &[&str],
) -> (Option<i32>, Vec<Value>, String) {
    let run = scratch.run(&[&["--real", path(real), "--fake", path(fake)], more].concat());
    let lines =
        text(&run.stdout).lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    (run.status.code(), lines, text(&run.stderr))
}

#[test]
fn a_file_that_only_the_protocols_library_would_measure_is_an_error() {
    let scratch = Scratch::new("account-unread");
    let (real, fake) = (scratch.pictures("real", 6, 60), scratch.pictures("fake", 6, 90));
    // Pillow knows it; no decoder of ours does.
    fs::write(fake.join("one.psd"), b"8BPS").expect("write");
    fs::write(fake.join("two.psd"), b"8BPS").expect("write");
    let of = |protocol: &str| {
        measure(&scratch, &real, &fake, &[&RANDOM[..], &["--protocol", protocol]].concat())
    };
    let (code, lines, said) = of("stylegan");
    assert_eq!((code, lines.len()), (Some(3), 0), "{said}");
    for named in ["stylegan would also measure 2 files", ".psd 2", "one.psd", "convert to PNG"] {
        assert!(said.contains(named), "{said}");
    }
    // Under a protocol whose library skips the files, so do we, with a warning.
    let (code, lines, said) = of("torch-fidelity");
    assert_eq!((code, lines.len()), (Some(0), 2), "{said}");
    assert!(said.contains("2 files skipped (.psd 2; the first: one.psd)"), "{said}");
}

#[test]
fn skipped_files_are_counted_by_suffix() {
    let scratch = Scratch::new("account-passed");
    let (real, fake) = (scratch.pictures("real", 6, 60), scratch.pictures("fake", 6, 90));
    for name in ["a.jpg.1", "b.jpg.1", "notes.txt", "README", ".hidden", "lost+found/x.png"] {
        fs::create_folder_for(fake.join(name)).expect("folder");
        fs::write(fake.join(name), b"{}").expect("write");
    }
    fs::remove(fake.join("lost+found/x.png")).expect("remove");
    let (code, lines, said) = measure(&scratch, &real, &fake, &RANDOM);
    assert_eq!((code, lines.len()), (Some(0), 2), "{said}");
    assert!(
        said.contains("4 files skipped (.1 2, ")
            && said.contains(".txt 1")
            && said.contains("no suffix 1"),
        "{said}"
    );
    assert!(said.contains("1 hidden file skipped"), "{said}");
}

#[test]
fn pictures_that_the_protocols_library_would_skip_are_named() {
    let scratch = Scratch::new("account-fewer");
    let (real, fake) = (scratch.pictures("real", 6, 60), scratch.pictures("fake", 6, 90));
    let png = fs::read(fake.join("000.png")).expect("read");
    fs::write(fake.join("upper.PNG"), &png).expect("write");
    fs::create_folder(fake.join("below")).expect("folder");
    fs::write(fake.join("below/more.png"), &png).expect("write");
    let of = |protocol: &str| {
        measure(&scratch, &real, &fake, &[&RANDOM[..], &["--protocol", protocol]].concat())
    };
    let (code, lines, said) = of("pytorch-fid");
    assert_eq!((code, &lines[0]["generated_count"]), (Some(0), &8.into()), "{said}");
    assert!(said.contains("pytorch-fid would not measure 2 pictures of these"), "{said}");
    assert!(of("torch-fidelity").2.contains(
        "torch-fidelity would not measure 1 picture of these (the first: below/more.png)"
    ));
    assert!(!of("stylegan").2.contains("would not measure"));
}

#[test]
fn each_protocol_computes_what_it_defines_and_says_what_it_does_not() {
    let scratch = Scratch::new("account-several");
    let (real, fake) = (scratch.pictures("real", 12, 60), scratch.pictures("fake", 12, 90));
    let several = ["--protocol", "torch-fidelity,pytorch-fid,keras75-fid", "--metrics", "kid,fid"];
    let (code, lines, said) = measure(&scratch, &real, &fake, &[&RANDOM[..], &several].concat());
    assert_eq!(code, Some(0), "{said}");
    let found: Vec<_> = lines
        .iter()
        .map(|l| format!("{} {}", l["protocol"], l["metric"]).replace('"', ""))
        .collect();
    let expected =
        ["torch-fidelity kid", "torch-fidelity fid", "pytorch-fid fid", "keras75-fid kid"];
    assert_eq!(found, expected.map(|name| format!("{name}_random-features")));
    assert!(
        said.contains("pytorch-fid does not define kid")
            && said.contains("keras75-fid does not define fid"),
        "{said}"
    );
    let (code, _, said) = measure(
        &scratch,
        &real,
        &fake,
        &["--protocol", "pytorch-fid,keras75-fid", "--metrics", "is"],
    );
    assert!(
        code == Some(2) && said.contains("pytorch-fid or keras75-fid does not define it"),
        "{said}"
    );
}

#[test]
fn a_metric_with_missing_weights_does_not_stop_the_others() {
    let scratch = Scratch::new("account-lacking");
    let (real, run) = (scratch.pictures("real", 6, 60), scratch.join("run"));
    common::run(&run, &[5]);
    // PPL needs LPIPS, whose weights are missing; KID has drawn ones.
    let weights = scratch.join("drawn.safetensors");
    shared::metrics::inception::write_drawn(&weights, 7).expect("weights");
    let more = [
        "--json",
        "--device",
        "cpu",
        "--weights",
        path(&weights),
        "--metrics",
        "kid,ppl",
        "--generate",
        "6",
    ];
    let (code, lines, said) = measure(&scratch, &real, &run, &more);
    assert_eq!(code, Some(2), "{said}");
    let metrics: Vec<&str> = lines.iter().filter_map(|line| line["metric"].as_str()).collect();
    assert!(matches!(metrics[..], [one] if one.starts_with("kid")), "{metrics:?}: {said}");
    let last = said.lines().last().expect("a line");
    assert!(
        last.contains("ppl under torch-fidelity") && last.contains("evaluate weights --fetch"),
        "{said}"
    );
    assert_eq!(shared::jsonl::read(&run.join("metrics.jsonl")).expect("log").len(), 1);
}

#[test]
fn flags_of_other_programs_are_answered_with_ours() {
    let scratch = Scratch::new("account-foreign");
    for (args, answers) in [
        (
            &["--input1", "a", "--input2", "b", "--fid", "--gpu", "0"][..],
            &["--fake a", "--real b", "--metrics fid", "--device cuda:0"][..],
        ),
        (
            &["--real", "a", "--fake", "b", "--dims", "768"],
            &["evaluate: --dims 768 is --layer 768 here"],
        ),
        (
            &["--real", "a", "--fake", "b", "--batch-size=50"],
            &["--batch-size 50 is --batch 50 here"],
        ),
        (
            &["--real", "a", "--fake", "b", "--samples-find-deep"],
            &["--samples-find-deep is left out here"],
        ),
        (&["--real", "a", "--fake", "b", "--kid_subset_size", "9"], &["--kid-subset-size 9"]),
        (
            &["--fdir1", "a", "--fdir2", "b", "--mode", "clean"],
            &["--fake a", "--real b", "--protocol clean-fid"],
        ),
    ] {
        let run = scratch.run(args);
        let said = text(&run.stderr);
        assert_eq!((run.status.code(), said.lines().count()), (Some(2), 1), "{args:?}: {said}");
        answers.iter().for_each(|answer| assert!(said.contains(answer), "{args:?}: {said}"));
    }
}
