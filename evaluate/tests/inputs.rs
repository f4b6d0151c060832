//! The pictures at a path: order, colours, classes, and the identity of a run's pictures.

use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor};
use evaluate::inputs::{ArchivePictures, InputKind, RunPictures, Wanted, open};
use evaluate::protocols::Protocol;
use serde_json::Value;
use shared::dataset::{FileSummary, MANIFEST, Manifest, SplitManifest, VERSION};
use shared::fs;
use shared::metrics::resize::RgbPicture;
use shared::metrics::source::{PictureSource, Selection};
use shared::nn::checkpoint::{self, CHECKPOINT_VERSION, Meta};
use shared::nn::config::{DataConfig, RunConfig, Settings};
use shared::nn::parameter::Parameters as _;
use shared::nn::run::{Run, Which};
use shared::picture::Picture;
use shared::shard::{Layout, ShardWriter};
use shared::testing::Scratch;

/// These names in the order of Python's `sorted`: capitals first, `-` and `.` before `/`, then by
/// code point.
const SORTED: [&str; 15] = [
    "10.png",
    "9.png",
    "B.png",
    "_x.JPG",
    "a b.png",
    "a-b.png",
    "a.png",
    "a/Z.png",
    "a/z.png",
    "a0/1.png",
    "z.jpeg",
    "é.png",
    "日.png",
    "\u{ffee}.png",
    "😀.png",
];

/// Writes a folder with `files`.
fn folder(scratch: &Scratch, files: &[(&str, Vec<u8>)]) -> PathBuf {
    for (name, bytes) in files {
        let path = scratch.join("pictures").join(name);
        fs::create_folder_for(&path).expect("folder");
        fs::write(path, bytes).expect("write");
    }
    scratch.path("pictures")
}

/// Writes a zip file with `files`.
fn zip(scratch: &Scratch, files: &[(&str, Vec<u8>)]) -> PathBuf {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files.iter().rev() {
        zip.start_file(*name, zip::write::SimpleFileOptions::default()).expect("start");
        zip.write_all(bytes).expect("write");
    }
    let path = scratch.path("pictures.zip");
    fs::write(&path, &zip.finish().expect("zip").into_inner()).expect("write");
    path
}

/// A PNG file of one pixel with these samples.
fn png(samples: &[u8]) -> Vec<u8> {
    let picture =
        Picture { width: 1, height: 1, channels: samples.len() as u32, pixels: samples.to_vec() };
    picture.to_png().expect("png")
}

fn pixels(source: &dyn PictureSource) -> Vec<RgbPicture> {
    source.read(&(0..source.len()).collect::<Vec<_>>()).expect("pictures")
}

fn wanted(device: &Device) -> Wanted<'_> {
    Wanted {
        split: "val",
        generated: 7,
        checkpoint: Which::Latest,
        device,
        protocols: &[],
        pairs: None,
    }
}

#[test]
fn pictures_come_in_the_order_in_which_python_sorts_their_names() {
    let scratch = Scratch::new("inputs-order");
    let files: Vec<(&str, Vec<u8>)> =
        SORTED.iter().zip(0u8..).map(|(name, i)| (*name, png(&[i]))).collect();
    let others = [
        (".hidden.png", png(&[99])),
        ("notes.txt", b"no picture".to_vec()),
        ("__MACOSX/a.png", png(&[99])),
    ];
    let files = [&files[..], &others].concat();
    for path in [folder(&scratch, &files), zip(&scratch, &files)] {
        let source = ArchivePictures::open(&path).expect("open");
        let names: Vec<String> = (0..source.len()).map(|i| source.name(i)).collect();
        assert_eq!(names, SORTED);
        let grey: Vec<u8> = pixels(&source).iter().map(|picture| picture.pixels[0]).collect();
        assert_eq!(grey, (0..15).collect::<Vec<u8>>());
    }
}

#[test]
fn alpha_is_dropped_and_grey_is_repeated() {
    let scratch = Scratch::new("inputs-colours");
    let files = [
        ("1.png", png(&[10, 20, 30, 0])),
        ("2.png", png(&[10, 20, 30, 128])),
        ("3.png", png(&[40, 0])),
        ("4.png", png(&[50])),
        ("5.png", png(&[1, 2, 3])),
    ];
    let source = ArchivePictures::open(&folder(&scratch, &files)).expect("open");
    let colours: Vec<Vec<u8>> = pixels(&source).into_iter().map(|picture| picture.pixels).collect();
    assert_eq!(colours, [[10, 20, 30], [10, 20, 30], [40, 40, 40], [50, 50, 50], [1, 2, 3]]);
}

