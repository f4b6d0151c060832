//! Rasterizing a scene. Edges are smooth because each pixel is the mean of several samples.

use shared::picture::Picture;

use super::scene::{Color, Scene};
use crate::crop::BoundingBox;

/// Samples along each side of a pixel.
const SAMPLES: u32 = 3;
/// Largest distance of an object from its middle, in its own units.
const REACH: f64 = 1.1;

/// Draws the scene, and returns the box around the samples that hit the object.
pub(super) fn render(scene: &Scene) -> (Picture, BoundingBox) {
    let mut picture = Picture::filled(scene.width, scene.height, 3, 0);
    let (mut low, mut high) = ((f64::MAX, f64::MAX), (f64::MIN, f64::MIN));
    let step = 1.0 / f64::from(SAMPLES);
    let reach = scene.scale * REACH + 1.0;
    let near = |v: f64, center: f64| (v - center).abs() <= reach;
    let mut pixels = picture.pixels.chunks_exact_mut(3);
    for y in 0..scene.height {
        let background = background(scene, (f64::from(y) + 0.5) / f64::from(scene.height));
        for x in 0..scene.width {
            let Some(pixel) = pixels.next() else { continue };
            let (left, top) = (f64::from(x), f64::from(y));
            if !near(left, scene.center.0) || !near(top, scene.center.1) {
                store(pixel, background);
                continue;
            }
            let mut sum = [0.0; 3];
            for sample in 0..SAMPLES * SAMPLES {
                let at = |k: u32, start: f64| start + (f64::from(k) + 0.5) * step;
                let (sx, sy) = (at(sample % SAMPLES, left), at(sample / SAMPLES, top));
                let hit = object(scene, sx, sy);
                if hit.is_some() {
                    low = (low.0.min(sx), low.1.min(sy));
                    high = (high.0.max(sx), high.1.max(sy));
                }
                let color = hit.unwrap_or(background);
                (0..3).for_each(|c| sum[c] += color[c]);
            }
            store(pixel, sum.map(|v| v / f64::from(SAMPLES * SAMPLES)));
        }
    }
    let half = step / 2.0;
    let bounding_box = BoundingBox {
        x: low.0 - half,
        y: low.1 - half,
        width: high.0 - low.0 + step,
        height: high.1 - low.1 + step,
    };
    (picture, bounding_box)
}

fn background(scene: &Scene, down: f64) -> Color {
    let [top, bottom] = scene.background;
    // Smoothstep: a soft horizon in the middle.
    let t = down * down * (3.0 - 2.0 * down);
    [0, 1, 2].map(|c| top[c] + (bottom[c] - top[c]) * t)
}

/// The object's colour at a point, if it is there: the front-most layer, lit from above.
fn object(scene: &Scene, x: f64, y: f64) -> Option<Color> {
    let (dx, dy) = ((x - scene.center.0) / scene.scale, (y - scene.center.1) / scene.scale);
    let (cos, sin) = scene.turn;
    let (u, v) = ((dx * cos + dy * sin) * scene.facing, dy * cos - dx * sin);
    let (_, color) = scene.layers.iter().rev().find(|(shape, _)| shape.contains(u, v))?;
    let light = 1.0 - 0.18 * dy;
    Some(color.map(|channel| (channel * light).min(1.0)))
}

fn store(pixel: &mut [u8], color: Color) {
    pixel.iter_mut().zip(color).for_each(|(byte, v)| *byte = (v * 255.0 + 0.5) as u8);
}
