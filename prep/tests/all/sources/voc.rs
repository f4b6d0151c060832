//! Pascal VOC.

use prep::source::layouts::voc;
use prep::source::{self, Entry, Format, Split};
use shared::archive::Archive;
use shared::fs;

use super::annotated::{
    assert_says, assert_survives_damage, error, label, listing, name, names, objects, tables, write,
};
use crate::util::real_data;
use shared::testing::Scratch;

fn object(class: &str, [left, top, right, bottom]: [&str; 4]) -> String {
    format!(
        "<object><name>{class}</name><difficult>1</difficult><part><name>head</name><bndbox><xmin>1</xmin></bndbox></part>\
         <bndbox><xmax>{right}</xmax><xmin> {left} </xmin><ymin>{top}</ymin><ymax>{bottom}</ymax></bndbox></object>"
    )
}

fn xml(filename: &str, objects: &[String]) -> String {
    format!(
        "<?xml version=\"1.0\"?>\n<!-- drawn -->\n<annotation verified=\"yes\">\n<folder>VOC2007</folder>\n{filename}\n{}</annotation>\n",
        objects.concat()
    )
}

#[test]
fn voc_boxes_classes_parts_and_pictures_without_xml_are_read() {
    let both = [object("dog", ["1", "1", "10", "20"]), object("cat", ["3.5", "2", "7", "9"])];
    let found = listing(
        "voc",
        &[
            ("VOC2007/Annotations/000002.xml", &xml("<filename>000002.jpg</filename>", &both)),
            (
                "VOC2007/Annotations/000001.xml",
                &xml("<filename>C:\\mine\\000001.jpg</filename>", &both[..1]),
            ),
            ("VOC2007/Annotations/000004.xml", &xml("", &[])),
            ("VOC2007/Annotations/other.xml", "<?xml version=\"1.0\"?><annotations>"),
            ("VOC2007/JPEGImages/000001.jpg", ""),
            ("VOC2007/JPEGImages/000002.jpg", ""),
            ("VOC2007/JPEGImages/000003.jpg", ""),
            ("VOC2007/JPEGImages/000004.JPEG", ""),
            ("VOC2007/SegmentationClass/000001.png", ""),
            ("VOC2007/ImageSets/Main/train.txt", "000001\r\n\r\n"),
            ("VOC2007/ImageSets/Main/val.txt", "000002\n000009\n"),
            ("VOC2007/ImageSets/Main/test.txt", "000003"),
            ("VOC2007/ImageSets/Main/trainval.txt", "000001\n000002\n000004\n"),
            ("VOC2007/ImageSets/Main/dog_train.txt", "000001 -1\n"),
        ],
        voc::read,
    );
    assert_eq!(
        (found.format, found.root.as_slice(), found.halves),
        (Format::Voc, &b"VOC2007/"[..], false)
    );
    assert_eq!(found.classes, ["cat", "dog"]);
    let jpegs = ["000001.jpg", "000002.jpg", "000003.jpg", "000004.JPEG"]
        .map(|name| format!("JPEGImages/{name}"));
    assert_eq!(names(&found), jpegs);
    let of = |i: usize| objects(&found, &found.pictures[i]);
    assert_eq!(of(0), [(Some("dog"), [0.0, 0.0, 10.0, 20.0])]);
    assert_eq!(of(1), [(Some("dog"), [0.0, 0.0, 10.0, 20.0]), (Some("cat"), [2.5, 1.0, 4.5, 8.0])]);
    assert_eq!((of(2), of(3)), (vec![], vec![]));
    let labels: Vec<_> = found.pictures.iter().map(|entry| label(&found, entry)).collect();
    assert_eq!(labels, [Some("dog"), None, None, None]);
    let parts: Vec<_> = found.pictures.iter().map(|entry| entry.split).collect();
    assert_eq!(parts, [Some(Split::Train), Some(Split::Val), Some(Split::Test), None]);
    let annotations =
        ["Annotations/000001.xml", "Annotations/000002.xml", "Annotations/000004.xml"];
    let lists = ["ImageSets/Main/test.txt", "ImageSets/Main/train.txt", "ImageSets/Main/val.txt"];
    assert_eq!(tables(&found), [annotations, lists].concat());
}

