//! `evaluate pairs`: translations beside their targets, picture by picture.
//!
//! L1, PSNR and SSIM reward a blank picture: one constant colour reaches values that many networks
//! do not. So the same numbers of two constants, the median and the mean colour of the training
//! targets, stand beside those of the translations, and the share of translations that are nearer to
//! their own target than to every other one, which no constant raises above chance.

use std::path::{Path, PathBuf};

use anyhow::Result;
use rayon::prelude::*;
use serde::Serialize;
use serde_json::json;
use shared::cli::{DataError, UsageError, one_line};
use shared::dataset::Dataset;
use shared::direction::Direction;
use shared::log::Progress;
use shared::metrics::lpips::{Backbone, Lpips};
use shared::metrics::resize::RgbPicture;
use shared::metrics::source::PictureSource;
use shared::nn::run::Which;
use shared::table::aligned;

use super::path_length::similarity;
use crate::features::lab::Lab;
use crate::inputs::InputKind;
use crate::inputs::matched::{self, Matched, Matching, Partners};
use crate::metrics::own_pair::{self, Rank};
use crate::metrics::similarity::{l1, psnr, ssim};
use crate::protocols::Conventions;

/// Pictures read and measured at once.
const TOGETHER: usize = 16;
/// The shortest side of a picture that LPIPS' networks take, in pixels.
const LPIPS_SIDE: usize = 32;
/// The split whose targets' colours are the floor.
const TRAIN: &str = "train";

/// The options of `evaluate pairs`.
#[derive(Clone, Debug)]
pub struct PairedOptions {
    /// Targets: a data set of pairs, or pictures.
    pub real: PathBuf,
    /// Translations: pictures, or a run.
    pub fake: PathBuf,
    /// The training targets, for the floors; `None`: the train split of `real`, if it has one.
    pub train: Option<PathBuf>,
    /// The split of data sets.
    pub split: String,
    /// Which pictures of pairs are targets; `None`: as the run translates, else those of B.
    pub direction: Option<Direction>,
    /// The rule by which translations find their targets.
    pub matching: Matching,
    /// The checkpoint of a run.
    pub checkpoint: Which,
    /// LPIPS' network.
    pub lpips: LpipsChoice,
    /// Weights and device.
    pub conventions: Conventions,
    /// One JSON object per picture and summary instead of a table.
    pub json: bool,
}

/// The use of LPIPS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LpipsChoice {
    /// Over VGG16, if its weights are there.
    IfStored,
    /// Over this network.
    Over(Backbone),
    /// None.
    Off,
}

/// One picture beside its target.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Likeness {
    /// The mean absolute difference, on the scale from −1 to 1.
    pub l1: f64,
    /// In dB.
    pub psnr: f64,
    /// `None` where the picture is smaller than the window.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ssim: Option<f64>,
    /// `None` without a network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lpips: Option<f64>,
}

/// A mean over pictures.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Mean {
    /// The mean.
    pub mean: f64,
    /// Its standard error; `None` of one picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub standard_error: Option<f64>,
}

/// The means of a set of pictures beside the targets.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// `translations`, `median colour`, `mean colour`.
    pub summary: &'static str,
    /// The colour, if it is constant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub colour: Option<String>,
    /// The mean absolute difference.
    pub l1: Mean,
    /// The mean of the pictures' PSNR, in dB.
    pub psnr: Mean,
    /// The mean SSIM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ssim: Option<Mean>,
    /// The mean LPIPS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lpips: Option<Mean>,
}

/// The share of translations that are nearer to their own target than to every other one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct OwnPair {
    /// Their number.
    pub nearest: usize,
    /// The number of pairs.
    pub of: usize,
    /// `nearest / of`.
    pub share: f64,
    /// Its 95 % interval (Wilson).
    pub interval: [f64; 2],
    /// The share by chance, `1 / of`.
    pub chance: f64,
}

/// The result.
#[derive(Clone, Debug, PartialEq)]
pub struct PairedReport {
    /// The names of the targets, with the likeness and the rank of their translations.
    pub pictures: Vec<(String, Likeness, Option<Rank>)>,
    /// Translations first, then the floors.
    pub summaries: Vec<Summary>,
    /// `None` where the pictures have several sizes.
    pub own_pair: Option<OwnPair>,
    /// Which pictures of pairs were targets.
    pub direction: Direction,
    /// The step of the run's checkpoint.
    pub step: Option<u64>,
    /// The LPIPS network.
    pub lpips: Option<&'static str>,
}

