//! Refusals come before any work, name the flag, and leave the run intact.

use shared::fs::{self, Claim};
use shared::nn::run::Run;
use shared::picture::Picture;

use crate::common::{files_in, names, refuse, run, run_of, sample, succeed};

#[test]
fn sheets_beyond_memory_or_their_format_are_refused_with_their_words_and_before_latents_are_drawn()
{
    let (scratch, run) = run("refusals-room");
    let (run, z) = (run.to_str().unwrap(), scratch.join("z.npy"));
    // 65,537 rows of eight values.
    let header = shared::npy::header("<f4", &[65_537, 8]);
    fs::write(&z, &[header, vec![0; 65_537 * 32]].concat()).unwrap();
    let z = z.to_str().unwrap();
    for (args, ending, named) in [
        (
            vec!["grid", "--seeds", "10000000-10000899", "--columns", "900", "--labels"],
            "webp",
            "a WebP has sides of at most",
        ),
        (vec!["grid", "--seeds", "0-65000", "--padding", "1000"], "png", "--padding"),
        (vec!["grid", "--latents", z], "png", "65537 rows, at most 65536"),
        (
            vec!["sheet", "--seeds", "0-65535", "--only", "1", "--columns", "1001"],
            "png",
            "more than",
        ),
    ] {
        let out = scratch.join(format!("out.{ending}"));
        refuse(
            &[&args[..1], &[run], &args[1..], &["--out", out.to_str().unwrap()]].concat(),
            2,
            named,
        );
    }
    // Without labels, the same pictures fit.
    let out = scratch.join("out.webp");
    succeed(&[
        "grid",
        run,
        "--seeds",
        "10000000-10000899",
        "--columns",
        "900",
        "--out",
        out.to_str().unwrap(),
    ]);
    assert_eq!(names(&scratch), ["out.webp", "run", "z.npy"]);
}

#[test]
fn nothing_of_a_run_is_replaced() {
    let (scratch, run) = run("refusals-parts");
    let text = run.to_str().unwrap();
    let before = files_in(&run);
    let at = |name: &str| run.join(name).to_str().unwrap().to_owned();
    let (sheet, curves) = (at("samples/fakes-000000.png"), at("curves.png"));
    let through = scratch.join("run/checkpoints/../samples/new.png").to_str().unwrap().to_owned();
    for (command, flag, out) in [
        ("grid", "--out", &sheet),
        ("grid", "--out", &curves),
        ("grid", "--out", &through),
        ("sheet", "--out", &sheet),
        ("truncation", "--out", &sheet),
        ("walk", "--out", &sheet),
        ("timelapse", "--out", &sheet),
        ("walk", "--out", &at("samples/frames")),
        ("images", "--out", &at("samples/fakes.zip")),
        ("images", "--out", &at("samples/more")),
        ("latents", "--out", &at("checkpoints/z.npy")),
        ("export", "--onnx", &at("checkpoints/00000007/ema.safetensors")),
        ("export", "--safetensors", &at("checkpoints/00000007/ema.safetensors")),
    ] {
        refuse(&[command, text, flag, out], 2, "a part of the run");
    }
    refuse(&["morph", text, "1", "2", "--out", &sheet], 2, "a part of the run");
    refuse(&["latents", text, "--out", &at("config.toml")], 2, ".npy");
    assert!(files_in(&run) == before);
    // Files that people add beside the parts of a run are theirs.
    succeed(&["grid", text, "--seeds", "0-3", "--out", &at("grid.png")]);
    succeed(&["grid", text, "--seeds", "4-7", "--out", &at("grid.png")]);
}

#[test]
fn flags_are_named_as_the_command_has_them() {
    let (scratch, uniform) = run_of("refusals-uniform", &["generator.distribution=uniform"], &[]);
    let out = scratch.join("out.png");
    refuse(
        &["truncation", uniform.to_str().unwrap(), "--out", out.to_str().unwrap()],
        2,
        "--thresholds 0.25",
    );
    let (few_scratch, few) = run_of("refusals-few", &["generator.latent=5"], &[]);
    let sheet = few_scratch.join("sheet.png");
    succeed(&["sheet", few.to_str().unwrap(), "--out", sheet.to_str().unwrap()]);
    refuse(
        &["sheet", few.to_str().unwrap(), "--out", sheet.to_str().unwrap(), "--directions", "6"],
        2,
        "--directions 6",
    );
    let many =
        ["images", few.to_str().unwrap(), "--out", out.to_str().unwrap(), "--seeds", "0-99999"];
    refuse(&many, 2, "--seed-start");
    assert_eq!(names(&scratch), ["run"]);
}

