//! Grids, rows, sheets and latent vectors, on untrained runs.

use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};
use shared::dataset::{FileSummary, MANIFEST, Manifest, SplitManifest, VERSION};
use shared::fs;
use shared::nn::checkpoint::{self, Meta};
use shared::nn::parameter::Parameters;
use shared::nn::run::{Run, Which};
use shared::nn::sampler::{Sampler, Weights, Wish};
use shared::picture::{Picture, grid};
use shared::shard::{Layout, ShardWriter};
use shared::testing::largest_difference;

use crate::common::{decode, refuse, run, run_of, succeed};

fn open(run: &Path) -> Sampler {
    Sampler::open(run, Which::Latest, &Device::flex()).unwrap().0
}

/// The 16×16 cells of a grid with 2 pixels between them.
fn cells(path: &Path, columns: u32, rows: u32, left: u32, top: u32) -> Vec<Picture> {
    let sheet = decode(path);
    let cell = |x: u32, y: u32| {
        sheet.cut(shared::picture::Window {
            left: left + 2 + x * 18,
            top: top + 2 + y * 18,
            width: 16,
            height: 16,
        })
    };
    (0..rows).flat_map(|y| (0..columns).map(move |x| (x, y))).map(|(x, y)| cell(x, y)).collect()
}

#[test]
fn latents_that_were_exported_give_the_pictures_of_their_seeds() {
    let (scratch, run) = run("pictures-latents");
    let [z, a, b] = ["z.npy", "a.png", "b.png"].map(|name| scratch.join(name));
    let (run, z, a, b) =
        (run.to_str().unwrap(), z.to_str().unwrap(), a.to_str().unwrap(), b.to_str().unwrap());
    succeed(&["latents", run, "--out", z, "--seeds", "5,2,40-43"]);
    succeed(&["grid", run, "--out", a, "--seeds", "5,2,40-43"]);
    succeed(&["grid", run, "--out", b, "--latents", z]);
    assert!(fs::read(a).unwrap() == fs::read(b).unwrap());
    // Truncated latents differ, and lie within the threshold.
    succeed(&["latents", run, "--out", z, "--seeds", "5,2,40-43", "--truncation", "0.5"]);
    let bytes = fs::read(z).unwrap();
    let array =
        shared::npy::read(&mut &bytes[..], bytes.len() as u64, |v| v, |v| v as f32).unwrap();
    assert!(array.shape == [6, 8] && array.values.iter().all(|v| v.abs() <= 0.5));
    succeed(&["grid", run, "--out", a, "--seeds", "5,2,40-43", "--truncation", "0.5"]);
    succeed(&["grid", run, "--out", b, "--latents", z]);
    assert!(fs::read(a).unwrap() == fs::read(b).unwrap());
}

#[test]
fn a_row_of_latents_is_of_the_class_that_the_seed_of_its_number_has() {
    let (scratch, run) =
        run_of("pictures-latents-classes", &["cond=embedding+projection"], &["gull", "owl"]);
    let [z, out] = ["z.npy", "out.png"].map(|name| scratch.join(name));
    let text = run.to_str().unwrap();
    succeed(&["latents", text, "--out", z.to_str().unwrap(), "--seeds", "5,8"]);
    succeed(&[
        "grid",
        text,
        "--out",
        out.to_str().unwrap(),
        "--latents",
        z.to_str().unwrap(),
        "--columns",
        "2",
    ]);
    let sampler = open(&run);
    let wish = |row: u64, seed: u64| Wish { latent: sampler.latent(seed), ..sampler.wish(row) };
    assert!(cells(&out, 2, 1, 0, 0) == sampler.pictures_of(&[wish(0, 5), wish(1, 8)]));
    // With one class for all, the pictures are those of the seeds again.
    let flags = ["--class", "owl", "--columns", "2"];
    let z = ["--latents", z.to_str().unwrap()];
    succeed(&[&["grid", text, "--out", out.to_str().unwrap()], &z[..], &flags[..]].concat());
    assert!(cells(&out, 2, 1, 0, 0) == open(&run).of_class("owl").unwrap().pictures(&[5, 8]));
}

