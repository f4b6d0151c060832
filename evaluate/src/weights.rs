//! `evaluate weights`: where the published Inception weights are kept, whether they are whole, and getting them.

use std::path::Path;

use anyhow::Result;
use sha2::{Digest, Sha256};
use shared::cli::{DataError, one_line};
use shared::fs;
use shared::metrics::weights::{INCEPTION, Published};

use crate::args::WeightsArgs;
use crate::download::{self, Download};

/// Carries out `evaluate weights`.
///
/// # Errors
/// When the file cannot be had, or is not the published one.
pub fn run(args: &WeightsArgs) -> Result<()> {
    let path = INCEPTION.path()?;
    if args.fetch {
        return fetch(&INCEPTION, args.url.as_deref().unwrap_or(INCEPTION.url), &path);
    }
    if args.check {
        let path = INCEPTION.find()?;
        check(&INCEPTION, &path)?;
        println!("{}: whole", path.display());
        return Ok(());
    }
    println!("file    {}", path.display());
    println!("stored  {}", if path.is_file() { "yes (verify with --check)" } else { "no (get it with --fetch)" });
    println!("url     {}\nsha256  {}\nbytes   {}", INCEPTION.url, INCEPTION.sha256, INCEPTION.bytes);
    Ok(())
}

fn fetch(published: &Published, url: &str, path: &Path) -> Result<()> {
    if path.is_file() && check(published, path).is_ok() {
        println!("{}: whole already", path.display());
        return Ok(());
    }
    let download = Download { url, path, sha256: published.sha256, bytes: published.bytes, pauses: &download::PAUSES };
    download.run().map_err(|e| {
        let advice = format!(
            "without a network here, download {} elsewhere, put it at {} and run `evaluate weights --check`",
            published.url,
            path.display()
        );
        anyhow::Error::msg(format!("{}; {advice}", one_line(&e)))
    })?;
    println!("{}: fetched", path.display());
    Ok(())
}

/// Whether the file at `path` has the published bytes.
fn check(published: &Published, path: &Path) -> Result<()> {
    let bytes = fs::read_bounded(path, published.bytes.max(1 << 30))?;
    let sha256: String = Sha256::digest(&bytes).iter().map(|b| format!("{b:02x}")).collect();
    if sha256 != published.sha256 {
        let text = format!(
            "{} is damaged: {} bytes with SHA-256 {sha256}, expected {} with {}",
            path.display(),
            bytes.len(),
            published.bytes,
            published.sha256
        );
        return Err(DataError(text + "; run `evaluate weights --fetch`").into());
    }
    Ok(())
}
