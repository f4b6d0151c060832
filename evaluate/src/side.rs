//! One side of a comparison: its pictures, or what a file says about pictures that are elsewhere, and what was taken of them.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::Result;
use sha2::{Digest, Sha256};
use shared::cli::{DataError, UsageError, one_line};
use shared::metrics::features::Features;
use shared::metrics::network::Layer;
use shared::metrics::resize::RgbPicture;
use shared::metrics::source::{PictureSource, Selection, SourceError};
use shared::nn::run::Run;
use shared::rng;

use crate::input::{self, Kind, Wanted};
use crate::lab::Lab;
use crate::metrics::fid::Gaussian;
use crate::metrics::subset::subset;
use crate::npz::{self, NpzContents, NpzError};
use crate::protocol::{Protocol, Source};

/// Where a side's numbers come from.
enum Content {
    /// Some pictures of a source, by index.
    Pictures { source: Box<dyn PictureSource>, indices: Vec<usize> },
    /// Statistics or features that a file holds.
    File(NpzContents),
}

/// One side of a comparison.
pub struct Side {
    /// What the user named.
    pub path: PathBuf,
    /// The flag that named it.
    flag: &'static str,
    /// The checkpoint that makes the pictures.
    pub step: Option<u64>,
    /// Checksum of its averaged generator.
    pub checkpoint_crc32: Option<String>,
    content: Content,
    identity: OnceLock<Option<String>>,
    labels: OnceLock<Option<(Vec<String>, Vec<u32>)>>,
}

/// What was taken of a side at one layer.
pub enum Taken {
    /// A row a picture.
    Rows(Features),
    /// Mean and covariance of pictures that are elsewhere.
    Gaussian(Gaussian),
}

