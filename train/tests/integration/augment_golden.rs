//! The warp against an independent f64 reference: `tools/golden_augment.py` on a ramp and on noise,
//! and a second one written here, step by step instead of by matrices, on real pictures.

use crate::util;

use burn::tensor::{Device, Tensor, TensorData};
use shared::archive::Archive;
use shared::picture::{Limits, Picture};
use shared::testing::relative_difference;
use train::augment::keras::Transform;
use train::augment::{Affine, warp};
use util::{committed, golden, outside, signed};

/// f32 rounds the weights and the four products at 6e-8 each; the reference is f64 rounded to f32.
const TOLERANCE: f64 = 1e-6;

fn transform(row: &[f64]) -> Transform {
    Transform {
        flip: row[0] == 1.0,
        shift_y: row[1],
        shift_x: row[2],
        rotation: row[3],
        zoom_y: row[4],
        zoom_x: row[5],
    }
}

fn picture(values: &[f64], shape: [usize; 4]) -> Tensor<4> {
    let values: Vec<f32> = values.iter().map(|&v| v as f32).collect();
    Tensor::from_data(TensorData::new(values, shape), &Device::flex())
}

#[test]
fn matrices_values_and_gradients_equal_the_f64_reference() {
    let (file, metadata) = golden(&committed("augment.safetensors"));
    let params = &file["params"].1;
    let rows: Vec<&str> = metadata["rows"].split("; ").collect();
    assert_eq!(params.len(), 6 * rows.len(), "numbers that nothing is compared with");
    for (k, row) in rows.iter().enumerate() {
        for (name, matrices, height) in [
            ("ramp", "matrices", 16),
            ("noise", "matrices", 16),
            ("picture", "matrices.picture", 12),
        ] {
            let map = transform(&params[k * 6..][..6]).affine(height, 16);
            for (found, expected) in
                map.0.as_flattened().iter().zip(&file[matrices].1[k * 6..][..6])
            {
                assert!((found - expected).abs() < 1e-12, "{row}: {found} {expected}");
            }
            let values = 3 * height * 16;
            let y = warp(picture(&file[name].1, [1, 3, height, 16]), &[Some(map)]);
            let d = relative_difference(
                y.into_data().iter::<f32>(),
                file[&format!("out.{name}")].1[k * values..][..values].iter().copied(),
            );
            assert!(d < TOLERANCE, "{row} on {name}: {d:.1e}");
        }
        let map = transform(&params[k * 6..][..6]).affine(16, 16);
        let x = picture(&file["noise"].1, [1, 3, 16, 16]).autodiff().require_grad();
        let upstream: Vec<f32> =
            signed("augment.upstream", rows.len() * 768, 1.0)[k * 768..][..768].to_vec();
        let upstream =
            Tensor::<4>::from_data(TensorData::new(upstream, [1, 3, 16, 16]), &Device::flex());
        let grads = (warp(x.clone(), &[Some(map)]) * upstream).sum().backward();
        let gradient = x.grad(&grads).expect("gradient").into_data();
        let d = relative_difference(
            gradient.iter::<f32>(),
            file["grad.noise"].1[k * 768..][..768].iter().copied(),
        );
        assert!(d < TOLERANCE, "gradient of {row}: {d:.1e}");
    }
}

/// The value that output pixel (x, y) shows: undo zoom, rotation, shift and flip in turn, then mix
/// four pixels.
fn reference(p: &Picture, t: &Transform, c: usize, x: usize, y: usize) -> f64 {
    let (w, h) = (f64::from(p.width), f64::from(p.height));
    let (mut u, mut v) = (x as f64 - (w - 1.0) / 2.0, y as f64 - (h - 1.0) / 2.0);
    (u, v) = (u * (1.0 + t.zoom_x), v * (1.0 + t.zoom_y));
    let (sin, cos) = (t.rotation * std::f64::consts::TAU).sin_cos();
    (u, v) = (u * cos - v * sin, u * sin + v * cos);
    (u, v) = (
        u + (w - 1.0) / 2.0 - (t.shift_x * w).round_ties_even(),
        v + (h - 1.0) / 2.0 - (t.shift_y * h).round_ties_even(),
    );
    if t.flip {
        u = w - 1.0 - u;
    }
    let mirrored = |mut i: i64, n: i64| {
        while !(0..n).contains(&i) {
            i = if i < 0 { -1 - i } else { 2 * n - 1 - i };
        }
        i as usize
    };
    let mut value = 0.0;
    for (dy, dx) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        let weight = |s: f64, d: i64| if d == 1 { s - s.floor() } else { 1.0 - (s - s.floor()) };
        let (i, j) =
            (mirrored(v.floor() as i64 + dy, h as i64), mirrored(u.floor() as i64 + dx, w as i64));
        let pixel = p.pixels[(i * p.width as usize + j) * 3 + c];
        value += weight(v, dy) * weight(u, dx) * f64::from(pixel) / 255.0;
    }
    value
}

#[test]
fn real_pictures_equal_the_reference_and_the_gradient_is_the_exact_transpose() {
    let Some(path) = outside("golden/birds.zip") else { return };
    let archive = Archive::open(path).expect("open");
    let entries: Vec<usize> = archive.pictures().take(8).collect();
    let mut stream = shared::rng::stream(11, "augment test", 0);
    for entry in entries {
        let p = Picture::decode(&archive.read(entry, 1 << 20).expect("read"), &Limits::default())
            .expect("decode");
        let (w, h) = (p.width as usize, p.height as usize);
        let t = Transform::draw(&mut stream);
        let planes: Vec<f64> = (0..3 * w * h)
            .map(|i| f64::from(p.pixels[i % (w * h) * 3 + i / (w * h)]) / 255.0)
            .collect();
        let x = picture(&planes, [1, 3, h, w]).autodiff().require_grad();
        let maps: [Option<Affine>; 1] = [Some(t.affine(h, w))];
        let y = warp(x.clone(), &maps);
        let expected: Vec<f64> =
            (0..3 * w * h).map(|i| reference(&p, &t, i / (w * h), i % w, i / w % h)).collect();
        let d = relative_difference(
            y.clone().inner().into_data().iter::<f32>(),
            expected.iter().copied(),
        );
        assert!(d < 2e-6, "{t:?}: {d:.1e}");
        // <g, A·x> = <Aᵀg, x> for the transpose that the backward pass applies.
        let g = signed("augment.transpose", 3 * w * h, 1.0);
        let grads =
            (y * Tensor::<4>::from_data(TensorData::new(g.clone(), [1, 3, h, w]), &Device::flex()))
                .sum()
                .backward();
        let back: Vec<f32> = x.grad(&grads).expect("gradient").into_data().iter::<f32>().collect();
        let left: f64 = g.iter().zip(&expected).map(|(g, y)| f64::from(*g) * y).sum();
        let right: f64 = back.iter().zip(&planes).map(|(b, x)| f64::from(*b) * x).sum();
        assert!((left - right).abs() < 1e-4 * (1.0 + left.abs()), "{left} {right}");
    }
}
