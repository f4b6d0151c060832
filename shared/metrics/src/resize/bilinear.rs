//! The three bilinear filters. Each row is interpolated along x once; then rows are interpolated
//! along y.

use super::picture::{Filter, RGB, RgbPicture};

/// For each output position, the two source positions and the weight of the second.
struct Taps {
    low: Vec<usize>,
    high: Vec<usize>,
    weight: Vec<f32>,
}

impl Taps {
    fn new(filter: Filter, source: usize, side: usize) -> Self {
        // A quotient of small integers in f64, rounded to f32, equals their quotient in f32; the
        // references use either.
        let step = (source as f64 / side as f64) as f32;
        let mut taps = Self { low: Vec::new(), high: Vec::new(), weight: Vec::new() };
        for i in 0..side {
            let at = match filter {
                Filter::Tf1Bilinear => i as f32 * step,
                Filter::PytorchBilinear => ((i as f32 + 0.5) * step - 0.5).max(0.0),
                _ => (i as f32 + 0.5) * step - 0.5,
            };
            // Left of the first pixel's centre, floor is −1: both neighbours are the first pixel.
            let floor = at.floor();
            taps.low.push((floor.max(0.0) as usize).min(source - 1));
            taps.high.push(((floor + 1.0).max(0.0) as usize).min(source - 1));
            taps.weight.push(at - floor);
        }
        taps
    }
}

/// TensorFlow's form: adds a fraction of the difference.
fn lerp(a: f32, b: f32, weight: f32) -> f32 {
    a + (b - a) * weight
}

/// PyTorch's form: a·(1 − w), unrounded, is added to the rounded b·w. A product of two f32 is exact
/// in f64.
fn blend(a: f32, b: f32, weight: f32) -> f32 {
    (f64::from(a) * f64::from(1.0 - weight) + f64::from(b * weight)) as f32
}

/// Resizes `picture`, whose levels map to `levels`, into `out` [3, side, side].
pub(super) fn resize(
    picture: &RgbPicture,
    filter: Filter,
    side: usize,
    levels: &[f32; 256],
    out: &mut [f32],
) {
    match filter {
        Filter::PytorchBilinear => resize_by(picture, filter, side, levels, out, blend),
        _ => resize_by(picture, filter, side, levels, out, lerp),
    }
}

fn resize_by(
    picture: &RgbPicture,
    filter: Filter,
    side: usize,
    levels: &[f32; 256],
    out: &mut [f32],
    mix: impl Fn(f32, f32, f32) -> f32,
) {
    let (columns, rows) =
        (Taps::new(filter, picture.width, side), Taps::new(filter, picture.height, side));
    // [height, 3, side]
    let mut wide = vec![0.0f32; picture.height * RGB * side];
    for (source, wide) in
        picture.pixels.chunks_exact(picture.width * RGB).zip(wide.chunks_exact_mut(RGB * side))
    {
        let level = |x: usize, channel: usize| levels[usize::from(source[x * RGB + channel])];
        for (channel, wide) in wide.chunks_exact_mut(side).enumerate() {
            for (i, v) in wide.iter_mut().enumerate() {
                *v = mix(
                    level(columns.low[i], channel),
                    level(columns.high[i], channel),
                    columns.weight[i],
                );
            }
        }
    }
    for (channel, plane) in out.chunks_exact_mut(side * side).enumerate() {
        for (i, line) in plane.chunks_exact_mut(side).enumerate() {
            let row = |y: usize| &wide[(y * RGB + channel) * side..][..side];
            let (top, bottom, weight) = (row(rows.low[i]), row(rows.high[i]), rows.weight[i]);
            for ((v, top), bottom) in line.iter_mut().zip(top).zip(bottom) {
                *v = mix(*top, *bottom, weight);
            }
        }
    }
}
