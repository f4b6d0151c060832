//! Windows and area resampling equal TensorFlow's; the golden values come from
//! `tools/golden_crop.py`.

use prep::crop::BoundingBox;
use prep::pixels::{Resampling, crop_and_resize};
use serde::Deserialize;
use shared::picture::{Picture, Window};
use shared::testing::largest_difference;

#[derive(Deserialize)]
struct Golden {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    kind: String,
    width: u32,
    height: u32,
    channels: u32,
    seed: u32,
    #[serde(rename = "box")]
    bounding_box: [f64; 4],
    padding: f64,
    size: u32,
    window: [u32; 4],
    offset: usize,
}

fn picture(case: &Case) -> Picture {
    crate::util::drawn(&case.kind, case.seed, case.width, case.height, case.channels)
}

#[test]
fn crops_of_drawn_pictures_equal_tensorflow() {
    let golden: Golden =
        serde_json::from_slice(include_bytes!("../golden/crop.json")).expect("golden");
    let data = include_bytes!("../golden/crop.bin");
    let (mut values, mut differing) = (0, 0);
    for (number, case) in golden.cases.iter().enumerate() {
        let [x, y, width, height] = case.bounding_box;
        let window =
            BoundingBox { x, y, width, height }.window(case.padding, case.width, case.height);
        let [top, left, rows, columns] = case.window;
        assert_eq!(
            window,
            Some(Window { left, top, width: columns, height: rows }),
            "window of case {number}"
        );
        let ours = crop_and_resize(
            &picture(case),
            window.expect("checked above"),
            case.size,
            case.size,
            Resampling::Area,
        );
        let theirs = &data[case.offset..case.offset + ours.len()];
        let largest = largest_difference(ours.iter().copied(), theirs.iter().copied());
        assert!(largest <= 1.0, "case {number} differs by {largest}");
        values += ours.len();
        differing += ours.iter().zip(theirs).filter(|(a, b)| a != b).count();
    }
    println!("{} cases, {values} values, {differing} differ by 1/255", golden.cases.len());
    assert_eq!((golden.cases.len(), values), (103, data.len()));
}
