//! The program on untrained runs.

use std::path::Path;

use ::sample::export::safetensors::ENTRY;
use burn::tensor::Device;
use safetensors::SafeTensors;
use serde_json::{Value, json};
use shared::fs;
use shared::nn::run::Which;
use shared::nn::sampler::Sampler;
use shared::picture::Picture;

use crate::common::{decode, refuse, run, run_of, sample, succeed};

#[test]
fn a_seed_is_one_picture_beside_any_others_and_in_every_process() {
    let (_scratch, run) = run("program-seeds");
    let (sampler, _) = Sampler::open(&run, Which::Latest, &Device::flex()).unwrap();
    let all = sampler.pictures(&(0..40).collect::<Vec<u64>>());
    for seeds in [vec![17], vec![39, 0, 17], (10..29).collect()] {
        for (picture, seed) in sampler.pictures(&seeds).iter().zip(&seeds) {
            assert!(picture.pixels == all[*seed as usize].pixels, "seed {seed} among {seeds:?}");
        }
    }
    assert!(all[0].pixels != all[1].pixels);
}

#[test]
fn a_grid_shows_the_pictures_of_its_seeds_in_order() {
    let (scratch, run) = run("program-grid");
    let out = scratch.join("grid.png");
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
    let (scratch, run) = run("program-gif");
    let run = run.to_str().unwrap();
    let walk = scratch.join("walk.gif");
    let seeds = ["--seeds", "0-2", "--frames", "9", "--fps", "10", "--scale", "2"];
    succeed(&[&["walk", run, "--out", walk.to_str().unwrap()], &seeds[..]].concat());
    assert_eq!(gif(&walk), (32, 32, vec![10; 9]));
    let again = scratch.join("again.gif");
    succeed(&[&["walk", run, "--out", again.to_str().unwrap()], &seeds[..]].concat());
    assert!(fs::read(&walk).unwrap() == fs::read(&again).unwrap());
    let lapse = scratch.join("lapse.gif");
    succeed(&["timelapse", run, "--out", lapse.to_str().unwrap(), "--fps", "4", "--scale", "1"]);
    let (width, height, delays) = gif(&lapse);
    assert!(width >= 20 && height > 12);
    assert_eq!(delays, [25, 25, 225]);
}

#[test]
fn bad_requests_are_named_and_leave_nothing_behind() {
    let (scratch, run_folder) = run("program-bad");
    let run = run_folder.to_str().unwrap();
    let out = scratch.join("out.png");
    let path = out.to_str().unwrap();
    refuse(&["grid", run, "--out", path, "--checkpoint", "12"], 1, "no checkpoint 12");
    refuse(&["grid", run, "--out", path, "--checkpoint", "newest"], 2, "newest");
    refuse(&["grid", run, "--out", path, "--seeds", "9-1"], 2, "backwards");
    refuse(&["grid", run, "--out", path, "--columns", "0"], 2, "--columns");
    refuse(&["grid", run, "--out", path, "--scale", "1000"], 2, "--scale");
    refuse(&["walk", run, "--out", path, "--frames", "0"], 2, "--frames");
    refuse(&["walk", run, "--out", path, "--fps", "0"], 2, "--fps");
    refuse(&["grid", scratch.to_str().unwrap(), "--out", path], 1, "is not a run");
    let tensor = run_folder.join("checkpoints/00000007/ema.safetensors");
    let mut bytes = fs::read(&tensor).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&tensor, &bytes).unwrap();
    refuse(&["grid", run, "--out", path], 3, "ema.safetensors");
    assert!(!out.exists());
    assert_eq!(std::fs::read_dir(&scratch).unwrap().count(), 1);
}

