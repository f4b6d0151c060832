//! Samples beside their nearest training pictures, to reveal memorisation.

use std::path::{Path, PathBuf};

use anyhow::Result;
use burn::tensor::Device;
use shared::cli::{UsageError, one_line};
use shared::dataset::{Dataset, DatasetError, Split};
use shared::metrics::nearest::{NearestError, Neighbour, nearest};
use shared::nn::run::Which;
use shared::nn::sampler::Sampler;
use shared::picture::{Picture, PictureError};

use super::html::{Html, element, figure, fixed, leaf, note, picture, text};
use crate::tell::numbers::{count, median, rounded};
use crate::tell::record::Record;

/// Training pictures beside each sample.
const NEIGHBOURS: usize = 5;

/// Held-out pictures, whose distances show what is normal.
const HELD_OUT: usize = 64;

/// Bytes of training pictures that are searched at the end of a run: a second or two. Beyond that,
/// only `train report` searches them.
const QUICK_BYTES: usize = 2 << 30;

/// The data set for a report.
#[derive(Debug)]
pub(super) enum Data {
    /// The run's own data set.
    Open(Box<Dataset>),
    /// No data set, with the reason.
    Absent(String),
}

impl Data {
    /// The data set in `given`, which must be the run's; otherwise the one at the run's recorded
    /// path, if it still exists.
    ///
    /// # Errors
    /// If `given` cannot be read or is another data set.
    pub(super) fn find(record: &Record, given: Option<&Path>) -> Result<Self> {
        let path = given.map_or_else(|| PathBuf::from(&record.config.data.path), Path::to_owned);
        let opened = Dataset::open(&path);
        let (dataset, why) = match (opened, given) {
            (Err(error), Some(_)) => return Err(error.into()),
            (Err(error), None) => {
                return Ok(Self::Absent(format!("{}. If it has moved: --data", one_line(&error))));
            }
            (Ok(dataset), _) => {
                let why = difference(&dataset, record);
                (dataset, why)
            }
        };
        match (why, given) {
            (None, _) => Ok(Self::Open(Box::new(dataset))),
            (Some(why), Some(_)) => {
                Err(UsageError(format!("--data {}: {why}", path.display())).into())
            }
            (Some(why), None) => Ok(Self::Absent(format!("{}: {why}", path.display()))),
        }
    }
}

/// The difference between the data set and the one that the run was trained on, if any.
fn difference(dataset: &Dataset, record: &Record) -> Option<String> {
    let (manifest, data) = (dataset.manifest(), &record.config.data);
    if manifest.fingerprint != data.fingerprint {
        return Some("it comes from another source than the run's data set (fingerprint)".into());
    }
    let (found, learned) =
        ((manifest.size as usize, manifest.channels as usize), (data.size, data.channels));
    (found != learned).then(|| {
        format!("its pictures have size and channels {found:?}, the run was trained on {learned:?}")
    })
}

/// Samples of the best checkpoint and their neighbours; with `quick`, only if that takes no time.
pub(super) fn section(record: &Record, data: &Data, quick: bool) -> Html {
    let (sampler, meta) = match Sampler::open(record.run.folder(), Which::Best, &Device::flex()) {
        Ok(opened) => opened,
        Err(error) => return note(format!("No samples: {}.", one_line(&error))),
    };
    if sampler.latents().is_err() {
        return note(
            "The generator translates pictures, so a sample is nearest to its own source.",
        );
    }
    // Fewer if the pictures are large, so that the page stays small enough to send.
    let samples = if record.config.data.size > 128 { 8 } else { 16 };
    let pictures = sampler.pictures(&(0..samples).collect::<Vec<u64>>());
    let best = record.best().filter(|best| best.step == meta.step);
    let quality = best.map_or_else(
        || "the one that `sample` takes".into(),
        |best| format!("KID {}", rounded(best.kid, 4)),
    );
    let of = format!("Samples of the checkpoint after step {} ({quality}).", count(meta.step));
    let (text, rows) = match beside(record, data, &pictures, quick) {
        Ok(found) => (format!("{of} {}", found.text), found.rows),
        Err(why) => (
            format!("{of} The nearest training pictures are not shown: {why}."),
            pictures.iter().map(|_| Vec::new()).collect(),
        ),
    };
    let drawn: Result<Vec<Html>, PictureError> =
        (0..).zip(pictures.iter().zip(rows)).map(|(seed, of)| row(seed, of)).collect();
    match drawn {
        Ok(rows) => {
            [note(text), element("div", &[("class", "neighbours")], rows)].into_iter().collect()
        }
        Err(error) => note(one_line(&error)),
    }
}

