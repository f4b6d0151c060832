//! COCO.

use prep::source::layouts::coco;
use prep::source::{Format, Split};
use shared::archive::{Archive, Name};

use shared::testing::Scratch;

use super::annotated::{
    assert_says, assert_survives_damage, detected, error, label, listing, name, names, objects,
    tables, write,
};
use super::rows;

const COCO_TRAIN: &str = r#"{"info": {"year": 2017}, "licenses": [],
    "images": [{"id": 9, "file_name": "b.jpg", "width": 5}, {"id": 7, "file_name": "a.jpg"}, {"id": 8, "file_name": "c.jpg"}],
    "annotations": [
        {"id": 3, "image_id": 9, "category_id": 5, "bbox": [1, 2, 3.5, 4], "iscrowd": 0, "segmentation": [[1, 2]]},
        {"id": 1, "image_id": 9, "category_id": 2, "bbox": [0.5, 0, 1, 1]},
        {"id": 2, "image_id": 7, "category_id": 5, "bbox": [0, 0, 9, 9], "iscrowd": 1, "segmentation": {"counts": [1], "size": [1, 1]}},
        {"id": 4, "image_id": 7, "category_id": 2, "bbox": [4, 4, 2, 2], "iscrowd": false},
        {"id": 5, "image_id": 8, "category_id": 2, "bbox": []}],
    "categories": [{"id": 5, "name": "zebra"}, {"id": 2, "name": "person", "supercategory": "none"}]}"#;
const COCO_VAL: &str = r#"{"images": [{"id": 7, "file_name": "a.jpg"}], "annotations": [{"image_id": 7, "category_id": 1, "bbox": [1, 1, 2, 2]},
    {"image_id": 7, "category_id": 1, "bbox": [2, 2, 3, 3]}], "categories": [{"id": 1, "name": "zebra"}, {"id": 3, "name": "ant"}]}"#;

#[test]
fn coco_as_published_is_read_from_both_files() {
    let found = listing(
        "coco",
        &[
            ("annotations/instances_train2017.json", COCO_TRAIN),
            ("annotations/instances_val2017.json", COCO_VAL),
            (
                "annotations/captions_val2017.json",
                "{\"images\": [], \"annotations\": [{\"image_id\": 3}]}",
            ),
            ("train2017/a.jpg", ""),
            ("train2017/b.jpg", ""),
            ("train2017/c.jpg", ""),
            ("val2017/a.jpg", ""),
        ],
        coco::read,
    );
    assert_eq!((found.format, found.root.as_slice()), (Format::Coco, &b""[..]));
    // Sorted by id in the first file, then new ones of the second.
    assert_eq!(found.classes, ["person", "zebra", "ant"]);
    assert_eq!(
        names(&found),
        ["train2017/a.jpg", "train2017/c.jpg", "train2017/b.jpg", "val2017/a.jpg"]
    );
    let of = |i: usize| objects(&found, &found.pictures[i]);
    assert_eq!(of(0), [(Some("person"), [4.0, 4.0, 2.0, 2.0])]);
    assert_eq!(of(1), []);
    assert_eq!(
        of(2),
        [(Some("person"), [0.5, 0.0, 1.0, 1.0]), (Some("zebra"), [1.0, 2.0, 3.5, 4.0])]
    );
    assert_eq!(
        of(3),
        [(Some("zebra"), [1.0, 1.0, 2.0, 2.0]), (Some("zebra"), [2.0, 2.0, 3.0, 3.0])]
    );
    let labels: Vec<_> = found.pictures.iter().map(|e| label(&found, e)).collect();
    assert_eq!(labels, [Some("person"), None, None, Some("zebra")]);
    let parts: Vec<_> = found.pictures.iter().map(|e| e.split).collect();
    assert_eq!(parts, [Split::Train, Split::Train, Split::Train, Split::Val].map(Some));
    assert_eq!(
        tables(&found),
        ["annotations/instances_train2017.json", "annotations/instances_val2017.json"]
    );
}

#[test]
fn coco_as_roboflow_exports_it_is_read_beside_the_pictures() {
    let files = [
        ("test/a.jpg", ""),
        ("train/_annotations.coco.json", COCO_TRAIN),
        ("train/a.jpg", ""),
        ("train/b.jpg", ""),
        ("train/c.jpg", ""),
        ("valid/_annotations.coco.json", COCO_VAL),
        ("valid/a.jpg", ""),
    ];
    let found = listing("coco-roboflow", &files, coco::read);
    assert_eq!(names(&found), ["train/a.jpg", "train/c.jpg", "train/b.jpg", "valid/a.jpg"]);
    assert_eq!(
        found.pictures.iter().map(|e| e.split).filter(|p| *p == Some(Split::Val)).count(),
        1
    );
}

