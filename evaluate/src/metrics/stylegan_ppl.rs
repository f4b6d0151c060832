//! Perceptual Path Length as StyleGAN2 measures it (`metrics/perceptual_path_length.py` of
//! stylegan2-ada-pytorch): pictures are compared as the synthesis network makes them, in f32 and not
//! clamped; paths lead through z or through w; noise is drawn anew for every batch and the same for
//! both ends of a step.
//!
//! Random numbers are fledge's own: latents from the stream `path length` of a pair, noise from
//! `path length noise` of a batch.

use burn::tensor::Tensor;
use shared::metrics::lpips::Lpips;

/// The step, as a fraction of a path.
pub const EPSILON: f64 = 1e-4;
/// The extent to which larger pictures are averaged.
const COMPARED: usize = 256;

/// A path length by NVIDIA's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PathKind {
    /// `ppl2_wend`: StyleGAN2's.
    Wend2,
    /// `ppl_zfull`.
    Zfull,
    /// `ppl_wfull`.
    Wfull,
    /// `ppl_zend`.
    Zend,
    /// `ppl_wend`.
    Wend,
}

impl PathKind {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Wend2, Self::Zfull, Self::Wfull, Self::Zend, Self::Wend];

    /// NVIDIA's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Wend2 => "ppl2_wend",
            Self::Zfull => "ppl_zfull",
            Self::Wfull => "ppl_wfull",
            Self::Zend => "ppl_zend",
            Self::Wend => "ppl_wend",
        }
    }

    /// The path leads through w; otherwise through z.
    #[must_use]
    pub const fn in_w(self) -> bool {
        matches!(self, Self::Wend2 | Self::Wfull | Self::Wend)
    }

    /// Steps are anywhere on a path; otherwise at its beginning.
    #[must_use]
    pub const fn is_full(self) -> bool {
        matches!(self, Self::Zfull | Self::Wfull)
    }

    /// Only the part of pictures in which aligned faces lie is compared.
    #[must_use]
    pub const fn is_cropped(self) -> bool {
        !matches!(self, Self::Wend2)
    }

    /// Height and width of the smallest pictures of which VGG16 has features.
    #[must_use]
    pub const fn least_size(self) -> usize {
        if self.is_cropped() { 32 } else { 16 }
    }
}

/// The distances between pictures at both ends of a step, divided by its square.
///
/// # Shapes
/// `first`, `second` [B, 1 or 3, H, W], nominally in [−1, 1] → `[B]`.
#[must_use]
pub fn distances(lpips: &Lpips, kind: PathKind, first: Tensor<4>, second: Tensor<4>) -> Vec<f64> {
    let [first, second] = [first, second].map(|x| lpips.features(compared(kind, x)));
    let apart = lpips.between(&first, &second).into_data();
    apart.iter::<f32>().map(|d| f64::from(d) / EPSILON.powi(2)).collect()
}

/// The part of pictures that is compared, in three channels on the scale of 8 bits.
fn compared(kind: PathKind, x: Tensor<4>) -> Tensor<4> {
    let [_, _, height, width] = x.dims();
    let x = if kind.is_cropped() {
        // Rows 3/8 to 7/8 and columns 2/8 to 6/8, both by the eighth of the height.
        let c = height / 8;
        x.narrow(2, 3 * c, 4 * c).narrow(3, 2 * c, 4 * c)
    } else {
        x
    };
    let factor = width / COMPARED;
    let x = if factor > 1 { averaged(x, factor) } else { x };
    let x = (x + 1.0) * 127.5;
    if x.dims()[1] == 1 { x.repeat_dim(1, 3) } else { x }
}

/// The mean of every `factor` × `factor` pixels.
fn averaged(x: Tensor<4>, factor: usize) -> Tensor<4> {
    let [batch, channels, height, width] = x.dims();
    let (rows, columns) = (height / factor, width / factor);
    let x = x.reshape([batch * channels * rows, factor, columns, factor]);
    x.mean_dim(3).mean_dim(1).reshape([batch, channels, rows, columns])
}

/// The point at the fraction `t` of the arc between the directions of `a` and `b`, of length 1, in
/// f32.
#[must_use]
pub fn arc(a: &[f32], b: &[f32], t: f64) -> Vec<f32> {
    let (a, b) = (unit(a), unit(b));
    let cosine: f32 = a.iter().zip(&b).map(|(a, b)| a * b).sum();
    let angle = t as f32 * cosine.clamp(-1.0, 1.0).acos();
    let aside: Vec<f32> = a.iter().zip(&b).map(|(a, b)| b - cosine * a).collect();
    let aside = unit(&aside);
    let between: Vec<f32> =
        a.iter().zip(&aside).map(|(a, c)| a * angle.cos() + c * angle.sin()).collect();
    unit(&between)
}

fn unit(v: &[f32]) -> Vec<f32> {
    let length = v.iter().map(|v| v * v).sum::<f32>().sqrt();
    // Equal directions have nothing aside.
    if length == 0.0 { v.to_vec() } else { v.iter().map(|v| v / length).collect() }
}