#[test]
fn latents_that_do_not_fit_are_refused() {
    let (scratch, run) = run("pictures-latents-bad");
    let (z, out) = (scratch.join("z.npy"), scratch.join("grid.png"));
    let args = [
        "grid",
        run.to_str().unwrap(),
        "--out",
        out.to_str().unwrap(),
        "--latents",
        z.to_str().unwrap(),
    ];
    let file = |shape: &[usize], values: &[f32]| {
        let values: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        fs::write(&z, &[shared::npy::header("<f4", shape), values].concat()).unwrap();
    };
    refuse(&args, 1, "z.npy");
    file(&[2, 7], &[0.0; 14]);
    refuse(&args, 2, "[N, 8]");
    file(&[0, 8], &[]);
    refuse(&args, 2, "no rows");
    file(&[2, 8], &[[0.0; 15].as_slice(), &[f32::NAN]].concat());
    refuse(&args, 3, "row 1");
    fs::write(&z, b"no array at all").unwrap();
    refuse(&args, 3, "numpy");
    file(&[8], &[0.5; 8]);
    succeed(&args);
    refuse(&[&args[..], &["--seeds", "3"]].concat(), 2, "--seeds");
    refuse(&[&args[..], &["--truncation", "1"]].concat(), 2, "--truncation");
}

#[test]
fn rows_of_a_morph_begin_and_end_with_the_pictures_of_their_seeds() {
    let (scratch, run) = run("pictures-morph");
    let out = scratch.join("morph.png");
    for path in ["spherical", "linear"] {
        let flags = ["--steps", "5", "--path", path];
        let args =
            ["morph", run.to_str().unwrap(), "3", "9", "20", "3", "--out", out.to_str().unwrap()];
        succeed(&[&args[..], &flags[..]].concat());
        let (found, expected) = (cells(&out, 5, 2, 0, 0), open(&run).pictures(&[3, 9, 20]));
        let near = |a: &Picture, b: &Picture| {
            a.pixels.iter().zip(&b.pixels).all(|(a, b)| a.abs_diff(*b) <= 1)
        };
        assert!(near(&found[0], &expected[0]) && near(&found[4], &expected[1]), "{path}");
        assert!(near(&found[5], &expected[2]) && near(&found[9], &expected[0]), "{path}");
        assert!(found[2] != found[0] && found[2] != found[4], "{path}");
    }
}

#[test]
fn a_sheet_has_the_picture_in_the_middle_of_every_row_and_changes_it_most_along_the_first() {
    let (scratch, run) = run("pictures-sheet");
    let out = scratch.join("sheet.png");
    let run = run.to_str().unwrap();
    succeed(&[
        "sheet",
        run,
        "--out",
        out.to_str().unwrap(),
        "--seeds",
        "4",
        "--directions",
        "8",
        "--columns",
        "3",
        "--padding",
        "2",
    ]);
    let picture = open(Path::new(run)).pictures(&[4]).remove(0);
    let sheet = decode(&out);
    // The middle column shows the original, eight times.
    let found = (0..=sheet.width - 16)
        .flat_map(|x| (0..=sheet.height - 16).map(move |y| (x, y)))
        .filter(|&(left, top)| {
            sheet.cut(shared::picture::Window { left, top, width: 16, height: 16 }) == picture
        })
        .collect::<Vec<_>>();
    assert_eq!(found.len(), 8, "{found:?}");
    assert!(found.iter().all(|(x, _)| *x == found[0].0));
    for (flags, named) in [
        (["--directions", "9"], "1 to 8"),
        (["--only", "0"], "1 to 8"),
        (["--range", "0"], "--range"),
        (["--columns", "1"], "--columns"),
        (["--seeds", "0-3"], "--only"),
    ] {
        refuse(&[&["sheet", run, "--out", out.to_str().unwrap()], &flags[..]].concat(), 2, named);
    }
}

