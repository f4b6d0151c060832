//! CubeCL's caches of compiled kernels and autotuning results, so that a second run starts at once.
//!
//! Kernels are compiled on first use, and kernel variants are timed against each other
//! ("autotuning"): minutes for a first run. CubeCL keeps both in one database, by default below the
//! working folder and without the compiled kernels; this module moves both to the user's cache
//! folder. A `cubecl.toml` (or the table `cubecl` of a `burn.toml`) in the working folder or above
//! takes precedence.

use std::path::{Path, PathBuf};
use std::sync::Once;

use cubecl::config::cache::CacheConfig;
use cubecl::config::compilation::CompilationLogLevel;
use cubecl::config::{CubeClRuntimeConfig, RuntimeConfig};
use cubecl::environment;

use fledge_base::{fs, log};

/// Number of runs that the database logs: what they compiled, and the time it took.
const ACCOUNTS: u32 = 8;

/// Configures CubeCL's cache folder for compiled kernels and measurements. Must be called before a
/// CubeCL device is first used; later calls have no effect.
pub fn prepare() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let config = settings(
            CubeClRuntimeConfig::from_current_dir().override_from_env(),
            fs::cache_folder(),
        );
        let announced = config.compilation.logger.log.is_some();
        if !CubeClRuntimeConfig::try_set(config) {
            tracing::debug!("CubeCL is configured already: its caches stay where they are");
        }
        let database = environment::path();
        tracing::debug!("compiled kernels are kept in {}", database.display());
        if announced {
            log::announce_compilation(format!(
                "compiled kernels are kept in {}, so later runs start at once",
                shorten(&database)
            ));
        }
    });
}

/// Fills in the settings that the user's file leaves open.
fn settings(mut config: CubeClRuntimeConfig, folder: Option<PathBuf>) -> CubeClRuntimeConfig {
    if let (CacheConfig::Target, Some(folder)) = (&config.environment.path, folder) {
        config.environment.path = CacheConfig::Directory(folder.join("cubecl"));
    }
    config.compilation.cache = true;
    config.environment.records.keep_sessions.get_or_insert(ACCOUNTS);
    let logger = &mut config.compilation.logger;
    if matches!(logger.level, CompilationLogLevel::Disabled) {
        // Logs one line per compiled kernel, which `shared::log` counts.
        logger.level = CompilationLogLevel::Basic;
        logger.log = Some(Default::default());
    }
    config
}

/// Abbreviates paths in the home folder: "~/.cache/…".
fn shorten(path: &Path) -> String {
    let home = std::env::var_os("HOME").filter(|home| !home.is_empty());
    match home.and_then(|home| path.strip_prefix(home).ok().map(Path::to_path_buf)) {
        Some(rest) => format!("~/{}", rest.display()),
        None => path.display().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_are_kept_in_the_cache_folder() {
        let config = settings(CubeClRuntimeConfig::default(), Some("/home/a/.cache/fledge".into()));
        assert!(config.compilation.cache);
        assert_eq!(config.environment.path.root(), PathBuf::from("/home/a/.cache/fledge/cubecl"));
        assert!(config.compilation.logger.log.is_some());
    }

    #[test]
    fn the_users_own_folder_and_log_win() {
        let mut own = CubeClRuntimeConfig::default();
        own.environment.path = CacheConfig::Directory("/data/kernels".into());
        own.compilation.logger.level = CompilationLogLevel::Full;
        own.compilation.logger.stderr = true;
        let config = settings(own, Some("/home/a/.cache/fledge".into()));
        assert_eq!(config.environment.path.root(), PathBuf::from("/data/kernels"));
        assert!(matches!(config.compilation.logger.level, CompilationLogLevel::Full));
        assert!(config.compilation.logger.log.is_none());
    }
}
