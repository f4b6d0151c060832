//! Pairs of pictures.

use prep::source::{Entry, Format, Split};
use shared::testing::Scratch;

use super::packed::{Drawn, open};
use super::{count, rows};
use crate::util::real_data;

#[test]
fn partners_have_the_same_stem_in_folders_a_and_b() {
    let scratch = Scratch::new("partners");
    for (names, wanted) in [
        (
            &["p/A/2.jpg", "p/B/2.png", "p/A/1.jpg", "p/B/1.png"][..],
            &["A/1.jpg B/1.png -", "A/2.jpg B/2.png -"][..],
        ),
        (
            &["train/A/1.jpg", "train/B/1.jpg", "test/A/1.jpg", "test/B/1.jpg"],
            &["test/A/1.jpg test/B/1.jpg Val", "train/A/1.jpg train/B/1.jpg Train"],
        ),
    ] {
        let listing = Drawn::named(names).listed(&scratch, None);
        let row = |entry: &Entry| {
            let partner = entry.partner.as_ref().expect("partner");
            format!(
                "{} {partner} {}",
                entry.shown(),
                entry.split.map_or("-".into(), |split| format!("{split:?}"))
            )
        };
        assert_eq!(listing.pictures.iter().map(row).collect::<Vec<_>>(), wanted);
        assert!(!listing.halves && listing.classes.is_empty() && listing.format == Format::Pairs);
    }
    let error = Drawn::named(&["A/1.png", "B/1.png", "A/3.png", "B/2.png", "B/4.png"])
        .refused(&scratch, None);
    assert!(error.contains("A/3.png: it is one of 3 pictures"), "{error}");
    let error = Drawn::named(&["A/1.png", "A/1.jpg", "B/1.png"]).refused(&scratch, None);
    assert!(error.contains("A/1.jpg: it is one of 3 pictures"), "{error}");
    // Classes named A and B are no pairs.
    for letters in [&["A/1.png", "B/1.png", "C/1.png"][..], &["A/1.png", "B/2.png"]] {
        assert_eq!(Drawn::named(letters).listed(&scratch, None).format, Format::Folder);
    }
}

#[test]
fn halves_are_taken_when_asked_for() {
    let scratch = Scratch::new("halves");
    let listing = Drawn::named(&["maps/train/2.jpg", "maps/train/10.jpg", "maps/val/1.jpg"])
        .listed(&scratch, Some(Format::Pairs));
    assert!(listing.halves && listing.pictures.iter().all(|entry| entry.partner.is_none()));
    assert_eq!(rows(&listing), ["train/10.jpg - Train", "train/2.jpg - Train", "val/1.jpg - Val"]);
}

#[test]
fn maps_are_300_files_of_two_halves() {
    let Some(path) = real_data("maps-512x256.zip") else { return };
    let (_, listing) = open(&path, Some(Format::Pairs));
    assert_eq!(
        (count(&listing, Some(Split::Train)), count(&listing, Some(Split::Val)), listing.halves),
        (240, 60, true)
    );
    let Some(path) = real_data("maps-512x256.zip") else { return };
    let (_, listing) = open(&path, None);
    assert_eq!(
        (listing.format, listing.classes.len(), count(&listing, Some(Split::Val))),
        (Format::Folder, 0, 60)
    );
}
