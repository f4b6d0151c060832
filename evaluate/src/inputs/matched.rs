//! Translations and their targets, picture by picture.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use burn::tensor::Device;
use shared::cli::{DataError, UsageError};
use shared::dataset::{Dataset, DatasetError};
use shared::direction::Direction;
use shared::metrics::resize::RgbPicture;
use shared::metrics::source::{PictureSource, SourceError, SplitPictures};
use shared::nn::run::{Run, Which};
use shared::nn::sampler::{Drawn, Manner, Sampler, Weights};
use shared::picture::{Picture, Window};

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
            let (translations, direction, step) = Translations::open(wanted)?;
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
                true => Box::new(Half { whole, ..Half::new(dataset, split, half)? }),
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

/// One picture of each pair of a split.
struct Half {
    dataset: Arc<Dataset>,
    split: String,
    half: usize,
    count: usize,
    /// All that is stored of a picture, instead of the middle of one with room for random crops.
    whole: bool,
}

impl Half {
    fn new(dataset: Arc<Dataset>, split: &str, half: usize) -> Result<Self, DatasetError> {
        let count = dataset.split(split)?.len();
        Ok(Self { dataset, split: split.to_owned(), half, count, whole: false })
    }
}

impl PictureSource for Half {
    fn origin(&self) -> String {
        let half = ["A", "B"][self.half];
        format!("{} ({}, {half})", self.dataset.dir().display(), self.split)
    }

    fn len(&self) -> usize {
        self.count
    }

    fn read(&self, indices: &[usize]) -> Result<Vec<RgbPicture>, SourceError> {
        let failed =
            |cause: DatasetError| SourceError { origin: self.origin(), cause: Box::new(cause) };
        let split = self.dataset.split(&self.split).map_err(failed)?;
        let picture = |&i: &usize| {
            if !self.whole {
                return Ok(split.pair(i).map_err(failed)?[self.half].clone().into());
            }
            let (side, channels) = (split.stored(), self.dataset.manifest().channels);
            let pixels = split.pixels(i).map_err(failed)?.to_vec();
            let both = Picture { width: 2 * side, height: side, channels, pixels };
            let left = side * self.half as u32;
            Ok(both.cut(Window { left, top: 0, width: side, height: side }).into())
        };
        indices.iter().map(picture).collect()
    }

    fn name(&self, i: usize) -> String {
        numbered(&self.dataset, &self.split, i)
    }
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

/// The name of a picture of a data set, as `sample translate` and `prep export` write it: its number
/// in the source. A damaged record has none; reading it says so.
fn numbered(dataset: &Dataset, split: &str, i: usize) -> String {
    let record = dataset.split(split).and_then(|split| Ok(split.record(i)?.source));
    record.map_or_else(|_| format!("#{i}"), |source| format!("{:06}", source & u64::from(u32::MAX)))
}

/// The sources of pairs, translated by a run as `sample translate` does by default.
struct Translations {
    sources: Half,
    sampler: Sampler,
    channels: u32,
}

impl Translations {
    fn open(wanted: &Partners<'_>) -> Result<(Self, Direction, u64)> {
        let Partners { real, fake, checkpoint, direction, device, split, .. } = *wanted;
        let refused = |what: String| UsageError(format!("--fake {}: {what}", fake.display()));
        let paired = |dataset: &Dataset| dataset.manifest().paired;
        let dataset = match InputKind::of(real) {
            InputKind::Dataset => Some(Dataset::open(real)?).filter(paired),
            _ => None,
        };
        let Some(dataset) = dataset else {
            let what = format!(
                "a run needs sources to translate, and --real {} is no data set of pairs; `sample translate` translates a folder",
                real.display()
            );
            return Err(refused(what).into());
        };
        let config = Run::open(fake)?.checkpoint(checkpoint)?.meta.config;
        let (direction, role) = config.translating(direction)?;
        let (sampler, meta) =
            Sampler::open_role(fake, checkpoint, Weights::Averaged, role, device)?;
        let (size, multiple) = (dataset.manifest().size as usize, sampler.sources()?.multiple);
        if size % multiple != 0 {
            let what = format!(
                "it translates pictures whose sides are multiples of {multiple}, those of --real have {size}; `sample translate` pads them"
            );
            return Err(refused(what).into());
        }
        let channels = meta.config.data.channels as u32;
        if dataset.manifest().channels != channels {
            let what = format!(
                "it translates pictures of {channels} channels, those of --real have {}",
                dataset.manifest().channels
            );
            return Err(refused(what).into());
        }
        let sources = Half::new(Arc::new(dataset), split, direction.source())?;
        Ok((Self { sources, sampler, channels }, direction, meta.step))
    }
}

impl PictureSource for Translations {
    fn origin(&self) -> String {
        format!("translations of {}", self.sources.origin())
    }

    fn len(&self) -> usize {
        self.sources.len()
    }

    fn read(&self, indices: &[usize]) -> Result<Vec<RgbPicture>, SourceError> {
        let failed = |cause: DatasetError| SourceError {
            origin: self.sources.origin(),
            cause: Box::new(cause),
        };
        let split = self.sources.dataset.split(&self.sources.split).map_err(failed)?;
        let translated = |&i: &usize| {
            let source = &split.pair(i).map_err(failed)?[self.sources.half];
            let name = format!("{}.png", self.name(i));
            let drawn = Drawn { seed: 0, name: &name, piece: 0 };
            let values = self.sampler.translation(source, Manner::default(), drawn);
            let pixels = values.iter().map(|v| (v.clamp(0.0, 1.0) * 255.0 + 0.5) as u8).collect();
            let (width, height) = (source.width as usize, source.height as usize);
            Ok(RgbPicture::from_channels(width, height, self.channels as usize, pixels))
        };
        indices.iter().map(translated).collect()
    }

    fn name(&self, i: usize) -> String {
        self.sources.name(i)
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
