//! Checks of values that several subcommands take.

use shared::cli::UsageError;

pub(super) fn within(
    flag: &str,
    value: impl Into<f64>,
    low: f64,
    high: f64,
) -> Result<(), UsageError> {
    let value = value.into();
    if (low..=high).contains(&value) {
        Ok(())
    } else {
        Err(UsageError(format!("{flag} {value}: it must lie between {low} and {high}")))
    }
}

pub(super) fn threads(jobs: Option<usize>) -> Result<usize, UsageError> {
    let jobs = jobs.unwrap_or_else(rayon::current_num_threads);
    within("--jobs", jobs as f64, 1.0, 1024.0)?;
    Ok(jobs)
}
