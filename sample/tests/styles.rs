//! What generators with styles offer: truncation of w, noise, walks in w, mixing, directions,
//! projection, halves.

use std::path::Path;

use burn::tensor::Device;
use sample::projection::distance::Distances;
use sample::projection::projector::Projector;
use shared::fs;
use shared::nn::run::Which;
use shared::nn::sampler::{NoiseMode, Sampler, Wish};
use shared::picture::{Picture, Window};
use shared::signal::Stop;

use crate::common::{decode, names, refuse, run, styled_run, succeed};

fn open(run: &Path) -> Sampler {
    Sampler::open(run, Which::Latest, &Device::flex()).unwrap().0
}

/// The 16×16 cells of a sheet with 2 pixels between them, row by row.
fn cells(path: &Path) -> Vec<Picture> {
    let sheet = decode(path);
    let places = |side: u32| (0..(side - 2) / 18).map(|i| 2 + i * 18);
    let cut = |(left, top)| sheet.cut(Window { left, top, width: 16, height: 16 });
    places(sheet.height)
        .flat_map(|top| places(sheet.width).map(move |left| (left, top)))
        .map(cut)
        .collect()
}

/// The pictures that `command` shows with `flags`.
fn shown(command: &str, run: &Path, flags: &[&str]) -> Vec<Picture> {
    let out = run.with_file_name("shown.png");
    let [run, text] = [run, &out].map(|path| path.to_str().unwrap());
    succeed(&[&[command, run, "--out", text], flags].concat());
    let shown = cells(&out);
    fs::remove(&out).unwrap();
    shown
}

#[test]
fn psi_moves_every_picture_to_the_same_one_and_a_psi_of_one_changes_nothing() {
    let (_scratch, run) = styled_run("styles-psi", &[], &[]);
    let grid = |flags: &[&str]| shown("grid", &run, &[&["--seeds", "0-3"], flags].concat());
    let plain = grid(&[]);
    assert!(plain == open(&run).pictures(&[0, 1, 2, 3]));
    assert!(plain[0] != plain[1]);
    assert!(grid(&["--truncation", "1"]) == plain);
    assert!(grid(&["--truncation", "0.3", "--cutoff", "0"]) == plain);
    let average = grid(&["--truncation", "0"]);
    assert!(average.iter().all(|picture| *picture == average[0]));
    // Layers behind the cutoff keep their own w.
    let coarse = grid(&["--truncation", "0", "--cutoff", "2"]);
    assert!(coarse[0] != coarse[1] && coarse[0] != average[0] && coarse[0] != plain[0]);
    let [half, opposite] = ["0.5", "-0.5"].map(|psi| grid(&["--truncation", psi]));
    assert!(half[0] != plain[0] && half[0] != opposite[0] && opposite[0] != average[0]);
    // By default from the average to the trained picture.
    let rows = |flags: &[&str]| {
        let out = run.with_file_name("rows.png");
        let [run, text] = [&run, &out].map(|path| path.to_str().unwrap());
        succeed(&[&["truncation", run, "--out", text, "--seeds", "0-3"], flags].concat());
        let sheet = decode(&out);
        // Beside labels there are 3 pixels between pictures.
        let places = |from: u32, side: u32| (from..side).step_by(19).collect::<Vec<u32>>();
        let cut = |left, top| sheet.cut(Window { left, top, width: 16, height: 16 });
        places(3, sheet.height)
            .into_iter()
            .flat_map(|top| {
                let lefts = places(sheet.width - 4 * 19, sheet.width);
                lefts.into_iter().map(move |left| cut(left, top))
            })
            .collect::<Vec<Picture>>()
    };
    let usual = rows(&[]);
    assert_eq!(usual.len(), 20);
    assert!(usual[..4] == average && usual[8..12] == half && usual[16..] == plain);
    let rows = rows(&["--thresholds=-0.5,none"]);
    assert!(rows[..4] == opposite && rows[4..] == plain);
}

#[test]
fn noise_is_the_layers_own_or_none_or_drawn_by_seed_whatever_else_is_drawn() {
    let (_scratch, run) = styled_run("styles-noise", &[], &[]);
    let grid = |flags: &[&str]| shown("grid", &run, &[&["--seeds", "3,17"], flags].concat());
    let [plain, constant, none, random] =
        [&[][..], &["--noise", "const"], &["--noise", "none"], &["--noise", "random"]].map(grid);
    assert!(plain == constant);
    for (a, b) in [(&plain, &none), (&plain, &random), (&none, &random)] {
        assert!(a[0] != b[0] && a[1] != b[1]);
    }
    assert!(grid(&["--noise", "random"]) == random);
    // One latent vector twice: the noise differs by seed.
    let drawn = open(&run).with_noise(NoiseMode::Random).unwrap();
    let same = drawn.wish(3);
    let twice = drawn.pictures_of(&[same.clone(), Wish { seed: 4, ..same }]);
    assert!(twice[0] == random[0] && twice[1] != random[0]);
    let many: Vec<u64> = (0..40).collect();
    assert!(drawn.pictures(&many)[17] == random[1]);
}

