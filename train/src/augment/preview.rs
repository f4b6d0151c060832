//! A sheet that shows the effect of a pipeline.

use burn::tensor::{Device, Tensor, TensorData};
use shared::nn::config::AugmentConfig;
use shared::nn::range::Range;
use shared::picture::{Picture, grid};
use shared::rng;

/// p of each row, from the top.
const PROBABILITIES: [f64; 4] = [0.0, 0.2, 0.5, 0.8];

/// Pixels between pictures.
const PADDING: u32 = 2;

/// A sheet with the same pictures in each row, augmented with p = 0, 0.2, 0.5 and 0.8 from the top.
/// All pictures must have the same size.
#[must_use]
pub fn preview(config: &AugmentConfig, pictures: &[Picture], seed: u64) -> Picture {
    let Some(first) = pictures.first() else { return grid(pictures, 1, PADDING) };
    let [channels, height, width] = [first.channels, first.height, first.width].map(|n| n as usize);
    let values: Vec<f32> =
        pictures.iter().flat_map(|p| &p.pixels).map(|&v| f32::from(v) / 255.0).collect();
    let x = TensorData::new(values, [pictures.len(), height, width, channels]);
    let x = Tensor::<4>::from_data(x, &Device::flex()).permute([0, 3, 1, 2]); // [B, C, H, W]
    let rows = PROBABILITIES.iter().zip(0..).flat_map(|(&p, row)| {
        let mut stream = rng::stream(seed, "augment preview", row);
        let plan = super::draw(
            config,
            p,
            pictures.len(),
            [channels, height, width],
            Range::Unit,
            &mut stream,
        );
        let y: Vec<f32> =
            plan.apply(x.clone()).permute([0, 2, 3, 1]).into_data().iter::<f32>().collect();
        let pixels =
            y.into_iter().map(|v| (v.clamp(0.0, 1.0) * 255.0 + 0.5) as u8).collect::<Vec<_>>();
        let shown = pixels
            .chunks(first.pixels.len())
            .map(|pixels| Picture { pixels: pixels.to_vec(), ..first.clone() });
        shown.collect::<Vec<_>>()
    });
    let shown: Vec<Picture> = rows.collect();
    grid(&shown, pictures.len(), PADDING)
}
