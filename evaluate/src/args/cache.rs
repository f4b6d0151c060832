//! Flags of `evaluate cache`.

use std::time::Duration;

use clap::Args;
use shared::cli::UsageError;

use crate::features::cache::CacheOptions;

const EXAMPLES: &str = "\
Examples:
  evaluate cache                              list cached features, newest first
  evaluate cache --list --unfinished          interrupted extractions, which the next measurement resumes
  evaluate cache --clear --older-than 30      remove files not written in the last 30 days
  evaluate cache --clear                      remove all cached features; they are computed again when needed

Weights are stored elsewhere and are not removed (`evaluate weights`).";

/// Flags of `evaluate cache`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct CacheArgs {
    /// List cached features (the default)
    #[arg(long)]
    list: bool,
    /// Remove them
    #[arg(long, conflicts_with = "list")]
    clear: bool,
    /// Only files last written at least this many days ago
    #[arg(long, value_name = "DAYS")]
    older_than: Option<f64>,
    /// Only interrupted extractions and unusable files
    #[arg(long)]
    unfinished: bool,
}

impl CacheArgs {
    /// Checks what clap cannot.
    ///
    /// # Errors
    /// When the age is not a number of days.
    pub fn into_options(self) -> Result<CacheOptions, UsageError> {
        Ok(CacheOptions {
            clear: self.clear,
            older_than: self.older_than.map(days).transpose()?,
            unfinished: self.unfinished,
        })
    }
}

fn days(days: f64) -> Result<Duration, UsageError> {
    Duration::try_from_secs_f64(days * 86_400.0).map_err(|_| {
        UsageError(format!("--older-than {days}: expected a number of days, at least 0"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_that_is_no_number_of_days_is_refused() {
        assert_eq!(days(0.5).expect("half a day"), Duration::from_secs(43_200));
        for wrong in [-1.0, f64::NAN, 1e300] {
            assert!(days(wrong).expect_err("refused").0.contains("--older-than"));
        }
    }
}