#[test]
fn voc_trainval_is_for_training_where_there_is_no_train_list() {
    let found = listing(
        "voc-trainval",
        &[
            ("Annotations/a.xml", &xml("", &[])),
            ("JPEGImages/a.jpg", ""),
            ("JPEGImages/b.jpg", ""),
            ("ImageSets/Main/trainval.txt", "a\nb\n"),
            ("ImageSets/Main/val.txt", "b\n"),
        ],
        voc::read,
    );
    assert_eq!(
        found.pictures.iter().map(|e| e.split).collect::<Vec<_>>(),
        [Some(Split::Train), Some(Split::Val)]
    );
}

#[test]
fn voc_pictures_are_found_wherever_people_put_them() {
    let plain = xml("", &[]);
    let found = |test: &str, files: &[&str]| {
        let text = |name: &&str| if name.ends_with(".xml") { plain.clone() } else { String::new() };
        let texts: Vec<String> = files.iter().map(text).collect();
        let files: Vec<_> = files.iter().copied().zip(texts.iter().map(String::as_str)).collect();
        names(&listing(&format!("voc-{test}"), &files, voc::read))
    };
    assert_eq!(found("beside", &["a.xml", "a.png", "b.jpg"]), ["a.png", "b.jpg"]);
    assert_eq!(found("below", &["a.xml", "images/a.png", "b.jpg"]), ["images/a.png"]);
    assert_eq!(
        found("images", &["annotations/a.xml", "images/a.v2.jpg", "images/a.jpeg"]),
        ["images/a.jpeg", "images/a.v2.jpg"]
    );
    assert_eq!(
        found("folder", &["labels/a.xml", "VOC2007/a.jpg", "VOC2012/a.jpg"]),
        ["VOC2007/a.jpg"]
    );
    let subfolders =
        ["Annotations/x/1.xml", "Annotations/y/1.xml", "pictures/x/1.jpg", "pictures/y/1.jpg"];
    assert_eq!(found("subfolders", &subfolders), ["pictures/x/1.jpg", "pictures/y/1.jpg"]);
    assert_eq!(
        found("missing", &["Annotations/a.xml", "JPEGImages/note.txt"]),
        ["JPEGImages/a.jpg"]
    );
}

#[test]
fn voc_filename_goes_before_the_stem() {
    let text =
        xml("<filename>/home/someone/b.jpg</filename>", &[object("1", ["1", "1", "2", "2"])]);
    let files = [
        ("Annotations/a.xml", text.as_str()),
        ("images/a.jpg", ""),
        ("images/b.jpg", ""),
        ("other/b.jpg", ""),
    ];
    let found = listing("voc-filename", &files, voc::read);
    assert_eq!(names(&found), ["images/a.jpg", "images/b.jpg"]);
    assert_eq!(found.pictures.iter().map(|e| e.objects.len()).collect::<Vec<_>>(), [0, 1]);
}

#[test]
fn voc_errors_name_the_file_and_the_value() {
    let good = xml("", &[]);
    let with = |text: &str| xml("", &[object("dog", ["1", "1", "2", "2"]), text.to_owned()]);
    let first = |test: &str, text: &str| {
        error(&format!("voc-bad-{test}"), &[("Annotations/a.xml", text), ("a.jpg", "")], voc::read)
    };
    assert_says(
        &first("cut", &good[..good.len() - 4]),
        &["Annotations/a.xml", "is truncated in line 6"],
    );
    assert_says(
        &first("tags", &good.replace("</annotation>", "</a>")),
        &["a.xml", "XML", "line 6"],
    );
    assert_says(
        &first("number", &with(&object("cow", ["1", "x7", "2", "2"]))),
        &["a.xml", "object 2 (cow)", "ymin \"x7\""],
    );
    assert_says(
        &first("no-box", &with("<object><name>cow</name></object>")),
        &["object 2 (cow) has no bndbox"],
    );
    assert_says(&first("no-name", &with("<object></object>")), &["object 2 has no name"]);
    let no_corner = "<object><name>cow</name><bndbox><xmin>1</xmin></bndbox></object>";
    assert_says(&first("no-corner", &with(no_corner)), &["object 2 (cow) has no ymin"]);
    let bomb = "<!DOCTYPE annotation [<!ENTITY a \"aa\"><!ENTITY b \"&a;&a;\">]><annotation>&b;</annotation>";
    assert_says(&first("dtd", bomb), &["a.xml", "<!DOCTYPE"]);
    let deep = format!("<annotation>{}", "<a>".repeat(1 << 20));
    assert_says(&first("deep", &deep), &["a.xml", "1048576 elements"]);
    let scratch = Scratch::new("voc-latin");
    let folder = write(&scratch, &[("a.jpg", "")]);
    fs::write(folder.join("a.xml"), b"<annotation><folder>caf\xe9</folder></annotation>")
        .expect("write");
    let error_of = |archive: Archive| {
        std::error::Error::source(&voc::read(&archive).expect_err("read"))
            .expect("cause")
            .to_string()
    };
    assert_says(&error_of(Archive::open(&folder).expect("open")), &["UTF-8"]);
}

