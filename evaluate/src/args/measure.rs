//! The flags of a measurement, and the checked options they become.

use std::path::{Path, PathBuf};

use clap::Args;
use shared::cli::UsageError;
use shared::nn::run::Which;

use super::conventions::{Conventions, ConventionsArgs, PicturesArgs};
use crate::metric::{Metric, Needs};
use crate::networks::lpips::Kind;
use crate::ppl::Backbone;
use crate::protocol::{KidRule, Protocol};

/// Flags of a measurement.
#[derive(Args, Debug)]
pub struct MeasureArgs {
    /// Real pictures: a data set of `prep`, a folder, a zip or tar file, or statistics (.npz)
    #[arg(long, value_name = "DATASET|FOLDER|ZIP|NPZ")]
    real: Option<PathBuf>,
    /// Generated pictures: a run of `train` (its averaged generator makes them), or any of the above
    #[arg(long, value_name = "RUN|DATASET|FOLDER|ZIP|NPZ", required = true)]
    fake: Option<PathBuf>,
    /// Pictures that the generator was trained on, for authpct and ct [default: the split train of --real]
    #[arg(long, value_name = "DATASET|FOLDER|ZIP")]
    train: Option<PathBuf>,
    /// Which of a data set and of a run.
    #[command(flatten)]
    pictures: PicturesArgs,
    /// Metrics, separated by commas: kid, fid, fid-inf, is, prdc, mind, authpct, ct, ppl [default: those of kid,fid that the
    /// protocol defines]. Under several protocols each computes those that it defines
    #[arg(long, value_delimiter = ',')]
    metrics: Vec<Metric>,
    /// Take only this many pictures of each side, drawn under --seed; a run makes so many [default: all]
    #[arg(short = 'n', value_name = "N")]
    count: Option<usize>,
    /// Pictures that a run makes, where other than the number of real ones; pairs of latents of ppl [default: 10000]
    #[arg(long, value_name = "N")]
    generate: Option<usize>,
    /// Random halves of both sets from which the spread of a value comes; 0 for none
    #[arg(long, default_value_t = 10, value_name = "N")]
    repeats: usize,
    /// KID and FID of every class beside those of all
    #[arg(long)]
    per_class: bool,
    /// Subsets of a KID [default: 100]
    #[arg(long, value_name = "N")]
    kid_subsets: Option<usize>,
    /// Pictures in a subset (batch under keras75) of a KID [default: 1000; keras75: 128]
    #[arg(long, value_name = "N")]
    kid_subset_size: Option<usize>,
    /// Neighbours of precision, recall, density and coverage [default: as the protocol says, 3 or 5]
    #[arg(long, value_name = "N")]
    neighbours: Option<usize>,
    /// Cells in which C_T compares; each needs training and held-out pictures, and more than 20 generated ones
    #[arg(long, default_value_t = 3, value_name = "N")]
    cells: usize,
    /// LPIPS that Perceptual Path Length is measured by: vgg16 or squeezenet
    #[arg(long, default_value = "vgg16", value_name = "NETWORK")]
    lpips: Backbone,
    /// What decides a number beside the pictures.
    #[command(flatten)]
    conventions: ConventionsArgs,
    /// Print one JSON object a metric instead of a table
    #[arg(long)]
    json: bool,
}

/// How often a value is taken again for its spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repeats(pub usize);

impl Repeats {
    /// So many, none or at least 2.
    ///
    /// # Errors
    /// For 1.
    pub fn of(repeats: usize) -> Result<Self, UsageError> {
        match repeats {
            1 => Err(UsageError("--repeats 1: one value has no spread; expected 0 or at least 2".into())),
            repeats => Ok(Self(repeats)),
        }
    }
}

/// `n`, which is at least `least` where it is given.
///
/// # Errors
/// When it is less; the text names `flag`.
pub(crate) fn at_least(n: Option<usize>, least: usize, flag: &str) -> Result<Option<usize>, UsageError> {
    match n {
        Some(n) if n < least => Err(UsageError(format!("{flag} {n}: expected at least {least}"))),
        n => Ok(n),
    }
}