/// Runs `evaluate pairs`.
///
/// # Errors
/// Those of [`measure`], and when the result cannot be printed.
pub fn run(options: &PairedOptions) -> Result<()> {
    let report = measure(options)?;
    let text = if options.json { report.lines(options)? } else { report.table() };
    Ok(shared::cli::print(&text)?)
}

/// Measures.
///
/// # Errors
/// When a side cannot be read or matched, two partners differ in size, or weights that were asked
/// for are missing.
pub fn measure(options: &PairedOptions) -> Result<PairedReport> {
    let lab = Lab::open(options.conventions.clone())?;
    let matched = Matched::open(&Partners {
        real: &options.real,
        fake: &options.fake,
        split: &options.split,
        direction: options.direction,
        matching: options.matching,
        checkpoint: options.checkpoint,
        device: &lab.device,
    })?;
    let floors = floors(options, matched.direction)?;
    let targets = all(matched.real.as_ref())?;
    let lpips = network(&lab, options, &targets)?;
    let alike = targets.windows(2).all(|pair| size(&pair[0]) == size(&pair[1]));
    if !alike {
        tracing::warn!(
            "the targets have several sizes: translations are not compared with those of others"
        );
    }
    let pixels: Vec<&[u8]> = targets.iter().map(|target| &target.pixels[..]).collect();
    let progress = Progress::new("evaluate pairs", targets.len() as u64);
    let mut pictures = Vec::new();
    let indices: Vec<usize> = (0..targets.len()).collect();
    for block in indices.chunks(TOGETHER) {
        let places: Vec<usize> = block.iter().map(|&i| matched.order[i]).collect();
        let outputs = matched.fake.read(&places)?;
        for ((&i, &place), output) in block.iter().zip(&places).zip(&outputs) {
            fits(&matched, (place, output), (i, &targets[i]))?;
        }
        let all = likenesses(&outputs, &targets[block[0]..][..block.len()], lpips.as_ref());
        for ((&i, output), likeness) in block.iter().zip(&outputs).zip(all) {
            let rank = alike.then(|| own_pair::rank(&output.pixels, &pixels, i));
            pictures.push((matched.real.name(i), likeness, rank));
        }
        progress.add(block.len() as u64);
    }
    drop(progress);
    let likeness: Vec<&Likeness> = pictures.iter().map(|(_, likeness, _)| likeness).collect();
    let mut summaries = vec![Summary::of("translations", None, &likeness)];
    for (name, colour) in floors {
        let [red, green, blue] = colour;
        let shown = format!("#{red:02x}{green:02x}{blue:02x}");
        let constant: Vec<RgbPicture> = targets.iter().map(|t| filled(t, colour)).collect();
        let all: Vec<Likeness> = constant
            .chunks(TOGETHER)
            .zip(targets.chunks(TOGETHER))
            .flat_map(|(constant, targets)| likenesses(constant, targets, lpips.as_ref()))
            .collect();
        summaries.push(Summary::of(name, Some(shown), &all.iter().collect::<Vec<_>>()));
    }
    let ranks: Option<Vec<Rank>> = pictures.iter().map(|(.., rank)| *rank).collect();
    let own_pair = ranks.map(|ranks| {
        let (of, nearest) = (ranks.len(), ranks.iter().filter(|rank| rank.rank == 1).count());
        let n = of as f64;
        let interval = own_pair::wilson(nearest, of);
        OwnPair { nearest, of, share: nearest as f64 / n, interval, chance: 1.0 / n }
    });
    let lpips = lpips.map(|lpips| lpips.backbone().name());
    let Matched { direction, step, .. } = matched;
    Ok(PairedReport { pictures, summaries, own_pair, direction, step, lpips })
}

fn size(picture: &RgbPicture) -> [usize; 2] {
    [picture.width, picture.height]
}

/// Checks that a translation has the size of its target.
fn fits(
    matched: &Matched,
    (place, output): (usize, &RgbPicture),
    (i, target): (usize, &RgbPicture),
) -> Result<(), DataError> {
    if size(output) == size(target) {
        return Ok(());
    }
    Err(DataError(format!(
        "{}: {} has {}×{} pixels, its target {} has {}×{}: they cannot be compared pixel by pixel",
        matched.fake.origin(),
        matched.fake.name(place),
        output.width,
        output.height,
        matched.real.name(i),
        target.width,
        target.height
    )))
}

/// All pictures of a side.
fn all(source: &dyn PictureSource) -> Result<Vec<RgbPicture>> {
    Ok(source.read(&(0..source.len()).collect::<Vec<_>>())?)
}