impl Side {
    /// Opens what `path` names; with `count`, so many of its pictures, drawn under `seed`.
    ///
    /// # Errors
    /// When there are no pictures, or fewer than asked for.
    pub fn open(path: &Path, flag: &'static str, wanted: &Wanted<'_>, count: Option<usize>, seed: u64) -> Result<Self> {
        if Kind::of(path) == Kind::Npz {
            let contents = npz::read(path).map_err(|e| match e {
                NpzError::File(e) => anyhow::Error::from(e),
                unsound => DataError(one_line(&unsound)).into(),
            })?;
            let contents = match (count, contents.features) {
                (None, features) => NpzContents { features, ..contents },
                (Some(_), None) => {
                    let text = format!("-n: {flag} {} holds statistics, of which no part can be taken", path.display());
                    return Err(UsageError(text).into());
                }
                (Some(n), Some(rows)) => {
                    let part = subset(&rows, &drawn(path, flag, rows.count(), n, seed)?);
                    // The statistics are those of all rows.
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
        let (source, step) = input::open(path, wanted)?;
        let available = source.len();
        let indices = match count {
            None => (0..available).collect(),
            Some(n) => drawn(path, flag, available, n, seed)?.into_iter().map(|i| i as usize).collect(),
        };
        let checkpoint_crc32 = match Kind::of(path) {
            Kind::Run => {
                let mut files = Run::open(path)?.checkpoint(wanted.checkpoint)?.meta.files;
                files.remove(GENERATOR).map(|file| file.crc32)
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

    /// That two files of statistics or features were made alike, as far as they say.
    ///
    /// # Errors
    /// When they differ in what decides a number.
    pub fn check_made_alike(&self, other: Option<&Self>) -> Result<(), DataError> {
        let Some(other) = other else { return Ok(()) };
        for key in ["weights_sha256", "preprocessing"] {
            if let (Some(a), Some(b)) = (self.fact(key), other.fact(key))
                && a != b
            {
                return Err(DataError(format!(
                    "{} was made with {key} {a}, {} with {b}: numbers of the two cannot be compared",
                    self.path.display(),
                    other.path.display()
                )));
            }
        }
        Ok(())
    }

    /// Number of pictures; none for statistics that do not say.
    #[must_use]
    pub fn count(&self) -> Option<usize> {
        match &self.content {
            Content::Pictures { indices, .. } => Some(indices.len()),
            Content::File(contents) => match &contents.features {
                Some(features) => Some(features.count()),
                None => contents.facts.as_ref().and_then(|f| f["count"].as_u64()).map(|n| n as usize),
            },
        }
    }

    /// The pictures, where there are some.
    #[must_use]
    pub fn pictures(&self) -> Option<Selection<'_>> {
        match &self.content {
            Content::Pictures { source, indices } => Some(Selection::new(source.as_ref(), indices.clone())),
            Content::File(_) => None,
        }
    }

    /// A name for the pictures' content, taken once; none where there is none.
    ///
    /// # Errors
    /// When a picture cannot be read.
    pub fn identity(&self) -> Result<Option<String>> {
        if let Some(identity) = self.identity.get() {
            return Ok(identity.clone());
        }
        let identity = match &self.content {
            Content::Pictures { .. } => self.pictures().map_or(Ok(None), |pictures| pictures.identity())?,
            Content::File(contents) => Some(identity_of(contents)),
        };
        Ok(self.identity.get_or_init(|| identity).clone())
    }

    /// The class of each picture with the classes' names, where both are known.
    #[must_use]
    pub fn labels(&self) -> Option<&(Vec<String>, Vec<u32>)> {
        let known = || {
            let Content::Pictures { source, indices } = &self.content else { return None };
            let labels = source.labels()?;
            Some((labels.names, indices.iter().map(|&i| labels.of[i]).collect()))
        };
        self.labels.get_or_init(known).as_ref()
    }

    /// What a file says of how it was made.
    #[must_use]
    pub fn fact(&self, key: &str) -> Option<String> {
        match &self.content {
            Content::File(contents) => contents.facts.as_ref()?[key].as_str().map(str::to_owned),
            Content::Pictures { .. } => None,
        }
    }

    /// What `sources`, all of one network, give of this side.
    ///
    /// # Errors
    /// When a picture cannot be read, or a file's numbers come from elsewhere.
    pub fn take(&self, lab: &Lab, protocol: &Protocol, sources: &[Source]) -> Result<Vec<Taken>> {
        match &self.content {
            Content::Pictures { source, indices } => {
                let Some(first) = sources.first() else { return Ok(Vec::new()) };
                let layers: Vec<Layer> = sources.iter().map(|s| s.layer).collect();
                let selection = Selection::new(source.as_ref(), indices.clone());
                let pictures = Identified { pictures: &selection, side: self };
                let features = lab.features(protocol, &pictures, first.network, &layers)?;
                Ok(features.into_iter().map(Taken::Rows).collect())
            }
            Content::File(contents) => sources.iter().map(|source| self.held(lab, contents, protocol, *source)).collect(),
        }
    }

    fn held(&self, lab: &Lab, contents: &NpzContents, protocol: &Protocol, source: Source) -> Result<Taken> {
        let refuse = |what: String| Err(DataError(format!("{} {}: {what}", self.flag, self.path.display())).into());
        if let (Some(network), Some(made)) = (lab.loaded(source.network), self.fact("weights_sha256"))
            && network.weights().sha256() != Some(made.as_str())
        {
            return refuse(format!("it was made with other weights (SHA-256 {made}): numbers of the two cannot be compared"));
        }
        if let Some(facts) = &contents.facts {
            let expected = [("protocol", protocol.name), ("network", source.network.name), ("layer", source.layer.name)];
            for (key, wanted) in expected {
                if let Some(found) = facts[key].as_str().filter(|found| *found != wanted) {
                    return refuse(format!(
                        "it was made with {key} {found}, not {wanted}: numbers of the two cannot be compared"
                    ));
                }
            }
        }
        let d = source.layer.dimensions;
        if let Some(features) = &contents.features {
            if features.dimensions() != d {
                return refuse(format!(
                    "its features have {} dimensions, {} {} has {d}",
                    features.dimensions(),
                    source.network.name,
                    source.layer.name
                ));
            }
            return Ok(Taken::Rows(features.clone()));
        }
        let Some(statistics) = &contents.statistics else { return refuse("it holds neither mu and sigma nor feats".into()) };
        if statistics.mean.len() != d {
            return refuse(format!(
                "its mean has {} dimensions, {} {} has {d}",
                statistics.mean.len(),
                source.network.name,
                source.layer.name
            ));
        }
        let gaussian = Gaussian::new(statistics.mean.clone(), &statistics.covariance, d)
            .map_err(|e| DataError(format!("{} {}: {}", self.flag, self.path.display(), one_line(&e))))?;
        Ok(Taken::Gaussian(gaussian))
    }
}

/// The file of a checkpoint's averaged generator.
const GENERATOR: &str = "ema.safetensors";

/// `n` of `available`, in their order.
///
/// # Errors
/// When there are fewer.
fn drawn(path: &Path, flag: &str, available: usize, n: usize, seed: u64) -> Result<Vec<u32>, UsageError> {
    if n > available {
        return Err(UsageError(format!("-n {n}: {flag} {} has only {available} pictures", path.display())));
    }
    let mut drawn = rng::stream(seed, &format!("evaluate {flag}"), 0).permutation(available);
    drawn.truncate(n);
    drawn.sort_unstable();
    Ok(drawn)
}

/// SHA-256 of the numbers that a file holds.
fn identity_of(contents: &NpzContents) -> String {
    let mut hash = Sha256::new();
    if let Some(features) = &contents.features {
        features.values().iter().for_each(|v| hash.update(v.to_le_bytes()));
    }
    if let Some(statistics) = &contents.statistics {
        statistics.mean.iter().chain(&statistics.covariance).for_each(|v| hash.update(v.to_le_bytes()));
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Pictures whose content the side has looked at already, or will remember.
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
    pub fn rows(&self, metric: impl std::fmt::Display, flag: &str) -> Result<&Features, UsageError> {
        match self {
            Self::Rows(features) => Ok(features),
            Self::Gaussian(_) => Err(only_statistics(metric, flag)),
        }
    }

    /// The rows themselves.
    ///
    /// # Errors
    /// When there are only statistics.
    pub fn into_rows(self, metric: impl std::fmt::Display, flag: &str) -> Result<Features, UsageError> {
        match self {
            Self::Rows(features) => Ok(features),
            Self::Gaussian(_) => Err(only_statistics(metric, flag)),
        }
    }
}

fn only_statistics(metric: impl std::fmt::Display, flag: &str) -> UsageError {
    UsageError(format!(
        "{metric}: {flag} is a file of statistics, over which only fid is defined; name pictures, or a file with feats"
    ))
}
