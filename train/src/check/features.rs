//! Inception's features with random weights, and KID of the same generator's pictures, generated
//! and measured on each device.

use burn::tensor::Device;
use shared::metrics::inception::{self, Inception};
use shared::metrics::kid::{self, Batches};
use shared::metrics::network::FeatureNetwork;
use shared::metrics::resize::{Preprocessing, RgbPicture};
use shared::nn::preset::PRESETS;
use shared::picture::Picture;

use super::case::{Case, Outputs, Scale};
use super::extent::Extent;
use super::networks::Networks;
use super::numbers::stream;
use super::pictures::sampler;
use super::tolerance::Kind;

/// All rows.
#[must_use]
pub fn cases(extent: Extent) -> Vec<Case> {
    let mut cases = vec![Case::new("features of 75×75 pictures", Kind::Features, |device| {
        of(Preprocessing::KERAS_75, 3, device)
    })];
    if extent == Extent::Whole {
        cases.push(Case::new("features of 299×299 pictures", Kind::Features, |device| {
            of(Preprocessing::TORCH_FIDELITY, 2, device)
        }));
        cases.push(Case::new("kid of 64 pictures", Kind::Kid, |device| kid(64, device)));
    } else {
        cases.push(Case::new("kid of 8 pictures", Kind::Kid, |device| kid(8, device)));
    }
    cases
}

/// Coarse blocks and noise.
fn blocks(count: usize, side: usize) -> Vec<RgbPicture> {
    let mut numbers = stream("real pictures");
    let one = |_| {
        let coarse: Vec<f64> = (0..3 * 16).map(|_| numbers.between(20.0, 230.0)).collect();
        let pixel = |i: usize| {
            let (x, y, c) = (i / 3 % side, i / 3 / side, i % 3);
            (coarse[(y * 4 / side * 4 + x * 4 / side) * 3 + c] + numbers.between(-20.0, 20.0)) as u8
        };
        RgbPicture { width: side, height: side, pixels: (0..side * side * 3).map(pixel).collect() }
    };
    (0..count).map(one).collect()
}

fn of(preprocessing: Preprocessing, count: usize, device: &Device) -> Outputs {
    let layers = inception::LAYERS;
    let found = Inception::random(0, device).features(&blocks(count, 64), preprocessing, &layers);
    let mut outputs = Outputs::default();
    layers.iter().zip(found).for_each(|(layer, features)| {
        outputs.list(layer.name, features.values().to_vec(), Scale::Own)
    });
    outputs
}

fn rgb(picture: Picture) -> RgbPicture {
    RgbPicture {
        width: picture.width as usize,
        height: picture.height as usize,
        pixels: picture.pixels,
    }
}

fn kid(count: usize, device: &Device) -> Outputs {
    let seeds: Vec<u64> = (0..count as u64).collect();
    let mut outputs = Outputs::default();
    for preset in PRESETS.iter().filter(|p| p.name == "gan-ada") {
        let made = sampler(&Networks::narrow(preset, 8, 2), device)
            .pictures(&seeds)
            .into_iter()
            .map(rgb)
            .collect::<Vec<_>>();
        let inception = Inception::random(0, device);
        let features = |pictures: &[RgbPicture]| {
            let chunks = pictures.chunks(16).map(|chunk| {
                inception.features(chunk, Preprocessing::KERAS_75, &[inception::POOL_2048])
            });
            chunks.flatten().reduce(|mut all, more| {
                all.append(&more);
                all
            })
        };
        let (generated, real) = (features(&made), features(&blocks(count, 64)));
        let found = generated
            .zip(real)
            .map(|(g, r)| kid::over_batches(&g, &r, Batches { size: count / 2, seed: 0 }));
        match found {
            Some(Ok(kid)) => outputs.list("kid", vec![kid.mean as f32], Scale::One),
            Some(Err(error)) => panic!("{error}"),
            None => panic!("no pictures"),
        }
    }
    outputs
}
