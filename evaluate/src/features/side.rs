//! One side of a comparison: pictures, or a file with statistics or features of pictures.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::Result;
use sha2::{Digest, Sha256};
use shared::cli::{DataError, UsageError, one_line};
use shared::metrics::features::Features;
use shared::metrics::network::Layer;
use shared::metrics::resize::RgbPicture;
use shared::metrics::source::{PictureSource, Selection, SourceError};
use shared::nn::run::open_checkpoint;
use shared::rng;

use super::lab::Lab;
use crate::inputs::npz::{self, NpzContents, NpzError};
use crate::inputs::run::AVERAGED_GENERATOR;
use crate::inputs::{self, InputKind, Wanted};
use crate::metrics::fid::Gaussian;
use crate::metrics::subset::subset;
use crate::protocols::{FeatureLayer, Protocol};

/// The content of a side.
enum Content {
    /// Selected pictures of a source, by index.
    Pictures { source: Box<dyn PictureSource>, indices: Vec<usize> },
    /// Statistics or features from a file.
    File(NpzContents),
}

/// One side of a comparison.
pub struct Side {
    /// Its path.
    pub path: PathBuf,
    /// The flag that gave the path.
    flag: &'static str,
    /// The checkpoint that generates the pictures.
    pub step: Option<u64>,
    /// Checksum of the checkpoint's averaged generator.
    pub checkpoint_crc32: Option<String>,
    content: Content,
    identity: OnceLock<Option<String>>,
    labels: OnceLock<Option<(Vec<String>, Vec<u32>)>>,
}

/// The features of a side at one layer.
pub enum Taken {
    /// One row per picture.
    Rows(Features),
    /// Mean and covariance, from a file.
    Gaussian(Gaussian),
}

impl Side {
    /// Opens `path`; with `count`, that many of its pictures, drawn with `seed`.
    ///
    /// # Errors
    /// When there are no pictures, or fewer than asked for.
    pub fn open(
        path: &Path,
        flag: &'static str,
        wanted: &Wanted<'_>,
        count: Option<usize>,
        seed: u64,
    ) -> Result<Self> {
        if InputKind::of(path) == InputKind::Npz {
            let contents = npz::read(path).map_err(|e| match e {
                NpzError::File(e) => anyhow::Error::from(e),
                unsound => DataError(one_line(&unsound)).into(),
            })?;
            let contents = match (count, contents.features) {
                (None, features) => NpzContents { features, ..contents },
                (Some(_), None) => {
                    let text = format!(
                        "-n: {flag} {} holds statistics, not single pictures",
                        path.display()
                    );
                    return Err(UsageError(text).into());
                }
                (Some(n), Some(rows)) => {
                    let part = subset(&rows, &drawn(path, flag, rows.count(), n, seed)?);
                    // The statistics describe all rows.
                    NpzContents { features: Some(part), statistics: None, ..contents }
                }
            };
            return Ok(Self {
                path: path.to_owned(),
                flag,
                step: None,
                checkpoint_crc32: None,
                content: Content::File(contents),
                identity: OnceLock::new(),
                labels: OnceLock::new(),
            });
        }
        let (source, step) = inputs::open(path, wanted)?;
        let available = source.len();
        let indices = match count {
            None => (0..available).collect(),
            Some(n) => {
                drawn(path, flag, available, n, seed)?.into_iter().map(|i| i as usize).collect()
            }
        };
        let checkpoint_crc32 = match InputKind::of(path) {
            InputKind::Run => {
                let mut files = open_checkpoint(path, wanted.checkpoint)?.meta.files;
                files.remove(AVERAGED_GENERATOR).map(|file| file.crc32)
            }
            _ => None,
        };
        let content = Content::Pictures { source, indices };
        Ok(Self {
            path: path.to_owned(),
            flag,
            step,
            checkpoint_crc32,
            content,
            identity: OnceLock::new(),
            labels: OnceLock::new(),
        })
    }

