//! The protocols: named sets of conventions, as one table of facts. Two numbers are comparable only
//! under the same protocol, so every result carries its name, and no table mixes two protocols.
//!
//! The facts come from the libraries' sources: torch-fidelity 0.4 (`feature_extractor_*.py`,
//! `metric_*.py`; MIND from 0.5), pytorch-fid 0.3 (`fid_score.py`, `inception.py`), clean-fid
//! 0.1.35 (`resize.py`, `fid.py`), NVIDIA's StyleGAN3 (`metrics/*.py`, the same files as
//! StyleGAN2-ADA's), the Keras example `gan_ada`.

use std::fmt;

use shared::cli::UsageError;
use shared::metrics::inception::{LOGITS_UNBIASED, POOL_2048};
use shared::metrics::kid::First;
use shared::metrics::network::Layer;
use shared::metrics::resize::{Filter, Scale};
use shared::table::aligned;

use super::metric::Metric;
use super::named;
use crate::metrics::fid::Divisor;
use crate::metrics::isc::Order;
use crate::networks::{INCEPTION, KERAS_INCEPTION, Known, NETWORKS, VGG16};
use shared::metrics::vgg16;

/// torch-fidelity's default seed of numpy's legacy generator.
pub const TORCH_FIDELITY_SEED: u32 = 2020;

/// The estimator of a KID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KidRule {
    /// 100 subsets of 1000, drawn by numpy's `RandomState`.
    Subsets {
        /// The generator's seed; `None` if the library leaves it to the caller.
        seed: Option<u32>,
        /// The set whose subset is drawn first.
        first: First,
    },
    /// The mean over consecutive batches of 128 in a shuffled order.
    Batches,
}

/// The neighbourhoods of precision, recall, density and coverage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ManifoldRule {
    /// Precision and recall by torch-fidelity (k = 3, distance ≤ radius), density and coverage by
    /// `prdc` (k = 5, <).
    TorchFidelity,
    /// All four by `prdc` (k = 5, distance < radius).
    Prdc,
}

/// The files that a library reads as pictures.
#[derive(Clone, Copy, Debug)]
pub struct Files {
    /// Their suffixes, without the dot.
    pub suffixes: &'static [&'static str],
    /// Suffixes match in any case.
    pub any_case: bool,
    /// Subfolders are read by default.
    pub below: bool,
}

impl Files {
    /// Reports if the library reads a file with this name.
    #[must_use]
    pub fn reads(&self, name: &str) -> bool {
        let suffix = name.rsplit_once('.').map_or("", |(_, suffix)| suffix);
        let matches = |known: &&str| match self.any_case {
            true => suffix.eq_ignore_ascii_case(known),
            false => suffix == *known,
        };
        self.suffixes.iter().any(matches)
    }

    /// A description.
    #[must_use]
    pub fn about(&self) -> String {
        let suffixes = match self.suffixes.len() {
            0..=16 => self
                .suffixes
                .iter()
                .map(|suffix| format!(".{suffix}"))
                .collect::<Vec<_>>()
                .join(" "),
            _ => "all suffixes of Pillow".to_owned(),
        };
        let case = if self.any_case { "in any case" } else { "in this case" };
        let below = if self.below { "including subfolders" } else { "without subfolders" };
        format!("{suffixes}, {case}, {below}")
    }
}

/// `PIL.Image.EXTENSION` of Pillow 11.3, the first with AVIF.
const PILLOW: &[&str] = &[
    "apng", "avif", "avifs", "blp", "bmp", "bufr", "bw", "cur", "dcx", "dds", "dib", "emf", "eps",
    "fit", "fits", "flc", "fli", "ftc", "ftu", "gbr", "gif", "grib", "h5", "hdf", "icb", "icns",
    "ico", "iim", "im", "j2c", "j2k", "jfif", "jp2", "jpc", "jpe", "jpeg", "jpf", "jpg", "jpx",
    "mpeg", "mpg", "mpo", "msp", "palm", "pbm", "pcd", "pcx", "pdf", "pfm", "pgm", "png", "pnm",
    "ppm", "ps", "psd", "pxr", "qoi", "ras", "rgb", "rgba", "sgi", "tga", "tif", "tiff", "vda",
    "vst", "webp", "wmf", "xbm", "xpm",
];

