//! Every reader of foreign bytes on randomly changed files: none panics, none takes more than 64
//! MB.
//!
//! The readers are those of the fuzz targets in `fuzz/`.
//! `FLEDGE_TORTURE=1` (`make torture`) tries fifteen times as many.
//! A process of its own, because the allocator counts the memory of the whole process.
#![cfg(unix)]

#[path = "../../fuzz/src/mutation.rs"]
mod mutation;
#[path = "../../fuzz/src/readers.rs"]
#[expect(unreachable_pub, reason = "a library of its own in fuzz/")]
mod readers;
mod util;

use std::io::Write as _;

use mutation::{mutate, resealed};
use shared::fs;
use shared::testing::{Scratch, torture};
use util::gradient;

/// All golden pictures, and a drawn one.
fn pictures() -> Vec<Vec<u8>> {
    let shared = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let mut seeds = Vec::new();
    for folder in
        ["pictures/tests/golden/pictures", "jpeg/tests/golden"].map(|name| shared.join(name))
    {
        let found = util::contents(&folder);
        assert!(!found.is_empty(), "no golden picture in {}", folder.display());
        seeds.extend(found.into_values());
    }
    seeds.push(gradient(40, 30).to_png().expect("encode"));
    seeds.retain(|bytes| bytes.len() < 20_000);
    assert!(seeds.len() > 20, "{} golden pictures", seeds.len());
    seeds
}

// One test, because the allocator counts the memory of the whole process.
#[test]
fn no_reader_falls_or_takes_too_much() {
    let scratch = Scratch::new("fuzz");
    mutate("picture", &pictures(), torture(6000, 90_000), readers::picture);

    let source = scratch.path("drawn");
    util::synth(&source, 6);
    util::build(&source, &scratch.path("out"), &["--size", "4"], 0);
    let parts = ["train-00000.shard", "dataset.json", "val-00000.shard"];
    let seeds: Vec<Vec<u8>> =
        parts.iter().map(|name| fs::read(scratch.path("out").join(name)).expect("read")).collect();
    mutate("dataset", &seeds, torture(1500, 22_500), readers::dataset);
    // The same with repaired checksums of frames.
    mutate("repaired", &seeds[..1], torture(1500, 22_500), |bytes| {
        readers::dataset(&repaired(bytes))
    });

    mutate("resealed", &seeds[1..2], torture(1500, 22_500), |bytes| {
        readers::dataset(&resealed(bytes))
    });

    // A chunk of an unfinished build, and its description.
    util::build(&source, &scratch.path("parts"), &["--size", "4", "--part", "1/1"], 0);
    let part = scratch.path("parts/part-1-of-1");
    let [work, chunk] =
        ["work.json", "chunk-000000"].map(|name| fs::read(part.join(name)).expect("read"));
    mutate("chunk", std::slice::from_ref(&chunk), torture(1000, 15_000), |bytes| {
        readers::chunk(&work, bytes)
    });
    mutate("repaired chunk", std::slice::from_ref(&chunk), torture(2000, 30_000), |bytes| {
        readers::chunk(&work, &repaired(bytes))
    });
    mutate("work", std::slice::from_ref(&work), torture(500, 7_500), readers::work);
    mutate("resealed work", &[work], torture(2000, 30_000), |bytes| {
        readers::chunk(&resealed(bytes), &chunk)
    });

    mutate("archive", &archives(), torture(600, 9_000), readers::archive);
    for (format, name) in readers::ANNOTATIONS {
        let seeds: Vec<Vec<u8>> = annotations(name).into_iter().map(<[u8]>::to_vec).collect();
        mutate(name, &seeds, torture(200, 3_000), |bytes| readers::listing(format, name, bytes));
    }
}

/// Recomputes the checksums of the frames of header and index, if their lengths lie within the
/// file.
fn repaired(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let word = |bytes: &[u8], at: usize| {
        bytes.get(at..at + 4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]) as usize)
    };
    let frames = [Some(12), bytes.len().checked_sub(16).and_then(|trailer| word(&bytes, trailer))];
    for at in frames.into_iter().flatten() {
        if let Some(length) = word(&bytes, at)
            && let Some(end) = at.checked_add(4 + length).filter(|end| end + 4 <= bytes.len())
        {
            let crc = crc32fast::hash(&bytes[at..end]).to_le_bytes();
            bytes[end..end + 4].copy_from_slice(&crc);
        }
    }
    bytes
}

/// Small archives of every kind.
fn archives() -> Vec<Vec<u8>> {
    let members: [(&str, &[u8]); 3] =
        [("a/one.png", b"first"), ("b/two.png", b"second second second"), ("b/three.txt", b"3")];
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let mut tar = Vec::new();
    for (name, bytes) in members {
        zip.start_file(name, zip::write::SimpleFileOptions::default()).expect("start");
        zip.write_all(bytes).expect("write");
        tar.extend(tar_member(name, bytes));
    }
    tar.extend([0; 1024]);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(&tar).expect("write");
    vec![zip.finish().expect("finish").into_inner(), tar, gzip.finish().expect("finish")]
}

/// A member of a tar file (ustar).
fn tar_member(name: &str, bytes: &[u8]) -> Vec<u8> {
    let mut header = [0u8; 512];
    header[..name.len()].copy_from_slice(name.as_bytes());
    header[100..107].copy_from_slice(b"0000644");
    header[124..135].copy_from_slice(format!("{:011o}", bytes.len()).as_bytes());
    header[136..147].copy_from_slice(b"00000000000");
    header[148..156].fill(b' ');
    header[156] = b'0';
    header[257..265].copy_from_slice(b"ustar\x0000");
    let sum: u32 = header.iter().map(|&b| u32::from(b)).sum();
    header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    let padding = vec![0; bytes.len().next_multiple_of(512) - bytes.len()];
    [&header[..], bytes, &padding].concat()
}

/// Sound files of annotations.
fn annotations(name: &str) -> Vec<&'static [u8]> {
    match name {
        "images.txt" => vec![b"1 a.png\n2 b.png\n"],
        "Annotations/a.xml" => vec![
            b"<annotation><folder>images</folder><filename>a.png</filename><size><width>40</width><height>30</height></size>\
            <object><name>bird</name><difficult>0</difficult><bndbox><xmin>3</xmin><ymin>4</ymin><xmax>20</xmax><ymax>25</ymax></bndbox></object></annotation>",
        ],
        "annotations.json" => vec![
            br#"{"images":[{"id":7,"file_name":"images/a.png","width":40,"height":30}],"annotations":[{"id":1,"image_id":7,"category_id":2,"bbox":[3,4,20.5,21],"iscrowd":0}],"categories":[{"id":2,"name":"bird"}]}"#,
        ],
        "metadata.csv" => vec![b"file_name,label,x,y,width,height,split\nimages/a.png,bird,3,4,20,21,train\n", b"path;xmin;ymin;xmax;ymax\n\"images/a.png\";1;2;3;4\n"],
        "metadata.jsonl" => vec![br#"{"file_name":"images/a.png","label":"bird","boxes":[[1,2,3,4]],"split":"val"}"#],
        "dataset.json" => vec![br#"{"labels":[["images/a.png",0]],"classes":["bird"],"splits":{"images/a.png":"train"}}"#],
        "train-images-idx3-ubyte" => vec![&[0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8]],
        _ => vec![&[3; 3073]],
    }
}