    /// Checks that two files of statistics or features were computed alike, as far as they say.
    ///
    /// # Errors
    /// When they differ in weights or preprocessing.
    pub fn check_comparable(&self, other: Option<&Self>) -> Result<(), DataError> {
        let Some(other) = other else { return Ok(()) };
        for key in ["weights_sha256", "preprocessing"] {
            if let (Some(a), Some(b)) = (self.fact(key), other.fact(key))
                && a != b
            {
                return Err(DataError(format!(
                    "{} was computed with {key} {a}, {} with {b}: they are not comparable",
                    self.path.display(),
                    other.path.display()
                )));
            }
        }
        Ok(())
    }

    /// Number of pictures; `None` for statistics that do not say.
    #[must_use]
    pub fn count(&self) -> Option<usize> {
        match &self.content {
            Content::Pictures { indices, .. } => Some(indices.len()),
            Content::File(contents) => match &contents.features {
                Some(features) => Some(features.count()),
                None => {
                    contents.facts.as_ref().and_then(|f| f["count"].as_u64()).map(|n| n as usize)
                }
            },
        }
    }

    /// The pictures; `None` for a file of statistics or features.
    #[must_use]
    pub fn pictures(&self) -> Option<Selection<'_>> {
        match &self.content {
            Content::Pictures { source, indices } => {
                Some(Selection::new(source.as_ref(), indices.clone()))
            }
            Content::File(_) => None,
        }
    }

    /// An identifier of the content, computed once; `None` if the source has none.
    ///
    /// # Errors
    /// When a picture cannot be read.
    pub fn identity(&self) -> Result<Option<String>> {
        if let Some(identity) = self.identity.get() {
            return Ok(identity.clone());
        }
        let identity = match &self.content {
            Content::Pictures { .. } => {
                self.pictures().map_or(Ok(None), |pictures| pictures.identity())?
            }
            Content::File(contents) => Some(identity_of(contents)),
        };
        Ok(self.identity.get_or_init(|| identity).clone())
    }

    /// Names of the classes and the class of each picture, if known.
    #[must_use]
    pub fn labels(&self) -> Option<&(Vec<String>, Vec<u32>)> {
        let known = || {
            let Content::Pictures { source, indices } = &self.content else { return None };
            let labels = source.labels()?;
            Some((labels.names, indices.iter().map(|&i| labels.of[i]).collect()))
        };
        self.labels.get_or_init(known).as_ref()
    }

    /// A fact about the computation that a file records.
    #[must_use]
    pub fn fact(&self, key: &str) -> Option<String> {
        match &self.content {
            Content::File(contents) => contents.facts.as_ref()?[key].as_str().map(str::to_owned),
            Content::Pictures { .. } => None,
        }
    }

    /// The features of this side at `layers`, all of one network.
    ///
    /// # Errors
    /// When a picture cannot be read, or a file was computed under other conventions.
    pub fn take(
        &self,
        lab: &Lab,
        protocol: &Protocol,
        layers: &[FeatureLayer],
    ) -> Result<Vec<Taken>> {
        match &self.content {
            Content::Pictures { source, indices } => {
                let Some(first) = layers.first() else { return Ok(Vec::new()) };
                let layers: Vec<Layer> = layers.iter().map(|l| l.layer).collect();
                let selection = Selection::new(source.as_ref(), indices.clone());
                let pictures = Identified { pictures: &selection, side: self };
                let features = lab.features(protocol, &pictures, first.network, &layers)?;
                Ok(features.into_iter().map(Taken::Rows).collect())
            }
            Content::File(contents) => {
                layers.iter().map(|layer| self.held(lab, contents, protocol, *layer)).collect()
            }
        }
    }

    fn held(
        &self,
        lab: &Lab,
        contents: &NpzContents,
        protocol: &Protocol,
        FeatureLayer { network, layer }: FeatureLayer,
    ) -> Result<Taken> {
        let refuse = |what: String| {
            Err(DataError(format!("{} {}: {what}", self.flag, self.path.display())).into())
        };
        if let (Some(loaded), Some(used)) = (lab.loaded(network), self.fact("weights_sha256"))
            && loaded.weights().sha256() != Some(used.as_str())
        {
            return refuse(format!(
                "it was computed with other weights (SHA-256 {used}) and is not comparable"
            ));
        }
        if let Some(facts) = &contents.facts {
            let expected =
                [("protocol", protocol.name), ("network", network.name), ("layer", layer.name)];
            for (key, wanted) in expected {
                if let Some(found) = facts[key].as_str().filter(|found| *found != wanted) {
                    return refuse(format!(
                        "it was computed with {key} {found}, not {wanted}, and is not comparable"
                    ));
                }
            }
        }
        let d = layer.dimensions;
        if let Some(features) = &contents.features {
            if features.dimensions() != d {
                return refuse(format!(
                    "its features have {} dimensions, {} {} has {d}",
                    features.dimensions(),
                    network.name,
                    layer.name
                ));
            }
            return Ok(Taken::Rows(features.clone()));
        }
        let Some(statistics) = &contents.statistics else {
            return refuse("it holds neither mu and sigma nor feats".into());
        };
        if statistics.mean.len() != d {
            return refuse(format!(
                "its mean has {} dimensions, {} {} has {d}",
                statistics.mean.len(),
                network.name,
                layer.name
            ));
        }
        let gaussian =
            Gaussian::new(statistics.mean.clone(), &statistics.covariance, d).map_err(|e| {
                DataError(format!("{} {}: {}", self.flag, self.path.display(), one_line(&e)))
            })?;
        Ok(Taken::Gaussian(gaussian))
    }
}