/// A set of conventions.
#[derive(Debug)]
pub struct Protocol {
    /// The name that results carry.
    pub name: &'static str,
    /// The library that they follow.
    pub follows: &'static str,
    /// The files that its library reads as pictures.
    pub files: Files,
    /// The resizing filter.
    pub filter: Filter,
    /// Side of the Inception's input in pixels.
    pub side: usize,
    /// The scaling of levels to the Inception's input.
    pub scale: Scale,
    /// The network of all metrics except those of [`Protocol::layer`].
    pub network: &'static Known,
    /// The estimator of KID, if defined.
    pub kid: Option<KidRule>,
    /// The divisor of FID's covariance, if defined.
    pub fid: Option<Divisor>,
    /// The order of the Inception Score's splits, if defined.
    pub isc: Option<Order>,
    /// The neighbourhoods of precision and recall, if defined.
    pub prdc: Option<ManifoldRule>,
    /// MIND and PPL are defined.
    pub mind_and_ppl: bool,
    /// StyleGAN's path lengths are defined.
    pub path_lengths: bool,
    /// A run's generator adds new noise to each picture (`noise_mode='random'`, NVIDIA's default),
    /// not that which it stores.
    pub random_noise: bool,
    /// The tests of memorisation are defined.
    pub memorisation: bool,
}

/// `ALLOWLIST_FORMATS` of `keras.utils.image_dataset_from_directory`.
const KERAS_FILES: Files =
    Files { suffixes: &["bmp", "gif", "jpeg", "jpg", "png"], any_case: true, below: true };

const BASE: Protocol = Protocol {
    name: "",
    follows: "",
    // torch-fidelity's `samples_find_ext` and `samples_find_deep` (`defaults.py`).
    files: Files { suffixes: &["png", "jpg", "jpeg"], any_case: true, below: false },
    filter: Filter::Tf1Bilinear,
    side: 299,
    scale: Scale::By128,
    network: &INCEPTION,
    kid: None,
    fid: None,
    isc: None,
    prdc: None,
    mind_and_ppl: false,
    path_lengths: false,
    random_noise: false,
    memorisation: false,
};

/// Every protocol, the default first.
pub static PROTOCOLS: [Protocol; 6] = [
    Protocol {
        name: "torch-fidelity",
        follows: "torch-fidelity 0.4; MIND 0.5",
        kid: Some(KidRule::Subsets { seed: Some(TORCH_FIDELITY_SEED), first: First::Generated }),
        fid: Some(Divisor::Unbiased),
        isc: Some(Order::Permuted(TORCH_FIDELITY_SEED)),
        prdc: Some(ManifoldRule::TorchFidelity),
        mind_and_ppl: true,
        memorisation: true,
        ..BASE
    },
    Protocol {
        name: "pytorch-fid",
        follows: "pytorch-fid 0.3",
        // `IMAGE_EXTENSIONS` (`fid_score.py`), found by `Path.glob`.
        files: Files {
            suffixes: &["bmp", "jpg", "jpeg", "pgm", "png", "ppm", "tif", "tiff", "webp"],
            any_case: false,
            below: false,
        },
        filter: Filter::PytorchBilinear,
        scale: Scale::Unit,
        fid: Some(Divisor::Unbiased),
        ..BASE
    },
    Protocol {
        name: "clean-fid",
        follows: "clean-fid 0.1.35, prdc 0.2",
        // `EXTENSIONS` (`utils.py`), found by a recursive `glob`.
        files: Files {
            suffixes: &[
                "bmp", "jpg", "jpeg", "pgm", "png", "ppm", "tif", "tiff", "webp", "npy", "JPEG",
                "JPG", "PNG",
            ],
            any_case: false,
            below: true,
        },
        filter: Filter::PilBicubic,
        kid: Some(KidRule::Subsets { seed: None, first: First::Real }),
        fid: Some(Divisor::Unbiased),
        prdc: Some(ManifoldRule::Prdc),
        memorisation: true,
        ..BASE
    },
    Protocol {
        name: "stylegan",
        follows: "NVIDIA StyleGAN2-ADA and 3",
        // `ImageFolderDataset` (`training/dataset.py`).
        files: Files { suffixes: PILLOW, any_case: true, below: true },
        kid: Some(KidRule::Subsets { seed: None, first: First::Generated }),
        fid: Some(Divisor::Count),
        isc: Some(Order::AsGiven),
        path_lengths: true,
        random_noise: true,
        ..BASE
    },
    Protocol {
        name: "keras75",
        follows: "Keras example gan_ada",
        files: KERAS_FILES,
        filter: Filter::KerasBilinear,
        side: 75,
        scale: Scale::By127,
        network: &KERAS_INCEPTION,
        kid: Some(KidRule::Batches),
        ..BASE
    },
    Protocol {
        name: "keras75-fid",
        follows: "Keras example gan_ada, over the FID weights",
        files: KERAS_FILES,
        filter: Filter::KerasBilinear,
        side: 75,
        scale: Scale::By127,
        kid: Some(KidRule::Batches),
        ..BASE
    },
];

