//! Operation fusion: devices programmed through CubeCL record operations and fuse them into
//! kernels. burn has no switch for it, only a limit on the number of fusions explored; with a limit
//! of 0, each operation is a kernel of its own.
//!
//! Fusion is off by default: burn 0.22.1 fuses some operations wrongly (`train check --fusion on`
//! shows which: the gradient penalty of a critic with spectral normalisation), and most operations
//! that it would fuse are one custom kernel here already.
//!
//! ```no_run
//! use burn::tensor::Device;
//!
//! fledge_models::fusion::switch_off()?;
//! let device = Device::flex();
//! # Ok::<(), fledge_base::cli::UsageError>(())
//! ```

use std::sync::atomic::{AtomicBool, Ordering};

use burn_std::config::{BurnConfig, RuntimeConfig};
use serde_json::json;

use fledge_base::cli::UsageError;

/// Disables fusion. Must be called before a device is first used. Other settings of a `burn.toml`
/// are kept.
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

/// True if fusion was requested in this process.
static KEPT: AtomicBool = AtomicBool::new(false);

/// Enables fusion. Must be called before a device is opened.
pub fn keep() {
    KEPT.store(true, Ordering::Relaxed);
}

/// Disables fusion unless [`keep`] or the variable `FLEDGE_FUSION=on` requested it. Runs before a
/// device is first used.
#[cfg(feature = "cubecl")]
pub(super) fn settle() {
    let asked = std::env::var_os("FLEDGE_FUSION").is_some_and(|value| value == "on");
    if !asked && !KEPT.load(Ordering::Relaxed) {
        // Fails harmlessly for a second device: the setting is fixed already.
        drop(switch_off());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_switched_off_once_and_before_anything_has_asked() {
        // A separate process would be cleaner; no other test of this library reads burn's settings.
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