#[test]
fn coco_pictures_are_found_by_path_then_by_base_name() {
    let one = |file_name: &str, file: &str, pictures: &[&str]| {
        let text = format!(
            "\u{feff}{{\"images\": [{{\"id\": 1, \"file_name\": \"{file_name}\"}}], \"annotations\": []}}"
        );
        let mut files = vec![(file, text.as_str())];
        files.extend(pictures.iter().map(|name| (*name, "")));
        let found = listing("coco-paths", &files, coco::read);
        (
            format!("{}{}", Name(found.root.clone()), name(&found.pictures[0])),
            found.pictures[0].split,
        )
    };
    let root = one("images/1.jpg", "annotations/all.json", &["images/1.jpg", "more/images/1.jpg"]);
    assert_eq!(root, ("images/1.jpg".into(), None));
    let tail = one("b/1.jpg", "labels/my_test.json", &["pictures/a/1.jpg", "pictures/b/1.jpg"]);
    assert_eq!(tail, ("pictures/b/1.jpg".into(), Some(Split::Test)));
    let elsewhere =
        one("C:\\\\mine\\\\1.jpg", "labels/all.json", &["pictures/a/1.jpg", "pictures/a/11.jpg"]);
    assert_eq!(elsewhere, ("pictures/a/1.jpg".into(), None));
    let above = one("../images/1.jpg", "labels/all.json", &["pictures/1.jpg"]);
    assert_eq!(above, ("pictures/1.jpg".into(), None));
    let by_part =
        one("1.jpg", "labels/val.json", &["images/train/1.jpg", "images/validation/1.jpg"]);
    assert_eq!(by_part, ("images/validation/1.jpg".into(), Some(Split::Val)));
    let missing = one("1.jpg", "labels/val.json", &["images/train/1.jpg"]);
    assert_eq!(missing, ("labels/1.jpg".into(), Some(Split::Val)));
}

#[test]
fn coco_annotations_in_another_order_give_the_same_listing() {
    let mut value: serde_json::Value = serde_json::from_str(COCO_TRAIN).expect("parse");
    for member in ["images", "annotations", "categories"] {
        value[member].as_array_mut().expect("array").reverse();
    }
    let read = |text: &str| {
        listing(
            "coco-order",
            &[("train.json", text), ("a.jpg", ""), ("b.jpg", ""), ("c.jpg", "")],
            coco::read,
        )
    };
    let (first, second) = (read(COCO_TRAIN), read(&value.to_string()));
    assert_eq!((first.pictures, first.classes), (second.pictures, second.classes));
}

#[test]
fn coco_errors_name_the_file_and_the_value() {
    let fails = |text: &str| {
        error(
            "coco-bad",
            &[("instances_x.json", text), ("a/1.jpg", ""), ("b/1.jpg", "")],
            coco::read,
        )
    };
    let document = |images: &str, annotations: &str, categories: &str| {
        fails(&format!(
            "{{\"images\": [{images}],\n\"annotations\": [{annotations}],\n\"categories\": [{categories}]}}"
        ))
    };
    let image = r#"{"id": 1, "file_name": "a/1.jpg"}"#;
    let category = r#"{"id": 1, "name": "dog"}"#;
    let twice = format!("{image}, {}", image.replace("a/", "b/"));
    assert_says(&document(&twice, "", ""), &["instances_x.json", "image 1", "a/1.jpg", "b/1.jpg"]);
    let listed = format!("{image}, {}", image.replace("1,", "2,"));
    assert_says(&document(&listed, "", ""), &["image 2 is a/1.jpg", "as image 1"]);
    let two = format!("{category}, {}", category.replace("dog", "cat"));
    assert_says(&document(image, "", &two), &["category 1", "dog", "cat"]);
    let annotation = r#"{"id": 6, "image_id": 1, "category_id": 4, "bbox": [1, 2, 3, 4]}"#;
    assert_says(&document(image, annotation, category), &["annotation 6", "category 4"]);
    assert_says(&document("", annotation, category), &["annotation 6", "image 1"]);
    let short = annotation.replace("[1, 2, 3, 4]", "[1, 2, 3]");
    assert_says(
        &document(image, &short, category),
        &["instances_x.json", "[x, y, width, height]", "line 2"],
    );
    assert_says(
        &document(image, &annotation.replace("[1, ", "[0, 1, "), category),
        &["[x, y, width, height]", "line 2"],
    );
    assert_says(
        &document(image, &annotation.replace("[1, ", "[\"a\", "), category),
        &["\"a\"", "line 2"],
    );
    assert_says(
        &document(&image.replace("1,", "[1],"), "", category),
        &["an id, a number or a text", "line 1"],
    );
    assert_says(&document(&image.replace("a/", ""), "", ""), &["image 1", "a/1.jpg", "b/1.jpg"]);
    assert_says(&fails("{\"images\": [\n"), &["instances_x.json", "line 2"]);
    assert_says(&fails(&"[".repeat(1 << 16)), &["instances_x.json"]);
    let plain = |text: &str| error("coco-none", &[("some.json", text)], coco::read);
    assert_says(&plain("{\"version\": 1}"), &["images and annotations"]);
    assert_says(&plain("{\"images\": [], \"annotations\": ["), &["some.json", "line 1"]);
}