#[test]
fn classes_are_chosen_by_name_or_number_and_shown_in_rows() {
    // A class may have a number for a name.
    let (scratch, run) =
        run_of("program-classes", &["cond=embedding+projection"], &["1", "gull", "owl"]);
    let (sampler, _) = Sampler::open(&run, Which::Latest, &Device::flex()).unwrap();
    let of = |class| sampler.clone().of_index(class).pictures(&[4, 9]);
    assert!(
        of(0)[0].pixels != of(1)[0].pixels && of(1)[0].pixels != of(2)[0].pixels,
        "the class makes no difference"
    );
    // By default, seeds cycle through the classes.
    assert!(sampler.pictures(&[4])[0].pixels == of(1)[0].pixels);
    let (run, out) = (run.to_str().unwrap(), scratch.join("grid.png"));
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
    let (scratch, run) = run("program-no-classes");
    let (run, out) = (run.to_str().unwrap(), scratch.join("grid.png"));
    refuse(
        &["grid", run, "--out", out.to_str().unwrap(), "--class", "0"],
        2,
        "cond.generator = none",
    );
    refuse(&["grid", run, "--out", out.to_str().unwrap(), "--by-class"], 2, "without classes");
}

#[test]
fn dropout_when_sampling_is_drawn_by_seed() {
    let (_scratch, run) = run_of(
        "program-dropout",
        &["generator.dropout=0.5", "generator.dropout_sampling=true"],
        &[],
    );
    let (sampler, _) = Sampler::open(&run, Which::Latest, &Device::flex()).unwrap();
    let alone = sampler.pictures(&[7]);
    assert!(alone[0].pixels == sampler.pictures(&[3, 7, 1])[1].pixels);
    let (_plain, run) = run_of("program-no-dropout", &["generator.dropout=0.5"], &[]);
    let (plain, _) = Sampler::open(&run, Which::Latest, &Device::flex()).unwrap();
    assert!(plain.pictures(&[7])[0].pixels != alone[0].pixels, "nothing was dropped");
}

#[test]
fn an_export_writes_both_files_at_once_the_same_every_time_and_says_where_they_come_from() {
    let (scratch, run) =
        run_of("program-export", &["cond=batch-norm+projection"], &["gull", "owl", "hawk"]);
    let paths =
        ["a.onnx", "a.safetensors", "b.onnx", "b.safetensors"].map(|name| scratch.join(name));
    let [a_onnx, a_safetensors, b_onnx, b_safetensors] =
        paths.each_ref().map(|path| path.to_str().unwrap());
    for [onnx, safetensors] in [[a_onnx, a_safetensors], [b_onnx, b_safetensors]] {
        let output = sample(&[
            "export",
            run.to_str().unwrap(),
            "--onnx",
            onnx,
            "--safetensors",
            safetensors,
        ]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(String::from_utf8_lossy(&output.stdout), format!("{onnx}\n{safetensors}\n"));
    }
    let [onnx, bytes, onnx_again, bytes_again] =
        paths.each_ref().map(|path| fs::read(path).unwrap());
    assert!(onnx == onnx_again && bytes == bytes_again, "another file of the same run");
    let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
    let described: Value =
        serde_json::from_str(&header.metadata().clone().unwrap()[ENTRY]).unwrap();
    let facts = &described["facts"];
    assert_eq!(
        (&facts["preset"], &facts["step"], &facts["weights"]),
        (&json!("gan-ada"), &json!(7), &json!("averaged"))
    );
    assert_eq!(facts["classes"], json!(["gull", "owl", "hawk"]));
    assert_eq!(
        (&described["inputs"][1]["name"], &described["output"]["shape"]),
        (&json!("class"), &json!([3, 16, 16]))
    );
    // The trained weights differ.
    succeed(&["export", run.to_str().unwrap(), "--safetensors", b_safetensors, "--no-ema"]);
    assert!(fs::read(&paths[3]).unwrap() != bytes);
}

#[test]
fn exports_that_cannot_be_are_named_and_leave_nothing_behind() {
    let (scratch, run) = run_of(
        "program-no-export",
        &["generator.dropout=0.5", "generator.dropout_sampling=true"],
        &[],
    );
    let (run, out) = (run.to_str().unwrap(), scratch.join("g.onnx"));
    let out = out.to_str().unwrap();
    refuse(&["export", run], 2, "--onnx FILE");
    refuse(&["export", run, "--onnx", out, "--safetensors", out], 2, "same file");
    refuse(&["export", run, "--onnx", out], 2, "generator.dropout_sampling");
    refuse(&["export", run, "--safetensors", run], 2, "--safetensors");
    refuse(&["export", run, "--onnx", out, "--checkpoint", "12"], 1, "no checkpoint 12");
    assert_eq!(std::fs::read_dir(&scratch).unwrap().count(), 1);
}
