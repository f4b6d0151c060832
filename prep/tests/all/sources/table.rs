//! CSV and JSON lines.

use prep::crop::BoundingBox;
use prep::source::layouts::table;
use prep::source::{Format, Listing, SourceError, Split};
use shared::archive::{Archive, Name};

use super::annotated::{
    assert_says, assert_survives_damage, detected, error, label, listing, names, objects, tables,
    unused, write,
};
use super::rows;
use shared::testing::Scratch;

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
    let found = listing(
        "csv",
        &[("data/manifest.csv", text), ("data/b.jpg", ""), ("data/x.jpg", "")],
        read_table,
    );
    assert_eq!((found.format, found.root.as_slice()), (Format::Table, &b"data/"[..]));
    assert_eq!(
        (found.classes.as_slice(), names(&found)),
        (
            &["cat".to_owned(), "dog".into()][..],
            vec!["b.jpg".into(), "sub/a.jpg".into(), "c.jpg".into()]
        )
    );
    assert_eq!(tables(&found), ["manifest.csv"]);
    let of = |i: usize| objects(&found, &found.pictures[i]);
    assert_eq!(of(0), [(Some("dog"), [1.0, 2.0, 3.5, 4.0]), (Some("cat"), [5.0, 6.0, 7.0, 8.0])]);
    assert_eq!((of(1), of(2)), (vec![], vec![]));
    let labels: Vec<_> = found.pictures.iter().map(|e| label(&found, e)).collect();
    assert_eq!(labels, [None, Some("cat"), None]);
    let parts: Vec<_> = found.pictures.iter().map(|e| e.split).collect();
    assert_eq!(parts, [Some(Split::Train), Some(Split::Test), Some(Split::Val)]);
}

