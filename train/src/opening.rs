//! What a run is opened with: a folder that is its own, the settings it was begun with, the means to measure it.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use burn::tensor::Device;
use shared::cli::UsageError;
use shared::dataset::Dataset;
use shared::fs;
use shared::metrics::weights::INCEPTION;
use shared::nn::config::RunConfig;
use shared::nn::run::Run;

use crate::evaluation::Evaluator;
use crate::preparation::Options;

/// A folder that holds something else is not turned into a run.
///
/// # Errors
/// When `out` is such a folder.
pub fn refuse_foreign(out: &Path) -> Result<()> {
    let foreign = out.is_dir() && !Run::is_run(out) && std::fs::read_dir(out)?.next().is_some();
    if foreign {
        return Err(UsageError(format!("--out {}: the folder is not empty and is no run; choose another", out.display())).into());
    }
    Ok(())
}

/// Refuses settings other than those the run began with.
///
/// # Errors
/// When one differs; it is named with both values.
pub fn check_same(run: &Run, config: &RunConfig) -> Result<()> {
    let path = run.file("config.toml");
    if !path.exists() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&fs::read_bounded(&path, 1 << 20)?).into_owned();
    let earlier: RunConfig =
        toml::from_str(&text).map_err(|e| UsageError(format!("{}: {}; --restart begins anew", path.display(), e.message())))?;
    match earlier.conflict(config) {
        None => Ok(()),
        Some((key, was, now)) => {
            let run = run.folder().display();
            Err(UsageError(format!(
                "{run} was begun with {key} = {was}, now it is {now}: repeat the earlier value, choose another --out, or --restart"
            ))
            .into())
        }
    }
}

/// The means to compute KID, where it is wanted and weights are there.
///
/// # Errors
/// When the data set has no such split or the weights are unusable.
pub fn evaluator(options: &Options, config: &RunConfig, device: &Device) -> Result<Option<Evaluator>> {
    let evaluation = &config.settings.evaluation;
    if evaluation.every == 0 {
        return Ok(None);
    }
    let weights = match &options.weights {
        Some(path) => path.clone(),
        None => match INCEPTION.find() {
            Ok(path) => path,
            Err(why) => {
                tracing::info!("training without KID: {why}");
                return Ok(None);
            }
        },
    };
    let dataset = Arc::new(Dataset::open(&options.data)?);
    if let Err(missing) = dataset.split(&evaluation.split) {
        let advice = "build it with --val-fraction, or --set evaluation.every=0";
        return Err(UsageError(format!("{}; {advice}", shared::cli::one_line(&missing))).into());
    }
    Ok(Some(Evaluator::new(&dataset, evaluation, &weights, device)?))
}