#[test]
fn a_path_in_w_passes_its_pictures_and_is_another_than_in_z() {
    let (_scratch, run) = styled_run("styles-path", &[], &[]);
    let morph = |flags: &[&str]| {
        let base = ["3", "9", "--steps", "5"];
        shown("morph", &run, &[&base[..], flags].concat())
    };
    let ends = open(&run).pictures(&[3, 9]);
    let [usual, w, z] = [&[][..], &["--space", "w"], &["--space", "z"]].map(morph);
    assert!(usual == w && w[2] != z[2]);
    assert!(w[0] == ends[0] && w[4] == ends[1]);
    // In the middle of w lies the picture of the mean of both.
    let sampler = open(&run);
    let mut styled = sampler.styled("", &[sampler.wish(3), sampler.wish(9)]).unwrap();
    let other = styled.pop().unwrap();
    styled[0].ws.iter_mut().zip(&other.ws).for_each(|(a, b)| *a = (*a + b) / 2.0);
    let mean = sampler.pictures_of_styles(&styled).remove(0);
    let near = mean.pixels.iter().zip(&w[2].pixels).all(|(a, b)| a.abs_diff(*b) <= 1);
    assert!(near);
    // Truncated keys, and the frames of a walk.
    let frames = run.with_file_name("frames");
    let flags = ["--seeds", "3,9", "--frames", "4", "--truncation", "0.5", "--scale", "1"];
    let [text, out] = [&run, &frames].map(|path| path.to_str().unwrap());
    succeed(&[&["walk", text, "--out", out], &flags[..]].concat());
    let walked: Vec<Picture> =
        names(&frames).iter().map(|name| decode(&frames.join(name))).collect();
    let half = open(&run).truncated(0.5).unwrap().pictures(&[3, 9]);
    assert!(walked[0] == half[0] && walked[2] == half[1]);
}

#[test]
fn a_mix_takes_the_named_layers_from_its_column() {
    let (_scratch, run) = styled_run("styles-mix", &[], &[]);
    let mix = |flags: &[&str]| {
        let base = ["--rows", "0-1", "--columns", "4-6"];
        shown("mix", &run, &[&base[..], flags].concat())
    };
    let sampler = open(&run);
    let (rows, columns) = (sampler.pictures(&[0, 1]), sampler.pictures(&[4, 5, 6]));
    let check = |sheet: &[Picture]| {
        assert_eq!(sheet.len(), 12);
        assert!(sheet[0].pixels.iter().all(|value| *value == 255));
        assert!(sheet[1..4] == columns && sheet[4] == rows[0] && sheet[8] == rows[1]);
    };
    let all = mix(&["--styles", "0-5"]);
    check(&all);
    assert!(all[5..8] == columns && all[9..] == columns);
    let coarse = mix(&["--styles", "0-2"]);
    check(&coarse);
    assert!(coarse == mix(&[]));
    for picture in [&coarse[5], &coarse[6], &coarse[9]] {
        assert!(!rows.contains(picture) && !columns.contains(picture));
    }
    assert!(coarse[5] != coarse[6] && coarse[5] != coarse[9]);
    let truncated = mix(&["--styles", "1", "--truncation", "0"]);
    assert!(truncated[1..].iter().all(|picture| *picture == truncated[1]));
    let out = run.with_file_name("x.png");
    let text = [&run, &out].map(|path| path.to_str().unwrap());
    let base = ["mix", text[0], "--out", text[1], "--styles"];
    refuse(&[&base[..], &["0,6"]].concat(), 2, "--styles 6: this generator has the layers 0 to 5");
    refuse(&[&base[..], &["3-1"]].concat(), 2, "runs backwards");
}

#[test]
fn classes_reach_w() {
    let classes = &["gull", "owl"];
    let settings = &["cond=embedding+projection"];
    let (_scratch, run) = styled_run("styles-classes", settings, classes);
    let sampler = open(&run);
    let of = |class: &str| sampler.clone().of_class(class).unwrap().pictures(&[3]).remove(0);
    assert!(of("gull") != of("owl"));
    let mix = shown("mix", &run, &["--rows", "3", "--columns", "3", "--class", "owl"]);
    assert!(mix[1..].iter().all(|picture| *picture == of("owl")));
    // A path stays in the class of its first picture: seeds alternate.
    let morph = shown("morph", &run, &["2", "3", "--steps", "2"]);
    assert!(morph == [sampler.pictures(&[2]).remove(0), of("gull")]);
}

