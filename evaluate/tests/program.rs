//! The program itself, on drawn pictures with the untrained network: inputs, output forms, cache, exit codes.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use burn::tensor::Device;
use serde_json::Value;
use shared::fs;
use shared::nn::checkpoint::{self, CHECKPOINT_VERSION, Meta};
use shared::nn::config::{DataConfig, RunConfig, Settings};
use shared::nn::run::Run;
use shared::nn::sampler::Sampler;
use shared::picture::Picture;

struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("fledge-evaluate-{}-{name}", std::process::id()));
        fs::remove(&folder).expect("clear");
        fs::create_folder(&folder).expect("folder");
        Self(folder)
    }

    /// Small pictures of noise around a grey value.
    fn pictures(&self, name: &str, count: u32, grey: u8) -> PathBuf {
        let folder = self.0.join(name);
        fs::create_folder(&folder).expect("folder");
        for i in 0..count {
            let mut picture = Picture::filled(16, 16, 3, grey);
            let mut noise = shared::rng::stream(u64::from(i), name, 0);
            picture.pixels.iter_mut().for_each(|p| *p = p.saturating_add(noise.below(60) as u8));
            fs::write(folder.join(format!("{i:03}.png")), &picture.to_png().expect("png")).expect("write");
        }
        folder
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_evaluate"));
        command.env("XDG_CACHE_HOME", self.0.join("cache")).args(arguments).output().expect("run")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        fs::remove(&self.0).expect("clear");
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

fn path(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

#[test]
fn a_smoke_run_says_random_features_and_uses_the_cache() {
    let scratch = Scratch::new("smoke");
    let (real, fake) = (scratch.pictures("real", 6, 60), scratch.pictures("fake", 5, 150));
    let arguments = [
        "--real",
        path(&real),
        "--fake",
        path(&fake),
        "--features",
        "random",
        "--protocol",
        "keras",
        "--json",
        "--device",
        "cpu",
    ];
    let first = scratch.run(&arguments);
    assert!(first.status.success(), "{}", text(&first.stderr));
    let lines: Vec<Value> = text(&first.stdout).lines().map(|l| serde_json::from_str(l).expect("JSON")).collect();
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["metric"], "kid_random-features");
    assert_eq!(lines[0]["protocol"], "keras");
    assert_eq!((&lines[0]["generated_count"], &lines[0]["real_count"]), (&5.into(), &6.into()));
    assert_eq!((&lines[0]["subset_size"], &lines[0]["subset_size_asked"]), (&5.into(), &128.into()));
    assert!(lines[0]["value"].as_f64().expect("a number") > 0.0);
    assert!(lines[0].get("weights_sha256").is_none());

    // From the cache the same; a damaged cache is computed again, the same too.
    let kept = scratch.0.join("cache/fledge/features");
    let entries: Vec<PathBuf> = std::fs::read_dir(&kept).expect("list").map(|e| e.expect("entry").path()).collect();
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
    let scratch = Scratch::new("part");
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
            "keras",
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
    assert!(table.contains("kid_random-features (keras)") && table.contains('±') && table.contains("1 × 4"), "{table}");
    assert_eq!(table, of("1"));
    assert_ne!(table, of("2"));
    assert!(!scratch.0.join("cache").exists());
}

#[test]
fn wrong_usage_ends_with_2_and_names_the_flag() {
    let scratch = Scratch::new("usage");
    let real = scratch.pictures("real", 3, 60);
    let base = ["--real", path(&real), "--fake", path(&real)];
    let run_folder = scratch.0.join("run");
    fs::create_folder(run_folder.join("checkpoints")).expect("folder");
    fs::write(run_folder.join("config.toml"), b"").expect("write");
    for (more, expected) in [
        (&["--metrics", "fid", "--protocol", "keras"][..], "--metrics fid"),
        (&["--metrics", "lpips"], "lpips"),
        (&["--protocol", "clean-fid"], "torch-fidelity"),
        (&["--kid-subsets", "3", "--protocol", "keras"], "--kid-subsets"),
        (&["-n", "9", "--features", "random"], "-n 9"),
        (&["--batch", "0"], "--batch 0"),
        (&[], "evaluate weights --fetch"),
    ] {
        let run = scratch.run(&[&base[..], more].concat());
        assert_eq!(run.status.code(), Some(2), "{more:?}: {}", text(&run.stderr));
        assert!(text(&run.stderr).contains(expected), "{more:?}: {}", text(&run.stderr));
        assert!(run.stdout.is_empty());
    }
    let run = scratch.run(&["--real", path(&real), "--fake", path(&run_folder), "--features", "random"]);
    assert_eq!(run.status.code(), Some(1), "{}", text(&run.stderr));
    assert!(text(&run.stderr).contains("no checkpoint"), "{}", text(&run.stderr));
    let run = scratch.run(&["--real", path(&run_folder), "--fake", path(&real), "--features", "random"]);
    assert_eq!(run.status.code(), Some(2), "{}", text(&run.stderr));
    assert_eq!(scratch.run(&["weights", "--check"]).status.code(), Some(2));
    assert!(scratch.run(&["weights"]).status.success());
}

#[test]
fn unusable_data_end_with_3_and_name_the_file() {
    let scratch = Scratch::new("data");
    let (real, fake) = (scratch.pictures("real", 3, 60), scratch.pictures("fake", 3, 60));
    fs::write(fake.join("001.png"), b"\x89PNG\r\n\x1a\nnothing").expect("write");
    let run = scratch.run(&["--real", path(&real), "--fake", path(&fake), "--features", "random", "--protocol", "keras"]);
    assert_eq!(run.status.code(), Some(3), "{}", text(&run.stderr));
    assert!(text(&run.stderr).contains("001.png"), "{}", text(&run.stderr));

    let empty = scratch.0.join("empty");
    fs::create_folder(&empty).expect("folder");
    let run = scratch.run(&["--real", path(&real), "--fake", path(&empty), "--features", "random"]);
    assert_eq!(run.status.code(), Some(3), "{}", text(&run.stderr));

    let weights = scratch.0.join("weights.pth");
    fs::write(&weights, b"not a pickle at all").expect("write");
    let run = scratch.run(&["--real", path(&real), "--fake", path(&real), "--weights", path(&weights)]);
    assert_eq!(run.status.code(), Some(3), "{}", text(&run.stderr));
    assert!(text(&run.stderr).contains("weights.pth"), "{}", text(&run.stderr));

    let kept = scratch.0.join("cache/fledge/weights");
    fs::create_folder(&kept).expect("folder");
    fs::write(kept.join("pt_inception-2015-12-05-6726825d.pth"), b"something else").expect("write");
    assert_eq!(scratch.run(&["weights", "--check"]).status.code(), Some(3));
}

#[test]
fn a_run_is_measured_by_the_pictures_it_makes_and_keeps_the_result() {
    let scratch = Scratch::new("run");
    let real = scratch.pictures("real", 6, 60);
    let folder = scratch.0.join("run");
    let run = Run::create(&folder).expect("run");
    let settings = ["generator.width=4", "generator.latent=4"].map(str::to_owned);
    let config = RunConfig::new(
        "gan-ada",
        Settings::resolve("gan-ada", None, &settings).expect("settings"),
        1,
        DataConfig::of_extent(16, 3),
    );
    let generator = config.generator(&Device::flex());
    let state = Value::Null;
    let meta = Meta { version: CHECKPOINT_VERSION, step: 42, epoch: 1, config: config.clone(), state, files: Default::default() };
    checkpoint::save(&run.checkpoint_folder(42), meta, &[("ema", &generator)]).expect("save");

    let measure = |fake: &Path| {
        let run =
            scratch.run(&["--real", path(&real), "--fake", path(fake), "--features", "random", "--protocol", "keras", "--json"]);
        assert!(run.status.success(), "{}", text(&run.stderr));
        serde_json::from_slice::<Value>(&run.stdout).expect("json")
    };
    let by_run = measure(&folder);
    // The same pictures by hand.
    let made = scratch.0.join("made");
    fs::create_folder(&made).expect("folder");
    for (i, picture) in Sampler::new(generator, &config, Device::flex()).pictures(&[0, 1, 2, 3, 4, 5]).iter().enumerate() {
        fs::write(made.join(format!("{i}.png")), &picture.to_png().expect("png")).expect("write");
    }
    assert_eq!(by_run["value"], measure(&made)["value"]);
    assert_eq!(by_run["step"], 42);
    assert_eq!(by_run["generated_count"], 6);
    assert_eq!(shared::jsonl::read(&folder.join("metrics.jsonl")).expect("log"), [by_run]);
}