#[test]
fn pictures_of_each_class_move_along_directions_of_their_own() {
    let (scratch, run) =
        run_of("pictures-sheet-classes", &["cond=batch-norm+projection"], &["gull", "owl"]);
    // Untrained networks have the same normalisation for all classes.
    let opened = Run::open(&run).unwrap();
    let old = opened.checkpoint(Which::Step(7)).unwrap().meta;
    let mut generator = old.config.generator(&Device::flex());
    for (name, parameter) in generator.parameters_mut() {
        if name.starts_with("norm.") {
            let mut stream = shared::rng::stream(1, &name, 0);
            let values: Vec<f32> =
                (0..parameter.count()).map(|_| stream.between(0.1, 2.0) as f32).collect();
            parameter.set(Tensor::from_data(
                TensorData::new(values, [parameter.count()]),
                &Device::flex(),
            ));
        }
    }
    let meta = Meta { step: 9, files: Default::default(), ..old };
    checkpoint::save(
        &opened.checkpoint_folder(9),
        meta,
        &[("ema", &generator), ("generator", &generator)],
    )
    .unwrap();
    let out = scratch.join("sheet.png");
    let flags = ["--seeds", "2,3", "--only", "1", "--columns", "2", "--range", "2"];
    succeed(
        &[&["sheet", run.to_str().unwrap(), "--out", out.to_str().unwrap()], &flags[..]].concat(),
    );
    let sampler = open(&run);
    let sheet = decode(&out);
    let pixels = |picture: &Picture| {
        let places =
            (0..=sheet.width - 16).flat_map(|x| (0..=sheet.height - 16).map(move |y| (x, y)));
        places
            .filter(|&(left, top)| {
                sheet.cut(shared::picture::Window { left, top, width: 16, height: 16 }) == *picture
            })
            .count()
    };
    for (seed, class) in [(2, 0), (3, 1)] {
        let direction =
            &sample::latents::directions::of(sampler.generator().dcgan().unwrap(), class).unwrap()
                [0];
        let moved = |step: f64| {
            let along = sampler.latent(seed).into_iter().zip(&direction.vector);
            let latent = along.map(|(z, v)| (f64::from(z) + step * v) as f32).collect();
            sampler.pictures_of(&[Wish { latent, ..sampler.wish(seed) }]).remove(0)
        };
        assert_eq!((pixels(&moved(-2.0)), pixels(&moved(2.0))), (1, 1), "class {class}");
    }
}

#[test]
fn truncation_shows_each_threshold_and_none_is_the_plain_row() {
    let (scratch, run) = run("pictures-truncation");
    let (out, row) = (scratch.join("t.png"), scratch.join("row.png"));
    let (run, path) = (run.to_str().unwrap(), out.to_str().unwrap());
    succeed(&["truncation", run, "--out", path, "--thresholds", "0.4,none", "--seeds", "0-4"]);
    let sheet = decode(&out);
    for (threshold, y) in [(Some("0.4"), 0), (None, 1)] {
        let flags = threshold.map_or(vec![], |t| vec!["--truncation", t]);
        let plain = [
            "grid",
            run,
            "--out",
            row.to_str().unwrap(),
            "--seeds",
            "0-4",
            "--columns",
            "5",
            "--padding",
            "3",
        ];
        succeed(&[&plain[..], &flags].concat());
        let plain = decode(&row);
        let left = sheet.width - plain.width;
        let part = sheet.cut(shared::picture::Window {
            left: left + 3,
            top: 3 + y * 19,
            width: plain.width - 6,
            height: 16,
        });
        let expected = plain.cut(shared::picture::Window {
            left: 3,
            top: 3,
            width: plain.width - 6,
            height: 16,
        });
        assert!(part == expected, "{threshold:?}");
    }
    refuse(&["truncation", run, "--out", path, "--thresholds", "0"], 2, "--thresholds");
    refuse(&["truncation", run, "--out", path, "--thresholds", "wide"], 2, "expected none");
    let (_uniform, run) = run_of("pictures-uniform", &["generator.distribution=uniform"], &[]);
    refuse(&["grid", run.to_str().unwrap(), "--out", path, "--truncation", "0.5"], 2, "uniform");
}

#[test]
fn the_trained_weights_are_taken_when_asked_for() {
    let (scratch, run) = run("pictures-weights");
    let out = scratch.join("grid.png");
    let args = [
        "grid",
        run.to_str().unwrap(),
        "--out",
        out.to_str().unwrap(),
        "--seeds",
        "0-3",
        "--columns",
        "2",
    ];
    let generator = run.join("checkpoints/00000007/generator.safetensors");
    succeed(&args);
    let averaged = decode(&out);
    succeed(&[&args[..], &["--no-ema"]].concat());
    let trained = decode(&out);
    let (sampler, _) =
        Sampler::open_weights(&run, Which::Latest, Weights::Trained, &Device::flex()).unwrap();
    assert!(trained == grid(&sampler.pictures(&[0, 1, 2, 3]), 2, 2) && trained != averaged);
    fs::remove(&generator).unwrap();
    refuse(&[&args[..], &["--no-ema"]].concat(), 3, "generator.safetensors");
}

