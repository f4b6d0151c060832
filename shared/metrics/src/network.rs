//! What every network that gives features has in common: named layers, weights with an identity,
//! and a pass over a batch.

use burn::tensor::{Device, Tensor, TensorData};

use super::features::Features;
use super::resize::{Preprocessing, RgbPicture};
use fledge_kernels::on_workers;

/// A place in a network where features are taken. Layers of one network are told apart by their
/// names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Layer {
    /// The name that the field's libraries use.
    pub name: &'static str,
    /// Numbers a picture.
    pub dimensions: usize,
}

/// Which numbers a network has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Weights {
    /// Those of a file with this SHA-256, in lower-case hexadecimal.
    File {
        /// Of all bytes of the file.
        sha256: String,
    },
    /// Untrained ones, drawn under this seed.
    Random {
        /// Seed of the draw.
        seed: u64,
    },
}

impl Weights {
    /// A name for cache keys: equal names mean equal features.
    #[must_use]
    pub fn identity(&self) -> String {
        match self {
            Self::File { sha256 } => sha256.clone(),
            Self::Random { seed } => format!("random-{seed}"),
        }
    }

    /// The file's SHA-256; none for drawn weights.
    #[must_use]
    pub fn sha256(&self) -> Option<&str> {
        match self {
            Self::File { sha256 } => Some(sha256),
            Self::Random { .. } => None,
        }
    }
}

/// A network whose layers' outputs describe a picture.
pub trait FeatureNetwork: Sync {
    /// Its name in reports and cache keys.
    fn name(&self) -> &'static str;

    /// Its layers, those that users may ask for.
    fn layers(&self) -> &'static [Layer];

    /// Which numbers it has.
    fn weights(&self) -> &Weights;

    /// Where it computes.
    fn device(&self) -> &Device;

    /// The outputs of some of its layers, one tensor [B, dimensions] a layer in the order of
    /// `layers`.
    ///
    /// # Shapes
    /// `x` [B, 3, H, W], resized and scaled as the network expects it.
    fn forward(&self, x: Tensor<4>, layers: &[Layer]) -> Vec<Tensor<2>>;

    /// Features of a batch that [`Preprocessing::batch`] made, one set a layer.
    ///
    /// # Panics
    /// If `input` is not a whole number of pictures of `side` × `side`.
    fn features_of_input(&self, input: Vec<f32>, side: usize, layers: &[Layer]) -> Vec<Features> {
        let count = input.len() / (3 * side * side);
        let x = Tensor::from_data(TensorData::new(input, [count, 3, side, side]), self.device());
        let rows = on_workers(|| self.forward(x, layers)).into_iter().zip(layers);
        rows.map(|(y, layer)| {
            Features::new(y.into_data().iter::<f32>().collect(), layer.dimensions)
        })
        .collect()
    }

    /// Features of a batch of pictures of any sizes, one set a layer.
    fn features(
        &self,
        pictures: &[RgbPicture],
        preprocessing: Preprocessing,
        layers: &[Layer],
    ) -> Vec<Features> {
        if pictures.is_empty() {
            return layers.iter().map(|layer| Features::empty(layer.dimensions)).collect();
        }
        self.features_of_input(preprocessing.batch(pictures), preprocessing.side, layers)
    }
}
