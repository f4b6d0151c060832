//! Drawn sources in every layout, and how people pack them.

use std::fmt::Write as _;
use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use shared::picture::Picture;

use super::{Scratch, bytes_of, synth};

/// Files of a source by name.
pub(crate) type Files = Vec<(String, Vec<u8>)>;

/// A picture unlike the others.
pub(crate) fn drawn(i: usize) -> Vec<u8> {
    let mut stream = shared::rng::stream(i as u64, "layouts test", 0);
    let blocks: Vec<u8> = (0..192).map(|_| stream.below(256) as u8).collect();
    let (width, height) = (24 + i as u32 % 5, 24);
    let at = |x: u32, y: u32, c: usize| blocks[((y / 3 * 8 + x / 4) as usize * 3 + c) % 192];
    let pixels = (0..height).flat_map(|y| (0..width).flat_map(move |x| (0..3).map(move |c| (x, y, c))));
    Picture { width, height, channels: 3, pixels: pixels.map(|(x, y, c)| at(x, y, c)).collect() }.to_png().expect("encode")
}

/// Drawn pictures by these names.
pub(crate) fn named(names: impl IntoIterator<Item = String>) -> Files {
    names.into_iter().enumerate().map(|(i, name)| (name, drawn(i))).collect()
}

pub(crate) fn with(mut files: Files, name: &str, bytes: impl Into<Vec<u8>>) -> Files {
    files.push((name.to_owned(), bytes.into()));
    files
}

pub(crate) fn cub(scratch: &Scratch) -> Files {
    let folder = scratch.path("drawn");
    synth(&folder, 20);
    bytes_of(&folder).into_iter().map(|(name, bytes)| (name.to_string_lossy().into_owned(), bytes)).collect()
}

/// 12 pictures in two classes and two parts.
pub(crate) fn folders() -> Files {
    let place = |i: usize| (["train", "test"][i / 8], ["cat", "dog"][i % 3 / 2]);
    named((0..12).map(|i| format!("{}/{}/{i:02}.png", place(i).0, place(i).1)))
}

pub(crate) fn voc() -> Files {
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

pub(crate) fn coco() -> Files {
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

pub(crate) fn table() -> Files {
    let mut text = "file_name,label,x,y,width,height,split\n".to_owned();
    for i in 0..9 {
        let _ = writeln!(text, "images/{i}.png,{},2,3,{},12,{}", ["cat", "dog"][i % 2], 9 + i, ["train", "val", "test"][i / 3]);
    }
    with(named((0..9).map(|i| format!("images/{i}.png"))), "metadata.csv", text)
}

pub(crate) fn idx() -> Files {
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

pub(crate) fn cifar() -> Files {
    let records = |count: usize, seed: u64| -> Vec<u8> {
        let mut stream = shared::rng::stream(seed, "layouts test cifar", 0);
        let mut record = |i: usize| [vec![(i % 2) as u8], (0..3072).map(|_| stream.below(256) as u8).collect()].concat();
        (0..count).flat_map(&mut record).collect()
    };
    let files = with(Files::new(), "c/data_batch_1.bin", records(5, 1));
    let files = with(files, "c/data_batch_2.bin", records(4, 2));
    with(with(files, "c/test_batch.bin", records(3, 3)), "c/batches.meta.txt", "airplane\nbird\n")
}

pub(crate) fn stylegan() -> Files {
    let name = |i: usize| format!("00000/img{i:08}.png");
    let labels: Vec<String> = (0..8).map(|i| format!("[\"{}\",{}]", name(i), i % 2)).collect();
    let splits: Vec<String> = (0..8).map(|i| format!("\"{}\":\"{}\"", name(i), ["train", "val"][i / 6])).collect();
    let text = format!("{{\"labels\":[{}],\"classes\":[\"cat\",\"dog\"],\"splits\":{{{}}}}}", labels.join(","), splits.join(","));
    with(named((0..8).map(name)), "dataset.json", text)
}

pub(crate) fn pairs() -> Files {
    let mut files = Files::new();
    for i in 0..7 {
        for (s, side) in ["A", "B"].into_iter().enumerate() {
            files.push((format!("{}/{side}/{i}.png", ["train", "val"][i / 5]), drawn(2 * i + s)));
        }
    }
    files
}

pub(crate) fn zip(files: &Files, order: &[usize]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in order.iter().map(|&i| &files[i]) {
        zip.start_file(format!("top/{name}"), zip::write::SimpleFileOptions::default()).expect("start");
        zip.write_all(bytes).expect("write");
    }
    zip.finish().expect("finish").into_inner()
}

pub(crate) fn tar(files: &Files, order: &[usize]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, bytes) in order.iter().map(|&i| &files[i]) {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, format!("./{name}"), &bytes[..]).expect("append");
    }
    tar.into_inner().expect("finish")
}
