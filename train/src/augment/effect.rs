//! The combined effect of one picture's transforms: one resampling map, one colour matrix, one
//! filter, noise, one hole.

use shared::nn::ops::Affine;
use shared::nn::range::Range;

use super::color::{self, Color, ColorMatrix};
use super::cutout::{Cutout, Hole};
use super::filter::{self, BANDS, Filter};
use super::geometry::Resample;
use super::noise::Noise;
use super::plan::{Plan, Step};

/// The combined transforms of one picture.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Effect {
    /// Maps an output pixel to its source position, both in pixels from the centre.
    pub map: Option<Affine>,
    /// Maps colours (R, G, B, 1) in [−1, 1] to colours.
    pub color: Option<ColorMatrix>,
    /// Gain of each frequency band, lowest first.
    pub gains: Option<[f64; BANDS]>,
    /// Standard deviation of the additive noise.
    pub noise: f64,
    /// The rectangle that becomes grey.
    pub hole: Option<Hole>,
}

impl Effect {
    /// Appends a geometric transform, given by its inverse `map`.
    pub fn look(&mut self, map: [[f64; 3]; 2]) {
        self.map = Some(self.map.unwrap_or(Affine::IDENTITY).after(&Affine(map)));
    }

    /// Appends a colour transform.
    pub fn paint(&mut self, matrix: ColorMatrix) {
        self.color = Some(color::after(&matrix, &self.color.unwrap_or(color::IDENTITY)));
    }

    /// Amplifies a band by `factor`, then normalises all bands so that the expected power stays the
    /// same.
    pub fn amplify(&mut self, band: usize, factor: f64) {
        let gains = self.gains.get_or_insert([1.0; BANDS]);
        gains
            .iter_mut()
            .zip(filter::normalized(band, factor))
            .for_each(|(gain, factor)| *gain *= factor);
    }
}

/// The steps that apply the effects to pictures of `shape` (channels, height, width) with pixels in
/// `range`, in the order of StyleGAN2-ADA: geometry, colour, filter, noise, hole. `noise` is the
/// noise before scaling (see [`super::noise::draw`]).
#[must_use]
pub fn plan(effects: &[Effect], noise: Vec<f32>, shape: [usize; 3], range: Range) -> Plan {
    let [channels, height, width] = shape;
    let extent = [height, width];
    let mut steps: Vec<Box<dyn Step>> = Vec::new();
    if effects.iter().any(|e| e.map.is_some()) {
        let maps: Vec<_> = effects.iter().map(|e| e.map).collect();
        steps.push(Box::new(Resample::new(&maps, extent)));
    }
    if effects.iter().any(|e| e.color.is_some()) {
        let matrices: Vec<_> = effects.iter().map(|e| e.color.unwrap_or(color::IDENTITY)).collect();
        steps.push(Box::new(Color::new(&matrices, channels)));
    }
    if effects.iter().any(|e| e.gains.is_some()) {
        let gains: Vec<_> = effects.iter().map(|e| e.gains.unwrap_or([1.0; BANDS])).collect();
        steps.push(Box::new(Filter::new(&gains, extent)));
    }
    if effects.iter().any(|e| e.noise > 0.0) {
        let deviations = effects.iter().map(|e| e.noise as f32).collect();
        steps.push(Box::new(Noise::new(noise, deviations, shape)));
    }
    if effects.iter().any(|e| e.hole.is_some()) {
        steps.push(Box::new(Cutout::new(effects.iter().map(|e| e.hole.clone()).collect(), extent)));
    }
    Plan::signed(steps, range)
}