#[test]
fn class_folders_are_labels_also_of_a_selection() {
    let scratch = Scratch::new("inputs-labels");
    let files = ["set/cat/1.png", "set/cat/2.png", "set/dog/1.png", "set/emu/x/1.png"]
        .map(|name| (name, png(&[7])));
    for path in [folder(&scratch, &files), zip(&scratch, &files)] {
        let source = ArchivePictures::open(&path).expect("open");
        let labels = source.labels().expect("labels");
        assert_eq!(
            (&labels.names[..], &labels.of[..]),
            (&["cat", "dog", "emu"].map(str::to_owned)[..], &[0, 0, 1, 2][..])
        );
        assert_eq!(Selection::new(&source, vec![3, 0]).labels().expect("labels").of, [2, 0]);
    }
}

#[test]
fn labels_of_a_dataset_json_count_only_if_complete() {
    let scratch = Scratch::new("inputs-stylegan");
    let pictures = [
        "fakes/00000/img00000000.png",
        "fakes/00000/img00000001.png",
        "fakes/00001/img00001000.png",
    ];
    let labels = |json: &str| {
        let mut files: Vec<_> = pictures.map(|name| (name, png(&[7]))).into();
        files.push(("fakes/dataset.json", json.as_bytes().to_vec()));
        let by_zip = ArchivePictures::open(&zip(&scratch, &files)).expect("zip").labels();
        let by_folder = ArchivePictures::open(&folder(&scratch, &files)).expect("folder").labels();
        let [by_zip, by_folder] = [by_zip, by_folder]
            .map(|labels| labels.map(|labels| (labels.names.join(" "), labels.of)));
        assert_eq!(by_zip, by_folder, "{json}");
        by_zip
    };
    let listed = r#"[["00000/img00000001.png", 1], ["00000/img00000000.png", 0], ["00001/img00001000.png", 1]]"#;
    assert_eq!(
        labels(&format!(r#"{{"labels": {listed}, "classes": ["gull", "owl"]}}"#)),
        Some(("gull owl".into(), vec![0, 1, 1]))
    );
    assert_eq!(labels(&format!(r#"{{"labels": {listed}}}"#)), Some(("0 1".into(), vec![0, 1, 1])));
    // One label missing, two labels, none, damaged, of another program.
    let short = r#"{"labels": [["00000/img00000001.png", 1], ["00000/img00000000.png", 0]]}"#;
    let twice = listed.replacen("]]", r#"], ["00001/img00001000.png", 0]]"#, 1);
    for json in [
        short,
        &format!(r#"{{"labels": {twice}}}"#),
        r#"{"labels": null}"#,
        "{",
        r#"{"labels": [["00000/img00000001.png", -1]]}"#,
        "[7]",
    ] {
        assert_eq!(labels(json), None, "{json}");
    }
}

/// A data set of grey pictures of one pixel with these labels.
fn dataset(folder: &Path, labels: &[Option<u32>]) {
    fs::create_folder(folder).expect("folder");
    let mut writer =
        ShardWriter::create(folder.join("val.shard"), Layout { height: 1, width: 1, channels: 1 })
            .expect("shard");
    for (i, label) in (0u8..).zip(labels) {
        writer.push(&[i], *label, u64::from(i)).expect("push");
    }
    writer.finish().expect("shard");
    let (bytes, records) = (fs::read(folder.join("val.shard")).expect("read"), labels.len() as u64);
    let shards =
        vec![FileSummary { records: Some(records), ..FileSummary::of("val.shard", &bytes) }];
    let manifest = Manifest {
        version: VERSION,
        size: 1,
        stored: 1,
        held_out: None,
        channels: 1,
        paired: false,
        classes: ["cat", "dog"].map(str::to_owned).to_vec(),
        settings: Default::default(),
        format: "drawn".into(),
        fingerprint: "0".repeat(64),
        splits: vec![SplitManifest { name: "val".into(), records, shards }],
        account: Vec::new(),
        rejects: Default::default(),
        files: Vec::new(),
    };
    shared::sealed::write(&folder.join(MANIFEST), &manifest).expect("manifest");
}

#[test]
fn a_data_set_has_classes_if_every_picture_has_one() {
    let scratch = Scratch::new("inputs-dataset");
    let device = Device::flex();
    let opened = |name: &str, labels: &[Option<u32>]| {
        dataset(&scratch.join(name), labels);
        open(&scratch.join(name), &wanted(&device)).expect("data set").0
    };
    let all = opened("all", &[Some(1), Some(0), Some(1)]);
    let labels = all.labels().expect("labels");
    assert_eq!(
        (&labels.names[..], &labels.of[..]),
        (&["cat", "dog"].map(str::to_owned)[..], &[1, 0, 1][..])
    );
    assert_eq!(pixels(all.as_ref())[2].pixels, [2, 2, 2]);
    assert_eq!(opened("some", &[Some(1), None]).labels(), None);
}

#[test]
fn statistics_instead_of_pictures_are_wrong_usage() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/npz/ours.npz");
    assert_eq!(InputKind::of(&file), InputKind::Npz);
    let device = Device::flex();
    let Err(error) = open(&file, &wanted(&device)) else { panic!("it was opened") };
    assert!(error.is::<shared::cli::UsageError>(), "{error:#}");
}

/// Creates a run with a checkpoint of a generator with two classes.
fn run(folder: &Path, step: u64, seed: u64) {
    let run = Run::create(folder).expect("run");
    let settings =
        ["generator.width=4", "generator.latent=4", "cond=embedding+projection"].map(str::to_owned);
    let settings = Settings::resolve("gan-ada", None, &settings).expect("settings");
    let data = DataConfig {
        classes: ["cat", "dog"].map(str::to_owned).to_vec(),
        ..DataConfig::of_extent(16, 3)
    };
    let config = RunConfig::new("gan-ada", settings, seed, data);
    let generator = config.generator(&Device::flex());
    let meta = Meta {
        version: CHECKPOINT_VERSION,
        step,
        epoch: 1,
        config,
        state: Value::Null,
        files: Default::default(),
    };
    checkpoint::save(&run.checkpoint_folder(step), meta, &[("ema", &generator)]).expect("save");
}

#[test]
fn the_pictures_of_a_run_are_identified_by_their_generator() {
    let scratch = Scratch::new("inputs-run");
    let device = Device::flex();
    let opened = |name: &str, step: u64, seed: u64| {
        run(&scratch.join(name), step, seed);
        RunPictures::open(&scratch.join(name), &wanted(&device)).expect("run")
    };
    let first = opened("a", 1, 1);
    let name = |pictures: &dyn PictureSource| pictures.known_identity().expect("a name");
    // A moved run has the same pictures, whatever its step.
    assert_eq!(name(&first), name(&opened("b", 2, 1)));
    assert_eq!(pixels(&first), pixels(&opened("c", 1, 1)));
    let others = [
        name(&opened("d", 1, 2)),
        name(&Selection::new(&first, vec![0, 2])),
        name(&Selection::new(&first, vec![0, 3])),
    ];
    let mut all = [&others[..], &[name(&first)]].concat();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 4);
    assert_eq!(name(&Selection::new(&first, (0..7).collect())), name(&first));
}

#[test]
fn the_pictures_of_a_run_cycle_through_the_classes_and_are_named_by_seed() {
    let scratch = Scratch::new("inputs-classes");
    let device = Device::flex();
    run(&scratch, 1, 1);
    let all = RunPictures::open(&scratch, &wanted(&device)).expect("run");
    let labels = all.labels().expect("labels");
    assert_eq!(
        (&labels.names[..], &labels.of[..]),
        (&["cat", "dog"].map(str::to_owned)[..], &[0, 1, 0, 1, 0, 1, 0][..])
    );
    assert_eq!(Selection::new(&all, vec![5, 2]).name(1), "seed 2");
}

#[test]
fn a_run_has_the_noise_that_its_protocols_want() {
    let scratch = Scratch::new("inputs-noise");
    let run = Run::create(&scratch).expect("run");
    let settings = ["channel_base=64", "channel_max=6", "latent=8", "styles=8", "mapping_layers=2"]
        .map(|setting| format!("generator.{setting}"));
    let settings = Settings::resolve("stylegan2-config-f", None, &settings).expect("settings");
    let config = RunConfig::new("stylegan2-config-f", settings, 1, DataConfig::of_extent(16, 3));
    let device = Device::flex();
    let mut generator = config.generator(&device);
    let mut parameters = Vec::new();
    generator.collect_mut("", &mut parameters);
    // It starts at 0: without training there is no noise.
    let strengths = parameters.iter_mut().filter(|(name, _)| name.ends_with("noise_strength"));
    let strengths = strengths.map(|(_, strength)| strength.set(Tensor::from_data([1.0], &device)));
    assert!(strengths.count() > 2);
    let meta = Meta {
        version: CHECKPOINT_VERSION,
        step: 1,
        epoch: 1,
        config,
        state: Value::Null,
        files: Default::default(),
    };
    checkpoint::save(&run.checkpoint_folder(1), meta, &[("ema", &generator)]).expect("save");
    let of = |names: &[&str]| {
        let protocols: Vec<_> =
            names.iter().map(|name| Protocol::of(name).expect("a protocol")).collect();
        let wanted = Wanted { protocols: &protocols, ..wanted(&device) };
        RunPictures::open(&scratch, &wanted).expect("a run")
    };
    let (stored, random) = (of(&["torch-fidelity"]), of(&["stylegan"]));
    assert_ne!(pixels(&stored), pixels(&random));
    assert_ne!(stored.known_identity(), random.known_identity());
    // A picture's noise depends on its seed only.
    assert_eq!(pixels(&random), pixels(&of(&["stylegan"])));
}

#[test]
fn files_of_other_programs_are_generators() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../shared/runs/tests/golden/stylegan2/plain.pkl");
    assert_eq!(InputKind::of(&golden), InputKind::Run);
    let device = Device::flex();
    let pictures = RunPictures::open(&golden, &wanted(&device)).expect("a generator");
    assert_eq!(pictures.step(), 0);
    assert!(pixels(&pictures).iter().all(|picture| picture.pixels.len() > 3));
}
