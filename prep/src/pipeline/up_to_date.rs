//! Detecting that a data set is up to date, or what differs.

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

/// The manifest of the data set in `out` if it is up to date; `None` if it may be built.
///
/// # Errors
/// When another data set would be lost and `--force` is not given, or the folder holds parts.
pub(super) fn existing(
    out: &Path,
    plan: &Plan,
    options: &BuildOptions,
) -> Result<Option<Manifest>, BuildError> {
    let mut entries = folder::entries(out)?;
    entries.retain(|name| {
        !name.ends_with(fs::TEMPORARY_SUFFIX) && fs::byproduct(name.as_bytes()).is_none()
    });
    if let Some(part) = entries.iter().find(|name| part_numbers(name).is_some()) {
        let what = format!(
            "it holds {part}: `prep merge` makes a data set of the parts; another --out keeps them"
        );
        return Err(folder::refused(&options.out, what).into());
    }
    if entries.is_empty() {
        return Ok(None);
    }
    match unchanged(out, plan, options) {
        // Replaces only a data set that differs, so that scripts may always pass --force.
        Err(BuildError::Output(_)) if options.force => Ok(None),
        // The account of unused files is renewed.
        Ok(found)
            if options.force
                && !found.account.is_empty()
                && found.account != plan.manifest.account =>
        {
            Ok(None)
        }
        Ok(_) if options.force && verify(out).is_ok_and(|found| !found.damaged.is_empty()) => {
            Ok(None)
        }
        found => {
            let found = found?;
            if !found.account.is_empty() && found.account != plan.manifest.account {
                let lines = account::lines(&plan.manifest.account);
                tracing::warn!(
                    "other files of the source changed; --force updates their account. Now: {}",
                    lines.trim_end()
                );
            }
            Ok(Some(found))
        }
    }
}

/// The manifest of the data set in `out`, which must have the same settings and sources.
fn unchanged(out: &Path, plan: &Plan, options: &BuildOptions) -> Result<Manifest, BuildError> {
    let other = |what: &str| {
        folder::refused(
            &options.out,
            format!("{what}; --force replaces it, another --out keeps it"),
        )
    };
    let opened = Dataset::open(out)
        .map_err(|e| other(&format!("it holds a data set that cannot be used ({e})")))?;
    let manifest = opened.manifest().clone();
    // Version 2 differs only in having no account, version 4 only in having `held_out`.
    if !(2..=VERSION).contains(&manifest.version) {
        return Err(
            other(&format!("it holds a data set of format version {}", manifest.version)).into()
        );
    }
    let differing = options::differences(&manifest.settings, &plan.manifest.settings);
    if !differing.is_empty() {
        return Err(other(&format!(
            "it holds a data set that was built with other settings ({})",
            differing.join(", ")
        ))
        .into());
    }
    if plan.fingerprint(options.memory_mb << 20) != manifest.fingerprint {
        return Err(other("it holds a data set that was built from other pictures").into());
    }
    Ok(manifest)
}
