//! Every layout, through the program: the same bytes for 1, 2 and 16 threads, from a folder, a zip and a tar, in whatever order these
//! list their files; and as many pictures of every class in every split as the source has.
#![cfg(unix)]

mod util;

use std::fmt::Write as _;
use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use prep::source::Format;
use shared::dataset::Dataset;
use shared::fs;
use shared::picture::Picture;
use util::{Scratch, assert_same, build, bytes_of, synth};

/// Files of a source by name.
type Files = Vec<(String, Vec<u8>)>;

/// What a layout is to give: the format, the classes, and the pictures of each class in train, val and test; of all pictures together
/// where there are no classes.
struct Case {
    format: Format,
    files: Files,
    flags: &'static [&'static str],
    classes: &'static [&'static str],
    counts: &'static [[usize; 3]],
}

/// A picture unlike the others.
fn drawn(i: usize) -> Vec<u8> {
    let mut stream = shared::rng::stream(i as u64, "layouts test", 0);
    let blocks: Vec<u8> = (0..192).map(|_| stream.below(256) as u8).collect();
    let (width, height) = (24 + i as u32 % 5, 24);
    let at = |x: u32, y: u32, c: usize| blocks[((y / 3 * 8 + x / 4) as usize * 3 + c) % 192];
    let pixels = (0..height).flat_map(|y| (0..width).flat_map(move |x| (0..3).map(move |c| (x, y, c))));
    Picture { width, height, channels: 3, pixels: pixels.map(|(x, y, c)| at(x, y, c)).collect() }.to_png().expect("encode")
}

/// Drawn pictures by these names.
fn named(names: impl IntoIterator<Item = String>) -> Files {
    names.into_iter().enumerate().map(|(i, name)| (name, drawn(i))).collect()
}

fn with(mut files: Files, name: &str, bytes: impl Into<Vec<u8>>) -> Files {
    files.push((name.to_owned(), bytes.into()));
    files
}

fn cub(scratch: &Scratch) -> Files {
    let folder = scratch.path("drawn");
    synth(&folder, 20);
    bytes_of(&folder).into_iter().map(|(name, bytes)| (name.to_string_lossy().into_owned(), bytes)).collect()
}

/// 12 pictures in two classes and two parts.
fn folders() -> Files {
    let place = |i: usize| (["train", "test"][i / 8], ["cat", "dog"][i % 3 / 2]);
    named((0..12).map(|i| format!("{}/{}/{i:02}.png", place(i).0, place(i).1)))
}

fn voc() -> Files {
    let mut files = named((0..9).map(|i| format!("VOC/JPEGImages/{i:03}.png")));
    for i in 0..9 {
        let object = |class: &str, left: usize| {
            format!(
                "<object><name>{class}</name><bndbox><xmin>{left}</xmin><ymin>2</ymin><xmax>{}</xmax><ymax>20</ymax></bndbox></object>",
                left + 10
            )
        };
        // Every third picture has two objects.
        let objects = object("dog", 1 + i) + &if i % 3 == 0 { object("cat", 5) } else { String::new() };
        let text = format!("<annotation><filename>{i:03}.png</filename>{objects}</annotation>");
        files = with(files, &format!("VOC/Annotations/{i:03}.xml"), text);
    }
    files = with(files, "VOC/ImageSets/Main/train.txt", "000\n001\n002\n003\n004\n005\n");
    with(files, "VOC/ImageSets/Main/val.txt", "006\n007\n008\n")
}

fn coco() -> Files {
    let mut files = named((0..9).map(|i| format!("{}2017/{i:02}.png", ["train", "val"][i / 6])));
    for (part, range) in [("train", 0..6), ("val", 6..9)] {
        let (mut images, mut annotations) = (String::new(), String::new());
        for i in range {
            let comma = if images.is_empty() { "" } else { "," };
            let _ = write!(images, "{comma}{{\"id\":{i},\"file_name\":\"{i:02}.png\"}}");
            let class = i % 2 + 1;
            let _ = write!(
                annotations,
                "{comma}{{\"id\":{i},\"image_id\":{i},\"category_id\":{class},\"bbox\":[2,2,15,{}]}}",
                10 + i
            );
        }
        let categories = "{\"id\":1,\"name\":\"cat\"},{\"id\":2,\"name\":\"dog\"}";
        let text = format!("{{\"images\":[{images}],\"annotations\":[{annotations}],\"categories\":[{categories}]}}");
        files = with(files, &format!("annotations/instances_{part}2017.json"), text);
    }
    files
}

