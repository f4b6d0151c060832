//! `sample walk` and `sample timelapse`: early refusals, large sheets, odd names.

use std::path::Path;
use std::process::Command;

use sample::animations::video::Film;
use shared::fs;
use shared::nn::run::Run;
use shared::picture::{Picture, PictureFile};

use crate::common::{names, refuse, run, skipped, succeed};

#[test]
fn frames_beyond_memory_or_a_format_are_refused_before_a_picture_is_made() {
    let (scratch, run) = run("moving-huge");
    let (run, out) = (run.to_str().unwrap(), scratch.join("out"));
    for (args, ending, named) in [
        // The pictures of one frame have 5 GB here.
        (&["walk", "--grid", "64x64", "--padding", "1024"][..], "png", "67584×67584"),
        (&["walk", "--grid", "4096x1"], "webp", "at most 16383"),
        (&["walk", "--grid", "64x64", "--padding", "80"], "gif", ".webp"),
        (&["timelapse", "--seeds", "0-4095", "--columns", "4096"], "webp", "at most 16383"),
        (&["timelapse", "--seeds", "0-4095", "--columns", "4096"], "gif", "at most 65535"),
    ] {
        let out = out.with_extension(ending);
        refuse(
            &[&args[..1], &[run], &args[1..], &["--out", out.to_str().unwrap()]].concat(),
            2,
            named,
        );
    }
    assert_eq!(names(&scratch), ["run"]);
}

#[test]
fn too_few_pictures_for_the_walks_are_refused_with_how_many_are_needed() {
    let (scratch, run) = run("moving-keys");
    let [z, out] = ["z.npy", "out.png"].map(|name| scratch.join(name));
    let (run, z, out) = (run.to_str().unwrap(), z.to_str().unwrap(), out.to_str().unwrap());
    succeed(&["latents", run, "--out", z, "--seeds", "4"]);
    for (args, named) in [
        (
            &["--latents", z][..],
            "--seeds, --latents: 1 for a walk; each needs at least 2, 2 in all",
        ),
        (
            &["--grid", "3x2", "--seeds", "0-5"],
            "6 for the 6 walks of --grid 3x2; each needs at least 2, 12 in all",
        ),
        (
            &["--grid", "3x2", "--seeds", "0-4"],
            "5 cannot be distributed evenly among the 6 walks of --grid 3x2; use 12",
        ),
        (
            &["--grid", "3x2", "--seeds", "0-10"],
            "11 cannot be distributed evenly among the 6 walks of --grid 3x2; use 12",
        ),
        (
            &["--grid", "3x2", "--seeds", "0-15"],
            "16 cannot be distributed evenly among the 6 walks of --grid 3x2; use 12 or 18",
        ),
    ] {
        refuse(&[&["walk", run, "--out", out], args].concat(), 2, named);
    }
}

#[test]
fn a_time_lapse_shows_sheets_of_any_size_that_a_run_draws() {
    let (scratch, run) = run("moving-sheets");
    let out = scratch.join("lapse");
    // 256 pictures of 288×288: more than the 64 MiB allowed for a training picture.
    let sheet = Picture::filled(4642, 4642, 3, 90);
    let sheets = Run::open(&run).unwrap();
    (0..10).for_each(|epoch| fs::remove(sheets.sheet(epoch)).unwrap());
    fs::write(sheets.sheet(10), &sheet.to_png_quickly().unwrap()).unwrap();
    succeed(&[
        "timelapse",
        run.to_str().unwrap(),
        "--out",
        out.to_str().unwrap(),
        "--frames",
        "1",
        "--no-caption",
    ]);
    let frame = fs::read(out.join("frame-000000.png")).unwrap();
    let frame = PictureFile::open(&frame).unwrap();
    assert_eq!((frame.width(), frame.height()), (4642, 4642));
}

#[test]
fn a_colon_in_a_name_is_no_protocol() {
    if Film::check(Path::new("a.mp4")).is_err() {
        skipped("ffmpeg is not installed");
        return;
    }
    let (scratch, run) = run("moving-colon");
    let mut walk = Command::new(env!("CARGO_BIN_EXE_sample"));
    // With a folder before it, the colon would not be ambiguous.
    walk.current_dir(&scratch).arg("walk").arg(run.file_name().unwrap()).args([
        "--out",
        "walk:1.mp4",
        "--frames",
        "3",
    ]);
    let output = walk.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(names(&scratch), ["run", "walk:1.mp4"]);
}
