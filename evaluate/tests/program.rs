//! The program on drawn pictures with the untrained network: inputs, outputs, cache, exit codes.

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use serde_json::Value;
use shared::fs;
use shared::nn::sampler::Sampler;
use shared::testing::Scratch;

use crate::common::{self, InScratch as _, path, text};

#[test]
fn a_smoke_run_says_random_features_and_uses_the_cache() {
    let scratch = Scratch::new("program-smoke");
    let (real, fake) = (scratch.pictures("real", 6, 60), scratch.pictures("fake", 5, 150));
    let arguments = [
        "--real",
        path(&real),
        "--fake",
        path(&fake),
        "--features",
        "random",
        "--protocol",
        "keras75-fid",
        "--json",
        "--device",
        "cpu",
    ];
    let first = scratch.run(&arguments);
    assert!(first.status.success(), "{}", text(&first.stderr));
    let lines: Vec<Value> =
        text(&first.stdout).lines().map(|l| serde_json::from_str(l).expect("JSON")).collect();
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["metric"], "kid_random-features");
    assert_eq!(lines[0]["protocol"], "keras75-fid");
    assert_eq!((&lines[0]["generated_count"], &lines[0]["real_count"]), (&5.into(), &6.into()));
    assert_eq!(
        (&lines[0]["subset_size"], &lines[0]["subset_size_asked"]),
        (&5.into(), &128.into())
    );
    assert!(lines[0]["value"].as_f64().expect("a number") > 0.0);
    assert!(lines[0].get("weights_sha256").is_none());

    // The cache gives the same, and a damaged cache is computed again.
    let kept = scratch.join("cache/fledge/features");
    let entries: Vec<PathBuf> =
        std::fs::read_dir(&kept).expect("list").map(|e| e.expect("entry").path()).collect();
    assert_eq!(entries.len(), 2);
    let second = scratch.run(&arguments);
    assert_eq!(second.stdout, first.stdout);
    assert!(text(&second.stderr).contains("cache"), "{}", text(&second.stderr));
    let mut bytes = fs::read(&entries[0]).expect("read");
    *bytes.last_mut().expect("bytes") ^= 1;
    fs::write(&entries[0], &bytes).expect("write");
    let third = scratch.run(&arguments);
    assert_eq!(third.stdout, first.stdout);
    assert!(text(&third.stderr).contains("is damaged"), "{}", text(&third.stderr));
}

#[test]
fn a_drawn_part_is_the_same_for_the_same_seed() {
    let scratch = Scratch::new("program-part");
    let (real, fake) = (scratch.pictures("real", 8, 60), scratch.pictures("fake", 8, 90));
    let of = |seed: &str| {
        let base = [
            "--real",
            path(&real),
            "--fake",
            path(&fake),
            "--features",
            "random",
            "--protocol",
            "keras75-fid",
            "-n",
            "4",
            "--no-cache",
            "--seed",
        ];
        let run = scratch.run(&[&base[..], &[seed]].concat());
        assert!(run.status.success(), "{}", text(&run.stderr));
        text(&run.stdout)
    };
    let table = of("1");
    // One batch has no spread.
    let row = table.lines().find(|line| line.starts_with("kid_random-features")).expect("a row");
    assert!(
        table.starts_with("keras75-fid") && row.contains(" 4 ") && !row.contains('±'),
        "{table}"
    );
    assert_eq!(table, of("1"));
    assert_ne!(table, of("2"));
    assert!(!scratch.join("cache").exists());
}

