//! Finding pictures by names in annotations, which is the same in every layout.

use prep::source::{Content, Format, Listing};

use super::annotated::{detected, name, names};

/// The picture that each layout finds for `written` among `pictures`, which have no folder of their
/// own.
fn found(written: &str, pictures: &[&str]) -> Vec<(Format, String)> {
    let json = serde_json::Value::from(written).to_string();
    let quoted = written.replace('&', "&amp;");
    let tables = [
        ("labels.csv", format!("path,label\n\"{written}\",a\n\"{written}\",a\n")),
        ("some.jsonl", format!("{{\"image\": {json}, \"label\": \"a\"}}\n")),
        (
            "anno.json",
            format!("{{\"images\": [{{\"id\": 1, \"file_name\": {json}}}], \"annotations\": []}}"),
        ),
        (
            "shape.json",
            format!(
                "{{\"shapes\": [], \"imagePath\": {json}, \"imageHeight\": 9, \"imageWidth\": 9}}"
            ),
        ),
        (
            "annotations.xml",
            format!("<annotations><image id=\"0\" name=\"{quoted}\"/></annotations>"),
        ),
        ("a.xml", format!("<annotation><filename>{quoted}</filename></annotation>")),
        ("dataset.json", format!("{{\"labels\": [[{json}, 0]]}}")),
    ];
    let listed = |(table, text): &(&str, String)| {
        let mut files = vec![(*table, text.as_str())];
        files.extend(pictures.iter().map(|name| (*name, "")));
        let found = detected("lookup", &files);
        (found.format, first(&found))
    };
    tables.iter().map(listed).collect()
}

/// The named picture: the labelled one, if others are listed too.
fn first(found: &Listing) -> String {
    let entry =
        found.pictures.iter().find(|entry| entry.label.is_some()).unwrap_or(&found.pictures[0]);
    let Content::File(_) = &entry.content else { panic!("not a file") };
    name(entry)
}

#[test]
fn every_layout_finds_names_in_every_form() {
    for (written, picture) in [
        ("p/one.jpg", "p/one.jpg"),
        ("p\\one.jpg", "p/one.jpg"),
        ("./p/./one.jpg", "p/one.jpg"),
        (".\\p\\one.jpg", "p/one.jpg"),
        ("one.jpg", "p/one.jpg"),
        ("one", "p/one.jpg"),
        ("elsewhere/p/one.jpg", "p/one.jpg"),
        ("C:\\data\\p\\one.jpg", "p/one.jpg"),
        ("/home/me/p/one.jpg", "p/one.jpg"),
        ("../p/one.jpg", "p/one.jpg"),
        ("p/my%20one.jpg", "p/my one.jpg"),
        ("p/caf%C3%A9.jpg", "p/café.jpg"),
        ("P/One.JPG", "p/one.jpg"),
        ("p/cafe\u{301}.jpg", "p/caf\u{e9}.jpg"),
        ("p/caf\u{e9}.jpg", "p/cafe\u{301}.jpg"),
        ("CAF\u{c9}", "p/cafe\u{301}.jpg"),
        ("p/one.png", "p/one.jpg"),
        ("p/1.2.3", "p/1.2.3.jpg"),
        ("p/1.2.3.tif", "p/1.2.3.jpg"),
    ] {
        for (format, found) in found(written, &[picture]) {
            let end = picture.rsplit('/').next().expect("base");
            assert!(found.ends_with(end), "{written} in {}: {found}, not {picture}", format.name());
        }
    }
}

#[test]
fn a_picture_of_another_folder_or_part_is_not_taken_for_a_missing_one() {
    let table = |text: &str, pictures: &[&str]| {
        let mut files = vec![("labels.csv", text)];
        files.extend(pictures.iter().map(|name| (*name, "")));
        names(&detected("lookup-missing", &files))
    };
    assert_eq!(
        table("path,label\na/1.jpg,x\nb/2.jpg,y\n", &["a/2.jpg", "b/1.jpg", "b/2.jpg"]),
        ["a/1.jpg", "b/2.jpg"]
    );
    // The split in a line tells pictures of the same name apart.
    let split = "id,label,split\n1,a,train\n1,b,test\n";
    assert_eq!(table(split, &["train/1.jpg", "test/1.jpg"]), ["train/1.jpg", "test/1.jpg"]);
    // The case counts if pictures differ in nothing else.
    assert_eq!(table("path\np/A.jpg\np/a.jpg\n", &["p/A.jpg", "p/a.jpg"]), ["p/A.jpg", "p/a.jpg"]);
}
