//! Boxes land on their objects, whether the annotated picture was rotated by EXIF, scaled, or 1 ×
//! 1.
#![cfg(unix)]

use std::path::Path;

use crate::util::{build, rejects};
use shared::dataset::Dataset;
use shared::fs;
use shared::picture::Picture;
use shared::testing::Scratch;

/// The stored picture, and the box of the red object in it: left, top, right, bottom.
const STORED: (u32, u32) = (96, 64);
const OBJECT: [u32; 4] = [56, 8, 80, 32];

/// Grey with a red square, with this EXIF orientation.
fn turned(orientation: u8) -> Vec<u8> {
    let mut picture = Picture::filled(STORED.0, STORED.1, 3, 128);
    let [left, top, right, bottom] = OBJECT;
    let mut red = Picture::filled(right - left, bottom - top, 3, 0);
    red.pixels.chunks_exact_mut(3).for_each(|pixel| pixel.copy_from_slice(&[230, 20, 20]));
    picture.paste(&red, left, top);
    let jpeg = picture.to_jpeg(95).expect("encode");
    let mut exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
    exif.extend([orientation, 0, 0, 0, 0, 0, 0]);
    let length = (exif.len() as u16 + 2).to_be_bytes();
    [&jpeg[..2], &[0xff, 0xe1], &length, &exif, &jpeg[2..]].concat()
}

fn xml(width: f64, height: f64, scale: f64) -> String {
    let [left, top, right, bottom] = OBJECT.map(|edge| f64::from(edge) * scale);
    format!(
        "<annotation><size><width>{width}</width><height>{height}</height></size><object><name>red</name><bndbox><xmin>{}</xmin>\
         <ymin>{}</ymin><xmax>{right}</xmax><ymax>{bottom}</ymax></bndbox></object></annotation>",
        left + 1.0,
        top + 1.0
    )
}

/// The share of red pixels of each stored picture.
fn redness(out: &Path) -> Vec<f64> {
    let dataset = Dataset::open(out).expect("open");
    let mut found = Vec::new();
    for split in ["train", "val"] {
        let Ok(split) = dataset.split(split) else { continue };
        for i in 0..split.len() {
            let picture = split.picture(i).expect("picture");
            let red = picture
                .pixels
                .chunks_exact(3)
                .filter(|pixel| pixel[0] > 170 && pixel[1] < 90)
                .count();
            found.push(red as f64 / (picture.pixels.len() / 3) as f64);
        }
    }
    found
}

/// Such near-duplicates would not be kept in both splits.
const ALL: [&str; 2] = ["--val-fraction", "0"];
/// A window is 1.25 times as wide and high as its box.
const LEAST: f64 = 0.5;

#[test]
fn boxes_drawn_on_the_stored_or_a_scaled_picture_find_their_object() {
    let scratch = Scratch::new("turned");
    let source = scratch.path("source");
    fs::create_folder(&source).expect("make folder");
    // If width and height are swapped, the size shows that the boxes belong to the stored picture.
    for orientation in [1, 5, 6, 7, 8] {
        for (name, scale) in [("same", 1.0), ("double", 2.0), ("half", 0.5)] {
            let [width, height] = [STORED.0, STORED.1].map(|side| f64::from(side) * scale);
            fs::write(source.join(format!("{name}{orientation}.jpg")), &turned(orientation))
                .expect("write");
            fs::write(
                source.join(format!("{name}{orientation}.xml")),
                xml(width, height, scale).as_bytes(),
            )
            .expect("write");
        }
    }
    let out = scratch.path("out");
    build(&source, &out, &ALL, 0);
    let red = redness(&out);
    assert_eq!(red.len(), 15);
    assert!(red.iter().all(|part| *part > LEAST), "{red:?}");
}

#[test]
fn a_picture_of_another_shape_is_rejected_with_both_sizes() {
    let scratch = Scratch::new("shape");
    let source = scratch.path("source");
    fs::create_folder(&source).expect("make folder");
    for (name, height) in [("good", 64.0), ("bad", 80.0)] {
        fs::write(source.join(format!("{name}.jpg")), &turned(1)).expect("write");
        fs::write(source.join(format!("{name}.xml")), xml(96.0, height, 1.0).as_bytes())
            .expect("write");
    }
    let out = scratch.path("out");
    build(&source, &out, &ALL, 0);
    let rejects = rejects(&out);
    let expected = (
        "size_mismatch".to_owned(),
        "the annotation is of 96x80 pixels, the picture has 96x64".to_owned(),
    );
    assert_eq!(rejects.into_iter().collect::<Vec<_>>(), [("bad.jpg".to_owned(), expected)]);
}

#[test]
fn fractions_in_any_annotation_are_boxes_of_their_pictures() {
    let [left, top, right, bottom] = OBJECT.map(f64::from);
    let [width, height] = [STORED.0, STORED.1].map(f64::from);
    let [left, top, right, bottom] = [left / width, top / height, right / width, bottom / height];
    let csv = format!("file,label,xmin,ymin,xmax,ymax\na.jpg,red,{left},{top},{right},{bottom}\n");
    let (w, h) = (right - left, bottom - top);
    let coco = format!(
        "{{\"images\": [{{\"id\": 1, \"file_name\": \"a.jpg\", \"width\": 96, \"height\": 64}}], \"categories\": [{{\"id\": 1, \"name\": \"red\"}}], \
         \"annotations\": [{{\"id\": 1, \"image_id\": 1, \"category_id\": 1, \"bbox\": [{left}, {top}, {w}, {h}]}}]}}"
    );
    let voc = format!(
        "<annotation><size><width>96</width><height>64</height></size><object><name>red</name><bndbox><xmin>{left}</xmin>\
         <ymin>{top}</ymin><xmax>{right}</xmax><ymax>{bottom}</ymax></bndbox></object></annotation>"
    );
    for (table, text) in [("labels.csv", csv), ("_annotations.coco.json", coco), ("a.xml", voc)] {
        let scratch = Scratch::new(&format!("fractions-{table}"));
        let source = scratch.path("source");
        fs::create_folder(&source).expect("make folder");
        fs::write(source.join("a.jpg"), &turned(1)).expect("write");
        fs::write(source.join(table), text.as_bytes()).expect("write");
        let out = scratch.path("out");
        build(&source, &out, &ALL, 0);
        let red = redness(&out);
        assert!(red.len() == 1 && red[0] > LEAST, "{table}: {red:?}");
    }
}
