//! The program as people run it, on a run that is saved here without training.
#![expect(clippy::unwrap_used, reason = "a test ends where the machine is not as expected")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use burn::tensor::Device;
use shared::fs;
use shared::nn::checkpoint::{self, CHECKPOINT_VERSION, Meta};
use shared::nn::config::{DataConfig, RunConfig, Settings};
use shared::nn::run::{Run, Which};
use shared::nn::sampler::Sampler;
use shared::picture::{Limits, Picture};

/// A folder of this test's own, removed at the end.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove(&self.0);
    }
}

/// A run of untrained 16×16 networks with one checkpoint and three sheets.
fn run(name: &str) -> (Scratch, PathBuf) {
    run_of(name, &[], &[])
}

/// The same with more settings and with classes.
fn run_of(name: &str, settings: &[&str], classes: &[&str]) -> (Scratch, PathBuf) {
    let scratch = Scratch(std::env::temp_dir().join(format!("fledge-sample-{}-{name}", std::process::id())));
    let folder = scratch.0.join("run");
    fs::remove(&scratch.0).unwrap();
    let run = Run::create(&folder).unwrap();
    let settings: Vec<String> = ["generator.width=6", "generator.latent=8"].iter().chain(settings).map(|s| (*s).into()).collect();
    let classes = classes.iter().map(|c| (*c).to_owned()).collect();
    let data = DataConfig { classes, ..DataConfig::of_extent(16, 3) };
    let config = RunConfig::new("gan-ada", Settings::resolve("gan-ada", None, &settings).unwrap(), 5, data);
    let generator = config.generator(&Device::flex());
    let meta = Meta {
        version: CHECKPOINT_VERSION,
        step: 7,
        epoch: 1,
        config,
        state: serde_json::Value::Null,
        files: Default::default(),
    };
    checkpoint::save(&run.checkpoint_folder(7), meta, &[("ema", &generator)]).unwrap();
    for epoch in [0, 5, 10] {
        fs::write(run.sheet(epoch), &Picture::filled(20, 12, 3, epoch as u8 * 20).to_png().unwrap()).unwrap();
    }
    (scratch, folder)
}

fn sample(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sample")).args(args).output().unwrap()
}

