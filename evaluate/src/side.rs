//! One side of a comparison: its pictures, or what a file says about pictures that are elsewhere, and what was taken of them.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::Result;
use shared::cli::{DataError, UsageError, one_line};
use shared::metrics::features::Features;
use shared::metrics::network::Layer;
use shared::metrics::resize::RgbPicture;
use shared::metrics::source::{PictureSource, Selection, SourceError};
use shared::rng;

use crate::input::{self, Kind, Wanted};
use crate::lab::Lab;
use crate::metrics::fid::Gaussian;
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
    content: Content,
    identity: OnceLock<Option<String>>,
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
            if let (Some(_), true) = (count, contents.features.is_none()) {
                return Err(
                    UsageError(format!("-n: {flag} {} holds statistics, of which no part can be taken", path.display())).into()
                );
            }
            return Ok(Self {
                path: path.to_owned(),
                flag,
                step: None,
                content: Content::File(contents),
                identity: OnceLock::new(),
            });
        }
        let (source, step) = input::open(path, wanted)?;
        let available = source.len();
        let indices = match count {
            None => (0..available).collect(),
            Some(n) if n > available => {
                return Err(UsageError(format!("-n {n}: {flag} {} has only {available} pictures", source.origin())).into());
            }
            Some(n) => {
                let mut drawn: Vec<usize> = rng::stream(seed, &format!("evaluate {flag}"), 0).permutation(available)[..n]
                    .iter()
                    .map(|&i| i as usize)
                    .collect();
                drawn.sort_unstable();
                drawn
            }
        };
        Ok(Self { path: path.to_owned(), flag, step, content: Content::Pictures { source, indices }, identity: OnceLock::new() })
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
        let identity = match self.pictures() {
            Some(pictures) => pictures.identity()?,
            None => None,
        };
        Ok(self.identity.get_or_init(|| identity).clone())
    }

    /// The class of each picture with the classes' names, where both are known.
    #[must_use]
    pub fn labels(&self) -> Option<(Vec<String>, Vec<u32>)> {
        match &self.content {
            Content::Pictures { source, indices } => {
                let labels = source.labels()?;
                Some((labels.names, indices.iter().map(|&i| labels.of[i]).collect()))
            }
            Content::File(_) => None,
        }
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
            Content::File(contents) => sources.iter().map(|source| self.held(contents, protocol, *source)).collect(),
        }
    }

    fn held(&self, contents: &NpzContents, protocol: &Protocol, source: Source) -> Result<Taken> {
        let refuse = |what: String| Err(DataError(format!("{} {}: {what}", self.flag, self.path.display())).into());
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
