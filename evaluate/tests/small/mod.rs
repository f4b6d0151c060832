//! A trivial network and slow pictures, for tests of interrupted extractions.

use std::path::Path;
use std::time::Duration;

use burn::tensor::{Device, Tensor};
use shared::metrics::cache::FeatureCache;
use shared::metrics::extract::Extractor;
use shared::metrics::network::{FeatureNetwork, Layer, Weights};
use shared::metrics::resize::{Filter, Preprocessing, RgbPicture, Scale};
use shared::metrics::source::{InMemory, PictureSource, SourceError};
use shared::rng;

/// Pictures of the set: about twelve blocks of the cache.
pub(crate) const COUNT: usize = 3000;
const SIDE: usize = 4;
/// Two layers, so that two files grow together.
pub(crate) const LAYERS: [Layer; 2] = [
    Layer { name: "pixels", dimensions: 3 * SIDE * SIDE },
    Layer { name: "row", dimensions: 3 * SIDE },
];
/// A network that returns pixels and sums of rows.
struct Pixels(Weights, Device);

impl FeatureNetwork for Pixels {
    fn name(&self) -> &'static str {
        "pixels"
    }

    fn layers(&self) -> &'static [Layer] {
        &LAYERS
    }

    fn weights(&self) -> &Weights {
        &self.0
    }

    fn device(&self) -> &Device {
        &self.1
    }

    fn forward(&self, x: Tensor<4>, layers: &[Layer]) -> Vec<Tensor<2>> {
        let count = x.dims()[0];
        let of = |layer: &Layer| match layer.name {
            "row" => x.clone().sum_dim(3).reshape([count, 3 * SIDE]),
            _ => x.clone().reshape([count, 3 * SIDE * SIDE]),
        };
        layers.iter().map(of).collect()
    }
}

/// Pictures that take a while to read.
struct Slow(InMemory, Duration);

impl PictureSource for Slow {
    fn origin(&self) -> String {
        self.0.origin()
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    fn read(&self, indices: &[usize]) -> Result<Vec<RgbPicture>, SourceError> {
        std::thread::sleep(self.1);
        self.0.read(indices)
    }

    fn known_identity(&self) -> Option<String> {
        Some("slow pictures".into())
    }
}

fn pictures(pause: Duration) -> Slow {
    let mut random = rng::stream(0, "pictures", 0);
    let mut picture = || RgbPicture {
        width: SIDE,
        height: SIDE,
        pixels: (0..3 * SIDE * SIDE).map(|_| random.below(256) as u8).collect(),
    };
    Slow(
        InMemory {
            origin: "slow pictures".into(),
            pictures: (0..COUNT).map(|_| picture()).collect(),
        },
        pause,
    )
}

/// Extracts into the cache in `folder`, and checks the features.
pub(crate) fn extract(folder: &Path, pause: Duration) {
    let network = Pixels(Weights::Random { seed: 0 }, Device::flex());
    let preprocessing =
        Preprocessing { filter: Filter::Tf1Bilinear, side: SIDE, scale: Scale::By128 };
    let (pictures, cache) = (pictures(pause), FeatureCache::at(folder));
    let extractor = Extractor { network: &network, preprocessing, batch: 16 };
    let features = extractor.features(&pictures, &LAYERS, &cache).expect("features");
    // The same as all pictures at once.
    let at_once = network.features(&pictures.0.pictures, preprocessing, &LAYERS);
    assert_eq!(features, at_once);
}
