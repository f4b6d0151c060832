//! Pictures in folders.

use prep::source::{Entry, Format};
use shared::testing::Scratch;

use super::packed::{Drawn, open};
use super::{count, rows};
use crate::util::real_data;

#[test]
fn a_flat_folder_has_neither_classes_nor_parts() {
    let scratch = Scratch::new("flat");
    let drawn = Drawn::named(&[
        "faces/b.JPG",
        "faces/a.webp",
        "faces/c.jfif",
        "faces/notes.txt",
        "faces/.hidden.png",
    ]);
    let listing = drawn.listed(&scratch, None);
    assert_eq!(
        (listing.format, &listing.root[..], listing.classes.len()),
        (Format::Folder, &b"faces/"[..], 0)
    );
    assert_eq!(rows(&listing), ["a.webp - -", "b.JPG - -", "c.jfif - -"]);
}

#[test]
fn folders_are_classes_and_parts() {
    let scratch = Scratch::new("classes");
    for (names, wanted) in [
        // Two folders are two classes, deeper ones have longer names; a picture in none has no
        // class.
        (
            &["x/dog/1.png", "x/cat/2.png", "x/cat/big/3.png", "x/4.png"][..],
            &["4.png - -", "cat/2.png cat -", "cat/big/3.png cat/big -", "dog/1.png dog -"][..],
        ),
        // One folder beside a picture is no class yet.
        (&["dog/1.png", "2.png"], &["2.png - -", "dog/1.png - -"]),
        // With train and test only, test becomes val.
        (
            &["Train/a/1.png", "Train/b/2.png", "TEST/a/3.png"],
            &["TEST/a/3.png a Val", "Train/a/1.png a Train", "Train/b/2.png b Train"],
        ),
        // Three splits stay apart.
        (
            &["d/train/1.png", "d/valid/2.png", "d/test/3.png"],
            &["test/3.png - Test", "train/1.png - Train", "valid/2.png - Val"],
        ),
        // A folder common to all pictures of all splits is no class; pictures beside the splits are
        // in none.
        (
            &["train/i/1.png", "validation/i/2.png", "more/3.png"],
            &["more/3.png - -", "train/i/1.png - Train", "validation/i/2.png - Val"],
        ),
        (
            &["train/i/a/1.png", "val/i/b/2.png"],
            &["train/i/a/1.png a Train", "val/i/b/2.png b Val"],
        ),
        // A class may have the name of a split.
        (&["bus/1.png", "train/2.png"], &["bus/1.png bus -", "train/2.png train -"]),
    ] {
        assert_eq!(rows(&Drawn::named(names).listed(&scratch, None)), wanted);
    }
}

#[test]
fn a_source_without_pictures_says_what_was_looked_for() {
    let scratch = Scratch::new("nothing");
    let error = Drawn::named(&["a.txt", "b.heic"]).refused(&scratch, None);
    assert!(
        error.contains(".jfif, .webp")
            && error.contains("found 1 picture in a format that is not read, the first b.heic"),
        "{error}"
    );
}

#[test]
fn a_picture_without_a_suffix_is_known_by_its_first_bytes() {
    let scratch = Scratch::new("bare");
    let png = b"\x89PNG\r\n\x1a\n".to_vec();
    let listing = Drawn::named(&["a/1.png", "README", "a/notes", "a/.hidden"])
        .with("a/0001", png.clone())
        .with("a/b.jpg.1", png.clone())
        .with("a/c.JPG_large", png.clone())
        .with("a/d.jpeg?w=100", png.clone())
        .with("a/e.jpg~", b"no picture".to_vec())
        .with("a/c.txt", png)
        .listed(&scratch, Some(Format::Folder));
    let names: Vec<String> = listing.pictures.iter().map(Entry::shown).collect();
    let base = |name: &String| name.rsplit('/').next().unwrap_or_default().to_owned();
    assert_eq!(
        names.iter().map(base).collect::<Vec<_>>(),
        ["0001", "1.png", "b.jpg.1", "c.JPG_large", "d.jpeg?w=100"]
    );
}

#[test]
fn faces_and_thumbnails_are_flat() {
    for (name, pictures) in [("anime-faces96.zip", 4000), ("rgba-thumbnails", 30)] {
        let Some(path) = real_data(name) else { return };
        let (_, listing) = open(&path, None);
        assert_eq!(
            (listing.pictures.len(), listing.classes.len(), count(&listing, None)),
            (pictures, 0, pictures),
            "{name}"
        );
    }
}
