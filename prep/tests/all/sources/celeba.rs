//! CelebA.

use prep::source::Format;
use prep::source::layouts::celeba;

use super::annotated::{assert_says, error, listing, objects, tables, unused};
use super::rows;

const PICTURES: [(&str, &str); 3] =
    [("img/000001.jpg", ""), ("img/000002.jpg", ""), ("img/000003.jpg", "")];

#[test]
fn celebas_lists_give_parts_persons_and_boxes() {
    let boxes = "3\nimage_id x_1 y_1 width height\n000001.jpg    95  71 226 313\n000002.jpg 1 2 3 4\n000003.jpg 5 6 7 8\n";
    let lists = [
        ("Anno/identity_CelebA.txt", "000001.jpg 2880\n000002.jpg 17\n000003.jpg 2880\n"),
        ("Anno/list_bbox_celeba.txt", boxes),
        (
            "Anno/list_attr_celeba.txt",
            "3\nMale Young \n000001.jpg -1  1\n000002.jpg 1 1\n000003.jpg 1 -1\n",
        ),
        ("Anno/list_landmarks_celeba.txt", "3\n"),
        ("Eval/list_eval_partition.txt", "000001.jpg 0\n000002.jpg 1\n000003.jpg 2\n"),
    ];
    let found = listing("celeba", &[&lists[..], &PICTURES].concat(), celeba::read);
    assert_eq!(
        (found.format, found.classes.as_slice()),
        (Format::Celeba, &["17".to_owned(), "2880".into()][..])
    );
    assert_eq!(
        rows(&found),
        ["img/000001.jpg 2880 Train", "img/000002.jpg 17 Val", "img/000003.jpg 2880 Test"]
    );
    assert_eq!(objects(&found, &found.pictures[0]), [(Some("2880"), [95.0, 71.0, 226.0, 313.0])]);
    assert_eq!(tables(&found).len(), 3);
    let left = unused(&found);
    assert!(
        left[0].contains("list_attr_celeba.txt") && left[1].contains("list_landmarks_celeba.txt"),
        "{left:?}"
    );
}

#[test]
fn attributes_of_few_columns_are_classes_and_boxes_of_aligned_pictures_are_not_used() {
    let aligned = PICTURES
        .map(|(name, text)| (name.replace("img", "img_align_celeba/img_align_celeba"), text));
    let mut files: Vec<(&str, &str)> =
        aligned.iter().map(|(name, text)| (name.as_str(), *text)).collect();
    files.extend([
        ("list_attr_celeba.csv", "image_id,Male,Young\n000001.jpg,1,1\n000002.jpg,-1,-1\n000003.jpg,-1,1\n"),
        (
            "list_bbox_celeba.csv",
            "image_id,x_1,y_1,width,height\n000001.jpg,95,71,226,313\n000002.jpg,1,1,2,2\n000003.jpg,1,1,2,2\n",
        ),
        ("list_eval_partition.csv", "image_id,partition\n000001.jpg,0\n000002.jpg,1\n000003.jpg,3\n"),
    ]);
    let found = listing("celeba-kaggle", &files, celeba::read);
    assert_eq!(found.classes, ["Male+Young", "Young", "none"]);
    assert_eq!(
        found.pictures.iter().map(|e| e.split.is_some()).collect::<Vec<_>>(),
        [true, true, false]
    );
    assert!(found.pictures.iter().all(|entry| entry.objects.is_empty()));
    let left = unused(&found);
    assert!(left.len() == 1 && left[0].contains("aligned"), "{left:?}");
    // As published: forty of them.
    let header: Vec<String> = (0..40).map(|i| format!("a{i}")).collect();
    let text = format!("1\n{}\n000001.jpg{}\n", header.join(" "), " 1".repeat(40));
    let files = [
        ("list_attr_celeba.txt", text.as_str()),
        ("list_eval_partition.txt", "000001.jpg 0\n"),
        PICTURES[0],
    ];
    let found = listing("celeba-forty", &files, celeba::read);
    assert!(unused(&found)[0].contains("40 attributes"), "{:?}", found.unused);
}

#[test]
fn celeba_errors_name_the_line() {
    let bad =
        |name: &str, text: &str| error("celeba-bad", &[(name, text), PICTURES[0]], celeba::read);
    assert_says(
        &bad("list_bbox_celeba.txt", "000001.jpg 1 2 3\n"),
        &["list_bbox_celeba.txt, line 1", "000001.jpg", "1 2 3"],
    );
    assert_says(
        &bad("list_eval_partition.txt", "000001.jpg 0 1\n"),
        &["line 1", "number of a part"],
    );
    assert_says(
        &error("celeba-none", &[PICTURES[0]], celeba::read),
        &["list_eval_partition", "identity_CelebA"],
    );
}