/// The likeness of each picture and its target.
fn likenesses(
    outputs: &[RgbPicture],
    targets: &[RgbPicture],
    lpips: Option<&Lpips>,
) -> Vec<Likeness> {
    let of = |(a, b): (&RgbPicture, &RgbPicture)| Likeness {
        l1: l1(a, b),
        psnr: psnr(a, b),
        ssim: ssim(a, b),
        lpips: None,
    };
    let mut all: Vec<Likeness> = outputs.par_iter().zip(targets).map(of).collect();
    if let Some(lpips) = lpips {
        let distances = lpips.distance(outputs, targets, None);
        all.iter_mut().zip(distances).for_each(|(one, distance)| one.lpips = Some(distance));
    }
    all
}

/// The LPIPS network, if it is wanted and can be had.
fn network(lab: &Lab, options: &PairedOptions, targets: &[RgbPicture]) -> Result<Option<Lpips>> {
    let backbone = match options.lpips {
        LpipsChoice::Off => return Ok(None),
        LpipsChoice::IfStored => Backbone::Vgg16,
        LpipsChoice::Over(backbone) => backbone,
    };
    let smallest = targets.iter().flat_map(size).min().unwrap_or(0);
    let found = if smallest < LPIPS_SIDE {
        let what =
            format!("a picture has a side of {smallest} pixels, it takes {LPIPS_SIDE} or more");
        Err(UsageError(what).into())
    } else {
        similarity(lab, backbone)
    };
    match found {
        Ok(lpips) => Ok(Some(lpips)),
        // Weights that are not stored, not damaged ones.
        Err(why) if options.lpips == LpipsChoice::IfStored && why.is::<UsageError>() => {
            tracing::info!("LPIPS is left out: {}", one_line(why.as_ref()));
            Ok(None)
        }
        Err(why) => Err(why.context("--lpips")),
    }
}

/// The median and the mean colour of the training targets; empty if there are none.
fn floors(options: &PairedOptions, direction: Direction) -> Result<Vec<(&'static str, [u8; 3])>> {
    let half = direction.target();
    let source = match &options.train {
        Some(path) => matched::whole_side("--train", path, TRAIN, half)?,
        None if has_training(&options.real)? => {
            matched::whole_side("--real", &options.real, TRAIN, half)?
        }
        None => {
            tracing::warn!(
                "no training targets: without them the floor of a constant colour is unknown; --train names them"
            );
            return Ok(Vec::new());
        }
    };
    let mut counts = [[0u64; 256]; 3];
    let indices: Vec<usize> = (0..source.len()).collect();
    for block in indices.chunks(TOGETHER) {
        for picture in source.read(block)? {
            for pixel in picture.pixels.as_chunks::<3>().0 {
                counts.iter_mut().zip(pixel).for_each(|(counts, &level)| {
                    counts[usize::from(level)] += 1;
                });
            }
        }
    }
    Ok(vec![
        ("median colour", counts.map(|c| median(&c))),
        ("mean colour", counts.map(|c| mean(&c))),
    ])
}

/// Returns true if it is a data set with pictures in its train split.
fn has_training(real: &Path) -> Result<bool> {
    if InputKind::of(real) != InputKind::Dataset {
        return Ok(false);
    }
    let dataset = Dataset::open(real)?;
    Ok(dataset.manifest().splits.iter().any(|split| split.name == TRAIN && split.records > 0))
}

/// The level below which at most half of the values lie.
fn median(counts: &[u64; 256]) -> u8 {
    let total: u64 = counts.iter().sum();
    let mut below = 0;
    let at = counts.iter().position(|count| {
        below += count;
        2 * below >= total
    });
    at.unwrap_or(0) as u8
}

/// The mean level, rounded.
fn mean(counts: &[u64; 256]) -> u8 {
    let total: u64 = counts.iter().sum();
    let sum: u64 = (0u64..).zip(counts).map(|(level, count)| level * count).sum();
    ((sum + total / 2) / total.max(1)) as u8
}

/// A picture of one colour and the size of another.
fn filled(like: &RgbPicture, colour: [u8; 3]) -> RgbPicture {
    let (width, height) = (like.width, like.height);
    let pixels = colour.iter().copied().cycle().take(like.pixels.len()).collect();
    RgbPicture { width, height, pixels }
}

impl Mean {
    fn of(values: &[f64]) -> Self {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let error = (values.len() > 1).then(|| (squares / (n - 1.0) / n).sqrt());
        Self { mean, standard_error: error }
    }

    /// The value with its standard error.
    fn shown(self, digits: usize) -> String {
        let error = self.standard_error.map(|error| format!(" ± {error:.digits$}"));
        format!("{:.digits$}{}", self.mean, error.unwrap_or_default())
    }
}

