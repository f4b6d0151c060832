//! Translations beside their targets: the arithmetic against scikit-image's
//! (`tools/golden_similarity.py`), and `evaluate pairs` through the program.

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use evaluate::inputs::matched::Matching;
use evaluate::measure::paired::{LpipsChoice, PairedOptions, measure};
use evaluate::metrics::own_pair::{Rank, rank, wilson};
use evaluate::metrics::similarity::{l1, psnr, ssim};
use evaluate::protocols::{Conventions, Protocol};
use serde_json::Value;
use shared::archive::Archive;
use shared::dataset::{FileSummary, MANIFEST, Manifest, PLAIN_VERSION, SplitManifest};
use shared::direction::Direction;
use shared::fs;
use shared::metrics::lpips::Backbone;
use shared::metrics::resize::RgbPicture;
use shared::nn::checkpoint::{self, CHECKPOINT_VERSION, Meta};
use shared::nn::config::{DataConfig, RunConfig, Settings};
use shared::nn::device::DeviceChoice;
use shared::nn::parameter::Parameters;
use shared::nn::run::{Run, Which};
use shared::nn::sampler::{Drawn, Manner, Sampler, Weights};
use shared::nn::task::Part;
use shared::picture::{Limits, Picture, Window};
use shared::shard::{Layout, ShardWriter};
use shared::testing::{Scratch, skip};

use crate::common::data::data;
use crate::common::{InScratch as _, path, text};

fn golden() -> Value {
    serde_json::from_str(include_str!("golden/similarity.json")).expect("golden file")
}

/// A picture drawn by `tools/golden_similarity.py`.
fn drawn(kind: &str, seed: u32, width: u32, height: u32) -> Picture {
    let hash = |x: u32, y: u32, c: u32| {
        let mut h = x.wrapping_mul(73_856_093) ^ y.wrapping_mul(19_349_663);
        h ^= c.wrapping_mul(83_492_791) ^ seed.wrapping_mul(2_654_435_761);
        h ^= h >> 13;
        h = h.wrapping_mul(0x5bd1_e995);
        (h ^ (h >> 15)) as u8
    };
    let value = |x: u32, y: u32, c: u32| match kind {
        "constant" => seed as u8,
        "ramp" => (x * 3 + y * 5 + c * 40 + seed * 7) as u8,
        "blocks" => hash(x / 8, y / 8, c),
        "blurred" => ((u32::from(hash(x / 8, y / 8, c)) * 3 + u32::from(hash(x, y, c))) / 4) as u8,
        _ => hash(x, y, c),
    };
    let places = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    let pixels = places.flat_map(|(x, y)| [0, 1, 2].map(|c| value(x, y, c))).collect();
    Picture { width, height, channels: 3, pixels }
}

#[test]
fn l1_psnr_and_ssim_are_those_of_scikit_image() {
    let golden = golden();
    let cases = golden["cases"].as_array().expect("cases");
    assert!(!cases.is_empty());
    for case in cases {
        let extent = |key: &str| case[key].as_u64().expect("an extent") as u32;
        let of = |key: &str| -> RgbPicture {
            let seed = case[key][1].as_u64().expect("a seed") as u32;
            let kind = case[key][0].as_str().expect("a kind");
            drawn(kind, seed, extent("width"), extent("height")).into()
        };
        let (a, b) = (of("a"), of("b"));
        let found = [l1(&a, &b), psnr(&a, &b), ssim(&a, &b).expect("large enough")];
        for (found, key) in found.into_iter().zip(["l1", "psnr", "ssim"]) {
            let expected = case[key].as_f64().expect("a number");
            assert!((found - expected).abs() < 1e-9, "{key} of {case}: {found}");
        }
    }
}

#[test]
fn ranks_and_intervals_are_those_of_numpy_and_scipy() {
    let golden = golden();
    let of = |kind: &str, seed| drawn(kind, seed, 24, 24).pixels;
    let targets: Vec<Vec<u8>> = (0..12).map(|seed| of("blocks", seed)).collect();
    let targets: Vec<&[u8]> = targets.iter().map(Vec::as_slice).collect();
    for (i, expected) in golden["ranks"].as_array().expect("ranks").iter().enumerate() {
        let output = if i == 4 { of("constant", 128) } else { of("blurred", i as u32) };
        let number = |at: usize| expected[at].as_u64().expect("a number") as usize;
        let expected = Rank { rank: number(0), nearest: number(1) };
        assert_eq!(rank(&output, &targets, i), expected, "{i}");
    }
    for case in golden["wilson"].as_array().expect("intervals") {
        let number = |at: usize| case[at].as_f64().expect("a number");
        let found = wilson(number(0) as usize, number(1) as usize);
        let off = (found[0] - number(2)).abs().max((found[1] - number(3)).abs());
        assert!(off < 1e-12, "{case}: {found:?}");
    }
}