#[test]
fn coco_survives_damaged_json() {
    assert_survives_damage(
        "coco-damage",
        &[("instances_a.json", COCO_TRAIN), ("a.jpg", "")],
        "instances_a.json",
        coco::read,
    );
}

#[test]
fn coco_ids_are_keys_of_any_type_and_lists_may_be_maps() {
    let files = |text| [("anno.json", text), ("0.jpg", ""), ("1.jpg", "")];
    for text in [
        r#"{"images": [{"id": "a0", "file_name": "0.jpg"}, {"id": "a1", "file_name": "1.jpg"}], "categories": [{"id": "c", "name": "cat"}],
            "annotations": [{"id": "x", "image_id": "a1", "category_id": "c", "bbox": [1, 2, 3, 4]}]}"#,
        r#"{"images": [{"id": "0", "file_name": "0.jpg"}, {"id": 1.0, "file_name": "1.jpg"}], "categories": [{"id": 7, "name": "cat"}],
            "annotations": {"5": {"image_id": "1", "category_id": 7.0, "bbox": [1, 2, 3, 4]}}}"#,
        r#"{"images": {"0": {"file_name": "0.jpg"}, "1": {"file_name": "1.jpg"}}, "categories": {"3": {"name": "cat"}},
            "annotations": [{"image_id": 1, "category_id": 3, "bbox": [1, 2, 3, 4]}]}"#,
    ] {
        let found = listing("coco-ids", &files(text), coco::read);
        assert_eq!(rows(&found), ["0.jpg - -", "1.jpg cat -"], "{text}");
        assert_eq!(objects(&found, &found.pictures[1]), [(Some("cat"), [1.0, 2.0, 3.0, 4.0])]);
    }
    // Without categories, classes are named by their ids; pictures for testing have no annotations.
    let text = r#"{"images": [{"id": 0, "file_name": "0.jpg"}], "annotations": [{"image_id": 0, "category_id": 9, "bbox": [1, 2, 3, 4]}]}"#;
    assert_eq!(rows(&detected("coco-no-categories", &files(text))), ["0.jpg 9 -"]);
    let text = r#"{"images": [{"id": 0, "file_name": "0.jpg"}], "categories": [{"id": 1, "name": "cat"}]}"#;
    assert_eq!(rows(&detected("coco-no-annotations", &files(text))), ["0.jpg - -"]);
}

#[test]
fn coco_orphans_and_boxes_that_are_none_cost_one_object() {
    let scratch = Scratch::new("coco-orphans");
    let text = r#"{"images": [{"id": 0, "file_name": "0.jpg"}, {"id": 1, "file_name": "1.jpg"}], "categories": [{"id": 1, "name": "cat"}],
        "annotations": [{"id": 1, "image_id": 0, "category_id": 1, "bbox": [NaN, 2, 3, 4]}, {"id": 2, "image_id": 77, "category_id": 1, "bbox": [1, 2, 3, 4]},
            {"id": 3, "image_id": 1, "category_id": 88, "bbox": [1, 2, 3, 4]}, {"id": 4, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4]}]}"#;
    let folder = write(&scratch, &[("all.json", text), ("0.jpg", ""), ("1.jpg", "")]);
    let found = coco::read(&Archive::open(folder).expect("open")).expect("read");
    let sound: Vec<Vec<bool>> = found
        .pictures
        .iter()
        .map(|e| e.objects.iter().map(|o| o.bounding_box.has_area()).collect())
        .collect();
    assert_eq!(sound, [vec![false], vec![true]]);
}