/// What to measure and how, checked.
#[derive(Clone, Debug)]
pub struct Options {
    /// Real pictures; none where no metric needs them.
    pub real: Option<PathBuf>,
    /// Generated pictures.
    pub fake: PathBuf,
    /// Pictures that the generator was trained on.
    pub train: Option<PathBuf>,
    /// Checkpoint of a run.
    pub checkpoint: Which,
    /// Split of a data set.
    pub split: String,
    /// What to compute under each protocol.
    pub metrics: Vec<Metric>,
    /// How many pictures of each side; all if none.
    pub count: Option<usize>,
    /// How many pictures a run makes, where it is not that number.
    pub generate: Option<usize>,
    /// Random halves for the spread.
    pub repeats: Repeats,
    /// Whether every class is measured, too.
    pub per_class: bool,
    /// Number of subsets of a KID, where it is not the protocol's.
    pub kid_subsets: Option<usize>,
    /// Pictures in a subset or batch of a KID, where it is not the protocol's.
    pub kid_subset_size: Option<usize>,
    /// Neighbours, where it is not the protocol's number.
    pub neighbours: Option<usize>,
    /// Cells of C_T.
    pub cells: usize,
    /// The network below LPIPS.
    pub lpips: Backbone,
    /// What decides a number beside the pictures.
    pub conventions: Conventions,
    /// Whether results are printed as JSON.
    pub json: bool,
}

impl Options {
    /// The defaults for the generated pictures of `fake`.
    #[must_use]
    pub fn of(fake: &Path, conventions: Conventions) -> Self {
        Self {
            real: None,
            fake: fake.to_owned(),
            train: None,
            checkpoint: Which::Best,
            split: "val".into(),
            metrics: Vec::new(),
            count: None,
            generate: None,
            repeats: Repeats(0),
            per_class: false,
            kid_subsets: None,
            kid_subset_size: None,
            neighbours: None,
            cells: 3,
            lpips: Backbone(Kind::Vgg16),
            conventions,
            json: false,
        }
    }
}

impl MeasureArgs {
    /// Checks what clap cannot.
    ///
    /// # Errors
    /// When a value is out of range or two flags contradict each other.
    pub fn into_options(self) -> Result<Options, UsageError> {
        let conventions = self.conventions.check()?;
        let metrics = metrics(&self.metrics, &conventions.protocols)?;
        if self.kid_subsets.is_some() && conventions.protocols.iter().all(|p| p.kid == Some(KidRule::Batches)) {
            return Err(UsageError(format!(
                "--kid-subsets: under --protocol {} the number of batches follows from the pictures",
                conventions.protocols.iter().map(|p| p.name).collect::<Vec<_>>().join(",")
            )));
        }
        let needs_real = metrics.iter().any(|m| matches!(m.needs(), Needs::Real | Needs::RealAndTraining));
        if needs_real && self.real.is_none() {
            return Err(UsageError("--real is needed: pictures to compare with".into()));
        }
        Ok(Options {
            real: self.real,
            fake: self.fake.ok_or_else(|| UsageError("--fake is needed".into()))?,
            train: self.train,
            checkpoint: self.pictures.checkpoint,
            split: self.pictures.split,
            metrics,
            count: at_least(self.count, 2, "-n")?,
            generate: at_least(self.generate, 1, "--generate")?,
            repeats: Repeats::of(self.repeats)?,
            per_class: self.per_class,
            kid_subsets: at_least(self.kid_subsets, 1, "--kid-subsets")?,
            kid_subset_size: at_least(self.kid_subset_size, 2, "--kid-subset-size")?,
            cells: at_least(Some(self.cells), 1, "--cells")?.unwrap_or(1),
            neighbours: at_least(self.neighbours, 1, "--neighbours")?,
            lpips: self.lpips,
            conventions,
            json: self.json,
        })
    }
}

/// The metrics asked for, each once; each is defined by a protocol. Those of KID and FID that are, if none is asked for.
///
/// # Errors
/// When no protocol defines one.
pub(crate) fn metrics(asked: &[Metric], protocols: &[&'static Protocol]) -> Result<Vec<Metric>, UsageError> {
    let mut metrics: Vec<Metric> = Vec::new();
    for &metric in asked {
        if protocols.iter().all(|p| !p.defines(metric)) {
            return Err(UsageError(format!(
                "--metrics {metric}: {} does not define it; use --protocol {}",
                protocols.iter().map(|p| p.name).collect::<Vec<_>>().join(" or "),
                Protocol::defining(metric).join(" or ")
            )));
        }
        if !metrics.contains(&metric) {
            metrics.push(metric);
        }
    }
    if metrics.is_empty() {
        metrics = [Metric::Kid, Metric::Fid].into_iter().filter(|&m| protocols.iter().any(|p| p.defines(m))).collect();
    }
    Ok(metrics)
}
