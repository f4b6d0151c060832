//! Writes a request to its target: a folder, or a zip.

use anyhow::Result;
use shared::nn::sampler::Sampler;
use shared::signal::Stop;

use super::request::{Outcome, Request};
use super::{folder, zip};

/// Writes the pictures of `request` by `sampler`, which its maker describes. A folder keeps intact
/// pictures and is completed; a zip appears atomically, and an interrupted one is resumed.
///
/// # Errors
/// Usage errors when the target contains anything else, including pictures of another request, or
/// another process writes it; other errors when `sample.json` is damaged or writing fails. A folder
/// then contains only intact pictures, and there is no zip.
pub fn write(sampler: &Sampler, request: &Request, stop: &Stop) -> Result<Outcome> {
    let ending =
        request.out.extension().map(|e| e.to_string_lossy().to_lowercase()).unwrap_or_default();
    let is_folder =
        request.out.is_dir() || request.out.as_os_str().as_encoded_bytes().ends_with(b"/");
    match ending.as_str() {
        "zip" if is_folder => Err(request.refused("it is a folder; choose a folder without the suffix .zip, or a file").into()),
        "zip" => zip::write(sampler, request, stop),
        "png" | "jpg" | "jpeg" | "webp" | "gif" | "tar" | "gz" | "npz" if !is_folder => {
            Err(request.refused("choose a folder, or a file with the suffix .zip; `sample grid` writes one picture").into())
        }
        _ => folder::write(sampler, request, stop),
    }
}