#[test]
fn every_format_of_a_picture_holds_it() {
    let (scratch, run) = run("pictures-formats");
    let run = run.to_str().unwrap();
    let of = |name: &str, flags: &[&str]| {
        let out = scratch.join(name);
        succeed(
            &[&["grid", run, "--out", out.to_str().unwrap(), "--seeds", "0-3"], flags].concat(),
        );
        (decode(&out), std::fs::metadata(&out).unwrap().len())
    };
    let (png, _) = of("a.png", &[]);
    assert!(of("a.webp", &[]).0 == png && of("b.PNG", &["--labels"]).0.height > png.height);
    let ((fine, large), (coarse, small)) =
        (of("a.jpg", &["--quality", "98"]), of("b.jpeg", &["--quality", "20"]));
    let error = |p: &Picture| {
        p.pixels.iter().zip(&png.pixels).map(|(a, b)| u64::from(a.abs_diff(*b)).pow(2)).sum::<u64>()
    };
    assert!(small < large && error(&fine) < error(&coarse));
    for (name, named) in [
        ("a.bmp", ".png, .jpg or .webp"),
        ("noending", ".png, .jpg or .webp"),
        ("a.png/b/c.png", "a.png is not a folder"),
    ] {
        refuse(&["grid", run, "--out", scratch.join(name).to_str().unwrap()], 2, named);
    }
    refuse(&["grid", run, "--out", "a.jpg", "--quality", "0"], 2, "--quality");
    refuse(&["grid", run, "--out", "a.png", "--quality", "50"], 2, "only for JPEG");
    let wide = ["--seeds", "0-1023", "--columns", "1024"];
    refuse(&[&["grid", run, "--out", "a.webp"], &wide[..]].concat(), 2, "at most 16384");
}

/// The frames of a folder, in order.
fn frames(folder: &Path) -> Vec<Picture> {
    let mut names: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    names.iter().map(|path| decode(path)).collect()
}

#[test]
fn a_walk_passes_the_pictures_of_its_seeds_and_a_grid_shows_as_many_walks_beside_each_other() {
    let (scratch, run) = run("pictures-walk");
    let sampler = open(&run);
    let walk = |name: &str, flags: &[&str]| {
        let out = scratch.join(name);
        let base = ["walk", run.to_str().unwrap(), "--scale", "1", "--out", out.to_str().unwrap()];
        succeed(&[&base[..], flags].concat());
        frames(&out)
    };
    // At a key, interpolation returns the key up to the last bits of f32.
    let near = |a: &Picture, b: &Picture| {
        a.pixels.len() == b.pixels.len()
            && a.pixels.iter().zip(&b.pixels).all(|(a, b)| a.abs_diff(*b) <= 1)
    };
    let keys = sampler.pictures(&[3, 9, 4, 1]);
    let closed = walk("closed", &["--seeds", "3,9", "--frames", "8"]);
    assert!(closed.len() == 8 && near(&closed[0], &keys[0]) && near(&closed[4], &keys[1]));
    // The way back shows the same pictures in reverse.
    assert!((1..4).all(|i| near(&closed[i], &closed[8 - i])) && !near(&closed[0], &closed[2]));
    let open = walk(
        "open",
        &["--seeds", "3,9", "--frames", "5", "--open", "--easing", "smooth", "--path", "linear"],
    );
    assert!(near(&open[0], &keys[0]) && near(&open[4], &keys[1]));
    let both = walk("grid", &["--seeds", "3,9,4,1", "--frames", "4", "--grid", "2x1"]);
    assert!(near(&both[0], &grid(&[keys[0].clone(), keys[2].clone()], 2, 2)));
    assert!(near(&both[2], &grid(&[keys[1].clone(), keys[3].clone()], 2, 2)));
}