fn table() -> Files {
    let mut text = "file_name,label,x,y,width,height,split\n".to_owned();
    for i in 0..9 {
        let _ = writeln!(text, "images/{i}.png,{},2,3,{},12,{}", ["cat", "dog"][i % 2], 9 + i, ["train", "val", "test"][i / 3]);
    }
    with(named((0..9).map(|i| format!("images/{i}.png"))), "metadata.csv", text)
}

fn idx() -> Files {
    let file = |dimensions: &[u32], values: Vec<u8>| {
        let numbers: Vec<u8> = dimensions.iter().flat_map(|n| n.to_be_bytes()).collect();
        [&[0, 0, 8, dimensions.len() as u8], &numbers[..], &values].concat()
    };
    let mut files = Files::new();
    for (part, count, seed) in [("train", 9, 1), ("t10k", 3, 2)] {
        let mut stream = shared::rng::stream(seed, "layouts test idx", 0);
        let pixels = (0..count * 144).map(|_| stream.below(256) as u8).collect();
        let labels = (0..count).map(|i| (i % 3) as u8).collect();
        let images = file(&[count, 12, 12], pixels);
        // One of the two is packed, as they are published.
        if part == "train" {
            let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
            packed.write_all(&images).expect("pack");
            files = with(files, "train-images-idx3-ubyte.gz", packed.finish().expect("pack"));
        } else {
            files = with(files, "t10k-images-idx3-ubyte", images);
        }
        files = with(files, &format!("{part}-labels-idx1-ubyte"), file(&[count], labels));
    }
    files
}

fn cifar() -> Files {
    let records = |count: usize, seed: u64| -> Vec<u8> {
        let mut stream = shared::rng::stream(seed, "layouts test cifar", 0);
        let mut record = |i: usize| [vec![(i % 2) as u8], (0..3072).map(|_| stream.below(256) as u8).collect()].concat();
        (0..count).flat_map(&mut record).collect()
    };
    let files = with(Files::new(), "c/data_batch_1.bin", records(5, 1));
    let files = with(files, "c/data_batch_2.bin", records(4, 2));
    with(with(files, "c/test_batch.bin", records(3, 3)), "c/batches.meta.txt", "airplane\nbird\n")
}

fn stylegan() -> Files {
    let name = |i: usize| format!("00000/img{i:08}.png");
    let labels: Vec<String> = (0..8).map(|i| format!("[\"{}\",{}]", name(i), i % 2)).collect();
    let splits: Vec<String> = (0..8).map(|i| format!("\"{}\":\"{}\"", name(i), ["train", "val"][i / 6])).collect();
    let text = format!("{{\"labels\":[{}],\"classes\":[\"cat\",\"dog\"],\"splits\":{{{}}}}}", labels.join(","), splits.join(","));
    with(named((0..8).map(name)), "dataset.json", text)
}

fn pairs() -> Files {
    let mut files = Files::new();
    for i in 0..7 {
        for (s, side) in ["A", "B"].into_iter().enumerate() {
            files.push((format!("{}/{side}/{i}.png", ["train", "val"][i / 5]), drawn(2 * i + s)));
        }
    }
    files
}

