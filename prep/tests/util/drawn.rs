//! Drawn sources in every layout, and ways of packing them.

use std::fmt::Write as _;
use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use shared::picture::Picture;
use shared::testing::Scratch;

use super::{bytes_of, synth};

/// Files of a source by name.
pub(crate) type Files = Vec<(String, Vec<u8>)>;

/// A picture that is no near-duplicate of the others.
pub(crate) fn drawn(i: usize) -> Vec<u8> {
    let mut stream = shared::rng::stream(i as u64, "layouts test", 0);
    let blocks: Vec<u8> = (0..192).map(|_| stream.below(256) as u8).collect();
    let (width, height) = (24 + i as u32 % 5, 24);
    let at = |x: u32, y: u32, c: usize| blocks[((y / 3 * 8 + x / 4) as usize * 3 + c) % 192];
    let pixels =
        (0..height).flat_map(|y| (0..width).flat_map(move |x| (0..3).map(move |c| (x, y, c))));
    Picture { width, height, channels: 3, pixels: pixels.map(|(x, y, c)| at(x, y, c)).collect() }
        .to_png()
        .expect("encode")
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
    bytes_of(&folder)
        .into_iter()
        .map(|(name, bytes)| (name.to_string_lossy().into_owned(), bytes))
        .collect()
}

/// 12 pictures in two classes and two splits.
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
        let objects =
            object("dog", 1 + i) + &if i % 3 == 0 { object("cat", 5) } else { String::new() };
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
        let text = format!(
            "{{\"images\":[{images}],\"annotations\":[{annotations}],\"categories\":[{categories}]}}"
        );
        files = with(files, &format!("annotations/instances_{part}2017.json"), text);
    }
    files
}

pub(crate) fn table() -> Files {
    let mut text = "file_name,label,x,y,width,height,split\n".to_owned();
    for i in 0..9 {
        let _ = writeln!(
            text,
            "images/{i}.png,{},2,3,{},12,{}",
            ["cat", "dog"][i % 2],
            9 + i,
            ["train", "val", "test"][i / 3]
        );
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
        // One of the two is gzipped, as published.
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
        let mut record = |i: usize| {
            [vec![(i % 2) as u8], (0..3072).map(|_| stream.below(256) as u8).collect()].concat()
        };
        (0..count).flat_map(&mut record).collect()
    };
    let files = with(Files::new(), "c/data_batch_1.bin", records(5, 1));
    let files = with(files, "c/data_batch_2.bin", records(4, 2));
    with(with(files, "c/test_batch.bin", records(3, 3)), "c/batches.meta.txt", "airplane\nbird\n")
}

pub(crate) fn stylegan() -> Files {
    let name = |i: usize| format!("00000/img{i:08}.png");
    let labels: Vec<String> = (0..8).map(|i| format!("[\"{}\",{}]", name(i), i % 2)).collect();
    let splits: Vec<String> =
        (0..8).map(|i| format!("\"{}\":\"{}\"", name(i), ["train", "val"][i / 6])).collect();
    let text = format!(
        "{{\"labels\":[{}],\"classes\":[\"cat\",\"dog\"],\"splits\":{{{}}}}}",
        labels.join(","),
        splits.join(",")
    );
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

pub(crate) fn yolo() -> Files {
    let part = |i: usize| ["train", "valid"][i / 6];
    let mut files = named((0..9).map(|i| format!("{}/images/p{i}.png", part(i))));
    for i in 0..9 {
        let text = format!("{} 0.5 0.5 0.5 0.{}\n", i % 2, 4 + i % 5);
        files = with(files, &format!("{}/labels/p{i}.txt", part(i)), text);
    }
    with(files, "data.yaml", "train: train/images\nval: valid/images\nnames: [cat, dog]\n")
}

pub(crate) fn celeba() -> Files {
    let lines = |of: fn(usize) -> String| {
        (0..9).map(|i| format!("{i:06}.png {}\n", of(i))).collect::<String>()
    };
    let files = named((0..9).map(|i| format!("img/{i:06}.png")));
    let files = with(files, "Anno/identity_CelebA.txt", lines(|i| (7 + i % 2).to_string()));
    let boxes =
        format!("9\nimage_id x_1 y_1 width height\n{}", lines(|i| format!("2 3 {} 12", 9 + i)));
    let files = with(files, "Anno/list_bbox_celeba.txt", boxes);
    with(files, "Eval/list_eval_partition.txt", lines(|i| (i / 3).to_string()))
}

pub(crate) fn cvat() -> Files {
    let image = |i: usize| {
        let (subset, class, right) =
            (["Train", "Validation"][i / 6], ["cat", "dog"][i % 2], 12 + i);
        format!(
            "<image id=\"{i}\" name=\"{i}.png\" width=\"{}\" height=\"24\" subset=\"{subset}\">\
             <box label=\"{class}\" xtl=\"2\" ytl=\"3\" xbr=\"{right}\" ybr=\"15\"></box></image>",
            24 + i % 5
        )
    };
    let text = format!("<annotations>{}</annotations>", (0..9).map(image).collect::<String>());
    with(named((0..9).map(|i| format!("images/{i}.png"))), "annotations.xml", text)
}

pub(crate) fn labelme() -> Files {
    let mut files = named((0..9).map(|i| format!("{}/{i}.png", ["train", "val"][i / 6])));
    for i in 0..9 {
        let text = format!(
            "{{\"shapes\":[{{\"label\":\"{}\",\"points\":[[2,3],[{},15]],\"shape_type\":\"rectangle\"}}],\
             \"imagePath\":\"{i}.png\",\"imageData\":null,\"imageHeight\":24,\"imageWidth\":{}}}",
            ["cat", "dog"][i % 2],
            12 + i,
            24 + i % 5
        );
        files = with(files, &format!("{}/{i}.json", ["train", "val"][i / 6]), text);
    }
    files
}

/// Arrays of NumPy: pictures and their classes.
pub(crate) fn npz() -> Files {
    let array = |kind: &str, shape: &[usize], bytes: &[u8]| {
        [&shared::npy::header(kind, shape), bytes].concat()
    };
    let mut stream = shared::rng::stream(1, "layouts test npz", 0);
    let pixels: Vec<u8> = (0..9 * 12 * 12 * 3).map(|_| stream.below(256) as u8).collect();
    let classes: Vec<u8> = (0..9u64).flat_map(|i| (i % 3).to_le_bytes()).collect();
    let files = with(Files::new(), "arr_0.npy", array("|u1", &[9, 12, 12, 3], &pixels));
    with(files, "arr_1.npy", array("<i8", &[9], &classes))
}

/// Ways of packing a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packing {
    Folder,
    Zip,
    Tar,
    TarGz,
}

