//! CVAT.

use prep::source::Format;
use prep::source::layouts::cvat;

use super::annotated::{assert_says, assert_survives_damage, error, listing, objects};
use super::rows;

const TEXT: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<annotations><version>1.1</version><meta/>
<image id="0" name="sub/0.jpg" width="96" height="80" subset="Train">
  <box label="bird" occluded="0" xtl="20.0" ytl="10.0" xbr="60.0" ybr="30.0" z_order="0"></box>
  <tag label="night"/>
</image>
<image id="1" name="1.jpg" width="96" height="80" subset="Validation">
  <polygon label="nest" points="1.0,1.0;5.0,2.0;3.0,9.0"/><points label="eye" points="1,1"/><ellipse label="egg" cx="5" cy="5" rx="2" ry="1"/>
</image>
</annotations>"#;

#[test]
fn cvat_images_have_boxes_classes_and_parts() {
    let found = listing(
        "cvat",
        &[("annotations.xml", TEXT), ("images/sub/0.jpg", ""), ("images/1.jpg", "")],
        cvat::read,
    );
    assert_eq!(
        (found.format, found.classes.as_slice()),
        (Format::Cvat, &["bird".to_owned(), "egg".into(), "nest".into()][..])
    );
    assert_eq!(rows(&found), ["images/sub/0.jpg bird Train", "images/1.jpg - Val"]);
    assert_eq!(objects(&found, &found.pictures[0]), [(Some("bird"), [20.0, 10.0, 40.0, 20.0])]);
    assert_eq!(
        objects(&found, &found.pictures[1]),
        [(Some("nest"), [1.0, 1.0, 4.0, 8.0]), (Some("egg"), [3.0, 4.0, 4.0, 2.0])]
    );
    assert_eq!(found.pictures[0].drawn_on, Some([96.0, 80.0]));
}

#[test]
fn cvat_errors_name_the_line() {
    let bad =
        |text: &str| error("cvat-bad", &[("annotations.xml", text), ("1.jpg", "")], cvat::read);
    assert_says(
        &bad(&TEXT.replace("xtl=\"20.0\"", "xtl=\"x2\"")),
        &["annotations.xml", "sub/0.jpg", "xtl \"x2\""],
    );
    assert_says(&bad(&TEXT.replace("ybr=\"30.0\"", "")), &["sub/0.jpg", "bird has no ybr"]);
    assert_says(&bad(&TEXT[..TEXT.len() - 20]), &["annotations.xml", "is truncated in line"]);
    assert_says(&error("cvat-none", &[("a.xml", "<svg/>")], cvat::read), &["<annotations>"]);
}

#[test]
fn cvat_survives_damaged_xml() {
    assert_survives_damage(
        "cvat-damage",
        &[("annotations.xml", TEXT), ("1.jpg", "")],
        "annotations.xml",
        cvat::read,
    );
}