/// A data set of pairs of squares in splits of these names.
fn dataset(folder: &Path, side: u32, splits: &[(&str, &[[Picture; 2]])]) {
    fs::create_folder(folder).expect("folder");
    let layout = Layout { height: side, width: 2 * side, channels: 3 };
    let mut source = 0;
    let mut write = |(name, pairs): &(&str, &[[Picture; 2]])| {
        let file = format!("{name}.shard");
        let mut writer = ShardWriter::create(folder.join(&file), layout).expect("shard");
        for [a, b] in *pairs {
            let mut both = Picture::filled(2 * side, side, 3, 0);
            both.paste(a, 0, 0);
            both.paste(b, side, 0);
            writer.push(&both.pixels, None, source).expect("push");
            source += 1;
        }
        writer.finish().expect("shard");
        let records = pairs.len() as u64;
        let bytes = fs::read(folder.join(&file)).expect("read");
        let shards = vec![FileSummary { records: Some(records), ..FileSummary::of(&file, &bytes) }];
        SplitManifest { name: (*name).to_owned(), records, shards }
    };
    let manifest = Manifest {
        version: PLAIN_VERSION,
        size: side,
        stored: side,
        held_out: None,
        channels: 3,
        paired: true,
        classes: Vec::new(),
        settings: Default::default(),
        format: "drawn".into(),
        fingerprint: "0".repeat(64),
        splits: splits.iter().map(&mut write).collect(),
        account: Vec::new(),
        rejects: Default::default(),
        files: Vec::new(),
    };
    shared::sealed::write(&folder.join(MANIFEST), &manifest).expect("manifest");
}

/// Writes pictures as PNG files named by their numbers, from `first`.
fn folder<'a>(folder: &Path, first: usize, pictures: impl Iterator<Item = &'a Picture>) {
    fs::create_folder(folder).expect("folder");
    for (i, picture) in (first..).zip(pictures) {
        let png = picture.to_png_quickly().expect("PNG");
        fs::write_unsynced(folder.join(format!("{i:06}.png")), &[&png]).expect("write");
    }
}

/// Six training pairs and five for validation: A is noise, B is A's blocks.
fn small(scratch: &Scratch) -> (PathBuf, Vec<[Picture; 2]>) {
    let pair = |seed: u32| [drawn("noise", seed, 32, 32), drawn("blocks", seed, 32, 32)];
    let (train, val): (Vec<_>, Vec<_>) = ((0..6).map(pair).collect(), (6..11).map(pair).collect());
    let data = scratch.path("pairs");
    dataset(&data, 32, &[("train", &train), ("val", &val)]);
    (data, val)
}

