//! Arrays of NumPy.

use prep::source::{Format, Split};
use shared::fs;
use shared::testing::Scratch;

use super::packed::{Drawn, bytes_of, open};
use super::rows;

/// An array of NumPy.
fn npy(kind: &str, shape: &[usize], bytes: &[u8]) -> Vec<u8> {
    [&shared::npy::header(kind, shape), bytes].concat()
}

#[test]
fn arrays_of_pictures_are_listed_with_their_classes() {
    let scratch = Scratch::new("npz");
    let pixels: Vec<u8> = (0..3 * 2 * 2 * 3).collect();
    let listing = Drawn::named(&["s/readme.txt"])
        .with("s/arr_0.npy", npy("|u1", &[3, 2, 2, 3], &pixels))
        .with("s/arr_1.npy", npy("<i8", &[3], &[2u64, 0, 1].map(u64::to_le_bytes).concat()))
        .listed(&scratch, None);
    assert_eq!((listing.format, listing.classes.join("").as_str()), (Format::Npz, "012"));
    assert_eq!(rows(&listing), ["arr_0.npy#0 2 -", "arr_0.npy#1 0 -", "arr_0.npy#2 1 -"]);
    let (archive, listing) = open(&scratch.path("source.zip"), None);
    assert_eq!(bytes_of(&archive, &listing, &listing.pictures[1]), Some((12..24).collect()));
    // A single array; grey; the split by its name.
    let alone = scratch.path("test_images.npy");
    fs::write(&alone, &npy("|u1", &[2, 2, 3], &pixels[..12])).expect("write");
    let (archive, listing) = open(&alone, None);
    assert_eq!((listing.pictures.len(), listing.pictures[0].split), (2, Some(Split::Test)));
    assert_eq!(bytes_of(&archive, &listing, &listing.pictures[1]), Some((6..12).collect()));
}

#[test]
fn arrays_that_are_no_pictures_of_bytes_are_refused_by_name() {
    let scratch = Scratch::new("npz-bad");
    let refused =
        |name: &str, array: Vec<u8>| Drawn::named(&[]).with(name, array).refused(&scratch, None);
    let error = refused("x.npy", npy("<f4", &[1, 2, 2, 3], &[0; 48]));
    assert!(
        error.contains("x.npy")
            && error.contains("floating-point numbers of 32 bits")
            && error.contains("uint8"),
        "{error}"
    );
    let error = refused("x.npy", npy("|u1", &[2, 2, 2, 3], &[0; 12]));
    assert!(error.contains("cut off"), "{error}");
    let labels = npy("<i8", &[2], &[0; 16]);
    let error = Drawn::named(&[])
        .with("images.npy", npy("|u1", &[1, 2, 2, 3], &[0; 12]))
        .with("labels.npy", labels);
    let error = error.refused(&scratch, None);
    assert!(
        error.contains("labels.npy: it has 2 classes for 1 pictures")
            || error.contains("2 classes for 1 pictures"),
        "{error}"
    );
}