/// A network and one of its layers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FeatureLayer {
    /// The network.
    pub network: &'static Known,
    /// The layer.
    pub layer: Layer,
}

impl Protocol {
    /// The protocol with this name.
    ///
    /// # Errors
    /// When there is none.
    pub fn of(name: &str) -> Result<&'static Self, UsageError> {
        let names = || PROTOCOLS.iter().map(|p| p.name).collect::<Vec<_>>().join(", ");
        PROTOCOLS
            .iter()
            .find(|p| p.name == name)
            .ok_or_else(|| UsageError(format!("--protocol {name}: expected one of {}", names())))
    }

    /// Reports if this protocol defines the metric.
    #[must_use]
    pub fn defines(&self, metric: Metric) -> bool {
        match metric {
            Metric::Kid => self.kid.is_some(),
            Metric::Fid | Metric::FidInfinity => self.fid.is_some(),
            Metric::Is => self.isc.is_some(),
            Metric::Prdc => self.prdc.is_some(),
            Metric::Mind | Metric::Ppl => self.mind_and_ppl,
            Metric::PathLength(_) => self.path_lengths,
            Metric::Authenticity | Metric::Ct => self.memorisation,
        }
    }

    /// The names of the protocols that define `metric`.
    #[must_use]
    pub fn defining(metric: Metric) -> Vec<&'static str> {
        PROTOCOLS.iter().filter(|p| p.defines(metric)).map(|p| p.name).collect()
    }

    /// The default layer of the metric's features.
    #[must_use]
    pub fn layer(&self, metric: Metric) -> FeatureLayer {
        match metric {
            Metric::Is => FeatureLayer { network: self.network, layer: LOGITS_UNBIASED },
            // torch-fidelity's default for precision and recall (`utils.py`).
            Metric::Prdc if self.prdc == Some(ManifoldRule::TorchFidelity) => {
                FeatureLayer { network: &VGG16, layer: vgg16::FC2_RELU }
            }
            _ => FeatureLayer { network: self.network, layer: POOL_2048 },
        }
    }
}

