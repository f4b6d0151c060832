//! CSV and JSON lines.

use prep::crop::BoundingBox;
use prep::source::{Format, Listing, Part, SourceError, table};
use shared::archive::{Archive, Name};

use crate::util::Scratch;
use crate::{assert_says, assert_survives_damage, error, label, listing, names, objects, tables, write};

fn read_table(archive: &Archive) -> Result<Listing, SourceError> {
    table::read(archive, None)
}

fn bounding_box([x, y, width, height]: [f64; 4]) -> BoundingBox {
    BoundingBox { x, y, width, height }
}

#[test]
fn a_csv_with_boxes_joins_the_lines_of_a_picture() {
    let text = "\u{feff} Path ,Label,split,X,y,width,height,note\r\n\
                b.jpg,dog,train,1,2,3.5,4,\"a, \"\"b\"\"\"\r\n\r\n\
                sub/a.jpg,cat,TEST,,,,,\r\n\
                ./b.jpg,cat,,5,6,7,8,\r\n\
                c.jpg,,validation,,,,,\r\n";
    let found = listing("csv", &[("data/manifest.csv", text), ("data/b.jpg", ""), ("data/x.jpg", "")], read_table);
    assert_eq!((found.format, found.root.as_slice()), (Format::Table, &b"data/"[..]));
    assert_eq!(
        (found.classes.as_slice(), names(&found)),
        (&["cat".to_owned(), "dog".into()][..], vec!["b.jpg".into(), "sub/a.jpg".into(), "c.jpg".into()])
    );
    assert_eq!(tables(&found), ["manifest.csv"]);
    let of = |i: usize| objects(&found, &found.pictures[i]);
    assert_eq!(of(0), [(Some("dog"), [1.0, 2.0, 3.5, 4.0]), (Some("cat"), [5.0, 6.0, 7.0, 8.0])]);
    assert_eq!((of(1), of(2)), (vec![], vec![]));
    let labels: Vec<_> = found.pictures.iter().map(|e| label(&found, e)).collect();
    assert_eq!(labels, [None, Some("cat"), None]);
    let parts: Vec<_> = found.pictures.iter().map(|e| e.part).collect();
    assert_eq!(parts, [Some(Part::Train), Some(Part::Test), Some(Part::Val)]);
}

#[test]
fn tables_with_corners_take_width_and_height_for_those_of_the_picture() {
    for (name, text) in [
        ("labels.csv", "filename,width,height,class,xmin,ymin,xmax,ymax\na.jpg,100,80,3,10,20,40,25\n"),
        ("only.tsv", "image\tx1\ty1\tx2\ty2\tcategory\na.jpg\t10\t20\t40\t25\t3\n"),
        ("metadata.csv", "file_name;name;x;y;w;h\na.jpg;3;10;20;30;5\n"),
        ("manifest.jsonl", "{\"file\": \"a.jpg\", \"class\": 3, \"box\": [10, 20, 30, 5]}"),
        ("some.jsonl", "\r\n{\"path\": \"a.jpg\", \"label\": \"3\", \"boxes\": [[10, 20, 30.0, 5]], \"box\": null}\r\n"),
        (
            "metadata.jsonl",
            "{\"file_name\": \"a.jpg\", \"label\": 3, \"xmin\": 10, \"ymin\": \"20\", \"xmax\": 40, \"ymax\": 25}\n",
        ),
    ] {
        let found = listing("csv-corners", &[(name, text)], read_table);
        assert_eq!(objects(&found, &found.pictures[0]), [(Some("3"), [10.0, 20.0, 30.0, 5.0])], "{name}");
        assert_eq!(label(&found, &found.pictures[0]), Some("3"), "{name}");
    }
}

#[test]
fn json_lines_hold_any_number_of_boxes_and_members() {
    let text = r#"{"path": "a.jpg", "split": "valid", "boxes": [[1, 2, 3, 4], [5, 6, 7, 8]], "text": "A bird"}
{"label": "9", "path": "b.jpg"}
{"path": "c\\d.jpg", "label": null, "split": null, "boxes": []}
{"path": "a.jpg", "label": "10", "box": [0, 0, 1, 1]}"#;
    let found = listing("jsonl", &[("manifest.jsonl", text), ("c/d.jpg", "")], read_table);
    // Classes that are numbers are sorted as numbers.
    assert_eq!(
        (names(&found), found.classes.as_slice()),
        (vec!["a.jpg".into(), "b.jpg".into(), "c/d.jpg".into()], &["9".to_owned(), "10".into()][..])
    );
    let boxes: Vec<_> = found.pictures[0].objects.iter().map(|o| o.bounding_box).collect();
    assert_eq!(boxes, [[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0], [0.0, 0.0, 1.0, 1.0]].map(bounding_box));
    assert_eq!(found.pictures.iter().map(|e| label(&found, e)).collect::<Vec<_>>(), [Some("10"), Some("9"), None]);
    assert_eq!(found.pictures.iter().map(|e| e.part).collect::<Vec<_>>(), [Some(Part::Val), None, None]);
}

#[test]
fn the_table_that_is_named_is_read_whatever_its_name() {
    let scratch = Scratch::new("csv-named");
    let files = [("manifest.csv", "path\na.jpg\n"), ("deep/other.csv", "path\nb.jpg\n"), ("labels.csv", "id,breed\n1,dog\n")];
    let archive = Archive::open(write(&scratch, &files)).expect("open");
    let read = |name: Option<&str>| table::read(&archive, name.map(|name| Name(name.into())).as_ref());
    let found = read(Some("deep/other.csv")).expect("read");
    assert_eq!((found.root.as_slice(), names(&found)), (&b"deep/"[..], vec!["b.jpg".to_owned()]));
    assert_eq!(names(&read(None).expect("read")), ["a.jpg"]);
    let missing = read(Some("no.csv")).expect_err("read");
    assert!(matches!(missing, SourceError::Usage { .. }), "{missing}");
}