#[test]
fn a_file_has_one_writer_and_what_a_killed_one_left_is_removed() {
    let (scratch, run) = run("refusals-writers");
    let (run, z) = (run.to_str().unwrap(), scratch.join("z.npy"));
    let [grid, onnx] = ["grid.png", "g.onnx"].map(|name| scratch.join(name));
    for (command, flag, out) in
        [("grid", "--out", &grid), ("latents", "--out", &z), ("export", "--onnx", &onnx)]
    {
        let args = [command, run, flag, out.to_str().unwrap()];
        let claim = Claim::by(sample::output::lock_beside(out)).unwrap().unwrap();
        refuse(&args, 2, "another `sample` is writing it");
        assert!(!out.exists());
        drop(claim);
        let name = out.file_name().unwrap().to_str().unwrap();
        fs::write(out.with_file_name(format!(".{name}.1-1.fledge-tmp")), b"half").unwrap();
        succeed(&args);
    }
    assert_eq!(names(&scratch), ["g.onnx", "grid.png", "run", "z.npy"]);
}

#[test]
fn flags_of_other_programs_are_answered_with_ours() {
    for (args, named) in [
        (&["images", "--network=net.pkl", "--outdir=out", "--trunc=0.7"][..], "--truncation 0.7"),
        (
            &["images", "--network", "runs/a"],
            "--network runs/a is an argument without a flag here: runs/a",
        ),
        (&["images", "r", "--outdir", "fakes"], "--outdir fakes is --out fakes here"),
        (
            &["grid", "r", "--out", "o.png", "--noise-mode", "const"],
            "--noise-mode const is --noise const here",
        ),
        (&["grid", "r", "--out", "o.png", "--rotate", "3"], "--rotate 3 is left out here"),
        (&["grid", "r", "--out", "o.png", "--class_idx", "3"], "--class 3"),
        (&["images", "r", "--out", "o", "--frames", "3"], "--frames"),
        (&["--network", "a.pkl", "--seeds", "0-3"], "the whole: sample images RUN"),
    ] {
        refuse(args, 2, named);
    }
}

#[test]
fn folders_above_an_output_are_made() {
    let (scratch, run) = run_of("refusals-above", &[], &[]);
    let run = run.to_str().unwrap();
    let at = |name: &str| scratch.join("new").join(name).to_str().unwrap().to_owned();
    for args in [
        &["grid", run, "--seeds", "0-1", "--out", &at("a/grid.png")][..],
        &["images", run, "-n", "2", "--out", &at("b/fakes.zip")],
        &["images", run, "-n", "2", "--out", &at("c/fakes")],
        &["walk", run, "--frames", "3", "--out", &at("d/walk.gif")],
        &["timelapse", run, "--out", &at("e/frames")],
        &["morph", run, "1", "2", "--steps", "2", "--out", &at("f/morph.png")],
        &["latents", run, "--out", &at("g/z.npy")],
        &["export", run, "--onnx", &at("h/g.onnx"), "--safetensors", &at("i/g.safetensors")],
    ] {
        succeed(args);
    }
    assert_eq!(names(&scratch.join("new")).len(), 9);
    // No part of the run is a destination, existing or not.
    let inside = format!("{run}/checkpoints/new/x.png");
    refuse(&["grid", run, "--out", &inside], 2, "a part of the run");
}

#[test]
fn a_folder_with_only_hidden_files_and_lost_and_found_takes_pictures() {
    let (scratch, run) = run_of("refusals-vacant", &[], &[]);
    let out = scratch.join("disk");
    fs::create_folder(out.join("lost+found")).unwrap();
    fs::write(out.join(".directory"), b"").unwrap();
    succeed(&["images", run.to_str().unwrap(), "-n", "2", "--out", out.to_str().unwrap()]);
    assert!(out.join("lost+found").is_dir() && out.join(".directory").is_file());
}

#[test]
fn a_timelapse_takes_the_sheets_of_one_extent_and_names_the_others() {
    let (scratch, folder) = run_of("refusals-extents", &[], &[]);
    let run = Run::open(&folder).unwrap();
    for epoch in [2, 7] {
        fs::write(run.sheet(epoch), &Picture::filled(8, 8, 3, 9).to_png().unwrap()).unwrap();
    }
    let out = scratch.join("frames");
    let output = sample(&["timelapse", folder.to_str().unwrap(), "--out", out.to_str().unwrap()]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(
        said.contains("2 of 5 sheets are skipped")
            && said.contains("epochs 2 to 7")
            && said.contains("8×8"),
        "{said}"
    );
    assert_eq!(names(&out).len(), 3);
}
