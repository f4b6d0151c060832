//! Resampling equals Pillow's and TensorFlow's; the golden values come from
//! `tools/golden_resample.py`.

use clap::ValueEnum;
use prep::pixels::{Resampling, crop_and_resize};
use serde::Deserialize;
use shared::picture::{Picture, Window};

#[derive(Deserialize)]
struct Golden {
    methods: Vec<String>,
    cases: Vec<Case>,
}

#[derive(Debug, Deserialize)]
struct Case {
    kind: String,
    width: u32,
    height: u32,
    channels: u32,
    seed: u32,
    /// Left, top, width, height.
    window: [u32; 4],
    size: [u32; 2],
    offset: usize,
}

impl Case {
    fn picture(&self) -> Picture {
        crate::util::drawn(&self.kind, self.seed, self.width, self.height, self.channels)
    }
}

#[test]
fn every_byte_equals_pillows_and_tensorflows() {
    let golden: Golden =
        serde_json::from_slice(include_bytes!("../golden/resample.json")).expect("golden");
    let data = include_bytes!("../golden/resample.bin");
    let mut values = 0;
    for case in &golden.cases {
        let picture = case.picture();
        let ([left, top, width, height], [columns, rows]) = (case.window, case.size);
        let window = Window { left, top, width, height };
        let mut theirs = &data[case.offset..];
        for name in &golden.methods {
            let method = Resampling::from_str(name, false).expect("a method");
            let ours = crop_and_resize(&picture, window, columns, rows, method);
            let differing = ours.iter().zip(theirs).filter(|(a, b)| a != b).count();
            assert_eq!(differing, 0, "bytes of {} by {name} in {case:?}", ours.len());
            theirs = &theirs[ours.len()..];
            values += ours.len();
        }
    }
    assert_eq!((values, golden.methods.len()), (data.len(), Resampling::value_variants().len()));
}
