//! Translations and their targets, picture by picture.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use burn::tensor::Device;
use shared::cli::{DataError, UsageError};
use shared::dataset::{Dataset, DatasetError};
use shared::direction::Direction;
use shared::metrics::halves::{Halves, numbered};
use shared::metrics::resize::RgbPicture;
use shared::metrics::source::{PictureSource, SourceError, SplitPictures};
use shared::nn::run::Which;

use super::translations::{Translated, Translations};
use super::{ArchivePictures, InputKind};

/// The rule by which translations find their targets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Matching {
    /// The same name but for the suffix and for folders that all names of a side begin with.
    #[default]
    Name,
    /// The same place in the order of names.
    Order,
}

/// What to match.
#[derive(Clone, Debug)]
pub struct Partners<'a> {
    /// Targets: a data set of pairs, or their pictures alone.
    pub real: &'a Path,
    /// Translations: the same, or a run that translates the sources of `real`.
    pub fake: &'a Path,
    /// The split of data sets.
    pub split: &'a str,
    /// Which pictures of pairs are targets; `None`: as the run translates, else those of B.
    pub direction: Option<Direction>,
    /// The rule.
    pub matching: Matching,
    /// The checkpoint of a run.
    pub checkpoint: Which,
    /// The device of a run's generator.
    pub device: &'a Device,
}

/// Translations and their targets.
pub struct Matched {
    /// Translations.
    pub fake: Box<dyn PictureSource>,
    /// Targets.
    pub real: Box<dyn PictureSource>,
    /// For each target its translation.
    pub order: Vec<usize>,
    /// Which pictures of pairs are targets.
    pub direction: Direction,
    /// The step of the checkpoint that made the translations.
    pub step: Option<u64>,
}

impl Matched {
    /// Opens both sides and matches them.
    ///
    /// # Errors
    /// When a side cannot be read, or not every translation has one target and every target one
    /// translation.
    pub fn open(wanted: &Partners<'_>) -> Result<Self> {
        let Partners { real, fake, split, .. } = *wanted;
        let (translations, direction, step) = if InputKind::of(fake) == InputKind::Run {
            let Partners { direction, checkpoint, device, .. } = *wanted;
            let wanted = Translated { real, fake, split, direction, checkpoint, device };
            let translations = Translations::open(&wanted)?;
            let (direction, step) = (translations.direction, translations.step);
            (Box::new(translations) as Box<dyn PictureSource>, direction, Some(step))
        } else {
            let direction = wanted.direction.unwrap_or_default();
            (side("--fake", fake, split, direction.target())?, direction, None)
        };
        let targets = side("--real", real, split, direction.target())?;
        let order = match wanted.matching {
            Matching::Order => by_order(translations.as_ref(), targets.as_ref())?,
            Matching::Name => by_name(translations.as_ref(), targets.as_ref())?,
        };
        Ok(Self { fake: translations, real: targets, order, direction, step })
    }
}

/// The pictures at `path`; of pairs those with the index `half`.
///
/// # Errors
/// When there are none, or they cannot be listed.
pub fn side(flag: &str, path: &Path, split: &str, half: usize) -> Result<Box<dyn PictureSource>> {
    opened(flag, path, split, half, false)
}

/// The same for statistics over all that is stored: where pairs have room for random crops, all of
/// each picture instead of its middle.
///
/// # Errors
/// Those of [`side`].
pub fn whole_side(
    flag: &str,
    path: &Path,
    split: &str,
    half: usize,
) -> Result<Box<dyn PictureSource>> {
    opened(flag, path, split, half, true)
}

fn opened(
    flag: &str,
    path: &Path,
    split: &str,
    half: usize,
    whole: bool,
) -> Result<Box<dyn PictureSource>> {
    let refused = |what: &str| UsageError(format!("{flag} {}: {what}", path.display()));
    let source: Box<dyn PictureSource> = match InputKind::of(path) {
        InputKind::Dataset => {
            let dataset = Arc::new(Dataset::open(path)?);
            match dataset.manifest().paired {
                true => {
                    let halves = Halves::new(dataset, split, half)?;
                    Box::new(if whole { halves.whole() } else { halves })
                }
                false => Box::new(Numbered::new(dataset, split)?),
            }
        }
        InputKind::Pictures => Box::new(ArchivePictures::open(path)?),
        InputKind::Run => {
            return Err(refused("it is a run; pictures or a data set are needed here").into());
        }
        InputKind::Npz => {
            return Err(refused("it holds statistics or features, not pictures").into());
        }
    };
    if source.is_empty() {
        return Err(DataError(format!("{} contains no pictures", source.origin())).into());
    }
    Ok(source)
}

/// The pictures of a split, named by their numbers in its source.
struct Numbered {
    pictures: SplitPictures,
    dataset: Arc<Dataset>,
    split: String,
}