fn cases(scratch: &Scratch) -> Vec<Case> {
    let case = |format, files, flags, classes, counts| Case { format, files, flags, classes, counts };
    const SHAPES: &[&str] = &["001.Bird", "002.Fish", "003.Flower", "004.Butterfly", "005.Mushroom"];
    const PETS: &[&str] = &["cat", "dog"];
    vec![
        case(Format::Cub, cub(scratch), &[], SHAPES, &[[3, 1, 0], [3, 1, 0], [3, 1, 0], [3, 1, 0], [4, 0, 0]]),
        case(Format::Folder, folders(), &[], PETS, &[[6, 2, 0], [2, 2, 0]]),
        case(Format::Voc, voc(), &["--padding", "0"], PETS, &[[2, 1, 0], [6, 3, 0]]),
        case(Format::Coco, coco(), &[], PETS, &[[3, 2, 0], [3, 1, 0]]),
        case(Format::Table, table(), &["--resample", "lanczos"], PETS, &[[2, 1, 2], [1, 2, 1]]),
        case(Format::Idx, idx(), &[], &["0", "1", "2"], &[[3, 1, 0], [3, 1, 0], [3, 1, 0]]),
        case(Format::Cifar, cifar(), &["--margin", "0.25"], &["airplane", "bird"], &[[5, 2, 0], [4, 1, 0]]),
        case(Format::Stylegan, stylegan(), &["--crop", "pad"], PETS, &[[3, 1, 0], [3, 1, 0]]),
        case(Format::Pairs, pairs(), &[], &[], &[[5, 2, 0]]),
    ]
}

fn zip(files: &Files, order: &[usize]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in order.iter().map(|&i| &files[i]) {
        zip.start_file(format!("top/{name}"), zip::write::SimpleFileOptions::default()).expect("start");
        zip.write_all(bytes).expect("write");
    }
    zip.finish().expect("finish").into_inner()
}

fn tar(files: &Files, order: &[usize]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, bytes) in order.iter().map(|&i| &files[i]) {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, format!("./{name}"), &bytes[..]).expect("append");
    }
    tar.into_inner().expect("finish")
}

#[test]
fn every_layout_gives_the_same_bytes_for_any_threads_order_and_packing() {
    let scratch = Scratch::new("layouts");
    let mut draw = shared::rng::stream(1, "layouts test order", 0);
    for Case { format, files, flags, classes, counts } in cases(&scratch) {
        let name = format.name();
        let mut shuffled = || {
            let mut order: Vec<usize> = (0..files.len()).collect();
            (1..files.len()).rev().for_each(|i| order.swap(i, draw.below(i as u64 + 1) as usize));
            order
        };
        // Two folders whose files were made in different orders.
        let mut folder = |suffix: &str| {
            let path = scratch.path(&format!("{name}-{suffix}"));
            for i in shuffled() {
                let file = path.join(&files[i].0);
                fs::create_folder(file.parent().expect("parent")).expect("make folder");
                fs::write_unsynced(file, &[&files[i].1]).expect("write");
            }
            path
        };
        let (one, other) = (folder("one"), folder("other"));
        let (zipped, tarred) = (scratch.path(&format!("{name}.zip")), scratch.path(&format!("{name}.tar")));
        fs::write(&zipped, &zip(&files, &shuffled())).expect("write");
        fs::write(&tarred, &tar(&files, &shuffled())).expect("write");
        let wanted = scratch.path(&format!("{name}-wanted"));
        build(&one, &wanted, &[&["--jobs", "1"], flags].concat(), 0);
        for (source, jobs) in [(&one, "2"), (&one, "16"), (&other, "2"), (&zipped, "2"), (&tarred, "16")] {
            let out = scratch.path(&format!("{name}-out"));
            build(source, &out, &[&["--jobs", jobs], flags].concat(), 0);
            assert_same(&wanted, &out);
            fs::remove(&out).expect("remove");
        }
        let dataset = Dataset::open(&wanted).expect("open");
        let manifest = dataset.manifest();
        assert_eq!(
            (&*manifest.format, &manifest.classes[..]),
            (name, &classes.iter().map(|c| (*c).to_owned()).collect::<Vec<_>>()[..])
        );
        assert_eq!((manifest.paired, manifest.rejects.values().sum::<u64>()), (format == Format::Pairs, 0), "{name}");
        let mut found = vec![[0; 3]; counts.len()];
        for (number, split) in ["train", "val", "test"].into_iter().enumerate() {
            let Ok(split) = dataset.split(split) else { continue };
            for i in 0..split.len() {
                assert_eq!(split.label(i).is_some(), !classes.is_empty(), "{name}");
                found[split.label(i).unwrap_or(0) as usize][number] += 1;
            }
        }
        assert_eq!(found, counts, "{name}");
    }
}
