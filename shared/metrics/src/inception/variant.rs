//! The two variants and their layers.

use crate::network::Layer;

/// After the first max pool, averaged: 64 features.
pub const POOL_64: Layer = Layer { name: "64", dimensions: 64 };
/// After the second max pool, averaged: 192 features.
pub const POOL_192: Layer = Layer { name: "192", dimensions: 192 };
/// Before Mixed_7a, averaged: 768 features.
pub const POOL_768: Layer = Layer { name: "768", dimensions: 768 };
/// The global average at the end: 2048 features, used by KID and FID.
pub const POOL_2048: Layer = Layer { name: "2048", dimensions: 2048 };
/// The classifier's output without its bias: 1008 logits, used by the Inception Score.
pub const LOGITS_UNBIASED: Layer = Layer { name: "logits_unbiased", dimensions: 1008 };

/// All layers of [`Variant::Fid`], by depth.
pub const LAYERS: [Layer; 5] = [POOL_64, POOL_192, POOL_768, POOL_2048, LOGITS_UNBIASED];

/// All layers of [`Variant::Keras`], by depth.
pub const KERAS_LAYERS: [Layer; 4] = [POOL_64, POOL_192, POOL_768, POOL_2048];

/// The origin of an InceptionV3.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Variant {
    /// TensorFlow's graph of 2015-12-05, used by FID.
    #[default]
    Fid,
    /// `keras.applications.InceptionV3(include_top=False)`.
    Keras,
}

impl Variant {
    /// The network's name in reports and cache keys.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fid => "inception-v3-compat",
            Self::Keras => "inception-v3-keras",
        }
    }

    /// Its layers, by depth.
    #[must_use]
    pub const fn layers(self) -> &'static [Layer] {
        match self {
            Self::Fid => &LAYERS,
            Self::Keras => &KERAS_LAYERS,
        }
    }

    /// The expected contents of its weights file, for errors.
    pub(super) const fn expected(self) -> &'static str {
        match self {
            Self::Fid => "the FID InceptionV3 in pytorch-fid's names",
            Self::Keras => "Keras' InceptionV3 in pytorch-fid's names",
        }
    }
}