impl Numbered {
    fn new(dataset: Arc<Dataset>, split: &str) -> Result<Self, DatasetError> {
        let pictures = SplitPictures::new(Arc::clone(&dataset), split)?;
        Ok(Self { pictures, dataset, split: split.to_owned() })
    }
}

impl PictureSource for Numbered {
    fn origin(&self) -> String {
        self.pictures.origin()
    }

    fn len(&self) -> usize {
        self.pictures.len()
    }

    fn read(&self, indices: &[usize]) -> Result<Vec<RgbPicture>, SourceError> {
        self.pictures.read(indices)
    }

    fn name(&self, i: usize) -> String {
        numbered(&self.dataset, &self.split, i)
    }
}

fn by_order(fake: &dyn PictureSource, real: &dyn PictureSource) -> Result<Vec<usize>> {
    if fake.len() != real.len() {
        return Err(UsageError(format!(
            "--match order: {} has {} pictures, {} has {}",
            fake.origin(),
            fake.len(),
            real.origin(),
            real.len()
        ))
        .into());
    }
    Ok((0..real.len()).collect())
}

fn by_name(fake: &dyn PictureSource, real: &dyn PictureSource) -> Result<Vec<usize>> {
    let [fakes, reals] = [fake, real].map(keys);
    let mut places: HashMap<&str, usize> = HashMap::new();
    for (i, key) in fakes.iter().enumerate() {
        if let Some(other) = places.insert(key, i) {
            return Err(UsageError(format!(
                "{}: {} and {} have one name; --match order matches them by their order",
                fake.origin(),
                fake.name(other),
                fake.name(i)
            ))
            .into());
        }
    }
    let missing: Vec<usize> =
        (0..reals.len()).filter(|&i| !places.contains_key(&reals[i][..])).collect();
    let mend = "--match order matches them by their order";
    if let Some(&first) = missing.first() {
        return Err(UsageError(format!(
            "{} of {} targets of {} have no translation of the same name in {} (the first: {}); {mend}",
            missing.len(),
            reals.len(),
            real.origin(),
            fake.origin(),
            real.name(first)
        ))
        .into());
    }
    let order: Vec<usize> = reals.iter().map(|key| places[&key[..]]).collect();
    let mut unused = vec![true; fakes.len()];
    order.iter().for_each(|&i| unused[i] = false);
    if let Some(extra) = unused.iter().position(|unused| *unused) {
        return Err(UsageError(format!(
            "{}: {} has no target of the same name in {}; {mend}",
            fake.origin(),
            fake.name(extra),
            real.origin()
        ))
        .into());
    }
    Ok(order)
}

/// The names without suffixes, and without the folders that all of them begin with.
fn keys(source: &dyn PictureSource) -> Vec<String> {
    let names: Vec<String> = (0..source.len()).map(|i| source.name(i)).collect();
    let folders = |name: &str| name.rfind('/').map_or(0, |at| at + 1);
    let mut common = names.first().map_or("", |first| &first[..folders(first)]);
    for name in &names {
        while !name.starts_with(common) {
            common = &common[..folders(&common[..common.len() - 1])];
        }
    }
    let key = |name: &String| {
        let file = folders(name);
        let end = name[file..].rfind('.').filter(|at| *at > 0).map_or(name.len(), |at| file + at);
        name[common.len()..end].to_owned()
    };
    names.iter().map(key).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names without pictures.
    struct Names(Vec<&'static str>);

    impl PictureSource for Names {
        fn origin(&self) -> String {
            "names".into()
        }

        fn len(&self) -> usize {
            self.0.len()
        }

        fn read(&self, _: &[usize]) -> Result<Vec<RgbPicture>, SourceError> {
            Ok(Vec::new())
        }

        fn name(&self, i: usize) -> String {
            self.0[i].to_owned()
        }
    }

    #[test]
    fn names_match_without_suffixes_and_common_folders() {
        let matched = |fake: &[&'static str], real: &[&'static str]| {
            by_name(&Names(fake.to_vec()), &Names(real.to_vec())).map_err(|e| e.to_string())
        };
        assert_eq!(matched(&["b.png", "a.png"], &["a.jpg", "b.jpg"]), Ok(vec![1, 0]));
        let below = matched(&["out/x/1.png", "out/2.png"], &["2", "x/1"]);
        assert_eq!(below, Ok(vec![1, 0]));
        assert_eq!(matched(&["out/a.b.png"], &["val/a.b.png"]), Ok(vec![0]));
        for (fake, real, named) in [
            (&["a.png", "b.png"][..], &["a.png", "c.png"][..], "1 of 2 targets"),
            (&["a.png", "b.png"], &["a.png"], "b.png has no target"),
            (&["a.png", "a.jpg"], &["a.png"], "have one name"),
        ] {
            let error = matched(fake, real).expect_err("refused");
            assert!(error.contains(named) && error.contains("--match order"), "{error}");
        }
    }
}
