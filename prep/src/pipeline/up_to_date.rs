//! Recognising that a data set is there already: built from the same source and settings, or what differs.

use std::path::Path;

use shared::dataset::{Dataset, Manifest, VERSION};
use shared::fs;

use super::error::BuildError;
use super::options::{self, BuildOptions};
use super::plan::Plan;
use crate::dataset::files::part_numbers;
use crate::dataset::folder;
use crate::dataset::verify::verify;
use crate::source::account;

/// The manifest of the data set that is there, if it is the one asked for. Refuses where another would be lost without `--force`.
pub(super) fn existing(out: &Path, plan: &Plan, options: &BuildOptions) -> Result<Option<Manifest>, BuildError> {
    let mut entries = folder::entries(out)?;
    entries.retain(|name| !name.ends_with(fs::TEMPORARY_SUFFIX) && fs::byproduct(name.as_bytes()).is_none());
    if let Some(part) = entries.iter().find(|name| part_numbers(name).is_some()) {
        let what = format!("it holds {part}: `prep merge` makes a data set of the parts; another --out keeps them");
        return Err(folder::refused(&options.out, what).into());
    }
    if entries.is_empty() {
        return Ok(None);
    }
    match unchanged(out, plan, options) {
        // Replaces only what differs, so that scripts may always say --force.
        Err(BuildError::Output(_)) if options.force => Ok(None),
        // What is not used is noted anew.
        Ok(found) if options.force && !found.account.is_empty() && found.account != plan.manifest.account => Ok(None),
        Ok(_) if options.force && verify(out).is_ok_and(|found| !found.damaged.is_empty()) => Ok(None),
        found => {
            let found = found?;
            if !found.account.is_empty() && found.account != plan.manifest.account {
                let lines = account::lines(&plan.manifest.account);
                tracing::warn!("the source's other files changed since; --force notes them anew. Now: {}", lines.trim_end());
            }
            Ok(Some(found))
        }
    }
}

/// The manifest of the data set that is there, which must be the one asked for.
fn unchanged(out: &Path, plan: &Plan, options: &BuildOptions) -> Result<Manifest, BuildError> {
    let other = |what: &str| folder::refused(&options.out, format!("{what}; --force replaces it, another --out keeps it"));
    let opened = Dataset::open(out).map_err(|e| other(&format!("it holds a data set that cannot be used ({e})")))?;
    let manifest = opened.manifest().clone();
    // Version 2 is the same without an account.
    if ![2, VERSION].contains(&manifest.version) {
        return Err(other(&format!("it holds a data set of format version {}", manifest.version)).into());
    }
    let differing = options::differences(&manifest.settings, &plan.manifest.settings);
    if !differing.is_empty() {
        return Err(other(&format!("it holds a data set that was built with other settings ({})", differing.join(", "))).into());
    }
    if plan.fingerprint(options.memory_mb << 20) != manifest.fingerprint {
        return Err(other("it holds a data set that was built from other pictures").into());
    }
    Ok(manifest)
}