impl Summary {
    fn of(summary: &'static str, colour: Option<String>, all: &[&Likeness]) -> Self {
        let of = |value: fn(&Likeness) -> Option<f64>| {
            let values: Option<Vec<f64>> = all.iter().map(|likeness| value(likeness)).collect();
            values.map(|values| Mean::of(&values))
        };
        let l1 = Mean::of(&all.iter().map(|l| l.l1).collect::<Vec<f64>>());
        let psnr = Mean::of(&all.iter().map(|l| l.psnr).collect::<Vec<f64>>());
        Self { summary, colour, l1, psnr, ssim: of(|l| l.ssim), lpips: of(|l| l.lpips) }
    }
}

impl PairedReport {
    /// For people.
    fn table(&self) -> String {
        let lpips = self.lpips.unwrap_or("lpips");
        let mut rows =
            vec![["", "L1 (-1 to 1)", "PSNR, dB", "SSIM", lpips].map(str::to_owned).to_vec()];
        for summary in &self.summaries {
            let name = match &summary.colour {
                Some(colour) => format!("{} {colour}", summary.summary),
                None => summary.summary.to_owned(),
            };
            let shown =
                |mean: Option<Mean>| mean.map_or_else(|| "-".to_owned(), |mean| mean.shown(4));
            let (l1, psnr) = (summary.l1.shown(4), summary.psnr.shown(2));
            rows.push(vec![name, l1, psnr, shown(summary.ssim), shown(summary.lpips)]);
        }
        if self.lpips.is_none() {
            rows.iter_mut().for_each(|row| row.truncate(4));
        }
        let mut text = aligned(&rows);
        if let Some(own) = self.own_pair {
            let [low, high] = own.interval;
            text += &format!(
                "nearest to their own target: {} of {}, {:.3} ({low:.3} to {high:.3}); by chance {:.3}\n",
                own.nearest, own.of, own.share, own.chance
            );
        }
        text
    }

    /// One line of JSON for each picture, then one for each summary.
    fn lines(&self, options: &PairedOptions) -> Result<String> {
        let mut text = String::new();
        for (name, likeness, rank) in &self.pictures {
            let mut line = json!({ "picture": name });
            merge(&mut line, &serde_json::to_value(likeness)?);
            if let Some(rank) = rank {
                let nearest = &self.pictures[rank.nearest].0;
                merge(&mut line, &json!({ "rank": rank.rank, "nearest": nearest }));
            }
            text += &format!("{line}\n");
        }
        for (i, summary) in self.summaries.iter().enumerate() {
            let mut line = serde_json::to_value(summary)?;
            if i == 0 {
                let own = self.own_pair.map(|own| json!({ "own_pair": own }));
                own.iter().for_each(|own| merge(&mut line, own));
            }
            let facts = json!({
                "pairs": self.pictures.len(),
                "real": options.real,
                "fake": options.fake,
                "split": options.split,
                "direction": self.direction.to_string(),
                "step": self.step,
                "lpips_network": self.lpips,
                "fledge": env!("CARGO_PKG_VERSION"),
            });
            merge(&mut line, &facts);
            text += &format!("{line}\n");
        }
        Ok(text)
    }
}

/// Adds the members of `more`, but for those that are null.
fn merge(line: &mut serde_json::Value, more: &serde_json::Value) {
    if let (Some(line), Some(more)) = (line.as_object_mut(), more.as_object()) {
        let there = more.iter().filter(|(_, value)| !value.is_null());
        line.extend(there.map(|(key, value)| (key.clone(), value.clone())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_the_median_and_the_mean_level() {
        let counts = |levels: &[u8]| {
            let mut counts = [0; 256];
            levels.iter().for_each(|&level| counts[usize::from(level)] += 1);
            counts
        };
        assert_eq!(median(&counts(&[3, 9, 200])), 9);
        assert_eq!(median(&counts(&[3, 9, 100, 200])), 9);
        assert_eq!(mean(&counts(&[1, 2])), 2);
        assert_eq!(mean(&counts(&[255, 255, 0])), 170);
    }

    #[test]
    fn a_mean_has_the_error_of_its_sample() {
        let mean = Mean::of(&[1.0, 2.0, 3.0, 6.0]);
        assert_eq!(mean.mean, 3.0);
        // Variance 14/3 of a sample of four.
        let error = mean.standard_error.expect("an error");
        assert!((error - (14.0f64 / 3.0 / 4.0).sqrt()).abs() < 1e-12);
        assert_eq!(Mean::of(&[5.0]).standard_error, None);
    }
}