fn succeed(args: &[&str]) {
    let output = sample(args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn refuse(args: &[&str], code: i32, named: &str) {
    let output = sample(args);
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{args:?}: {text}");
    assert!(text.contains(named), "{args:?}: {text}");
}

fn decode(path: &Path) -> Picture {
    Picture::decode(&fs::read(path).unwrap(), &Limits::default()).unwrap()
}

#[test]
fn a_seed_is_one_picture_beside_any_others_and_in_every_process() {
    let (scratch, run) = run("seeds");
    let (sampler, _) = Sampler::open(&run, Which::Latest, &Device::flex()).unwrap();
    let all = sampler.pictures(&(0..40).collect::<Vec<u64>>());
    for seeds in [vec![17], vec![39, 0, 17], (10..29).collect()] {
        for (picture, seed) in sampler.pictures(&seeds).iter().zip(&seeds) {
            assert!(picture.pixels == all[*seed as usize].pixels, "seed {seed} among {seeds:?}");
        }
    }
    assert!(all[0].pixels != all[1].pixels);
    let (run, a, b) = (run.to_str().unwrap(), scratch.0.join("a"), scratch.0.join("b"));
    succeed(&["images", run, "--out", a.to_str().unwrap(), "-n", "20"]);
    succeed(&["images", run, "--out", b.to_str().unwrap(), "-n", "3", "--seed-start", "16"]);
    for (seed, picture) in all.iter().enumerate().take(19).skip(16) {
        let name = format!("seed-{seed:08}.png");
        assert!(fs::read(a.join(&name)).unwrap() == fs::read(b.join(&name)).unwrap());
        assert!(decode(&a.join(&name)).pixels == picture.pixels);
    }
}

#[test]
fn a_grid_shows_the_pictures_of_its_seeds_in_order() {
    let (scratch, run) = run("grid");
    let out = scratch.0.join("grid.png");
    succeed(&[
        "grid",
        run.to_str().unwrap(),
        "--out",
        out.to_str().unwrap(),
        "--seeds",
        "3,1,2",
        "--columns",
        "2",
        "--padding",
        "1",
    ]);
    let (sampler, _) = Sampler::open(&run, Which::Step(7), &Device::flex()).unwrap();
    let expected = shared::picture::grid(&sampler.pictures(&[3, 1, 2]), 2, 1);
    assert!(decode(&out).pixels == expected.pixels);
}

#[test]
fn images_go_into_a_zip_and_an_interrupted_folder_is_filled_up() {
    let (scratch, run) = run("images");
    let run = run.to_str().unwrap();
    let zip = scratch.0.join("fakes.zip");
    succeed(&["images", run, "--out", zip.to_str().unwrap(), "-n", "70"]);
    let archive = shared::archive::Archive::open(&zip).unwrap();
    assert_eq!(archive.pictures().count(), 70);
    refuse(&["images", run, "--out", zip.to_str().unwrap(), "-n", "70"], 2, "fakes.zip");
    let folder = scratch.0.join("fakes");
    succeed(&["images", run, "--out", folder.to_str().unwrap(), "-n", "5"]);
    let first = folder.join("seed-00000000.png");
    let before = fs::read(&first).unwrap();
    fs::remove(folder.join("seed-00000003.png")).unwrap();
    succeed(&["images", run, "--out", folder.to_str().unwrap(), "-n", "9"]);
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 9);
    assert!(fs::read(&first).unwrap() == before);
}

/// Extent, number of frames and delays in hundredths of a second.
fn gif(path: &Path) -> (u16, u16, Vec<u16>) {
    let bytes = fs::read(path).unwrap();
    let mut decoder = gif::DecodeOptions::new().read_info(&bytes[..]).unwrap();
    let mut delays = Vec::new();
    while let Some(frame) = decoder.read_next_frame().unwrap() {
        delays.push(frame.delay);
    }
    (decoder.width(), decoder.height(), delays)
}

#[test]
fn a_walk_and_a_time_lapse_have_the_frames_and_delays_asked_for() {
    let (scratch, run) = run("gif");
    let run = run.to_str().unwrap();
    let walk = scratch.0.join("walk.gif");
    let seeds = ["--seeds", "0-2", "--frames", "9", "--fps", "10", "--scale", "2"];
    succeed(&[&["walk", run, "--out", walk.to_str().unwrap()], &seeds[..]].concat());
    assert_eq!(gif(&walk), (32, 32, vec![10; 9]));
    let again = scratch.0.join("again.gif");
    succeed(&[&["walk", run, "--out", again.to_str().unwrap()], &seeds[..]].concat());
    assert!(fs::read(&walk).unwrap() == fs::read(&again).unwrap());
    let lapse = scratch.0.join("lapse.gif");
    succeed(&["timelapse", run, "--out", lapse.to_str().unwrap(), "--fps", "4"]);
    let (width, height, delays) = gif(&lapse);
    assert!(width == 20 && height > 12);
    assert_eq!(delays, [25, 25, 225]);
}

#[test]
fn bad_requests_are_named_and_leave_nothing_behind() {
    let (scratch, run_folder) = run("bad");
    let run = run_folder.to_str().unwrap();
    let out = scratch.0.join("out.png");
    let path = out.to_str().unwrap();
    refuse(&["grid", run, "--out", path, "--checkpoint", "12"], 1, "no checkpoint 12");
    refuse(&["grid", run, "--out", path, "--checkpoint", "newest"], 2, "newest");
    refuse(&["grid", run, "--out", path, "--seeds", "9-1"], 2, "backwards");
    refuse(&["grid", run, "--out", path, "--columns", "0"], 2, "--columns");
    refuse(&["grid", run, "--out", path, "--scale", "1000"], 2, "--scale");
    refuse(&["walk", run, "--out", path, "--frames", "0"], 2, "--frames");
    refuse(&["walk", run, "--out", path, "--fps", "0"], 2, "--fps");
    refuse(&["images", run, "--out", path, "-n", "0"], 2, "-n 0");
    let nowhere = scratch.0.join("no/such/folder/x.png");
    refuse(&["grid", run, "--out", nowhere.to_str().unwrap()], 1, "x.png");
    refuse(&["grid", scratch.0.to_str().unwrap(), "--out", path], 1, "is no run");
    let tensor = run_folder.join("checkpoints/00000007/ema.safetensors");
    let mut bytes = fs::read(&tensor).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&tensor, &bytes).unwrap();
    refuse(&["grid", run, "--out", path], 3, "ema.safetensors");
    assert!(!out.exists());
    assert_eq!(std::fs::read_dir(&scratch.0).unwrap().count(), 1);
}

