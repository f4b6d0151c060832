//! The flags of a measurement.

use std::path::PathBuf;

use clap::Args;
use shared::cli::UsageError;

use super::conventions::{ConventionsArgs, PicturesArgs};
use crate::measure::options::{MeasureOptions, Repeats};
use crate::protocols::metric::{Metric, Needs};
use crate::protocols::protocol::{KidRule, Protocol};
use shared::metrics::lpips::Backbone;

/// Flags of a measurement.
#[derive(Args, Debug)]
pub struct MeasureArgs {
    /// Real pictures: a data set of `prep`, a folder, a zip or tar file, or statistics (.npz)
    #[arg(long, value_name = "DATASET|FOLDER|ZIP|NPZ")]
    real: Option<PathBuf>,
    /// Generated pictures: a run of `train` (its averaged generator is sampled), or any of the
    /// above
    #[arg(long, value_name = "RUN|DATASET|FOLDER|ZIP|NPZ", required = true)]
    fake: Option<PathBuf>,
    /// Training pictures of the generator, for authpct and ct [default: the train split of --real]
    #[arg(long, value_name = "DATASET|FOLDER|ZIP")]
    train: Option<PathBuf>,
    /// Split and checkpoint.
    #[command(flatten)]
    pictures: PicturesArgs,
    /// Metrics, separated by commas: kid, fid, fid-inf, is, prdc, mind, authpct, ct, ppl, and under
    /// --protocol stylegan ppl2_wend, ppl_zfull, ppl_wfull, ppl_zend, ppl_wend [default: kid and fid,
    /// if the protocol defines them]. Each protocol computes the ones it defines
    #[arg(long, value_delimiter = ',')]
    metrics: Vec<Metric>,
    /// Use only N pictures of each side, drawn with --seed; a run generates N [default: all]
    #[arg(short = 'n', value_name = "N")]
    count: Option<usize>,
    /// Pictures that a run generates [default: as many as real ones]; for path lengths, pairs of latents
    /// [default: 10000]
    #[arg(long, value_name = "N")]
    generate: Option<usize>,
    /// Random halves of both sets, from which a value's standard error is estimated; 0 disables it
    #[arg(long, default_value_t = 10, value_name = "N")]
    repeats: usize,
    /// Also measure KID and FID of every class
    #[arg(long)]
    per_class: bool,
    /// Subsets of a KID [default: 100]
    #[arg(long, value_name = "N")]
    kid_subsets: Option<usize>,
    /// Pictures in a KID subset [default: 1000], or in a KID batch under keras75 [default: 128]
    #[arg(long, value_name = "N")]
    kid_subset_size: Option<usize>,
    /// Neighbours of precision, recall, density and coverage [default: the protocol's, 3 or 5]
    #[arg(long, value_name = "N")]
    neighbours: Option<usize>,
    /// Cells of C_T; each needs training and held-out pictures, and more than 20 generated ones
    #[arg(long, default_value_t = 3, value_name = "N")]
    cells: usize,
    /// LPIPS network of Perceptual Path Length: vgg16 or squeezenet
    #[arg(long, default_value = "vgg16", value_name = "NETWORK")]
    lpips: Backbone,
    /// The conventions.
    #[command(flatten)]
    conventions: ConventionsArgs,
    /// Print one JSON object per metric instead of a table
    #[arg(long)]
    pub json: bool,
}

impl MeasureArgs {
    /// Checks what clap cannot.
    ///
    /// # Errors
    /// When a value is out of range or two flags contradict each other.
    pub fn into_options(self) -> Result<MeasureOptions, UsageError> {
        let conventions = self.conventions.check()?;
        let metrics = chosen_metrics(&self.metrics, &conventions.protocols)?;
        if self.kid_subsets.is_some()
            && conventions.protocols.iter().all(|p| p.kid == Some(KidRule::Batches))
        {
            return Err(UsageError(format!(
                "--kid-subsets: under --protocol {} the number of batches follows from the pictures",
                conventions.protocols.iter().map(|p| p.name).collect::<Vec<_>>().join(",")
            )));
        }
        let needs_real =
            metrics.iter().any(|m| matches!(m.needs(), Needs::Real | Needs::RealAndTraining));
        if needs_real && self.real.is_none() {
            return Err(UsageError("--real is needed: pictures to compare with".into()));
        }
        Ok(MeasureOptions {
            real: self.real,
            fake: self.fake.ok_or_else(|| UsageError("--fake is needed".into()))?,
            train: self.train,
            checkpoint: self.pictures.checkpoint,
            split: self.pictures.split,
            metrics,
            count: at_least(self.count, 2, "-n")?,
            generate: at_least(self.generate, 1, "--generate")?,
            repeats: repeats(self.repeats)?,
            per_class: self.per_class,
            kid_subsets: at_least(self.kid_subsets, 1, "--kid-subsets")?,
            kid_subset_size: at_least(self.kid_subset_size, 2, "--kid-subset-size")?,
            cells: at_least(Some(self.cells), 1, "--cells")?.unwrap_or(1),
            neighbours: at_least(self.neighbours, 1, "--neighbours")?,
            lpips: self.lpips,
            conventions,
        })
    }
}

/// The value of `--repeats`: 0, or at least 2.
///
/// # Errors
/// For 1.
pub(super) fn repeats(repeats: usize) -> Result<Repeats, UsageError> {
    match repeats {
        1 => {
            Err(UsageError("--repeats 1: one value has no spread; expected 0 or at least 2".into()))
        }
        repeats => Ok(Repeats(repeats)),
    }
}

/// `n`, which must be at least `least` if it is given.
///
/// # Errors
/// When it is smaller; the text names `flag`.
pub(super) fn at_least(
    n: Option<usize>,
    least: usize,
    flag: &str,
) -> Result<Option<usize>, UsageError> {
    match n {
        Some(n) if n < least => Err(UsageError(format!("{flag} {n}: expected at least {least}"))),
        n => Ok(n),
    }
}

/// The metrics asked for, without repetitions; by default KID and FID, as far as a protocol defines
/// them.
///
/// # Errors
/// When no protocol defines one of them.
pub(super) fn chosen_metrics(
    asked: &[Metric],
    protocols: &[&'static Protocol],
) -> Result<Vec<Metric>, UsageError> {
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
        let defined = |metric: &Metric| protocols.iter().any(|p| p.defines(*metric));
        metrics = [Metric::Kid, Metric::Fid].into_iter().filter(defined).collect();
    }
    Ok(metrics)
}
