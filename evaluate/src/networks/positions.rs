//! DINOv2's position embeddings for a number of patches other than that of training.
//!
//! The hub code (`vision_transformer.py`, `interpolate_pos_encoding`), the source of published
//! numbers, resizes the 37×37 grid bicubically without antialiasing by the factor (16 + 0.1)/37
//! instead of 16/37: the 0.1 once kept a size from being rounded down. Output i lies at (i +
//! ½)/factor − ½ of the input. transformers' `Dinov2Model` uses 16/37; its features equal the hub's
//! bit by bit with the hub's embeddings, and differ by 5 % of the largest value with its own (5.23,
//! weights of our test).

/// Patches along a side in training: 518/14.
pub(super) const TRAINED: usize = 37;
/// The hub code's addition to the number of patches.
const OFFSET: f64 = 0.1;
/// The parameter of PyTorch's cubic kernel.
const A: f32 = -0.75;

/// The four inputs of an output position, with their weights.
struct Taps([(usize, f32); 4]);

fn taps(out: usize) -> Vec<Taps> {
    let step = (1.0 / ((out as f64 + OFFSET) / TRAINED as f64)) as f32;
    let near = |t: f32| ((A + 2.0) * t - (A + 3.0)) * t * t + 1.0;
    let far = |t: f32| ((A * t - 5.0 * A) * t + 8.0 * A) * t - 4.0 * A;
    let taps = |i: usize| {
        let at = step * (i as f32 + 0.5) - 0.5;
        let floor = at.floor();
        let t = at - floor;
        let weights = [far(t + 1.0), near(t), near(1.0 - t), far(2.0 - t)];
        let place =
            |k: usize| (floor as isize + k as isize - 1).clamp(0, TRAINED as isize - 1) as usize;
        Taps(std::array::from_fn(|k| (place(k), weights[k])))
    };
    (0..out).map(taps).collect()
}

/// Resizes the embeddings of a class token and `TRAINED`² patches to `patches`² patches.
///
/// # Shapes
/// `trained` [1 + 37 · 37, `width`], row by row → [1 + `patches`², `width`].
pub(super) fn resized(trained: &[f32], width: usize, patches: usize) -> Vec<f32> {
    let (class, grid) = trained.split_at(width);
    let taps = taps(patches);
    let mut out = class.to_vec();
    for Taps(rows) in &taps {
        for Taps(columns) in &taps {
            let value = |channel: usize| -> f32 {
                let along = |row: usize| -> f32 {
                    columns
                        .iter()
                        .map(|&(column, weight)| {
                            grid[(row * TRAINED + column) * width + channel] * weight
                        })
                        .sum()
                };
                rows.iter().map(|&(row, weight)| along(row) * weight).sum()
            };
            out.extend((0..width).map(value));
        }
    }
    out
}