/// The lines of `--json`: of pictures, and of means.
fn lines(scratch: &Scratch, words: &[&str]) -> (Vec<Value>, Vec<Value>) {
    let output = scratch.run(&[&["pairs", "--json", "--lpips", "off"], words].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    let all = text(&output.stdout);
    let all = all.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    all.partition(|line| line.get("picture").is_some())
}

fn refused(scratch: &Scratch, words: &[&str], code: i32) -> String {
    let output = scratch.run(&[&["pairs", "--lpips", "off"], words].concat());
    assert_eq!(output.status.code(), Some(code), "{}", text(&output.stderr));
    text(&output.stderr)
}

#[test]
fn translations_are_measured_beside_their_targets_and_constants_below_them() {
    let scratch = Scratch::new("pairs-program");
    let (data, val) = small(&scratch);
    let fake = scratch.path("fake");
    // The last two are exchanged: each is nearest to the other's target.
    let blurred: Vec<Picture> = [6, 7, 8, 10, 9].map(|seed| drawn("blurred", seed, 32, 32)).into();
    folder(&fake, 6, blurred.iter());
    let words = ["--real", path(&data), "--fake", path(&fake)];
    let (pictures, means) = lines(&scratch, &words);
    let rows: Vec<_> =
        pictures.iter().map(|p| (&p["picture"], &p["rank"], &p["nearest"])).collect();
    let name = |i: u32| Value::from(format!("{i:06}"));
    let own = Value::from(1);
    assert_eq!(rows.len(), 5);
    for (i, row) in (6..9).zip(&rows) {
        assert_eq!(*row, (&name(i), &own, &name(i)));
    }
    assert_eq!((rows[3].2, rows[4].2), (&name(10), &name(9)));
    assert!(rows[3].1.as_u64() > Some(1) && rows[4].1.as_u64() > Some(1));
    let summary = |i: usize| means[i]["summary"].as_str().expect("a name");
    assert_eq!(
        [summary(0), summary(1), summary(2)],
        ["translations", "median colour", "mean colour"]
    );
    assert_eq!(means[0]["own_pair"]["nearest"], 3);
    assert_eq!((&means[0]["own_pair"]["of"], &means[0]["pairs"]), (&5.into(), &5.into()));
    let of = |i: usize, key: &str| means[i][key]["mean"].as_f64().expect("a mean");
    let expected: f64 = blurred
        .iter()
        .zip(&val)
        .map(|(a, [_, b])| l1(&a.clone().into(), &b.clone().into()))
        .sum::<f64>()
        / 5.0;
    assert!((of(0, "l1") - expected).abs() < 1e-12);
    // The colours are those of the training targets.
    let colour = means[1]["colour"].as_str().expect("a colour");
    assert!(colour.len() == 7 && colour.starts_with('#'));
    assert!((1..3).all(|i| of(i, "ssim") < of(0, "ssim")));
    // The same as a table, and from the other form of everything: folders, and an order.
    let table = text(&scratch.run(&[&["pairs"], &words[..]].concat()).stdout);
    assert!(table.contains("median colour #") && table.contains("3 of 5, 0.600"), "{table}");
    let (targets, trained) = (scratch.path("targets"), scratch.path("trained"));
    folder(&targets, 0, val.iter().map(|[_, b]| b));
    let of_training: Vec<Picture> = (0..6).map(|seed| drawn("blocks", seed, 32, 32)).collect();
    folder(&trained, 0, of_training.iter());
    let other = ["--real", path(&targets), "--fake", path(&fake), "--train", path(&trained)];
    let (_, same) = lines(&scratch, &[&other[..], &["--match", "order"]].concat());
    for key in ["l1", "psnr", "ssim", "colour", "own_pair"] {
        assert!((0..3).all(|i| same[i].get(key) == means[i].get(key)), "{key}");
    }
    // Without training targets there are no floors.
    let (_, alone) = lines(&scratch, &[&other[..4], &["--match", "order"]].concat());
    assert_eq!(alone.len(), 1);
    // The other direction has other targets.
    let (_, back) = lines(&scratch, &[&words[..], &["--direction", "BtoA"]].concat());
    assert_ne!(back[0]["l1"], means[0]["l1"]);
    let error = refused(&scratch, &other, 2);
    assert!(error.contains("have no translation of the same name"), "{error}");
}

#[test]
fn partners_of_other_sizes_other_counts_and_missing_weights_are_named() {
    let scratch = Scratch::new("pairs-refused");
    let (data, val) = small(&scratch);
    let [large, few] = ["large", "few"].map(|name| scratch.path(name));
    let enlarged: Vec<Picture> = val.iter().map(|[_, b]| b.enlarge(2)).collect();
    folder(&large, 6, enlarged.iter());
    folder(&few, 6, val[..4].iter().map(|[_, b]| b));
    let words = |fake: &'static str| {
        let fake = scratch.path(fake);
        ["--real", path(&data), "--fake", path(&fake)].map(str::to_owned)
    };
    let refuse = |fake: &'static str, more: &[&str], code: i32| {
        let words = words(fake);
        let words: Vec<&str> =
            words.iter().map(String::as_str).chain(more.iter().copied()).collect();
        refused(&scratch, &words, code)
    };
    let error = refuse("large", &[], 3);
    assert!(error.contains("000006.png has 64×64 pixels") && error.contains("32×32"), "{error}");
    let error = refuse("few", &[], 2);
    assert!(error.contains("1 of 5 targets") && error.contains("the first: 000010"), "{error}");
    let error = refuse("few", &["--match", "order"], 2);
    assert!(error.contains("has 4 pictures"), "{error}");
    assert!(refuse("few", &["--split", "test"], 2).contains("test"));
    assert!(refuse("few", &["--weights", "vgg.pth"], 2).contains("NAME=vgg.pth"));
    // LPIPS is left out where its weights are not stored, and missed where it was asked for.
    folder(&few, 10, val[4..].iter().map(|[_, b]| b));
    let words = words("few");
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let found = scratch.run(&[&["pairs"], &words[..]].concat());
    assert!(found.status.success(), "{}", text(&found.stderr));
    assert!(text(&found.stderr).contains("LPIPS is left out"), "{}", text(&found.stderr));
    let table = text(&found.stdout);
    assert!(table.contains("100.00 ± 0.00") && table.contains("5 of 5, 1.000"), "{table}");
    let asked = scratch.run(&[&["pairs", "--lpips", "vgg16"], &words[..]].concat());
    assert_eq!(asked.status.code(), Some(2));
    assert!(text(&asked.stderr).contains("evaluate weights --fetch"), "{}", text(&asked.stderr));
}