#[test]
fn a_time_lapse_of_seeds_shows_them_at_every_checkpoint_that_is_kept() {
    let (scratch, run) = run("pictures-checkpoints");
    let out = scratch.join("lapse");
    let flags = ["--seeds", "5,6", "--columns", "2", "--no-caption", "--scale", "1"];
    succeed(
        &[&["timelapse", run.to_str().unwrap(), "--out", out.to_str().unwrap()], &flags[..]]
            .concat(),
    );
    assert!(frames(&out) == [grid(&open(&run).pictures(&[5, 6]), 2, 2)]);
    let [z, given] = ["z.npy", "given"].map(|name| scratch.join(name));
    succeed(&["latents", run.to_str().unwrap(), "--out", z.to_str().unwrap(), "--seeds", "5,6"]);
    let by_row = [
        &[
            "timelapse",
            run.to_str().unwrap(),
            "--out",
            given.to_str().unwrap(),
            "--latents",
            z.to_str().unwrap(),
        ],
        &flags[2..],
    ];
    succeed(&by_row.concat());
    assert!(frames(&given) == frames(&out));
    refuse(&["timelapse", run.to_str().unwrap(), "--out", out.to_str().unwrap()], 2, "not empty");
    let other = scratch.join("other");
    let base = ["timelapse", run.to_str().unwrap(), "--out", other.to_str().unwrap()];
    refuse(&[&base[..], &["--truncation", "0.5"]].concat(), 2, "--seeds LIST");
    refuse(&[&base[..], &["--no-ema"]].concat(), 2, "--latents");
    succeed(&[&base[..], &flags[..], &["--truncation", "0.5"]].concat());
    assert!(frames(&other) == [grid(&open(&run).truncated(0.5).unwrap().pictures(&[5, 6]), 2, 2)]);
}

/// A data set of one split, `train`, of 16×16 pictures.
fn dataset(folder: &Path, pictures: &[Picture]) {
    fs::create_folder(folder).unwrap();
    let layout = Layout { height: 16, width: 16, channels: 3 };
    let mut writer = ShardWriter::create(folder.join("train.shard"), layout).unwrap();
    pictures.iter().enumerate().for_each(|(i, p)| writer.push(&p.pixels, None, i as u64).unwrap());
    writer.finish().unwrap();
    let (bytes, records) = (fs::read(folder.join("train.shard")).unwrap(), pictures.len() as u64);
    let manifest = Manifest {
        version: VERSION,
        size: 16,
        stored: 16,
        held_out: None,
        channels: 3,
        paired: false,
        classes: Vec::new(),
        settings: Default::default(),
        format: "drawn".into(),
        fingerprint: "0".repeat(64),
        splits: vec![SplitManifest {
            name: "train".into(),
            records,
            shards: vec![FileSummary {
                records: Some(records),
                ..FileSummary::of("train.shard", &bytes)
            }],
        }],
        account: Vec::new(),
        rejects: Default::default(),
        files: Vec::new(),
    };
    shared::sealed::write(&folder.join(MANIFEST), &manifest).unwrap();
}

#[test]
fn real_and_generated_pictures_stand_beside_each_other_each_on_its_side() {
    let (scratch, run) = run("pictures-compare");
    let (data, out) = (scratch.join("data"), scratch.join("compare.png"));
    // One of them is a picture of the generator.
    let copied = open(&run).pictures(&[5]).remove(0);
    let real: Vec<Picture> =
        [Picture::filled(16, 16, 3, 250), Picture::filled(16, 16, 3, 10), copied.clone()].into();
    dataset(&data, &real);
    let base = [
        "compare",
        run.to_str().unwrap(),
        "--data",
        data.to_str().unwrap(),
        "--out",
        out.to_str().unwrap(),
    ];
    let has = |picture: &Picture| {
        let sheet = decode(&out);
        let (w, h) = (picture.width, picture.height);
        let window = |left, top| shared::picture::Window { left, top, width: w, height: h };
        let places =
            (0..=sheet.width - w).flat_map(|x| (0..=sheet.height - h).map(move |y| (x, y)));
        places
            .filter(|&(x, y)| sheet.cut(window(x, y)) == *picture)
            .map(|(x, _)| x < sheet.width / 2)
            .collect::<Vec<bool>>()
    };
    succeed(&[&base[..], &["--columns", "3", "--rows", "1", "--seeds", "7-9"]].concat());
    assert!(real.iter().all(|picture| has(picture) == [true]));
    assert!(open(&run).pictures(&[7, 8, 9]).iter().all(|picture| has(picture) == [false]));
    // The nearest picture is the copy.
    succeed(&[&base[..], &["--nearest", "1", "--seeds", "5"]].concat());
    assert_eq!(has(&copied.enlarge(7)).len(), 2);
    assert_eq!(has(&real[0].enlarge(7)).len(), 0);
    for (flags, named) in [
        (["--split", "val"], "val"),
        (["--nearest", "0"], "--nearest"),
        (["--columns", "0"], "--columns"),
    ] {
        refuse(&[&base[..], &flags[..]].concat(), 2, named);
    }
    let (_large, of_32) = run_of("pictures-compare-32", &[], &[]);
    dataset(&data.join("empty"), &[]);
    let empty = data.join("empty");
    refuse(
        &["compare", of_32.to_str().unwrap(), "--data", empty.to_str().unwrap(), "--out", base[5]],
        2,
        "no pictures",
    );
}

