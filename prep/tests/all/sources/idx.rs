//! IDX files: MNIST, EMNIST, QMNIST, Fashion-MNIST.

use prep::pipeline::{BuildOptions, Plan, Preparer};
use prep::source::{Content, Format, Split};
use shared::fs;
use shared::testing::Scratch;

use super::packed::{Drawn, bytes_of, gz, open};
use super::{count, rows};
use crate::util::{self, real_data};

/// An IDX file.
fn idx(dimensions: &[u32], values: &[u8]) -> Vec<u8> {
    let numbers = dimensions.iter().flat_map(|n| n.to_be_bytes());
    [0, 0, 8, dimensions.len() as u8]
        .into_iter()
        .chain(numbers)
        .chain(values.iter().copied())
        .collect()
}

fn mnist() -> Drawn {
    let pixels: Vec<u8> = (0..30).collect();
    Drawn::named(&["m/readme.png"])
        .with("m/train-images-idx3-ubyte.gz", gz(&idx(&[3, 2, 5], &pixels)))
        .with("m/train-labels-idx1-ubyte.gz", gz(&idx(&[3], &[2, 0, 1])))
        .with("m/t10k-images.idx3-ubyte", idx(&[1, 2, 5], &pixels[..10]))
        .with("m/t10k-labels.idx1-ubyte", idx(&[1], &[1]))
}

#[test]
fn idx_files_are_listed_picture_by_picture() {
    let scratch = Scratch::new("idx");
    let listing = mnist().listed(&scratch, None);
    assert_eq!((listing.format, listing.root.as_slice()), (Format::Idx, &b"m/"[..]));
    assert_eq!(
        rows(&listing),
        [
            "train-images-idx3-ubyte.gz#0 2 Train",
            "train-images-idx3-ubyte.gz#1 0 Train",
            "train-images-idx3-ubyte.gz#2 1 Train",
            "t10k-images.idx3-ubyte#3 1 Val"
        ]
    );
    let (archive, listing) = open(&scratch.path("source.tar"), None);
    assert_eq!(bytes_of(&archive, &listing, &listing.pictures[1]), Some((10..20).collect()));
    let Content::Raw(raw) = &listing.pictures[1].content else { panic!("no pixels") };
    assert_eq!((raw.width, raw.height, raw.channels), (5, 2, 1));
    // The unpacked file is preferred to the gzipped one; names come from a table; the 3 marks the
    // channels.
    let more = mnist()
        .with("m/train-images-idx3-ubyte", idx(&[3, 2, 5], &[7; 30]))
        .with("m/classes.txt", "shirt\r\nshoe\nbag\n");
    let listing = more.listed(&scratch, None);
    assert_eq!(rows(&listing)[0], "train-images-idx3-ubyte#0 bag Train");
    for (dimensions, planar) in [([2, 4, 5, 3], false), ([2, 3, 4, 5], true)] {
        let color = Drawn::named(&[])
            .with("train-images-idx4-ubyte", idx(&dimensions, &[0; 120]))
            .listed(&scratch, None);
        let Content::Raw(raw) = &color.pictures[1].content else { panic!("no pixels") };
        assert_eq!(
            (raw.width, raw.height, raw.channels, raw.planar, raw.offset),
            (5, 4, 3, planar, 80)
        );
        assert!(color.classes.is_empty());
    }
}

#[test]
fn malformed_idx_files_are_named_with_their_numbers() {
    let scratch = Scratch::new("bad-idx");
    let images = "m/t10k-images.idx3-ubyte";
    let labels = "m/t10k-labels.idx1-ubyte";
    for (drawn, wanted) in [
        (
            mnist().with(images, idx(&[1, 2, 5], &[0; 9])),
            "t10k-images.idx3-ubyte: 1 pictures of 5x2x1 take 26 bytes, but it has 25",
        ),
        (mnist().with(images, idx(&[1, 2, 5], &[0; 11])), "but it has 27"),
        (mnist().with(images, idx(&[u32::MAX; 3], &[])), "more bytes than possible"),
        (mnist().with(images, idx(&[1, 0, 5], &[])), "1 pictures of 5x0x1"),
        (
            mnist().with(images, idx(&[1, 2, 5, 2], &[0; 20])),
            "[1, 2, 5, 2] are not those of pictures",
        ),
        (mnist().with(images, idx(&[1], &[0])), "[1] are not those of pictures"),
        (mnist().with(images, b"\0\0\x0d\x03".to_vec()), "it begins with 00000d03"),
        (mnist().with(images, b"\0".to_vec()), "it begins with 00,"),
        (
            mnist().with(images, b"\0\0\x08\x03\0\0".to_vec()),
            "12 bytes from byte 4 on are needed, but it has 6",
        ),
        (
            mnist().with(images, idx(&[1 << 25, 1, 1], &vec![0; 1 << 25])),
            "33554432 pictures are more than",
        ),
        (
            mnist().with(labels, idx(&[2], &[0, 1])),
            "t10k-labels.idx1-ubyte: 2 labels are there for the 1 pictures of m/t10k-images",
        ),
        (mnist().with(labels, idx(&[1], &[])), "1 labels take 9 bytes, but it has 8"),
        (mnist().without(labels), "t10k-images.idx3-ubyte: there is no file of labels"),
        (
            mnist().with("m/test-images-idx3-ubyte", idx(&[0, 1, 1], &[])),
            "it is for the same part as m/t10k-images",
        ),
        (
            mnist().with("m/classes.txt", "a\nb\n"),
            "classes.txt: it names 2 classes, but the labels go up to 2",
        ),
        (
            mnist().with("m/train-labels-idx1-ubyte.gz", &gz(&idx(&[3], &[2, 0, 1]))[..20]),
            "cannot read m/train-labels-idx1-ubyte.gz",
        ),
    ] {
        let error = drawn.refused(&scratch, None);
        assert!(error.contains(wanted), "{error}");
    }
}