#[test]
fn a_table_without_a_path_column_is_no_manifest() {
    for files in [
        &[("labels.csv", "id,breed\n1,dog\n")][..],
        &[("a.csv", "path\nx.jpg\n"), ("b.csv", "path\nx.jpg\n")],
        &[("deep/a.csv", "path\nx.jpg\n"), ("x.jpg", "")],
        &[("labels.jsonl", "[1]\n")],
        &[("labels.csv", "")],
    ] {
        let scratch = Scratch::new("csv-no");
        assert!(!table::detect(&Archive::open(write(&scratch, files)).expect("open")), "{files:?}");
    }
}

#[test]
fn table_errors_name_the_line_and_the_value() {
    let csv = |text: &str| error("csv-bad", &[("manifest.csv", text)], read_table);
    assert_says(&csv("image_id,label\n"), &["manifest.csv, line 1", "path", "image_id, label"]);
    assert_says(&csv(""), &["line 1", "header"]);
    assert_says(&csv("\r\npath,xmin,ymin\r\na,1,2\r\n"), &["line 2", "xmax, ymax"]);
    assert_says(&csv("path,x\na,1\n"), &["line 1", "y, width, height"]);
    let boxes = "path,split,xmin,ymin,xmax,ymax\r\na.jpg,train,1,1,2,2\r\n\r\n";
    assert_says(&csv(&format!("{boxes}\"b\n.jpg\",,,,,\nc.jpg,,1,1,x2,2\n")), &["manifest.csv, line 6", "xmax \"x2\""]);
    assert_says(&csv(&format!("{boxes}b.jpg,,1,1,,2\n")), &["line 4", "xmax \"\""]);
    assert_says(&csv(&format!("{boxes}b.jpg,,1,1,inf,2\n")), &["line 4", "\"inf\""]);
    assert_says(&csv(&format!("{boxes}b.jpg,tset,,,,\n")), &["line 4", "\"tset\"", "validation"]);
    assert_says(&csv(&format!("{boxes}a.jpg,val,,,,\n")), &["line 4", "a.jpg", "line 2"]);
    assert_says(&csv(&format!("{boxes},val,,,,\n")), &["line 4", "path is empty"]);
    assert_says(&csv(&format!("{boxes}b.jpg,val,\n")), &["line 4", "3 fields", "6"]);
    assert_says(&csv(&format!("{boxes}\"b.jpg,val,1,1,1,1\n")), &["line 4", "1 fields"]);
    for path in ["/a.jpg", "C:\\a.jpg", "c:/a.jpg", "\\\\share\\a.jpg"] {
        assert_says(&csv(&format!("path\n{path}\n")), &["line 2", path, "absolute"]);
    }
    for path in ["../a.jpg", "a/../../b.jpg", "a\\..\\b.jpg"] {
        assert_says(&csv(&format!("path\n{path}\n")), &["line 2", path, "\"..\""]);
    }
    assert_says(&csv(&format!("path\n{}\n", "a".repeat(17 << 20))), &["line 2", "16 MiB"]);
    let json = |text: &str| error("jsonl-bad", &[("manifest.jsonl", text)], read_table);
    assert_says(&json("{\"path\": \"a\"}\n\n{\"label\": 1}\n"), &["manifest.jsonl, line 3", "path", "label"]);
    assert_says(&json("{\"path\": \"a\"\n"), &["line 1", "JSON"]);
    assert_says(&json("{\"path\": [1]}"), &["line 1", "path"]);
    assert_says(&json("{\"path\": \"a\", \"x\": 1, \"y\": 1, \"w\": [1], \"h\": 2}"), &["w \"[1]\""]);
    assert_says(&json("{\"path\": \"a\", \"box\": [1, 2, 3]}"), &["box", "[1,2,3]"]);
    assert_says(&json("{\"path\": \"a\", \"box\": [1, 2, 3, \"4\"]}"), &["box", "[1,2,3,\"4\"]"]);
    assert_says(&json("{\"path\": \"a\", \"boxes\": [1, 2, 3, 4]}"), &["boxes", "1"]);
    assert_says(&json("{\"path\": \"a\", \"boxes\": 7}"), &["boxes 7"]);
    assert_says(&json("{\"path\": \"a\", \"split\": \"dev\"}"), &["\"dev\""]);
    assert_says(&error("csv-many", &[("a/manifest.csv", ""), ("b/manifest.csv", "")], read_table), &["manifest.csv", "a/", "b/"]);
    assert_says(&error("csv-none", &[("a.txt", "")], read_table), &["manifest.csv", "metadata.jsonl"]);
}

#[test]
fn tables_survive_damaged_lines() {
    let csv = "path,split,xmin,ymin,xmax,ymax\r\n\"a, b.jpg\",train,1,1,2,2\r\n\r\nc.jpg,val,-1.5,1,1e3,2\n";
    assert_survives_damage("csv-damage", &[("manifest.csv", csv)], "manifest.csv", read_table);
    let json = "{\"path\": \"a.jpg\", \"split\": \"train\", \"boxes\": [[1, 2, 3, 4]]}\n{\"path\": \"b.jpg\", \"label\": 7}\n";
    assert_survives_damage("jsonl-damage", &[("manifest.jsonl", json)], "manifest.jsonl", read_table);
}
