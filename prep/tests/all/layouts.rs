//! Every layout through the program.
//!
//! The bytes are the same for 1, 2 and 16 threads, from a folder, a zip and a tar, in any order of
//! their files; and every split has as many pictures of every class as the source.
#![cfg(unix)]

use crate::util::drawn::{
    Files, celeba, cifar, coco, cub, cvat, folders, idx, labelme, npz, pairs, stylegan, table, tar,
    voc, yolo, zip,
};
use crate::util::{assert_same, build};
use prep::source::Format;
use shared::dataset::Dataset;
use shared::fs;
use shared::testing::Scratch;

/// The expected result of a layout: the format, the classes, and the number of pictures of each
/// class in train, val and test; without classes, of all pictures.
struct Case {
    format: Format,
    files: Files,
    flags: &'static [&'static str],
    classes: &'static [&'static str],
    counts: &'static [[usize; 3]],
}

fn cases(scratch: &Scratch) -> Vec<Case> {
    let case =
        |format, files, flags, classes, counts| Case { format, files, flags, classes, counts };
    const SHAPES: &[&str] =
        &["001.Bird", "002.Fish", "003.Flower", "004.Butterfly", "005.Mushroom"];
    const PETS: &[&str] = &["cat", "dog"];
    vec![
        case(
            Format::Cub,
            cub(scratch),
            &[],
            SHAPES,
            &[[3, 1, 0], [3, 1, 0], [3, 1, 0], [3, 1, 0], [4, 0, 0]],
        ),
        case(Format::Folder, folders(), &[], PETS, &[[6, 2, 0], [2, 2, 0]]),
        case(Format::Voc, voc(), &["--padding", "0"], PETS, &[[2, 1, 0], [6, 3, 0]]),
        case(Format::Coco, coco(), &[], PETS, &[[3, 2, 0], [3, 1, 0]]),
        case(Format::Table, table(), &["--resample", "lanczos"], PETS, &[[2, 1, 2], [1, 2, 1]]),
        case(Format::Idx, idx(), &[], &["0", "1", "2"], &[[3, 1, 0], [3, 1, 0], [3, 1, 0]]),
        case(
            Format::Cifar,
            cifar(),
            &["--margin", "0.25"],
            &["airplane", "bird"],
            &[[5, 2, 0], [4, 1, 0]],
        ),
        case(Format::Stylegan, stylegan(), &["--crop", "pad"], PETS, &[[3, 1, 0], [3, 1, 0]]),
        case(Format::Pairs, pairs(), &[], &[], &[[5, 2, 0]]),
        case(Format::Yolo, yolo(), &[], PETS, &[[3, 2, 0], [3, 1, 0]]),
        case(Format::Celeba, celeba(), &[], &["7", "8"], &[[2, 1, 2], [1, 2, 1]]),
        case(Format::Cvat, cvat(), &[], PETS, &[[3, 2, 0], [3, 1, 0]]),
        case(Format::Shapes, labelme(), &[], PETS, &[[3, 2, 0], [3, 1, 0]]),
        case(Format::Npz, npz(), &[], &["0", "1", "2"], &[[3, 0, 0], [3, 0, 0], [2, 1, 0]]),
    ]
}

#[test]
fn every_layout_gives_the_same_bytes_for_any_threads_order_and_packing() {
    let scratch = Scratch::new("layouts");
    let mut draw = shared::rng::stream(1, "layouts test order", 0);
    for Case { format, files, flags, classes, counts } in cases(&scratch) {
        let name = format.name();
        let mut shuffled = || {
            let mut order: Vec<usize> = (0..files.len()).collect();
            (1..files.len()).rev().for_each(|i| order.swap(i, draw.below(i as u64 + 1) as usize));
            order
        };
        // Two folders whose files are written in different orders.
        let mut folder = |suffix: &str| {
            let path = scratch.path(&format!("{name}-{suffix}"));
            for i in shuffled() {
                let file = path.join(&files[i].0);
                fs::create_folder(file.parent().expect("parent")).expect("make folder");
                fs::write_unsynced(file, &[&files[i].1]).expect("write");
            }
            path
        };
        let (one, other) = (folder("one"), folder("other"));
        let (zipped, tarred) =
            (scratch.path(&format!("{name}.zip")), scratch.path(&format!("{name}.tar")));
        fs::write(&zipped, &zip(&files, &shuffled())).expect("write");
        fs::write(&tarred, &tar(&files, &shuffled())).expect("write");
        let wanted = scratch.path(&format!("{name}-wanted"));
        build(&one, &wanted, &[&["--jobs", "1"], flags].concat(), 0);
        for (source, jobs) in
            [(&one, "2"), (&one, "16"), (&other, "2"), (&zipped, "2"), (&tarred, "16")]
        {
            let out = scratch.path(&format!("{name}-out"));
            build(source, &out, &[&["--jobs", jobs], flags].concat(), 0);
            assert_same(&wanted, &out);
            fs::remove(&out).expect("remove");
        }
        let dataset = Dataset::open(&wanted).expect("open");
        let manifest = dataset.manifest();
        assert_eq!(
            (&*manifest.format, &manifest.classes[..]),
            (name, &classes.iter().map(|c| (*c).to_owned()).collect::<Vec<_>>()[..])
        );
        assert_eq!(
            (manifest.paired, manifest.rejects.values().sum::<u64>()),
            (format == Format::Pairs, 0),
            "{name}"
        );
        let mut found = vec![[0; 3]; counts.len()];
        for (number, split) in ["train", "val", "test"].into_iter().enumerate() {
            let Ok(split) = dataset.split(split) else { continue };
            for i in 0..split.len() {
                assert_eq!(split.label(i).is_some(), !classes.is_empty(), "{name}");
                found[split.label(i).unwrap_or(0) as usize][number] += 1;
            }
        }
        assert_eq!(found, counts, "{name}");
    }
}