#[test]
fn classes_are_chosen_by_name_or_number_and_shown_in_rows() {
    // Names that are numbers, too: a row is a class whatever it is called.
    let (scratch, run) = run_of("classes", &["cond=embedding+projection"], &["1", "gull", "owl"]);
    let (sampler, _) = Sampler::open(&run, Which::Latest, &Device::flex()).unwrap();
    let of = |class| sampler.clone().of_index(class).pictures(&[4, 9]);
    assert!(of(0)[0].pixels != of(1)[0].pixels && of(1)[0].pixels != of(2)[0].pixels, "the class makes no difference");
    // Without a choice the seeds go round the classes.
    assert!(sampler.pictures(&[4])[0].pixels == of(1)[0].pixels);
    let (run, out) = (run.to_str().unwrap(), scratch.0.join("grid.png"));
    let out = out.to_str().unwrap();
    let grid = |pictures: &[Picture], columns| shared::picture::grid(pictures, columns, 2).pixels;
    succeed(&["grid", run, "--out", out, "--seeds", "4,9", "--by-class"]);
    assert!(decode(Path::new(out)).pixels == grid(&[of(0), of(1), of(2)].concat(), 2));
    for (class, index) in [("owl", 2), ("1", 0), ("2", 2)] {
        succeed(&["grid", run, "--out", out, "--seeds", "4,9", "--class", class]);
        assert!(decode(Path::new(out)).pixels == grid(&of(index), 2), "{class}");
    }
    refuse(&["grid", run, "--out", out, "--class", "hawk"], 2, "gull");
}

#[test]
fn a_run_without_classes_says_so() {
    let (scratch, run) = run("no-classes");
    let (run, out) = (run.to_str().unwrap(), scratch.0.join("grid.png"));
    refuse(&["grid", run, "--out", out.to_str().unwrap(), "--class", "0"], 2, "cond.generator = none");
    refuse(&["grid", run, "--out", out.to_str().unwrap(), "--by-class"], 2, "without classes");
}

#[test]
fn dropout_when_sampling_is_drawn_by_seed() {
    let (_scratch, run) = run_of("dropout", &["generator.dropout=0.5", "generator.dropout_sampling=true"], &[]);
    let (sampler, _) = Sampler::open(&run, Which::Latest, &Device::flex()).unwrap();
    let alone = sampler.pictures(&[7]);
    assert!(alone[0].pixels == sampler.pictures(&[3, 7, 1])[1].pixels);
    let (_plain, run) = run_of("no-dropout", &["generator.dropout=0.5"], &[]);
    let (plain, _) = Sampler::open(&run, Which::Latest, &Device::flex()).unwrap();
    assert!(plain.pictures(&[7])[0].pixels != alone[0].pixels, "nothing was dropped");
}
