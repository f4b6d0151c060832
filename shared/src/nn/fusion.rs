//! Fusion: devices programmed through CubeCL record operations and join them into kernels. It has no switch of its own in burn, but
//! a limit on how many ways of joining are tried; with none tried, each operation is a kernel of its own.

use burn_std::config::{BurnConfig, RuntimeConfig};
use serde_json::json;

use crate::cli::UsageError;

/// No operations are joined from now on. Must come before a device is first used. The other settings of a `burn.toml` stay.
///
/// # Errors
/// When a device has been used already.
pub fn switch_off() -> Result<(), UsageError> {
    let refused = |why: &str| UsageError(format!("--fusion off: {why}; set BURN_FUSION_MAX_EXPLORATIONS=0 instead"));
    let config = BurnConfig::from_current_dir().override_from_env();
    let mut values = serde_json::to_value(config).map_err(|e| refused(&e.to_string()))?;
    values["fusion"]["beam_search"]["max_explorations"] = json!(0);
    let config: BurnConfig = serde_json::from_value(values).map_err(|e| refused(&e.to_string()))?;
    if BurnConfig::try_set(config) { Ok(()) } else { Err(refused("a device has been used already")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_switched_off_once_and_before_anything_has_asked() {
        // A process of its own would be cleaner; no other test of this library asks for burn's settings.
        if switch_off().is_ok() {
            assert_eq!(BurnConfig::get().fusion().beam_search.max_explorations, Some(0));
        }
        let error = switch_off().expect_err("asked already").to_string();
        assert!(error.contains("already") && error.contains("BURN_FUSION_MAX_EXPLORATIONS=0"), "{error}");
    }
}