#[test]
fn flags_of_styles_are_refused_without_them_and_bounds_with_them() {
    let (scratch, plain) = run("styles-refused");
    let out = scratch.join("out.png");
    let [plain, text] = [&plain, &out].map(|path| path.to_str().unwrap());
    let none = "has no styles";
    for (command, flags, named) in [
        ("grid", &["--noise", "none"][..], "--noise none"),
        ("grid", &["--truncation", "0.5", "--cutoff", "2"], "--cutoff 2"),
        ("walk", &["--space", "w"], "--space w"),
        ("mix", &[], "mix"),
        ("truncation", &["--noise", "random"], "--noise random"),
    ] {
        let args = [&[command, plain, "--out", text], flags].concat();
        refuse(&args, 2, none);
        refuse(&args, 2, named);
    }
    let (scratch, styled) = styled_run("styles-bounds", &[], &[]);
    let z = scratch.join("z.npy");
    let [styled, z] = [&styled, &z].map(|path| path.to_str().unwrap());
    let latents = ["latents", styled, "--out", z];
    refuse(&[&latents[..], &["--truncation", "0.5"]].concat(), 2, "moves w");
    succeed(&latents);
    let grid = ["grid", styled, "--out", text];
    refuse(&[&grid[..], &["--truncation", "nan"]].concat(), 2, "--truncation NaN");
    refuse(&[&grid[..], &["--cutoff", "2"]].concat(), 2, "--truncation, which is missing");
    refuse(
        &[&grid[..], &["--truncation", "1", "--cutoff", "7"]].concat(),
        2,
        "this generator has 6 layers",
    );
    refuse(&[&grid[..], &["--noise", "some"]].concat(), 2, "const, random or none");
    refuse(&["morph", styled, "1", "2", "--out", text, "--path", "spherical"], 2, "--space z");
    // Vectors of a file have a w like any others.
    succeed(&[&grid[..], &["--latents", z, "--truncation", "0"]].concat());
    let cells = cells(&out);
    assert!(cells.iter().all(|picture| *picture == cells[0]));
}

#[test]
fn pictures_of_other_noise_are_not_mixed_into_a_folder() {
    let (scratch, run) = styled_run("styles-images", &[], &[]);
    let out = scratch.join("images");
    let [text, out] = [&run, &out].map(|path| path.to_str().unwrap());
    let base = ["images", text, "--out", out, "-n", "3", "--truncation", "0.7"];
    succeed(&base);
    refuse(&[&base[..], &["--noise", "none"]].concat(), 2, "noise const, now none (--noise)");
    refuse(&[&base[..], &["--cutoff", "2"]].concat(), 2, "cutoff none, now 2 (--cutoff)");
    succeed(&[&base[..], &["--noise", "const"]].concat());
}

#[test]
fn directions_of_w_move_the_styles_of_the_named_layers() {
    let (_scratch, run) = styled_run("styles-sheet", &[], &[]);
    let sheet = |flags: &[&str]| {
        let out = run.with_file_name("sheet.png");
        let [run, text] = [&run, &out].map(|path| path.to_str().unwrap());
        let base = ["sheet", run, "--out", text, "--seeds", "4", "--columns", "3"];
        succeed(&[&base[..], flags].concat());
        decode(&out)
    };
    let picture = open(&run).pictures(&[4]).remove(0);
    let found = |sheet: &Picture| {
        (0..=sheet.width - 16)
            .flat_map(|x| (0..=sheet.height - 16).map(move |y| (x, y)))
            .filter(|&(left, top)| {
                sheet.cut(Window { left, top, width: 16, height: 16 }) == picture
            })
            .count()
    };
    let usual = sheet(&[]);
    let [sefa, components, first] =
        ["sefa", "ganspace", "first-layer"].map(|method| sheet(&["--method", method]));
    assert!(usual == sefa && sefa != components && sefa != first && components != first);
    // Eight directions with the picture in their middles.
    for sheet in [&sefa, &components, &first] {
        assert_eq!(found(sheet), 8);
    }
    let coarse = sheet(&["--layers", "0-1"]);
    assert!(coarse != sefa && found(&coarse) == 8);
    let out = run.with_file_name("sheet.png");
    let [text, out] = [&run, &out].map(|path| path.to_str().unwrap());
    let base = ["sheet", text, "--out", out];
    for (flags, named) in [
        (&["--layers", "6"][..], "--layers 6: this generator has the layers 0 to 5"),
        (&["--directions", "11"], "1 to 10"),
        (&["--layers", "0", "--method", "first-layer"], "which all layers share"),
    ] {
        refuse(&[&base[..], flags].concat(), 2, named);
    }
    let (_scratch, plain) = crate::common::run("styles-sheet-plain");
    let base = ["sheet", plain.to_str().unwrap(), "--out", out];
    for flags in [["--method", "sefa"], ["--method", "ganspace"], ["--layers", "1"]] {
        refuse(&[&base[..], &flags].concat(), 2, flags[0]);
    }
}