#[test]
fn tables_with_corners_take_width_and_height_for_those_of_the_picture() {
    for (name, text) in [
        (
            "labels.csv",
            "filename,width,height,class,xmin,ymin,xmax,ymax\na.jpg,100,80,3,10,20,40,25\n",
        ),
        ("only.tsv", "image\tx1\ty1\tx2\ty2\tcategory\na.jpg\t10\t20\t40\t25\t3\n"),
        ("metadata.csv", "file_name;name;x;y;w;h\na.jpg;3;10;20;30;5\n"),
        ("manifest.jsonl", "{\"file\": \"a.jpg\", \"class\": 3, \"box\": [10, 20, 30, 5]}"),
        (
            "some.jsonl",
            "\r\n{\"path\": \"a.jpg\", \"label\": \"3\", \"boxes\": [[10, 20, 30.0, 5]], \"box\": null}\r\n",
        ),
        (
            "metadata.jsonl",
            "{\"file_name\": \"a.jpg\", \"label\": 3, \"xmin\": 10, \"ymin\": \"20\", \"xmax\": 40, \"ymax\": 25}\n",
        ),
    ] {
        let found = listing("csv-corners", &[(name, text)], read_table);
        assert_eq!(
            objects(&found, &found.pictures[0]),
            [(Some("3"), [10.0, 20.0, 30.0, 5.0])],
            "{name}"
        );
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
    // Numeric classes are sorted by value.
    assert_eq!(
        (names(&found), found.classes.as_slice()),
        (
            vec!["a.jpg".into(), "b.jpg".into(), "c/d.jpg".into()],
            &["9".to_owned(), "10".into()][..]
        )
    );
    let boxes: Vec<_> = found.pictures[0].objects.iter().map(|o| o.bounding_box).collect();
    assert_eq!(
        boxes,
        [[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0], [0.0, 0.0, 1.0, 1.0]].map(bounding_box)
    );
    assert_eq!(
        found.pictures.iter().map(|e| label(&found, e)).collect::<Vec<_>>(),
        [Some("10"), Some("9"), None]
    );
    assert_eq!(
        found.pictures.iter().map(|e| e.split).collect::<Vec<_>>(),
        [Some(Split::Val), None, None]
    );
}

#[test]
fn the_table_that_is_named_is_read_whatever_its_name() {
    let scratch = Scratch::new("csv-named");
    let files = [
        ("manifest.csv", "path\na.jpg\n"),
        ("deep/other.csv", "path\nb.jpg\n"),
        ("labels.csv", "id,breed\n1,dog\n"),
    ];
    let archive = Archive::open(write(&scratch, &files)).expect("open");
    let read =
        |name: Option<&str>| table::read(&archive, name.map(|name| Name(name.into())).as_ref());
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
    assert_says(
        &csv(&format!("{boxes}\"b\n.jpg\",,,,,\nc.jpg,,1,1,x2,2\n")),
        &["manifest.csv, line 6", "xmax \"x2\""],
    );
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
    assert_says(
        &json("{\"path\": \"a\"}\n\n{\"label\": 1}\n"),
        &["manifest.jsonl, line 3", "path", "label"],
    );
    assert_says(&json("{\"path\": \"a\"\n"), &["line 1", "JSON"]);
    assert_says(&json("{\"path\": [1]}"), &["line 1", "path"]);
    assert_says(
        &json("{\"path\": \"a\", \"x\": 1, \"y\": 1, \"w\": [1], \"h\": 2}"),
        &["w \"[1]\""],
    );
    assert_says(&json("{\"path\": \"a\", \"box\": [1, 2, 3]}"), &["box", "[1,2,3]"]);
    assert_says(&json("{\"path\": \"a\", \"box\": [1, 2, 3, \"4\"]}"), &["box", "[1,2,3,\"4\"]"]);
    assert_says(&json("{\"path\": \"a\", \"boxes\": [1, 2, 3, 4]}"), &["boxes", "1"]);
    assert_says(&json("{\"path\": \"a\", \"boxes\": 7}"), &["boxes 7"]);
    assert_says(&json("{\"path\": \"a\", \"split\": \"holdout\"}"), &["\"holdout\""]);
    assert_says(
        &error("csv-many", &[("a/manifest.csv", ""), ("b/manifest.csv", "")], read_table),
        &["a/manifest.csv, line 1"],
    );
    assert_says(
        &error("csv-none", &[("a.txt", "")], read_table),
        &["manifest.csv", "metadata.jsonl"],
    );
}

#[test]
fn tables_survive_damaged_lines() {
    let csv = "path,split,xmin,ymin,xmax,ymax\r\n\"a, b.jpg\",train,1,1,2,2\r\n\r\nc.jpg,val,-1.5,1,1e3,2\n";
    assert_survives_damage("csv-damage", &[("manifest.csv", csv)], "manifest.csv", read_table);
    let json = "{\"path\": \"a.jpg\", \"split\": \"train\", \"boxes\": [[1, 2, 3, 4]]}\n{\"path\": \"b.jpg\", \"label\": 7}\n";
    assert_survives_damage(
        "jsonl-damage",
        &[("manifest.jsonl", json)],
        "manifest.jsonl",
        read_table,
    );
}

/// Tables with the pictures 0.jpg to 3.jpg, of the classes a, b, a, b.
const PETS: [&str; 4] = ["0.jpg a -", "1.jpg b -", "2.jpg a -", "3.jpg b -"];

fn pets(name: &str, text: &str) -> Listing {
    detected(
        "csv-pets",
        &[(name, text), ("0.jpg", ""), ("1.jpg", ""), ("2.jpg", ""), ("3.jpg", "")],
    )
}

#[test]
fn columns_are_known_by_many_names_and_by_what_they_hold() {
    for header in [
        "id,breed",
        "id_code,diagnosis",
        "image_id,target",
        "Image Path;Class Name",
        "filepaths,labels",
        "img|species",
        "bild,art",
    ] {
        let delimiter = header.chars().find(|c| ",;|".contains(*c)).expect("delimiter");
        for suffix in ["", ".jpg"] {
            let line = |i: usize| format!("{i}{suffix}{delimiter}{}\r\n", ["a", "b"][i % 2]);
            let text = format!("{header}\r\n{}", (0..4).map(line).collect::<String>());
            for name in ["train.csv", "labels.csv"] {
                let found = pets(name, &text);
                assert_eq!(
                    (found.format, rows(&found)),
                    (Format::Table, PETS.map(String::from).to_vec()),
                    "{text}"
                );
            }
        }
    }
    // One column for each class.
    for path in ["image", "image_id"] {
        let found = pets("train.csv", &format!("{path},a,b\n0,1,0\n1,0.0,1.0\n2,1,0\n3,0,1\n"));
        assert_eq!(rows(&found), PETS, "{path}");
    }
    // Excel's additions: a line with the delimiter, empty fields at the end, a quoted comma.
    let found = pets(
        "train.csv",
        "sep=;\r\nimage_name;label;;\r\n0.jpg;\"a\";;\r\n1.jpg;b;;\r\n2.jpg;a;;;;\r\n3.jpg;b;;\r\n",
    );
    assert_eq!(rows(&found), PETS);
}

#[test]
fn a_table_without_header_is_known_by_its_first_picture() {
    for text in [
        "0.jpg,a\n1.jpg,b\n2.jpg,a\n3.jpg,b\n",
        "a\t0.jpg\nb\t1.jpg\na\t2.jpg\nb\t3.jpg\n",
        "\u{feff}./0.jpg;a\n./1.jpg;b\n./2.jpg;a\n./3.jpg;b\n",
    ] {
        let found = pets("labels.csv", text);
        assert_eq!(
            (found.format, rows(&found)),
            (Format::Table, PETS.map(String::from).to_vec()),
            "{text}"
        );
    }
    // As in RetinaNet: corners, then a class; empty without an object.
    let found = pets(
        "annotations.csv",
        "0.jpg,1,2,11,12,a\n0.jpg,5,5,9,9,b\n1.jpg,,,,,\n2.jpg,3,3,9,9,a\n",
    );
    assert_eq!(
        objects(&found, &found.pictures[0]),
        [(Some("a"), [1.0, 2.0, 10.0, 10.0]), (Some("b"), [5.0, 5.0, 4.0, 4.0])]
    );
    assert_eq!((objects(&found, &found.pictures[1]), names(&found).len()), (vec![], 3));
    // Lists of a path and a class, as for ImageNet, one for each split.
    let found = detected(
        "csv-lists",
        &[
            ("train.txt", "x/0.jpg 4\nx/1.jpg   7\n"),
            ("val.txt", "x/my 2.jpg 4\n"),
            ("readme.txt", "See 0.jpg for more\nNothing\n"),
            ("x/0.jpg", ""),
            ("x/1.jpg", ""),
            ("x/my 2.jpg", ""),
        ],
    );
    assert_eq!(rows(&found), ["x/0.jpg 4 Train", "x/1.jpg 7 Train", "x/my 2.jpg 4 Val"]);
}

#[test]
fn lists_call_classes_by_their_folders_and_mere_lists_change_nothing() {
    let pictures = ["ape/0.jpg", "ape/1.jpg", "bee/2.jpg", "bee/3.jpg"].map(|name| (name, ""));
    let lists =
        [("train.txt", "ape/0.jpg 0\nbee/2.jpg 1\n"), ("val.txt", "ape/1.jpg 0\nbee/3.jpg 1\n")];
    let found = detected("csv-classes", &[&lists[..], &pictures].concat());
    assert_eq!(
        rows(&found),
        ["ape/0.jpg ape Train", "bee/2.jpg bee Train", "ape/1.jpg ape Val", "bee/3.jpg bee Val"]
    );
    let lists = [("meta/train.txt", "ape/0\nbee/2\n"), ("meta/notes.txt", "Some text.\n")];
    let found = detected("csv-mere", &[&lists[..], &pictures].concat());
    assert_eq!(
        (found.format, found.classes.len(), unused(&found).len()),
        (Format::Folder, 2, 1),
        "{:?}",
        found.unused
    );
}

#[test]
fn utf16_and_marks_are_read_like_plain_text() {
    let text = "\u{feff}path\tlabel\r\n0.jpg\ta\r\n1.jpg\tb\r\n2.jpg\ta\r\n3.jpg\tb\r\n";
    for order in [u16::to_le_bytes, u16::to_be_bytes] {
        let scratch = Scratch::new("csv-utf16");
        let folder = write(&scratch, &[("0.jpg", ""), ("1.jpg", ""), ("2.jpg", ""), ("3.jpg", "")]);
        let bytes: Vec<u8> = text.encode_utf16().flat_map(order).collect();
        shared::fs::write(folder.join("labels.csv"), &bytes).expect("write");
        assert_eq!(rows(&prep::source::open(&folder, None).expect("open").1), PETS);
    }
}

#[test]
fn boxes_that_are_none_cost_one_object() {
    let scratch = Scratch::new("csv-nan");
    let text = "image,x1,y1,x2,y2\na.jpg,1,1,NaN,2\nb.jpg,1,1,,2\nc.jpg,1,1,inf,2\nd.jpg,,,,\ne.jpg,1,1,3,4\n";
    let json = "{\"path\": \"f.jpg\", \"bbox\": [NaN, 1, 2, 3]}\n{\"path\": \"g.jpg\", \"boxes\": [[null, 1, 2, 3], [1, 2, 3, 4]]}\n";
    let archive = Archive::open(write(&scratch, &[("manifest.csv", text), ("some.jsonl", json)]))
        .expect("open");
    let found = table::read(&archive, None).expect("read");
    let sound = |entry: &prep::source::Entry| {
        entry.objects.iter().map(|o| o.bounding_box.has_area()).collect::<Vec<_>>()
    };
    let boxes: Vec<_> = found.pictures.iter().map(sound).collect();
    assert_eq!(boxes, [vec![false], vec![false], vec![false], vec![], vec![true]]);
    let found = table::read(&archive, Some(&Name(b"some.jsonl".to_vec()))).expect("read");
    assert_eq!(
        found.pictures.iter().map(sound).collect::<Vec<_>>(),
        [vec![false], vec![false, true]]
    );
}

#[test]
fn boxes_stand_in_lists_shapes_and_predictions() {
    let one = |name: &str, text: &str| {
        let found = detected("csv-boxes", &[(name, text), ("a.jpg", ""), ("b.jpg", "")]);
        let all: Vec<_> = objects(&found, &found.pictures[0])
            .into_iter()
            .map(|(class, b)| (class.map(str::to_owned), b))
            .collect();
        all
    };
    let dog = |numbers| vec![(Some("dog".to_owned()), numbers)];
    let listed =
        "image_id,width,height,bbox,source\na,99,98,\"[1.0, 2.0, 3.0, 4.0]\",x\nb,99,98,,x\n";
    assert_eq!(one("train.csv", listed), [(None, [1.0, 2.0, 3.0, 4.0])]);
    let predictions = "ImageId,PredictionString\na,dog 1 2 4 6 dog 5 5 6 6\nb,cat 1 1 2 2\n";
    assert_eq!(
        one("LOC_train_solution.csv", predictions),
        [dog([1.0, 2.0, 3.0, 4.0]), dog([5.0, 5.0, 1.0, 1.0])].concat()
    );
    let roi = "Width,Height,Roi.X1,Roi.Y1,Roi.X2,Roi.Y2,ClassId,Path\n9,9,1,2,4,6,dog,a.jpg\n";
    assert_eq!(one("Train.csv", roi), dog([1.0, 2.0, 3.0, 4.0]));
    let open_images =
        "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax\na,x,dog,1,0.25,0.5,0.5,0.75\n";
    assert_eq!(one("boxes.csv", open_images), dog([0.25, 0.5, 0.25, 0.25]));
    let via = "filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,region_attributes\n\
               a.jpg,5,{},1,0,\"{\"\"name\"\":\"\"rect\"\",\"\"x\"\":1,\"\"y\"\":2,\"\"width\"\":3,\"\"height\"\":4}\",\
               \"{\"\"class\"\":\"\"dog\"\"}\"\n";
    assert_eq!(one("via.csv", via), dog([1.0, 2.0, 3.0, 4.0]));
    let objects =
        r#"{"file_name": "a.jpg", "objects": {"bbox": [[1, 2, 3, 4]], "categories": ["dog"]}}"#;
    assert_eq!(one("metadata.jsonl", objects), dog([1.0, 2.0, 3.0, 4.0]));
    let comma = "image;x;y;w;h;label\na.jpg;1,5;2;3;4;dog\n";
    assert_eq!(one("train.csv", comma), dog([1.5, 2.0, 3.0, 4.0]));
}

#[test]
fn a_table_in_each_folder_makes_one_source() {
    let text = "file_name,label\n0.png,a\n1.png,b\n";
    let pictures =
        ["train/0.png", "train/1.png", "test/0.png", "test/1.png"].map(|name| (name, ""));
    let files = [("train/metadata.csv", text), ("test/metadata.csv", text)];
    let found = detected("csv-each", &[&files[..], &pictures].concat());
    assert_eq!(
        rows(&found),
        ["test/0.png a Test", "test/1.png b Test", "train/0.png a Train", "train/1.png b Train"]
    );
    assert_eq!(tables(&found), ["test/metadata.csv", "train/metadata.csv"]);
    // One for each split, beside the folders.
    let files = [("train.csv", "id,label\n0,a\n1,b\n"), ("test.csv", "id,label\n0,b\n1,b\n")];
    let found = detected("csv-parts", &[&files[..], &pictures].concat());
    assert_eq!(
        rows(&found),
        ["test/0.png b Test", "test/1.png b Test", "train/0.png a Train", "train/1.png b Train"]
    );
}

#[test]
fn of_several_tables_the_one_that_names_the_pictures_is_read() {
    let pictures =
        ["train/0.png", "train/1.png", "train/2.png", "test/5.png"].map(|name| (name, ""));
    let files = [
        ("train.csv", "id,label\n0,a\n1,b\n2,a\n"),
        ("sample_submission.csv", "id,label\n5,a\n"),
        ("classes.csv", "class,meaning\na,ape\nb,bee\n"),
        ("urls.csv", "image,url\nhttps://example.org/9.jpg,x\n"),
    ];
    let found = detected("csv-several", &[&files[..], &pictures].concat());
    assert_eq!(
        rows(&found),
        ["train/0.png a Train", "train/1.png b Train", "train/2.png a Train", "test/5.png - Val"]
    );
    let left = unused(&found);
    assert_eq!(left.len(), 3, "{left:?}");
    assert!(left[0].starts_with("classes.csv: ") && left[1].contains("competition"), "{left:?}");
    assert!(left[2].contains("none of the pictures that it names is there"), "{left:?}");
    // Two equally good tables are named, and neither is used.
    let files = [("a.csv", "id,label\n0,a\n1,b\n"), ("b.csv", "id,label\n0,b\n1,a\n")];
    let found = detected("csv-two", &[&files[..], &pictures].concat());
    assert_eq!((found.format, found.unused.len()), (Format::Folder, 2));
    assert!(unused(&found)[0].contains("a.csv, b.csv"), "{:?}", found.unused);
}

#[test]
fn a_log_of_downloads_is_no_table_of_pictures() {
    for (name, text) in [
        ("download_log.csv", "file,size,status\na/0.jpg,2000,ok\n"),
        ("urls.csv", "image,url\nhttps://example.org/7.jpg,x\nhttps://example.org/8.jpg,y\n"),
    ] {
        let found = detected(
            "csv-stray",
            &[(name, text), ("a/0.jpg", ""), ("a/1.jpg", ""), ("b/2.jpg", "")],
        );
        assert_eq!(
            (found.format, rows(&found)[0].as_str(), found.unused.len()),
            (Format::Folder, "a/0.jpg a -", 1),
            "{name}"
        );
    }
}
