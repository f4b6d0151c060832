//! Networks that other programs trained, through the program. The files and the pictures that the
//! original makes of them are written by `tools/golden_stylegan2_pickle.py`.

use std::path::{Path, PathBuf};

use safetensors::SafeTensors;
use shared::fs;
use shared::mt19937::RandomState;
use shared::picture::Window;
use shared::testing::Scratch;

use crate::common::{decode, names, refuse, sample, succeed};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/runs/tests/golden/stylegan2").join(name)
}

/// The original's pictures of the seeds 0 to 15 of `plain.pkl`, [16][3][16][16].
fn originals() -> Vec<u8> {
    let file = fs::read(golden("pictures.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&file).unwrap();
    file.tensor("plain.1.pictures").unwrap().data().to_vec()
}

/// Compares pixels [H, W, 3] with the original's picture of `seed`.
fn assert_original(pixels: &[u8], seed: usize, of: &[u8]) {
    let original = &of[seed * 768..(seed + 1) * 768];
    for (i, found) in pixels.iter().enumerate() {
        let there = original[i % 3 * 256 + i / 3];
        assert!(found.abs_diff(there) <= 1, "seed {seed}, value {i}: {found}, {there}");
    }
}

#[test]
fn pictures_of_a_networks_file_are_those_of_generate_py() {
    let scratch = Scratch::new("foreign");
    let network = golden("plain.pkl");
    let [grid, folder] = ["x.png", "pictures"].map(|name| scratch.join(name));
    let (network, out) = (network.to_str().unwrap(), folder.to_str().unwrap());
    let flags = ["--seeds", "0-15", "--columns", "4"];
    succeed(&[&["grid", network, "--out", grid.to_str().unwrap()], &flags[..]].concat());
    let (sheet, originals) = (decode(&grid), originals());
    for seed in 0..16 {
        let (left, top) = (2 + seed % 4 * 18, 2 + seed / 4 * 18);
        let cell = sheet.cut(Window { left, top, width: 16, height: 16 });
        assert_original(&cell.pixels, seed as usize, &originals);
    }
    succeed(&["images", network, "--out", out, "--seeds", "0-15"]);
    let written: Vec<String> =
        names(&folder).into_iter().filter(|name| name.ends_with(".png")).collect();
    assert_eq!(written.len(), 16);
    for (seed, name) in written.iter().enumerate() {
        assert_original(&decode(&folder.join(name)).pixels, seed, &originals);
    }
    // The same command finds everything done, and another file's pictures do not mix with these.
    succeed(&["images", network, "--out", out, "--seeds", "0-15"]);
    let other = golden("rosinality.pt");
    refuse(&["images", other.to_str().unwrap(), "--out", out, "--seeds", "0-15"], 2, "--force");
}

#[test]
fn other_commands_take_a_networks_file_too() {
    let scratch = Scratch::new("foreign-commands");
    let path = |name: &str| scratch.join(name).to_str().unwrap().to_owned();
    for file in ["labels.pkl", "rosinality.pt"] {
        let network = golden(file);
        let network = network.to_str().unwrap();
        let [z, walk, onnx, classes] = ["z.npy", "walk.gif", "g.onnx", "classes.png"].map(path);
        succeed(&["latents", network, "--out", &z, "--seeds", "5,4294967296"]);
        let bytes = fs::read(&z).unwrap();
        let array =
            shared::npy::read(&mut &bytes[..], bytes.len() as u64, |v| v, |v| v as f32).unwrap();
        let length = array.shape[1];
        for (row, seed) in array.values.chunks(length).zip([5, 1 << 32]) {
            let mut state = RandomState::of_seed(seed);
            assert!(row.iter().all(|v| *v == state.normal() as f32), "{file}, {seed}");
        }
        succeed(&["walk", network, "--out", &walk, "--seeds", "0-2", "--frames", "6"]);
        succeed(&["export", network, "--onnx", &onnx]);
        if file == "labels.pkl" {
            succeed(&["grid", network, "--out", &classes, "--by-class", "--seeds", "0-3"]);
            succeed(&["grid", network, "--out", &classes, "--class", "2", "--seeds", "0-3"]);
            refuse(&["grid", network, "--out", &classes, "--class", "3"], 2, "expected 0 to 2");
        }
    }
}

#[test]
fn what_cannot_be_read_is_an_error_that_names_the_file() {
    let scratch = Scratch::new("foreign-errors");
    let (cut, out) = (scratch.join("cut.pkl"), scratch.join("x.png"));
    let out = out.to_str().unwrap();
    let whole = fs::read(golden("plain.pkl")).unwrap();
    fs::write(&cut, &whole[..whole.len() / 2]).unwrap();
    let hostile = scratch.join("hostile.pkl");
    fs::write(&hostile, b"cos\nsystem\n(S'touch executed-by-a-pickle'\ntR.").unwrap();
    for (file, named) in [(&cut, "truncated"), (&hostile, "os.system")] {
        let output = sample(&["grid", file.to_str().unwrap(), "--out", out]);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        let name = file.file_name().unwrap().to_str().unwrap();
        assert!(!output.status.success() && text.contains(name) && text.contains(named), "{text}");
    }
    assert!(!Path::new("executed-by-a-pickle").exists() && !Path::new(out).exists());
    let network = golden("plain.pkl");
    let network = network.to_str().unwrap();
    let output = sample(&["grid", network, "--out", out, "--checkpoint", "7"]);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && text.contains("has no checkpoint 7"), "{text}");
}
