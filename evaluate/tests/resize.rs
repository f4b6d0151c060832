//! Resizers against the references (`tools/golden_resize.py`): the SHA-256 of all resized values,
//! so every bit is theirs. They add, multiply and divide IEEE numbers in a fixed order, so this
//! holds on every machine.

use std::path::Path;

use evaluate::features::lab::Lab;
use evaluate::networks::VGG16;
use evaluate::protocols::protocol::{PROTOCOLS, Protocol};
use serde_json::Value;
use sha2::{Digest, Sha256};
use shared::archive::Archive;
use shared::metrics::resize::{Filter, Preprocessing, RgbPicture, Scale};
use shared::picture::{Limits, Picture};
use shared::testing::largest_difference;

use crate::common::data::data;

const fn to(filter: Filter, side: usize, scale: Scale) -> Preprocessing {
    Preprocessing { filter, side, scale }
}

/// Sides that no protocol has, of the same filters.
const OTHER_SIDES: [(&str, Preprocessing); 8] = [
    ("tf1-75", to(Filter::Tf1Bilinear, 75, Scale::By128)),
    ("tf1-224", to(Filter::Tf1Bilinear, 224, Scale::By128)),
    ("keras-224", to(Filter::KerasBilinear, 224, Scale::By127)),
    ("keras-299", to(Filter::KerasBilinear, 299, Scale::By127)),
    ("pytorch-75", to(Filter::PytorchBilinear, 75, Scale::Unit)),
    ("pytorch-224", to(Filter::PytorchBilinear, 224, Scale::Unit)),
    ("pil-75", to(Filter::PilBicubic, 75, Scale::By128)),
    ("pil-224", to(Filter::PilBicubic, 224, Scale::By128)),
];

/// All resizers, by their names in the golden file.
fn references() -> Vec<(&'static str, Preprocessing)> {
    let name = |protocol: &Protocol| match protocol.name {
        "torch-fidelity" | "stylegan" => "tf1-299",
        "pytorch-fid" => "pytorch-299",
        "clean-fid" => "pil-299",
        "keras75" | "keras75-fid" => "keras-75",
        other => panic!("{other} has no golden values"),
    };
    let mut all = OTHER_SIDES.to_vec();
    for protocol in &PROTOCOLS {
        let own = (name(protocol), Lab::preprocessing(protocol, protocol.network));
        if !all.contains(&own) {
            all.push(own);
        }
    }
    let torch_fidelity = Protocol::of("torch-fidelity").expect("known");
    all.push(("imagenet-224", Lab::preprocessing(torch_fidelity, &VGG16)));
    all
}

/// Cases in the golden file with drawn and with real pictures.
const DRAWN: usize = 16;
const REAL: usize = 15;

fn golden() -> Vec<Value> {
    let golden: Value =
        serde_json::from_str(include_str!("golden/resize.json")).expect("golden file");
    golden["cases"].as_array().expect("cases").clone()
}

fn mix(a: u32, b: u32, c: u32) -> u32 {
    (a.wrapping_mul(73_856_093) ^ b.wrapping_mul(19_349_663) ^ c.wrapping_mul(83_492_791))
        .wrapping_mul(2_654_435_761)
}

/// The drawn picture of a case.
fn drawn(case: &Value) -> RgbPicture {
    let number =
        |key: &str| case[key].as_u64().unwrap_or_else(|| panic!("{key} in {case}")) as usize;
    let (kind, height, width) = (number("kind"), number("height"), number("width"));
    let value = |y: usize, x: usize, c: usize| match case["picture"].as_str().expect("a name") {
        "noise" => (mix(kind as u32, ((y * width + x) * 3 + c) as u32, 5) >> 24) as u8,
        "checkerboard" => 255 * ((x / (c + 1) + y / (c + 1)) % 2) as u8,
        _ => match c {
            0 => (255 * x / (width - 1).max(1)) as u8,
            1 => (255 * y / (height - 1).max(1)) as u8,
            _ => (7 * (x + y) % 256) as u8,
        },
    };
    let places =
        (0..height).flat_map(|y| (0..width).flat_map(move |x| (0..3).map(move |c| (y, x, c))));
    RgbPicture { width, height, pixels: places.map(|(y, x, c)| value(y, x, c)).collect() }
}

/// The resizers whose result for `picture` differs from the case.
fn differences(picture: &RgbPicture, case: &Value) -> Vec<String> {
    let differs = |&(name, preprocessing): &(&str, Preprocessing)| {
        let ours = preprocessing.batch(std::slice::from_ref(picture));
        let bytes: Vec<u8> = ours.iter().flat_map(|v| v.to_le_bytes()).collect();
        let sha256: String = Sha256::digest(&bytes).iter().map(|b| format!("{b:02x}")).collect();
        if case[name]["sha256"] == sha256.as_str() {
            return None;
        }
        // The same places as the script prints, to show how far off it is.
        let (side, n) = (preprocessing.side, preprocessing.side - 1);
        let places = [(0, 0), (n / 2, n), (n / 3, n / 5), (n, n / 2)];
        let values: Vec<f32> = places
            .iter()
            .enumerate()
            .map(|(i, (row, column))| ours[((i % 3) * side + row) * side + column])
            .collect();
        Some(format!("{name}: {values:?} against {}", case[name]["values"]))
    };
    references().iter().filter_map(differs).collect()
}

#[test]
fn drawn_pictures_resized_have_the_references_bits() {
    let cases = golden();
    let cases: Vec<&Value> = cases.iter().filter(|case| case.get("name").is_none()).collect();
    assert_eq!(cases.len(), DRAWN, "drawn pictures in the golden file");
    for case in cases {
        let wrong = differences(&drawn(case), case);
        let (name, height, width) = (&case["picture"], &case["height"], &case["width"]);
        assert!(wrong.is_empty(), "{name} {height}×{width}: {wrong:#?}");
    }
}

fn read(folder: &Path, name: &str) -> RgbPicture {
    let archive = Archive::open(folder).expect("archive");
    let entry = archive.find(name.as_bytes()).expect("entry");
    Picture::decode_opaque(&archive.read(entry, 1 << 24).expect("read"), &Limits::default())
        .expect("picture")
        .into()
}

#[test]
fn real_pictures_resized_have_the_references_bits() {
    let Some(data) = data() else { return };
    let cases = golden();
    let real = cases
        .iter()
        .filter_map(|case| Some((case["picture"].as_str()?, case["name"].as_str()?, case)));
    let mut count = 0;
    for (place, name, case) in real {
        let wrong = differences(&read(&data.join(place), name), case);
        assert!(wrong.is_empty(), "{name} in {place}: {wrong:#?}");
        count += 1;
    }
    assert_eq!(count, REAL, "real pictures in the golden file");
}

#[test]
fn one_colour_stays_one_colour() {
    // The weights of a cubic add up to 1 within rounding of f64, so even they change no level by
    // more than one rounding.
    for (name, preprocessing) in references() {
        let picture = RgbPicture { width: 37, height: 53, pixels: [200, 7, 91].repeat(37 * 53) };
        let values = preprocessing.batch(&[picture]);
        for plane in values.chunks_exact(preprocessing.side * preprocessing.side) {
            let spread = largest_difference(plane.iter().copied(), vec![plane[0]; plane.len()]);
            assert!(spread <= 2e-6, "{name}: {spread}");
        }
    }
}
