//! StyleGAN's dataset.json.

use prep::source::Format;
use shared::testing::Scratch;

use super::packed::Drawn;
use super::rows;

#[test]
fn several_files_of_stylegan_are_one_source() {
    let scratch = Scratch::new("stylegan-several");
    let drawn = Drawn::named(&["a/00/1.png", "a/00/2.png", "b/00/1.png", "b/00/2.png"])
        .with("a/dataset.json", r#"{"labels": [["00/1.png", 0], ["00\\2.png", 1]]}"#)
        .with("b/dataset.json", r#"{"labels": [["./00/1.png", 1]]}"#);
    let listing = drawn.listed(&scratch, None);
    assert_eq!((listing.format, listing.tables.len()), (Format::Stylegan, 2));
    assert_eq!(
        rows(&listing),
        ["a/00/1.png 0 -", "a/00/2.png 1 -", "b/00/1.png 1 -", "b/00/2.png - -"]
    );
}

const PICTURES: [&str; 3] = ["00/img1.png", "00/img0.png", "01/img2.png"];

#[test]
fn stylegan_labels_give_the_classes() {
    let scratch = Scratch::new("stylegan");
    let pictures = || Drawn::named(&PICTURES);
    let numbered = ["00/img0.png 3 -", "00/img1.png 0 -", "01/img2.png - -"];
    for (json, wanted, classes) in [
        (r#"{"labels": [["00/img1.png", 0], ["00/img0.png", 3]]}"#, numbered, "0 1 2 3"),
        (r#"{"labels": {"00/img1.png": 0, "00/img0.png": 3}}"#, numbered, "0 1 2 3"),
        (r#"{"labels": null}"#, ["00/img0.png - -", "00/img1.png - -", "01/img2.png - -"], ""),
        (
            r#"{"labels": [["00/img0.png", 1]], "classes": ["a", "b", "c"], "splits": {"00/img0.png": "test", "01/img2.png": "train"}}"#,
            ["00/img0.png b Test", "00/img1.png - -", "01/img2.png - Train"],
            "a b c",
        ),
    ] {
        let listing = pictures().with("dataset.json", json).listed(&scratch, None);
        assert_eq!(
            (listing.format, listing.classes.join(" ").as_str()),
            (Format::Stylegan, classes)
        );
        assert_eq!(rows(&listing), wanted);
    }
    // A missing picture that is named is listed, so that preparing it reports that.
    let listing =
        pictures().with("dataset.json", r#"{"labels": [["gone.png", 0]]}"#).listed(&scratch, None);
    assert_eq!(rows(&listing)[3], "gone.png 0 -");
}

#[test]
fn malformed_labels_are_named_and_a_built_data_set_is_refused() {
    let scratch = Scratch::new("bad-stylegan");
    for (json, wanted) in [
        ("{", "dataset.json: it does not say what StyleGAN's does (EOF"),
        ("[]", "--format folder"),
        (r#"{"labels": 7}"#, "\"labels\" is 7"),
        (
            r#"{"labels": [["a.png", 0, 1]]}"#,
            "[\"a.png\",0,1] in \"labels\" is not a name with a class number",
        ),
        (r#"{"labels": [["a.png", -1]]}"#, "the label of a.png is -1"),
        (r#"{"labels": [["a.png", [0.5, 0.5]]]}"#, "the label of a.png is [0.5,0.5]"),
        (r#"{"labels": [["a.png", 4000000000]]}"#, "the label of a.png is 4000000000"),
        (r#"{"labels": [["a.png", 0], ["a.png", 1]]}"#, "a.png has two labels"),
        (
            r#"{"labels": [["a.png", 2]], "classes": ["x"]}"#,
            "it names 1 classes, but the labels go up to 2",
        ),
        (r#"{"labels": null, "splits": {"a.png": "dev"}}"#, "a.png is in the split \"dev\""),
    ] {
        let error = Drawn::named(&PICTURES)
            .with("dataset.json", json)
            .refused(&scratch, Some(Format::Stylegan));
        assert!(error.contains("dataset.json") && error.contains(wanted), "{error}");
    }
    // A file of that name with other contents is ignored.
    let other = Drawn::named(&PICTURES).with("dataset.json", r#"{"images": []}"#);
    assert_eq!(other.listed(&scratch, None).format, Format::Folder);
    let cut = Drawn::named(&PICTURES)
        .with("dataset.json", r#"{"labels": [["a.pn"#)
        .refused(&scratch, None);
    assert!(cut.contains("EOF"), "{cut}");
    let error =
        Drawn::named(&["preview.png", "train-00000.shard", "dataset.json"]).refused(&scratch, None);
    assert!(error.contains("`prep export`"), "{error}");
}
