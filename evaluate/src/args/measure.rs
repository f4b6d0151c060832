//! The flags of a measurement.

use std::path::PathBuf;

use clap::Args;
use shared::cli::UsageError;

use super::conventions::{ConventionsArgs, PicturesArgs};
use crate::inputs::InputKind;
use crate::measure::options::{MeasureOptions, Repeats};
use crate::protocols::metric::{Metric, Needs};
use crate::protocols::named::{self, Asked};
use crate::protocols::protocol::{KidRule, Protocol};
use shared::metrics::lpips::Backbone;

/// Flags of a measurement.
#[derive(Args, Debug)]
pub struct MeasureArgs {
    /// Real pictures: a data set of `prep`, a folder, a zip or tar file, or statistics (.npz)
    #[arg(long, value_name = "DATASET|FOLDER|ZIP|NPZ")]
    real: Option<PathBuf>,
    /// Generated pictures: a run of `train` (its averaged generator is sampled), a network.pkl of
    /// NVIDIA's, or any of the above
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
    /// if the protocol defines them]. Each protocol computes the ones it defines. NVIDIA's names
    /// fid50k_full, kid50k_full and is50k stand for --protocol stylegan --generate 50000 --split train
    /// and the metric
    #[arg(long, value_delimiter = ',')]
    metrics: Vec<Asked>,
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
        let named = self.metrics.iter().find_map(|asked| asked.name());
        if let Some(name) = named {
            self.check_named(name)?;
        }
        let conventions = match named {
            Some(_) => self.conventions.check_or(named::PROTOCOL)?,
            None => self.conventions.check()?,
        };
        let asked: Vec<Metric> = self.metrics.iter().map(|asked| asked.metric()).collect();
        let metrics = chosen_metrics(&asked, &conventions.protocols)?;
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
            split: self.pictures.split_or(if named.is_some() { named::SPLIT } else { "val" }),
            metrics,
            count: at_least(self.count, 2, "-n")?,
            generate: at_least(self.generate, 1, "--generate")?.or(named.map(|_| named::GENERATED)),
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

impl MeasureArgs {
    /// Checks that nothing contradicts what the metric `name` stands for.
    ///
    /// # Errors
    /// When the pictures are not those of a generator, or a flag asks for another number.
    fn check_named(&self, name: &str) -> Result<(), UsageError> {
        let refuse = |why: String| Err(UsageError(format!("--metrics {name}: {why}")));
        match &self.fake {
            Some(path) if InputKind::of(path) != InputKind::Run => {
                return refuse(format!(
                    "a generator makes the {} pictures; --fake {} is neither a run nor a network.pkl",
                    named::GENERATED,
                    path.display()
                ));
            }
            _ => {}
        }
        for (flag, value) in [("-n", self.count), ("--generate", self.generate)] {
            if let Some(n) = value.filter(|n| *n != named::GENERATED) {
                let (all, protocol) = (named::GENERATED, named::PROTOCOL);
                return refuse(format!(
                    "it is a value of {all} pictures, not {n}: leave out {flag}, or ask for the metric \
                     by its plain name with --protocol {protocol}"
                ));
            }
        }
        Ok(())
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