#[test]
fn voc_refuses_what_could_be_two_pictures_or_two_parts() {
    let good = xml("", &[]);
    let two = [("Annotations/a.xml", good.as_str()), ("images/a.jpg", ""), ("images/a.png", "")];
    assert_says(
        &error("voc-two", &two, voc::read),
        &["Annotations/a.xml", "images/a.jpg", "images/a.png"],
    );
    let named = xml("<filename>b.jpg</filename>", &[]);
    let twice =
        [("Annotations/a.xml", named.as_str()), ("Annotations/b.xml", &good), ("images/b.jpg", "")];
    assert_says(
        &error("voc-twice", &twice, voc::read),
        &["Annotations/b.xml", "images/b.jpg", "Annotations/a.xml"],
    );
    let lists = [
        ("a.xml", good.as_str()),
        ("a.jpg", ""),
        ("ImageSets/Main/train.txt", "b\na\n"),
        ("ImageSets/Main/test.txt", "a\n"),
    ];
    let both = error("voc-parts", &lists, voc::read);
    assert_says(&both, &["test.txt, line 1", "ImageSets/Main/train.txt, line 2", "a is in"]);
    assert_says(&error("voc-none", &[("a.xml", "<svg/>")], voc::read), &["<annotation>"]);
}

#[test]
fn sixty_real_raccoons_have_their_64_boxes() {
    let Some(folder) = real_data("raccoon-voc") else { return };
    let (archive, found) = source::open(&folder, None).expect("open");
    assert_eq!(
        (found.format, found.classes.as_slice(), found.pictures.len()),
        (Format::Voc, &["raccoon".to_owned()][..], 60)
    );
    let counts: Vec<usize> = found.pictures.iter().map(|entry| entry.objects.len()).collect();
    assert_eq!((counts.iter().sum::<usize>(), counts.iter().filter(|&&n| n == 2).count()), (64, 4));
    let sum: f64 = found
        .pictures
        .iter()
        .flat_map(|e| &e.objects)
        .map(|o| o.bounding_box.width + o.bounding_box.height)
        .sum();
    // The sum of widths and heights, last pixels included, by Python's xml.etree.
    assert_eq!(sum, 36397.0);
    let there =
        |entry: &&Entry| archive.find(&[&found.root, name(entry).as_bytes()].concat()).is_some();
    assert_eq!(found.pictures.iter().filter(there).count(), 60);
    assert!(found.pictures.iter().all(|e| e.label == Some(0) && e.split.is_none()));
    assert_eq!(
        objects(&found, &found.pictures[0]),
        [(Some("raccoon"), [80.0, 87.0, 442.0, 321.0])]
    );
}

#[test]
fn voc_survives_damaged_xml() {
    let text = xml("<filename>a.jpg</filename>", &[object("dog", ["1", "1", "10", "20"])]);
    assert_survives_damage("voc-damage", &[("a.xml", &text), ("a.jpg", "")], "a.xml", voc::read);
}

#[test]
fn voc_boxes_that_are_none_cost_one_object() {
    let scratch = Scratch::new("voc-nan");
    let text =
        xml("", &[object("dog", ["1", "1", "NaN", "2"]), object("dog", ["1", "1", "5", "5"])]);
    let found = voc::read(
        &Archive::open(write(&scratch, &[("a.xml", &text), ("a.jpg", "")])).expect("open"),
    )
    .expect("read");
    let sound: Vec<bool> =
        found.pictures[0].objects.iter().map(|o| o.bounding_box.has_area()).collect();
    assert_eq!(sound, [false, true]);
}