#[test]
fn a_million_columns_and_pictures_beyond_memory_are_refused_before_anything_is_made() {
    let (scratch, run) = run("pictures-huge");
    let run = run.to_str().unwrap();
    let out = scratch.join("out.png");
    let out = out.to_str().unwrap();
    for (args, named) in [
        (vec!["grid", "--columns", "1000000"], "--columns 1000000"),
        (vec!["grid", "--scale", "0"], "--scale"),
        (vec!["grid", "--padding", "5000"], "--padding"),
        (vec!["grid", "--seeds", "0-65000", "--scale", "60"], "--scale"),
        (vec!["morph", "1", "2", "--steps", "1000000"], "--steps"),
        (vec!["morph", "1", "2", "3"], "seed 3"),
        (vec!["morph", "1", "2", "--steps", "1"], "--steps"),
        (vec!["walk", "--frames", "0"], "--frames"),
        (vec!["walk", "--frames", "2000000"], "--frames"),
        (vec!["walk", "--grid", "0x4"], "6x4"),
        (vec!["walk", "--grid", "100x100"], "6x4"),
        (vec!["walk", "--grid", "2x2", "--seeds", "0-4"], "evenly"),
        (vec!["walk", "--grid", "2x2", "--seeds", "0-3"], "at least 2"),
        (vec!["walk", "--padding", "3"], "--grid"),
        (vec!["sheet", "--range", "1e300"], "--range"),
        (vec!["images", "-n", "18446744073709551615"], "at most"),
        (vec!["timelapse", "--frames", "0"], "--frames"),
    ] {
        refuse(&[&args[..1], &[run], &args[1..], &["--out", out]].concat(), 2, named);
    }
    assert_eq!(std::fs::read_dir(&scratch).unwrap().count(), 1);
}

/// Golden pictures of seeds. `FLEDGE_GOLDEN=write` rewrites them after an intended change.
#[test]
fn a_seed_gives_the_latent_vector_and_the_picture_that_it_always_gave() {
    let (scratch, run) = run("pictures-golden");
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let rewrite = std::env::var_os("FLEDGE_GOLDEN").is_some_and(|what| what == "write");
    let folder: &Path = if rewrite { &golden } else { &scratch };
    let [z, pictures] = ["seeds.npy", "seeds.png"].map(|name| folder.join(name));
    let run = run.to_str().unwrap();
    succeed(&["latents", run, "--out", z.to_str().unwrap(), "--seeds", "0-3,4000000000"]);
    succeed(&["grid", run, "--out", pictures.to_str().unwrap(), "--seeds", "0-3,4000000000"]);
    // libm gives the same bytes on every machine.
    assert!(fs::read(&z).unwrap() == fs::read(golden.join("seeds.npy")).unwrap());
    // Other instructions sum in another order: a value at the boundary of two levels may round
    // differently.
    let (found, expected) = (decode(&pictures), decode(&golden.join("seeds.png")));
    assert_eq!((found.width, found.height), (expected.width, expected.height));
    let apart = largest_difference(found.pixels, expected.pixels);
    assert!(apart <= 1.0, "{apart} levels");
}
