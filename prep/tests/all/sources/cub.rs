//! NABirds, which has the layout of Caltech-UCSD Birds.

use prep::source::Format;
use shared::testing::Scratch;

use super::packed::Drawn;
use super::rows;

#[test]
fn nabirds_ids_with_dashes_and_its_tree_of_classes_are_read() {
    let scratch = Scratch::new("nabirds");
    let [a, b] = ["0000139e-21dc-4d0c-bfe1-4cae3c85c829", "0000d9fc-4e02-4c06-a0af-a55cfb16b12b"];
    let drawn = Drawn::named(&["n/images/0800/a.jpg", "n/images/0801/b.jpg"])
        .with("n/images.txt", format!("{a} 0800/a.jpg\n{b} 0801/b.jpg\n"))
        .with("n/bounding_boxes.txt", format!("{a} 1 2 3 4\n{b} 5 6 7 8\n"))
        .with("n/image_class_labels.txt", format!("{a} 800\n{b} 801\n"))
        .with("n/classes.txt", "0 Birds\n800 Common Eider (Adult)\n801 Wood Duck\n")
        .with("n/hierarchy.txt", "800 0\n801 0\n")
        .with("n/sizes.txt", format!("{a} 90 80\n{b} 70 60\n"))
        .with("n/train_test_split.txt", format!("{a} 1\n{b} 0\n"));
    let listing = drawn.listed(&scratch, None);
    assert_eq!(
        (listing.format, listing.classes.as_slice()),
        (Format::Cub, &["Common Eider (Adult)".to_owned(), "Wood Duck".into()][..])
    );
    assert_eq!(
        rows(&listing),
        ["images/0800/a.jpg Common Eider (Adult) Train", "images/0801/b.jpg Wood Duck Val"]
    );
    assert_eq!(listing.pictures[0].objects.len(), 1);
    assert_eq!(listing.pictures[1].drawn_on, Some([70.0, 60.0]));
    let error = drawn.with("n/images.txt", "one 0800/a.jpg\n").refused(&scratch, None);
    assert!(error.contains("does not begin with a number"), "{error}");
}