/// The name identifies a protocol.
impl PartialEq for Protocol {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// The differences of the protocols, then the metrics and the networks.
#[must_use]
pub fn table() -> String {
    type Cell = fn(&Protocol) -> String;
    let absent = || "–".to_owned();
    let rows: [(&str, Cell); 15] = [
        ("follows", |p| p.follows.to_owned()),
        ("files", |p| p.files.about()),
        ("network", |p| p.network.name.to_owned()),
        ("layers", |p| {
            if p.isc.is_some() { "2048; IS: logits_unbiased".into() } else { "2048".into() }
        }),
        ("resize", |p| format!("{}×{}, {}", p.side, p.side, filter_about(p.filter))),
        ("input", |p| {
            format!("8-bit RGB, resized in f32 and not rounded; {}", scale_about(p.scale))
        }),
        ("KID", |p| p.kid.map_or_else(|| "–".into(), KidRule::about)),
        ("FID covariance", |p| match p.fid {
            Some(Divisor::Unbiased) => "N − 1".into(),
            Some(Divisor::Count) => "N".into(),
            None => "–".into(),
        }),
        ("FID root", |p| p.fid.map_or("–", |_| "Σ √ eigenvalues, f64").to_owned()),
        ("IS", |p| match p.isc {
            Some(Order::Permuted(seed)) => format!("10 splits, permuted ({seed})"),
            Some(Order::AsGiven) => "10 splits, in order".into(),
            None => "–".into(),
        }),
        ("precision, recall", |p| match p.prdc {
            Some(ManifoldRule::TorchFidelity) => "k = 3, ≤, on vgg16 fc2_relu".into(),
            Some(ManifoldRule::Prdc) => "k = 5, <".into(),
            None => "–".into(),
        }),
        ("density, coverage", |p| match p.prdc {
            Some(ManifoldRule::TorchFidelity) => "k = 5, <, on vgg16 fc2_relu".into(),
            Some(ManifoldRule::Prdc) => "k = 5, <".into(),
            None => "–".into(),
        }),
        ("memorisation", |p| {
            if p.memorisation {
                "authpct, ct over the features of FID".into()
            } else {
                "–".into()
            }
        }),
        ("noise of a run", |p| {
            if p.random_noise { "new for each picture".into() } else { "–".into() }
        }),
        ("MIND, PPL", |p| match (p.mind_and_ppl, p.path_lengths) {
            (true, _) => "1000 directions; LPIPS at 64".into(),
            (_, true) => "–; LPIPS of f32 pictures, at most 256".into(),
            _ => "–".into(),
        }),
    ];
    // Six columns do not fit a terminal: the protocols stand below each other.
    let mut text = String::new();
    for protocol in &PROTOCOLS {
        let rows: Vec<[String; 2]> = rows
            .iter()
            .map(|(name, cell)| [format!("  {name}"), cell(protocol)])
            .filter(|[_, cell]| *cell != absent())
            .collect();
        text.push_str(&format!("{}\n{}\n", protocol.name, aligned(&rows)));
    }
    let metrics = Metric::ALL
        .map(|m| [format!("  {m}"), m.about().to_owned(), Protocol::defining(m).join(", ")]);
    let networks = NETWORKS.map(|n| [format!("  {}", n.name), n.about.to_owned()]);
    let named = named::ALL.map(|(name, metric)| {
        [format!("  {name}"), format!("{metric} of {} pictures", named::GENERATED)]
    });
    text + &format!(
        "--metrics\n{}\n--metrics by NVIDIA's names\n{}\n--features\n{}",
        aligned(&metrics),
        aligned(&named),
        aligned(&networks)
    )
}

const fn filter_about(filter: Filter) -> &'static str {
    match filter {
        Filter::Tf1Bilinear => "bilinear as TensorFlow 1: source = i·in/out, no antialias",
        Filter::KerasBilinear => "bilinear as Keras: half-pixel centres, no antialias",
        Filter::PytorchBilinear => "bilinear as PyTorch: half-pixel centres, no antialias",
        Filter::PilBicubic => "bicubic as Pillow in float: antialiased, clipped to 0 to 255",
    }
}

const fn scale_about(scale: Scale) -> &'static str {
    match scale {
        Scale::By128 => "(v − 128)/128",
        Scale::By127 => "v/127.5 − 1",
        Scale::Unit => "2·(v/255) − 1, divided before resizing",
        Scale::ImageNet => "(v − 255·mean)/(255·std) of ImageNet",
    }
}

impl KidRule {
    fn about(self) -> String {
        match self {
            Self::Subsets { seed, first } => {
                let seed = seed.map_or_else(|| "--seed".into(), |s| s.to_string());
                let first = if first == First::Real { "real" } else { "generated" };
                format!("100 subsets × 1000, RandomState({seed}), {first} first")
            }
            Self::Batches => "batches of 128 in a shuffled order (--seed)".into(),
        }
    }
}
