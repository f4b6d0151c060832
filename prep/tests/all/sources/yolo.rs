//! YOLO.

use prep::source::Format;
use prep::source::layouts::yolo;

use super::annotated::{
    assert_says, assert_survives_damage, detected, error, listing, objects, tables,
};
use super::rows;

#[test]
fn yolo_is_read_in_both_arrangements_and_beside_the_pictures() {
    let labels = "0 0.5 0.5 0.5 0.25\n1 0.25 0.25 0.5 0.5\n";
    for [first, second, text] in [
        ["train/images/1.jpg", "valid/images/2.jpg", "train/labels/1.txt"],
        ["images/train/1.jpg", "images/val/2.jpg", "labels/train/1.txt"],
        ["train/1.jpg", "val/2.jpg", "train/1.txt"],
    ] {
        let files = [
            ("data.yaml", "names:\n  0: sea gull\n  1: owl\nnc: 2\n"),
            (text, labels),
            (first, ""),
            (second, ""),
        ];
        let beside = text.starts_with("train/1");
        let second_labels = second.replace("images", "labels").replace("jpg", "txt");
        let found = listing(
            "yolo",
            &[&files[..], &[(second_labels.as_str(), "1 .5 .5 1 1\n")]].concat(),
            yolo::read,
        );
        assert_eq!(
            (found.format, found.classes.as_slice()),
            (Format::Yolo, &["sea gull".to_owned(), "owl".into()][..])
        );
        assert_eq!(
            rows(&found),
            [format!("{first} - Train"), format!("{second} owl Val")],
            "{beside}"
        );
        let wanted =
            [(Some("sea gull"), [0.25, 0.375, 0.5, 0.25]), (Some("owl"), [0.0, 0.0, 0.5, 0.5])];
        assert_eq!(objects(&found, &found.pictures[0]), wanted);
        assert_eq!(found.pictures[0].drawn_on, Some([1.0, 1.0]));
        assert!(
            tables(&found).contains(&"data.yaml".to_owned())
                && tables(&found).contains(&text.to_owned())
        );
    }
}

#[test]
fn yolo_takes_polygons_confidences_and_lists_of_names() {
    let polygon = "0 0.25 0.5 0.75 0.5 0.5 1\n\n1 0.5 0.5 0.5 0.5 0.98\n";
    let files = [
        ("images/1.jpg", ""),
        ("images/2.jpg", ""),
        ("labels/1.txt", polygon),
        ("labels/2.txt", ""),
    ];
    let found = detected("yolo-polygon", &files);
    assert_eq!(
        (found.format, found.classes.as_slice()),
        (Format::Yolo, &["0".to_owned(), "1".into()][..])
    );
    assert_eq!(
        objects(&found, &found.pictures[0]),
        [(Some("0"), [0.25, 0.5, 0.5, 0.5]), (Some("1"), [0.25, 0.25, 0.5, 0.5])]
    );
    let named = [("1.jpg", ""), ("1.txt", "1 .5 .5 .5 .5\n"), ("classes.txt", "gull\nowl\n")];
    assert_eq!(rows(&detected("yolo-classes", &named)), ["1.jpg owl -"]);
    // Splits given only by the configuration: a folder, a list of pictures.
    let yaml = "path: ../data\ntrain: images/first\nval: lists/second.txt\nnames: ['gull']\n";
    let files = [
        ("data.yaml", yaml),
        ("lists/second.txt", "./images/other/2.jpg\n"),
        ("images/first/1.jpg", ""),
        ("images/other/2.jpg", ""),
        ("labels/first/1.txt", "0 .5 .5 .5 .5\n"),
        ("labels/other/2.txt", "0 .5 .5 .5 .5\n"),
    ];
    assert_eq!(
        rows(&detected("yolo-lists", &files)),
        ["images/first/1.jpg gull Train", "images/other/2.jpg gull Val"]
    );
    // Keypoints follow the box.
    let pose = [
        ("data.yaml", "kpt_shape: [1, 3]\nnames: [a]\n"),
        ("1.jpg", ""),
        ("1.txt", "0 .5 .5 .5 .5 .1 .1 2\n"),
    ];
    let found = detected("yolo-pose", &pose);
    assert_eq!(objects(&found, &found.pictures[0]), [(Some("a"), [0.25, 0.25, 0.5, 0.5])]);
}

#[test]
fn yolo_errors_name_the_line() {
    let bad = |text: &str| {
        error(
            "yolo-bad",
            &[("data.yaml", "names: [a]\n"), ("1.jpg", ""), ("1.txt", text)],
            yolo::read,
        )
    };
    assert_says(&bad("0 .5 .5 .5 .5\nx .5 .5 .5 .5\n"), &["1.txt, line 2", "\"x .5 .5 .5 .5\""]);
    assert_says(&bad("0 .5 .5 .5\n"), &["line 1", "number of a class"]);
    assert_says(&bad("1 .5 .5 .5 .5\n"), &["line 1", "class 1 has no name", "data.yaml names 1"]);
    assert_says(&error("yolo-none", &[("1.jpg", "")], yolo::read), &["labels", "--format"]);
}

#[test]
fn texts_beside_pictures_are_no_boxes() {
    // Text files that are captions, and a note about a folder.
    let found = detected(
        "yolo-captions",
        &[("a/1.jpg", ""), ("a/1.txt", "a bird on a branch\n"), ("b/2.jpg", "")],
    );
    assert_eq!(found.format, Format::Folder);
}

#[test]
fn yolo_survives_damaged_lines() {
    let text = "0 0.5 0.5 0.5 0.25\n0 0.25 0.25 0.5 0.5\n";
    assert_survives_damage(
        "yolo-damage",
        &[("classes.txt", "a\n"), ("1.jpg", ""), ("1.txt", text)],
        "1.txt",
        yolo::read,
    );
}
