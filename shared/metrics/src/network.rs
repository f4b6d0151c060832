//! The common interface of networks that give features: named layers, weights with an identity, and
//! a pass over a batch.
//!
//! ```
//! use fledge_metrics::network::Weights;
//!
//! assert_eq!(Weights::Random { seed: 7 }.sha256(), None);
//! assert_ne!(Weights::Random { seed: 7 }.identity(), Weights::Random { seed: 8 }.identity());
//! ```

use burn::tensor::{Device, Tensor, TensorData};

use super::features::Features;
use super::resize::{Preprocessing, RgbPicture};
use fledge_kernels::{Precision, on_workers};

/// A layer whose output is a feature. Layers of one network are distinguished by their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Layer {
    /// Name used by the field's libraries.
    pub name: &'static str,
    /// Numbers per picture.
    pub dimensions: usize,
}

/// Identity of a network's weights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Weights {
    /// Read from a file with this SHA-256, in lower-case hexadecimal.
    File {
        /// SHA-256 of the whole file.
        sha256: String,
    },
    /// Untrained, drawn from this seed.
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

    /// The file's SHA-256; `None` for drawn weights.
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

    /// The layers that users may choose.
    fn layers(&self) -> &'static [Layer];

    /// Identity of its weights.
    fn weights(&self) -> &Weights;

    /// The device it computes on.
    fn device(&self) -> &Device;

    /// The outputs of some of its layers, one tensor [B, dimensions] per layer in the order of
    /// `layers`.
    ///
    /// # Shapes
    /// `x` [B, 3, H, W], resized and scaled as the network expects it.
    fn forward(&self, x: Tensor<4>, layers: &[Layer]) -> Vec<Tensor<2>>;

    /// Features of a batch made by [`Preprocessing::batch`], one set per layer.
    ///
    /// # Panics
    /// If `input` is not a whole number of pictures of `side` × `side`.
    fn features_of_input(&self, input: Vec<f32>, side: usize, layers: &[Layer]) -> Vec<Features> {
        let count = input.len() / (3 * side * side);
        let x = Tensor::from_data(TensorData::new(input, [count, 3, side, side]), self.device());
        // Numbers must not depend on the device.
        let rows = on_workers(|| Precision::F32.during(|| self.forward(x, layers)));
        let rows = rows.into_iter().zip(layers);
        rows.map(|(y, layer)| {
            Features::new(y.into_data().iter::<f32>().collect(), layer.dimensions)
        })
        .collect()
    }

    /// Features of a batch of pictures of any sizes, one set per layer.
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
