//! Pictures from a generator, by seed. The picture of a seed is the same whatever is generated beside it: latents come from
//! a stream of the seed's own, and the generator always works on batches of one size.

use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};

use super::checkpoint::Meta;
use super::device::on_workers;
use super::generator::Generator;
use super::layers::Mode;
use super::run::{Run, RunError, Which};
use crate::picture::Picture;
use crate::rng;

/// Pictures that are generated together; a shorter request is filled up, because the order in which a matrix product sums
/// may depend on the size of the batch.
const BATCH: usize = 16;

/// A generator ready to make pictures.
#[derive(Clone, Debug)]
pub struct Sampler {
    generator: Generator,
    device: Device,
}

/// The latent vector of `seed`: standard normal.
#[must_use]
pub fn latent(seed: u64, length: usize) -> Vec<f32> {
    rng::stream(seed, "latent", 0).normals(length)
}

impl Sampler {
    /// Pictures from `generator`, whose parameters are on `device`.
    #[must_use]
    pub fn new(generator: Generator, device: Device) -> Self {
        Self { generator, device }
    }

    /// The averaged (EMA) generator of a run's checkpoint.
    ///
    /// # Errors
    /// When there is no such checkpoint or it is damaged.
    pub fn open(run: &Path, which: Which, device: &Device) -> Result<(Self, Meta), RunError> {
        let checkpoint = Run::open(run)?.checkpoint(which)?;
        let config = &checkpoint.meta.config;
        let mut generator = config.settings.generator.init(config.data.size, config.data.channels, config.seed, device);
        checkpoint.load("ema", &mut generator)?;
        Ok((Self::new(generator, device.clone()), checkpoint.meta))
    }

    /// Length of a latent vector.
    #[must_use]
    pub fn latent_len(&self) -> usize {
        self.generator.latent()
    }

    /// The pictures of `seeds`, in their order.
    #[must_use]
    pub fn pictures(&self, seeds: &[u64]) -> Vec<Picture> {
        let latents: Vec<Vec<f32>> = seeds.iter().map(|&seed| latent(seed, self.latent_len())).collect();
        self.pictures_of(&latents)
    }

    /// The pictures of latent vectors, in their order.
    #[must_use]
    pub fn pictures_of(&self, latents: &[Vec<f32>]) -> Vec<Picture> {
        on_workers(|| latents.chunks(BATCH).flat_map(|chunk| self.batch(chunk)).collect())
    }

    fn batch(&self, latents: &[Vec<f32>]) -> Vec<Picture> {
        let mut z: Vec<f32> = latents.concat();
        z.resize(BATCH * self.latent_len(), 0.0);
        let z = Tensor::from_data(TensorData::new(z, [BATCH, self.latent_len()]), &self.device);
        let x = self.generator.clone().forward(z, Mode::Infer); // [BATCH, C, H, W] in [0, 1]
        let [_, channels, height, width] = x.dims();
        let values: Vec<f32> = x.permute([0, 2, 3, 1]).into_data().iter::<f32>().collect();
        values
            .chunks(channels * height * width)
            .take(latents.len())
            .map(|picture| Picture {
                width: width as u32,
                height: height as u32,
                channels: channels as u32,
                pixels: picture.iter().map(|v| (v.clamp(0.0, 1.0) * 255.0 + 0.5) as u8).collect(),
            })
            .collect()
    }
}