#[test]
fn a_projection_comes_nearer_to_its_target_and_is_the_same_again() {
    let (_scratch, run) = styled_run("styles-project", &[], &[]);
    let sampler = open(&run);
    let target = sampler.pictures(&[3]).remove(0);
    let distances = Distances::Pyramid;
    let projector = Projector::new(&sampler, &target, &distances, 303).unwrap();
    let found = projector.project(120, &Stop::default()).unwrap();
    let [before, after] = found.distances;
    assert!(after < 0.5 * before, "{before} → {after}");
    assert_eq!(found.way.len(), 120);
    assert!(found.way[119] == found.w && found.way[60] != found.w);
    let again = projector.project(120, &Stop::default()).unwrap();
    assert!(again.w == found.w && again.distances == found.distances);
    let other = Projector::new(&sampler, &target, &distances, 304).unwrap();
    assert!(other.project(120, &Stop::default()).unwrap().w != found.w);
    // A signal ends it before the next step.
    let stop = Stop::default();
    stop.request(2);
    assert!(projector.project(120, &stop).is_none());
}

#[test]
fn a_projection_leaves_its_target_picture_w_and_way() {
    let settings = &["cond=embedding+projection"];
    let (scratch, run) = styled_run("styles-project-files", settings, &["gull", "owl"]);
    let [file, out] = ["wide.png", "projected"].map(|name| scratch.join(name));
    let drawn = open(&run).pictures(&[3, 4]);
    let wide = shared::picture::grid(&drawn, 2, 0).enlarge(2);
    fs::write(&file, &wide.to_png().unwrap()).unwrap();
    let [text, target, folder] = [&run, &file, &out].map(|path| path.to_str().unwrap());
    let base = ["project", text, "--target", target, "--out", folder, "--steps", "3"];
    refuse(&base, 2, "--class");
    assert!(!out.exists());
    let flags = ["--class", "owl", "--distance", "pyramid"];
    succeed(&[&base[..], &flags, &["--no-video"]].concat());
    assert_eq!(names(&out), ["projected_w.npz", "projection.png", "target.png"]);
    let [shown, made] = ["target.png", "projection.png"].map(|name| decode(&out.join(name)));
    assert_eq!((shown.width, shown.height, made.width, made.height), (16, 16, 16, 16));
    // The centre of two pictures side by side: half of each.
    assert!(shown != drawn[0] && shown != drawn[1]);
    let zip = scratch.join("w.zip");
    fs::write(&zip, &fs::read(out.join("projected_w.npz")).unwrap()).unwrap();
    let files = crate::common::files_in(&zip);
    let bytes = &files["w.npy"];
    let w = shared::npy::read(&mut &bytes[..], bytes.len() as u64, |v| v, |v| v as f32).unwrap();
    assert_eq!(w.shape, [1, 6, 10]);
    assert!(w.values.chunks(10).all(|row| row == &w.values[..10]));
    succeed(&[&base[..], &flags].concat());
    let way = names(&out)
        .into_iter()
        .find(|name| name.starts_with("projection.") && !name.ends_with("png"));
    assert!(way.is_some_and(|name| ["projection.gif", "projection.mp4"].contains(&&*name)));
    refuse(&[&base[..], &flags, &["--weights", "vgg=x"]].concat(), 2, "--weights vgg=x");
    let (_scratch, plain) = crate::common::run("styles-project-plain");
    let plain = plain.to_str().unwrap();
    refuse(&["project", plain, "--target", target, "--out", folder], 2, "has no styles");
}

#[test]
fn the_halves_of_a_generator_are_exported_apart() {
    let (scratch, run) = styled_run("styles-export", &[], &[]);
    let file = scratch.join("g.onnx");
    let [text, out] = [&run, &file].map(|path| path.to_str().unwrap());
    let base = ["export", text, "--onnx", out];
    for part in ["all", "mapping", "synthesis"] {
        succeed(&[&base[..], &["--part", part]].concat());
    }
    succeed(&[&base[..], &["--truncation", "0.5", "--cutoff", "2", "--noise", "none"]].concat());
    refuse(&[&base[..], &["--noise", "random"]].concat(), 2, "draws nothing");
    let flags = ["--part", "synthesis", "--truncation", "0.5"];
    refuse(&[&base[..], &flags].concat(), 2, "belongs to the mapping");
    let (_scratch, plain) = crate::common::run("styles-export-plain");
    let base = ["export", plain.to_str().unwrap(), "--onnx", out];
    refuse(&[&base[..], &["--part", "mapping"]].concat(), 2, "--part");
    refuse(&[&base[..], &["--truncation", "0.5"]].concat(), 2, "redraws latent vectors");
}
