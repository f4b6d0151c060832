//! Crops and resampling equal TensorFlow's: the golden values come from `tools/golden_crop.py`.

use prep::area::crop_and_resize;
use prep::crop::{BoundingBox, Window};
use serde::Deserialize;
use shared::picture::Picture;

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

/// The formulas of `tools/golden_crop.py`.
fn picture(case: &Case) -> Picture {
    let mut pixels = Vec::new();
    for y in 0..case.height {
        for x in 0..case.width {
            for c in 0..case.channels {
                let mut h = x.wrapping_mul(73_856_093) ^ y.wrapping_mul(19_349_663) ^ c.wrapping_mul(83_492_791);
                h ^= case.seed.wrapping_mul(2_654_435_761);
                h ^= h >> 13;
                h = h.wrapping_mul(0x5bd1_e995);
                h ^= h >> 15;
                pixels.push(if case.kind == "ramp" { (x * 3 + y * 5 + c * 40 + case.seed) as u8 } else { h as u8 });
            }
        }
    }
    Picture { width: case.width, height: case.height, channels: case.channels, pixels }
}

#[test]
fn crops_of_drawn_pictures_equal_tensorflow() {
    let golden: Golden = serde_json::from_slice(include_bytes!("golden/crop.json")).expect("golden");
    let data = include_bytes!("golden/crop.bin");
    let (mut values, mut differing) = (0, 0);
    for (number, case) in golden.cases.iter().enumerate() {
        let [x, y, width, height] = case.bounding_box;
        let window = BoundingBox { x, y, width, height }.window(case.padding, case.width, case.height);
        let [top, left, rows, columns] = case.window;
        assert_eq!(window, Some(Window { left, top, width: columns, height: rows }), "window of case {number}");
        let ours = crop_and_resize(&picture(case), window.expect("checked above"), case.size);
        let theirs = &data[case.offset..case.offset + ours.len()];
        let largest = ours.iter().zip(theirs).map(|(a, b)| a.abs_diff(*b)).max();
        assert!(largest <= Some(1), "case {number} differs by {largest:?}");
        values += ours.len();
        differing += ours.iter().zip(theirs).filter(|(a, b)| a != b).count();
    }
    println!("{} cases, {values} values, {differing} differ by 1/255", golden.cases.len());
    assert!(golden.cases.len() > 80);
}