/// Options with drawn weights of LPIPS.
fn options(real: &Path, fake: &Path) -> PairedOptions {
    PairedOptions {
        real: real.to_owned(),
        fake: fake.to_owned(),
        train: None,
        split: "val".into(),
        direction: None,
        matching: Matching::Name,
        checkpoint: Which::Latest,
        lpips: LpipsChoice::Over(Backbone::SqueezeNet),
        conventions: Conventions {
            protocols: vec![Protocol::of("torch-fidelity").expect("a protocol")],
            network: Some(evaluate::networks::find("random").expect("a network")),
            layer_name: None,
            weights: Vec::new(),
            batch: 1,
            seed: 0,
            device: DeviceChoice::Cpu,
            cache: false,
        },
        json: false,
    }
}

#[test]
fn lpips_stands_beside_the_other_measures_of_every_picture() {
    let scratch = Scratch::new("pairs-lpips");
    let (data, val) = small(&scratch);
    let fake = scratch.path("fake");
    folder(&fake, 6, val.iter().map(|[_, b]| b));
    let report = measure(&options(&data, &fake)).expect("measured");
    assert_eq!(report.lpips, Some("lpips-squeezenet"));
    assert!(report.pictures.iter().all(|(_, likeness, _)| likeness.lpips == Some(0.0)));
    let means: Vec<f64> = report.summaries.iter().map(|s| s.lpips.expect("a mean").mean).collect();
    // Drawn weights may be negative.
    assert!(means[0] == 0.0 && means[1] != 0.0 && means[2] != 0.0, "{means:?}");
}

/// A run of untrained translators from A to B and from B to A.
fn translators(folder: &Path) {
    let run = Run::create(folder).expect("run");
    let settings = [
        "task=toy-cycle",
        "generator.family=toy-translator",
        "generator.dropout=0.5",
        "generator.norm=true",
        "discriminator.family=toy-translator",
        "augment.pipeline=none",
    ];
    let settings = Settings::resolve("gan-ada", None, &settings.map(str::to_owned)).expect("set");
    let config = RunConfig::new("gan-ada", settings, 5, DataConfig::of_extent(32, 3));
    let generators = config.settings.task.roles().iter().filter(|r| r.part == Part::Generator);
    let networks: Vec<_> = generators
        .map(|role| (Weights::Averaged.part(role), config.network(role, &Device::flex())))
        .collect();
    let parts: Vec<(&str, &dyn Parameters)> =
        networks.iter().map(|(part, network)| (*part, network as &dyn Parameters)).collect();
    let meta = Meta {
        version: CHECKPOINT_VERSION,
        step: 3,
        epoch: 1,
        config,
        state: Value::Null,
        files: Default::default(),
    };
    checkpoint::save(&run.checkpoint_folder(3), meta, &parts).expect("save");
    run.point(Which::Latest, 3).expect("latest");
}