impl Packing {
    pub(crate) const ALL: [Self; 4] = [Self::Folder, Self::Zip, Self::Tar, Self::TarGz];

    /// Writes the files, and symbolic links from the first name to the second, relative to its own
    /// folder.
    #[cfg(unix)]
    pub(crate) fn write(self, at: &std::path::Path, files: &Files, links: &[(&str, &str)]) {
        use shared::fs;
        fs::remove(at).expect("clear");
        match self {
            Self::Folder => {
                for (name, bytes) in files {
                    let file = at.join(name);
                    fs::create_folder(file.parent().expect("parent")).expect("make folder");
                    fs::write_unsynced(&file, &[bytes]).expect("write");
                }
                for (name, target) in links {
                    std::os::unix::fs::symlink(target, at.join(name)).expect("link");
                }
            }
            Self::Zip => fs::write(at, &zip_with(files, &order_of(files), links)).expect("write"),
            Self::Tar => fs::write(at, &tar_with(files, &order_of(files), links)).expect("write"),
            Self::TarGz => {
                let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
                packed.write_all(&tar_with(files, &order_of(files), links)).expect("pack");
                fs::write(at, &packed.finish().expect("pack")).expect("write");
            }
        }
    }
}

fn order_of(files: &Files) -> Vec<usize> {
    (0..files.len()).collect()
}

pub(crate) fn zip(files: &Files, order: &[usize]) -> Vec<u8> {
    zip_with(files, order, &[])
}

pub(crate) fn tar(files: &Files, order: &[usize]) -> Vec<u8> {
    tar_with(files, order, &[])
}

fn zip_with(files: &Files, order: &[usize], links: &[(&str, &str)]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    let top = if files.iter().any(|(name, _)| name.contains('\\')) { "top\\" } else { "top/" };
    for (name, bytes) in order.iter().map(|&i| &files[i]) {
        zip.start_file(format!("{top}{name}"), options).expect("start");
        zip.write_all(bytes).expect("write");
    }
    for (name, target) in links {
        zip.add_symlink(format!("{top}{name}"), *target, options).expect("link");
    }
    zip.finish().expect("finish").into_inner()
}

fn tar_with(files: &Files, order: &[usize], links: &[(&str, &str)]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    let header = |size: usize| {
        let mut header = tar::Header::new_gnu();
        header.set_size(size as u64);
        header.set_mode(0o644);
        header
    };
    for (name, bytes) in order.iter().map(|&i| &files[i]) {
        tar.append_data(&mut header(bytes.len()), format!("./{name}"), &bytes[..]).expect("append");
    }
    for (name, target) in links {
        let mut header = header(0);
        header.set_entry_type(tar::EntryType::Symlink);
        tar.append_link(&mut header, format!("./{name}"), target).expect("append");
    }
    tar.into_inner().expect("finish")
}