/// `n` drawn indices of `available`, in ascending order.
///
/// # Errors
/// When there are fewer.
fn drawn(
    path: &Path,
    flag: &str,
    available: usize,
    n: usize,
    seed: u64,
) -> Result<Vec<u32>, UsageError> {
    if n > available {
        return Err(UsageError(format!(
            "-n {n}: {flag} {} has only {available} pictures",
            path.display()
        )));
    }
    let mut drawn = rng::stream(seed, &format!("evaluate {flag}"), 0).permutation(available);
    drawn.truncate(n);
    drawn.sort_unstable();
    Ok(drawn)
}

/// SHA-256 of the numbers in a file.
fn identity_of(contents: &NpzContents) -> String {
    let mut hash = Sha256::new();
    if let Some(features) = &contents.features {
        features.values().iter().for_each(|v| hash.update(v.to_le_bytes()));
    }
    if let Some(statistics) = &contents.statistics {
        statistics
            .mean
            .iter()
            .chain(&statistics.covariance)
            .for_each(|v| hash.update(v.to_le_bytes()));
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Pictures whose identity the side remembers.
struct Identified<'a> {
    pictures: &'a Selection<'a>,
    side: &'a Side,
}

impl PictureSource for Identified<'_> {
    fn origin(&self) -> String {
        self.pictures.origin()
    }

    fn len(&self) -> usize {
        self.pictures.len()
    }

    fn read(&self, indices: &[usize]) -> Result<Vec<RgbPicture>, SourceError> {
        self.pictures.read(indices)
    }

    fn identity(&self) -> Result<Option<String>, SourceError> {
        match self.side.identity.get() {
            Some(identity) => Ok(identity.clone()),
            None => {
                let identity = self.pictures.identity()?;
                Ok(self.side.identity.get_or_init(|| identity).clone())
            }
        }
    }
}

impl Taken {
    /// The rows.
    ///
    /// # Errors
    /// When there are only statistics.
    pub fn rows(
        &self,
        metric: impl std::fmt::Display,
        flag: &str,
    ) -> Result<&Features, UsageError> {
        match self {
            Self::Rows(features) => Ok(features),
            Self::Gaussian(_) => Err(only_statistics(metric, flag)),
        }
    }

    /// The rows, by value.
    ///
    /// # Errors
    /// When there are only statistics.
    pub fn into_rows(
        self,
        metric: impl std::fmt::Display,
        flag: &str,
    ) -> Result<Features, UsageError> {
        match self {
            Self::Rows(features) => Ok(features),
            Self::Gaussian(_) => Err(only_statistics(metric, flag)),
        }
    }
}

fn only_statistics(metric: impl std::fmt::Display, flag: &str) -> UsageError {
    UsageError(format!(
        "{metric}: {flag} is a file of statistics, which allows only fid; use pictures, or a file with feats"
    ))
}