#[test]
fn emnist_is_turned_upright_and_named_by_its_mapping() {
    let scratch = Scratch::new("emnist");
    // Two rows of three columns, stored column by column.
    let pixels = [1, 4, 2, 5, 3, 6];
    let drawn = Drawn::named(&[])
        .with("e/emnist-letters-train-images-idx3-ubyte", idx(&[1, 2, 3], &pixels))
        .with("e/emnist-letters-train-labels-idx1-ubyte", idx(&[1], &[2]))
        .with("e/emnist-letters-test-images-idx3-ubyte", idx(&[1, 2, 3], &pixels))
        .with("e/emnist-letters-test-labels-idx1-ubyte", idx(&[1], &[1]))
        .with("e/emnist-letters-mapping.txt", "1 65 97\n2 66 98\n");
    let listing = drawn.listed(&scratch, None);
    assert_eq!(
        (listing.format, listing.classes.as_slice()),
        (Format::Idx, &["A".to_owned(), "B".into()][..])
    );
    let series = "emnist-letters-train-images-idx3-ubyte#0 B Train";
    assert_eq!(rows(&listing), [series, "emnist-letters-test-images-idx3-ubyte#1 A Val"]);
    let Content::Raw(raw) = &listing.pictures[0].content else { panic!("no pixels") };
    assert!(raw.transposed && (raw.width, raw.height) == (3, 2));
    // The decoded picture has rows again.
    let options =
        BuildOptions { size: 2, ..BuildOptions::new(scratch.path("source"), scratch.path("out")) };
    let plan = Plan::new(&options).expect("list");
    let whole = Preparer::new(&plan, &options, false).before_after(0).before.expect("decoded");
    let grey: Vec<u8> = whole.pixels.chunks_exact(3).map(|pixel| pixel[0]).collect();
    assert_eq!(((whole.width, whole.height), grey), ((3, 2), vec![1, 2, 3, 4, 5, 6]));
    let error = drawn.with("e/emnist-letters-mapping.txt", "1 65\n").refused(&scratch, None);
    assert!(error.contains("mapping.txt") && error.contains("label 2"), "{error}");
}

#[test]
fn the_first_of_qmnists_numbers_is_the_class() {
    let scratch = Scratch::new("qmnist");
    let numbers = |rows: &[[u32; 2]]| {
        let header = [0x0c02, rows.len() as u32, 2];
        header
            .into_iter()
            .chain(rows.iter().flatten().copied())
            .flat_map(u32::to_be_bytes)
            .collect::<Vec<u8>>()
    };
    let drawn = Drawn::named(&[])
        .with("qmnist-train-images-idx3-ubyte.gz", gz(&idx(&[2, 1, 1], &[7, 8])))
        .with("qmnist-train-labels-idx2-int.gz", gz(&numbers(&[[1, 900], [0, 901]])));
    let listing = drawn.listed(&scratch, None);
    let name = "qmnist-train-images-idx3-ubyte.gz";
    assert_eq!(rows(&listing), [format!("{name}#0 1 Train"), format!("{name}#1 0 Train")]);
    for (rows, wanted) in [
        (vec![[1, 2]], "1 labels are there for the 2 pictures"),
        (vec![[300, 0], [1, 0]], "is 300, not below 256"),
    ] {
        let drawn = Drawn::named(&[]).with(name, gz(&idx(&[2, 1, 1], &[7, 8])));
        let error = drawn
            .with("qmnist-train-labels-idx2-int.gz", gz(&numbers(&rows)))
            .refused(&scratch, None);
        assert!(error.contains(wanted), "{error}");
    }
}

#[cfg(unix)]
#[test]
fn without_room_for_a_scratch_file_the_folder_and_its_variable_are_named() {
    let scratch = Scratch::new("room");
    let packed = scratch.path("source.tar.gz");
    fs::write(&packed, &gz(&mnist().tar())).expect("write");
    let out = scratch.path("out");
    let output = util::prep()
        .env("TMPDIR", "/no/such/folder")
        .arg("build")
        .arg(&packed)
        .arg("--out")
        .arg(out)
        .output()
        .expect("run");
    let error = util::stderr(&output);
    assert!(
        output.status.code() == Some(1)
            && error.contains("/no/such/folder")
            && error.contains("TMPDIR"),
        "{error}"
    );
}

#[test]
fn fashion_mnist_has_20000_and_5000_pictures_in_ten_classes() {
    let Some(path) = real_data("fashion-mnist") else { return };
    let (archive, listing) = open(&path, None);
    assert_eq!(
        (count(&listing, Some(Split::Train)), count(&listing, Some(Split::Val))),
        (20_000, 5_000)
    );
    assert_eq!((listing.format, listing.classes.join("").as_str()), (Format::Idx, "0123456789"));
    let pixels = bytes_of(&archive, &listing, &listing.pictures[24_999]).expect("read");
    assert!(pixels.len() == 784 && pixels.iter().any(|&p| p > 128) && pixels.contains(&0));
}