/// A training picture and its position.
type Beside = (Picture, Neighbour);

struct Found {
    text: String,
    rows: Vec<Vec<Beside>>,
}

fn beside(
    record: &Record,
    data: &Data,
    pictures: &[Picture],
    quick: bool,
) -> Result<Found, String> {
    let dataset = match data {
        Data::Open(dataset) => dataset,
        Data::Absent(why) => return Err(why.clone()),
    };
    let said = |error: DatasetError| one_line(&error);
    let learned = dataset.split(&record.config.data.split).map_err(said)?;
    let bytes = learned.len() * pictures.first().map_or(0, |p| p.pixels.len());
    if quick && bytes > QUICK_BYTES {
        let run = record.run.folder().display();
        return Err(format!(
            "the end of a run does not wait for {} pictures; `train report {run}` finds them",
            learned.len()
        ));
    }
    let unfound = |error: NearestError| one_line(&error);
    let lists = nearest(pictures, &learned, NEIGHBOURS).map_err(unfound)?;
    let closest = |lists: &[Vec<Neighbour>]| {
        median(lists.iter().filter_map(|l| Some(l.first()?.distance)).collect())
    };
    let usual = match dataset.split(&record.config.settings.evaluation.split) {
        Ok(other) if other.name() != learned.name() => {
            closest(&nearest(&held_out(&other).map_err(said)?, &learned, 1).map_err(unfound)?)
        }
        _ => None,
    };
    let (all, split) = (count(learned.len() as u64), &record.config.data.split);
    let mut text = format!(
        "Beside each sample the {NEIGHBOURS} nearest of all {all} pictures of split {split:?}: \
         below each its distance, the root mean square difference in levels of 255, and its \
         number. A distance near 0 is a copy."
    );
    if let (Some(samples), Some(usual)) = (closest(&lists), usual) {
        text += &format!(
            " The median distance to the nearest training picture is {} for samples and {} for \
             held-out real pictures; smooth pictures are nearer to all others.",
            rounded(samples, 3),
            rounded(usual, 3)
        );
    }
    let shown = |of: &Neighbour| Ok((learned.picture(of.index)?, *of));
    let rows = lists
        .iter()
        .map(|list| list.iter().map(shown).collect())
        .collect::<Result<_, DatasetError>>();
    Ok(Found { text, rows: rows.map_err(said)? })
}

/// Pictures that were not trained on, spread evenly.
fn held_out(split: &Split<'_>) -> Result<Vec<Picture>, DatasetError> {
    let count = HELD_OUT.min(split.len());
    (0..count).map(|i| split.picture(i * split.len() / count)).collect()
}

fn row(seed: u64, (sample, beside): (&Picture, Vec<Beside>)) -> Result<Html, PictureError> {
    let shown = |picture_of: &Picture, class: &str, alt: &str, caption: Html| {
        let extent = (picture_of.width, picture_of.height);
        Ok(figure(class, picture(&picture_of.to_png()?, extent, alt), caption))
    };
    let name = format!("seed {seed}");
    let mut cells = vec![shown(sample, "sample", &name, text(&name))?];
    for (picture, Neighbour { index, distance }) in beside {
        let place = format!("#{index}");
        let caption = [fixed(rounded(distance, 3)), text(" "), leaf("span", "place", &place)]
            .into_iter()
            .collect();
        cells.push(shown(&picture, "real", &place, caption)?);
    }
    Ok(element("div", &[("class", "row")], cells))
}
