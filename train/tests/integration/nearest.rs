//! The nearest pictures of a split, against a search by the definition. (The module is `shared`'s;
//! its data sets are drawn here.)

use crate::util;

use shared::dataset::Dataset;
use shared::metrics::nearest::{NearestError, nearest};
use shared::picture::Picture;
use shared::rng;
use shared::testing::Scratch;

fn drawn(side: u32, purpose: &str, i: u64) -> Picture {
    let mut stream = rng::stream(i, purpose, 0);
    let pixels = (0..side * side * 3).map(|_| stream.below(256) as u8).collect();
    Picture { width: side, height: side, channels: 3, pixels }
}

/// Root mean squared difference, term by term.
fn distance(a: &Picture, b: &Picture) -> f64 {
    let squares =
        a.pixels.iter().zip(&b.pixels).map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2));
    (squares.sum::<f64>() / a.pixels.len() as f64).sqrt()
}

#[test]
fn neighbours_are_those_that_a_search_by_the_definition_finds() {
    // 40×40×3 bytes: more than one stride of the sum, and not a whole number of them. Stored
    // larger: the middle is compared.
    let scratch = Scratch::new("nearest-search");
    util::dataset_of(&scratch, 40, 44, &[("train", 300)], |name, i| drawn(44, name, i).pixels);
    let dataset = Dataset::open(&scratch).unwrap();
    let split = dataset.split("train").unwrap();
    let pictures: Vec<Picture> = (0..7).map(|i| drawn(40, "asked", i)).collect();
    let found = nearest(&pictures, &split, 5).unwrap();
    for (picture, found) in pictures.iter().zip(&found) {
        let mut expected: Vec<(f64, usize)> =
            (0..300).map(|i| (distance(picture, &split.picture(i).unwrap()), i)).collect();
        expected.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let expected: Vec<_> = expected.into_iter().take(5).collect();
        let (indices, distances): (Vec<_>, Vec<_>) =
            found.iter().map(|n| (n.index, n.distance)).unzip();
        assert_eq!(indices, expected.iter().map(|e| e.1).collect::<Vec<_>>());
        assert!(
            distances.iter().zip(&expected).all(|(d, e)| (d - e.0).abs() < 1e-9),
            "{distances:?} {expected:?}"
        );
    }
}

#[test]
fn a_copy_is_found_at_distance_0_and_of_equally_near_pictures_the_first_comes_first() {
    // Every picture stands there 50 times.
    let scratch = Scratch::new("nearest-ties");
    util::dataset_of(&scratch, 6, 6, &[("train", 200)], |name, i| drawn(6, name, i % 4).pixels);
    let dataset = Dataset::open(&scratch).unwrap();
    let split = dataset.split("train").unwrap();
    let copy = drawn(6, "train", 2);
    let found = nearest(std::slice::from_ref(&copy), &split, 4).unwrap();
    assert_eq!(
        found[0].iter().map(|n| (n.index, n.distance)).collect::<Vec<_>>(),
        [(2, 0.0), (6, 0.0), (10, 0.0), (14, 0.0)]
    );
    let all = nearest(&[copy], &split, 1000).unwrap();
    assert_eq!((all[0].len(), all[0][49].index), (200, 198));
    assert!(all[0].windows(2).all(|n| (n[0].distance, n[0].index) < (n[1].distance, n[1].index)));
}

#[test]
fn a_picture_of_another_extent_is_refused_and_says_both() {
    let scratch = Scratch::new("nearest-extent");
    util::drawn_dataset(&scratch, 8, &[("train", 3)]);
    let dataset = Dataset::open(&scratch).unwrap();
    let error = nearest(&[drawn(6, "asked", 0)], &dataset.split("train").unwrap(), 1).unwrap_err();
    assert!(matches!(&error, NearestError::Extent { .. }), "{error}");
    assert!(error.to_string().contains("6×6×3") && error.to_string().contains("8×8×3"), "{error}");
}
