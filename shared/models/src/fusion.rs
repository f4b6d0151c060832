//! Fusion: devices programmed through CubeCL record operations and join them into kernels. It has
//! no switch of its own in burn, but a limit on how many ways of joining are tried; with none
//! tried, each operation is a kernel of its own.
//!
//! It is off unless it is asked for: burn 0.22.1 joins some operations wrongly (`train check
//! --fusion on` shows which: the gradient penalty of a critic with spectral normalisation), and
//! most of what it would join is one kernel of ours.

use std::sync::atomic::{AtomicBool, Ordering};

use burn_std::config::{BurnConfig, RuntimeConfig};
use serde_json::json;

use fledge_base::cli::UsageError;

/// No operations are joined from now on. Must come before a device is first used. The other
/// settings of a `burn.toml` stay.
///
/// # Errors
/// If a device has been used already.
pub fn switch_off() -> Result<(), UsageError> {
    let refused = |why: &str| {
        UsageError(format!("--fusion off: {why}; set BURN_FUSION_MAX_EXPLORATIONS=0 instead"))
    };
    let config = BurnConfig::from_current_dir().override_from_env();
    let mut values = serde_json::to_value(config).map_err(|e| refused(&e.to_string()))?;
    values["fusion"]["beam_search"]["max_explorations"] = json!(0);
    let config: BurnConfig = serde_json::from_value(values).map_err(|e| refused(&e.to_string()))?;
    if BurnConfig::try_set(config) {
        Ok(())
    } else {
        Err(refused("a device has been used already"))
    }
}

/// Whether joining was asked for in this process.
static KEPT: AtomicBool = AtomicBool::new(false);

/// Operations are joined. Must come before a device is opened.
pub fn keep() {
    KEPT.store(true, Ordering::Relaxed);
}

/// Before a device is first used: nothing is joined unless [`keep`] or the variable
/// `FLEDGE_FUSION=on` asked for it.
#[cfg(feature = "cubecl")]
pub(super) fn settle() {
    let asked = std::env::var_os("FLEDGE_FUSION").is_some_and(|value| value == "on");
    if !asked && !KEPT.load(Ordering::Relaxed) {
        // A second device finds it settled.
        drop(switch_off());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_switched_off_once_and_before_anything_has_asked() {
        // A process of its own would be cleaner; no other test of this library asks for burn's
        // settings.
        if switch_off().is_ok() {
            assert_eq!(BurnConfig::get().fusion().beam_search.max_explorations, Some(0));
        }
        let error = switch_off().expect_err("asked already").to_string();
        assert!(
            error.contains("already") && error.contains("BURN_FUSION_MAX_EXPLORATIONS=0"),
            "{error}"
        );
    }
}