#[test]
fn a_run_translates_the_sources_with_the_generator_of_the_direction() {
    let scratch = Scratch::new("pairs-run");
    let (data, val) = small(&scratch);
    let run = scratch.path("run");
    translators(&run);
    for (direction, role, source) in
        [(Direction::AToB, "generator_ab", 0), (Direction::BToA, "generator_ba", 1)]
    {
        let sampler =
            Sampler::open_role(&run, Which::Latest, Weights::Averaged, Some(role), &Device::flex());
        let sampler = sampler.expect("a generator").0;
        let made = |(i, pair): (usize, &[Picture; 2])| {
            let name = format!("{:06}.png", 6 + i);
            let drawn = Drawn { seed: 0, name: &name, piece: 0 };
            let values = sampler.translation(&pair[source], Manner::default(), drawn);
            shared::nn::sampler::pictures(&values, [32, 32, 3]).remove(0)
        };
        let made: Vec<Picture> = val.iter().enumerate().map(made).collect();
        let fake = scratch.path(role);
        folder(&fake, 6, made.iter());
        let of = |fake: &Path| {
            let options = PairedOptions { direction: Some(direction), ..options(&data, fake) };
            let report = measure(&options).expect("measured");
            (report.pictures, report.summaries, report.step)
        };
        let (of_run, of_folder) = (of(&run), of(&fake));
        assert_eq!((of_run.0, of_run.1), (of_folder.0, of_folder.1), "{direction}");
        assert_eq!((of_run.2, of_folder.2), (Some(3), None));
    }
    let targets = scratch.path("targets");
    folder(&targets, 6, val.iter().map(|[_, b]| b));
    // As whole sets: the run's own translations, and those in the folder, against the same targets.
    let fid = |real: &Path, fake: &Path| {
        let network = ["--features", "random", "--device", "cpu", "--json", "--metrics", "fid,kid"];
        let found =
            scratch.run(&[&["--real", path(real), "--fake", path(fake)], &network[..]].concat());
        assert!(found.status.success(), "{}", text(&found.stderr));
        let output = text(&found.stdout);
        let lines = output.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        lines
            .map(|line| (line["value"].as_f64().expect("a value"), line["generated_count"].clone()))
            .collect::<Vec<_>>()
    };
    let (of_run, of_folder) = (fid(&data, &run), fid(&targets, &scratch.path("generator_ab")));
    assert_eq!(of_run.len(), 2);
    assert!(of_run.iter().all(|(value, count)| value.is_finite() && *count == 5), "{of_run:?}");
    assert_eq!(of_run, of_folder);
    let error = refused(&scratch, &["--real", path(&targets), "--fake", path(&run)], 2);
    assert!(error.contains("no data set of pairs"), "{error}");
}

/// The floors of 240 training and 60 validation pairs of aerial photographs and maps, and the inputs
/// themselves in the place of translations, as measured by another program (numpy and scikit-image).
#[test]
fn the_floors_of_maps_are_those_that_another_program_found() {
    let Some(folder_of_data) = data() else { return };
    let zip = folder_of_data.join("maps-512x256.zip");
    if !zip.exists() {
        return skip(&format!("{} is missing (FLEDGE_TEST_DATA names its folder)", zip.display()));
    }
    let archive = Archive::open(&zip).expect("open");
    let mut splits = [Vec::new(), Vec::new()];
    for i in archive.pictures() {
        let name = archive.names()[i].to_string();
        let bytes = archive.read(i, 1 << 24).expect("read");
        let both = Picture::decode(&bytes, &Limits::default()).expect("decode");
        let half = |left| both.cut(Window { left, top: 0, width: 256, height: 256 });
        splits[usize::from(name.contains("val/"))].push([0, 256].map(half));
    }
    let [train, val] = splits;
    assert_eq!((train.len(), val.len()), (240, 60));
    let scratch = Scratch::new("pairs-maps");
    let maps = scratch.path("maps");
    dataset(&maps, 256, &[("train", &train), ("val", &val)]);
    for (direction, source, expected) in [
        ("AtoB", 0, [[1.22, 4.01, 0.106], [0.0897, 24.64, 0.697], [0.1005, 23.75, 0.697]]),
        ("BtoA", 1, [[1.22, 4.01, 0.106], [0.261, 15.41, 0.196], [0.249, 15.97, 0.194]]),
    ] {
        let fake = scratch.path(direction);
        folder(&fake, 240, val.iter().map(|pair| &pair[source]));
        let words = ["--real", path(&maps), "--fake", path(&fake), "--direction", direction];
        let (_, means) = lines(&scratch, &words);
        for (mean, expected) in means.iter().zip(expected) {
            for ((key, expected), digit) in
                ["l1", "psnr", "ssim"].into_iter().zip(expected).zip([0.005, 0.005, 0.0005])
            {
                // That program did not round the mean colour to 8 bits.
                let rounded = mean["summary"] == "mean colour";
                let digit = match (key, rounded) {
                    ("psnr", true) => 0.05,
                    ("ssim", true) => 0.001,
                    ("l1", _) if expected < 1.0 => 0.0005,
                    _ => digit,
                };
                let found = mean[key]["mean"].as_f64().expect("a mean");
                let what = format!("{direction} {} {key}: {found}", mean["summary"]);
                assert!((found - expected).abs() <= digit * 1.01, "{what}");
            }
        }
    }
}