#[test]
fn wrong_usage_ends_with_2_and_names_the_flag() {
    let scratch = Scratch::new("program-usage");
    let real = scratch.pictures("real", 3, 60);
    let base = ["--real", path(&real), "--fake", path(&real)];
    let run_folder = scratch.join("run");
    fs::create_folder(run_folder.join("checkpoints")).expect("folder");
    fs::write(run_folder.join("config.toml"), b"").expect("write");
    for (more, expected) in [
        (&["--metrics", "fid", "--protocol", "keras75-fid"][..], "--metrics fid"),
        (&["--metrics", "lpips"], "lpips"),
        (&["--protocol", "clean"], "clean-fid"),
        (
            &["--protocol", "pytorch-fid,keras75-fid", "--metrics", "fid,is"],
            "pytorch-fid or keras75-fid does not define",
        ),
        (&["--metrics", "ct", "--features", "random"], "--train"),
        (&["--metrics", "ppl", "--features", "random"], "neither a run"),
        (&["--features", "resnet"], "dinov2-vit-s-14"),
        (&["--features", "random", "--layer", "769"], "logits_unbiased"),
        (&["--repeats", "1"], "--repeats 1"),
        (&["--metrics", "prdc", "--weights", "inception.pth"], "--weights vgg16=FILE"),
        (
            &["--metrics", "prdc", "--weights", "lpips-vgg=lin.pth"],
            "evaluate weights --fetch vgg16",
        ),
        (&["--per-class", "--features", "random", "--protocol", "keras75-fid"], "--per-class"),
        (&["--seed", "4294967296"], "--seed"),
        (&["--kid-subsets", "3", "--protocol", "keras75-fid"], "--kid-subsets"),
        (&["-n", "9", "--features", "random"], "-n 9"),
        (&["--batch", "0"], "--batch 0"),
        (&[], "evaluate weights --fetch"),
    ] {
        let run = scratch.run(&[&base[..], more].concat());
        assert_eq!(run.status.code(), Some(2), "{more:?}: {}", text(&run.stderr));
        assert!(text(&run.stderr).contains(expected), "{more:?}: {}", text(&run.stderr));
        assert!(run.stdout.is_empty());
    }
    let run =
        scratch.run(&["--real", path(&real), "--fake", path(&run_folder), "--features", "random"]);
    assert_eq!(run.status.code(), Some(1), "{}", text(&run.stderr));
    assert!(text(&run.stderr).contains("no checkpoint"), "{}", text(&run.stderr));
    let run =
        scratch.run(&["--real", path(&run_folder), "--fake", path(&real), "--features", "random"]);
    assert_eq!(run.status.code(), Some(2), "{}", text(&run.stderr));
    assert_eq!(scratch.run(&["weights", "--check"]).status.code(), Some(2));
    assert!(scratch.run(&["weights"]).status.success());
}

#[test]
fn unusable_data_end_with_3_and_name_the_file() {
    let scratch = Scratch::new("program-data");
    let (real, fake) = (scratch.pictures("real", 3, 60), scratch.pictures("fake", 3, 60));
    fs::write(fake.join("001.png"), b"\x89PNG\r\n\x1a\nnothing").expect("write");
    let run = scratch.run(&[
        "--real",
        path(&real),
        "--fake",
        path(&fake),
        "--features",
        "random",
        "--protocol",
        "keras75-fid",
    ]);
    assert_eq!(run.status.code(), Some(3), "{}", text(&run.stderr));
    assert!(text(&run.stderr).contains("001.png"), "{}", text(&run.stderr));

    let empty = scratch.join("empty");
    fs::create_folder(&empty).expect("folder");
    let run = scratch.run(&["--real", path(&real), "--fake", path(&empty), "--features", "random"]);
    assert_eq!(run.status.code(), Some(3), "{}", text(&run.stderr));

    let weights = scratch.join("weights.pth");
    fs::write(&weights, b"not a pickle at all").expect("write");
    let run =
        scratch.run(&["--real", path(&real), "--fake", path(&real), "--weights", path(&weights)]);
    assert_eq!(run.status.code(), Some(3), "{}", text(&run.stderr));
    assert!(text(&run.stderr).contains("weights.pth"), "{}", text(&run.stderr));

    let kept = scratch.join("cache/fledge/weights");
    fs::create_folder(&kept).expect("folder");
    fs::write(kept.join("pt_inception-2015-12-05-6726825d.pth"), b"something else").expect("write");
    assert_eq!(scratch.run(&["weights", "--check"]).status.code(), Some(3));
}

#[test]
fn a_run_is_measured_by_the_pictures_it_makes_and_keeps_the_result() {
    let scratch = Scratch::new("program-run");
    let real = scratch.pictures("real", 6, 60);
    let folder = scratch.join("run");
    let (config, generator) = common::run(&folder, &[42]);

    let measure = |fake: &Path| {
        let run = scratch.run(&[
            "--real",
            path(&real),
            "--fake",
            path(fake),
            "--features",
            "random",
            "--protocol",
            "keras75-fid",
            "--json",
        ]);
        assert!(run.status.success(), "{}", text(&run.stderr));
        serde_json::from_slice::<Value>(&run.stdout).expect("json")
    };
    let by_run = measure(&folder);
    // The same pictures, generated here.
    let made = scratch.join("made");
    fs::create_folder(&made).expect("folder");
    for (i, picture) in Sampler::new(generator, &config, Device::flex())
        .pictures(&[0, 1, 2, 3, 4, 5])
        .iter()
        .enumerate()
    {
        fs::write(made.join(format!("{i}.png")), &picture.to_png().expect("png")).expect("write");
    }
    assert_eq!(by_run["value"], measure(&made)["value"]);
    assert_eq!(by_run["step"], 42);
    assert_eq!(by_run["generated_count"], 6);
    assert_eq!(shared::jsonl::read(&folder.join("metrics.jsonl")).expect("log"), [by_run]);
}
