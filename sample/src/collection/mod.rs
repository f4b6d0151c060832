//! Many pictures into a folder or a zip, named by their seeds, with a record of what made them (`sample.json`). Generating overlaps
//! encoding and writing; what is interrupted goes on from what is there, and pictures of two generators never lie beside each other.
//!
//! | module | holds |
//! |---|---|
//! | [`seed_set`] | the seeds asked for |
//! | [`naming`] | seed → name |
//! | [`manifest`] | what made the pictures, and what two makers differ in |
//! | `whole` | whether a PNG that is there is whole |
//! | `pipeline` | generate, encode, hand over |
//! | `folder`, `zip` | the two targets |

mod folder;
pub mod manifest;
pub mod naming;
mod pipeline;
pub mod seed_set;
mod whole;
mod zip;

use std::path::PathBuf;

use anyhow::Result;
use shared::archive::stylegan;
use shared::cli::UsageError;
use shared::fs::Claim;
use shared::nn::sampler::{Sampler, Wish};
use shared::signal::Stop;

use self::manifest::Maker;
use self::naming::Naming;
use self::seed_set::SeedSet;
use crate::given::GivenLatents;
use crate::output;

/// Pictures to make, and where.
#[derive(Clone, Debug)]
pub struct Request {
    /// A zip if its name ends in `.zip`, else a folder.
    pub out: PathBuf,
    /// Which pictures: seeds, or rows of `latents`.
    pub seeds: SeedSet,
    /// Latent vectors in place of those that the seeds draw.
    pub latents: Option<GivenLatents>,
    /// What makes them; says the same as the sampler that is given with it.
    pub maker: Maker,
    /// Whether pictures of another request, or a zip, give way.
    pub force: bool,
}

/// How writing ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All pictures are there.
    Done {
        /// Pictures made just now; the others were there before.
        made: u64,
        /// Bytes of all of them, or of the zip.
        bytes: u64,
    },
    /// A signal came.
    Stopped {
        /// Pictures that are kept for the same call to go on with.
        kept: u64,
        /// The exit code to end with.
        code: u8,
    },
}

/// Writes the pictures that `request` asks for, by a sampler that is set as its maker says. A folder fills up, and what is whole in it is
/// kept; a zip appears whole or not at all, and one that was interrupted goes on.
///
/// # Errors
/// When there is something else at that place, pictures of another request included, or another process is writing there (usage);
/// when `sample.json` is damaged; when writing fails. What a folder has then is whole, and a zip is not there.
pub fn write(sampler: &Sampler, request: &Request, stop: &Stop) -> Result<Outcome> {
    let ending = request.out.extension().map(|e| e.to_string_lossy().to_lowercase()).unwrap_or_default();
    let is_folder = request.out.is_dir() || request.out.as_os_str().as_encoded_bytes().ends_with(b"/");
    match ending.as_str() {
        "zip" if is_folder => Err(request.refused("it is a folder; name one that does not end in .zip, or a file").into()),
        "zip" => zip::write(sampler, request, stop),
        "png" | "jpg" | "jpeg" | "webp" | "gif" | "tar" | "gz" | "npz" if !is_folder => {
            Err(request.refused("name a folder, or a file that ends in .zip; `sample grid` writes one picture").into())
        }
        _ => folder::write(sampler, request, stop),
    }
}

impl Request {
    /// That `--out` cannot be used, and why.
    fn refused(&self, why: &str) -> UsageError {
        UsageError(format!("--out {}: {why}", self.out.display()))
    }

    /// Makes this process the only one that writes there, by that lock file.
    fn claim(&self, lock: PathBuf) -> Result<Claim> {
        output::claim_by("--out", &self.out, lock)
    }

    /// What the picture of `seed` is made of.
    fn wish(&self, seed: u64, sampler: &Sampler) -> Wish {
        match &self.latents {
            Some(given) => given.wish(seed, sampler),
            None => sampler.wish(seed),
        }
    }

    /// The content of `dataset.json`, for namings that have one.
    fn labels(&self, sampler: &Sampler) -> Option<String> {
        (self.maker.naming == Naming::Stylegan).then(|| {
            let classes = sampler.classes();
            let mut index = stylegan::Index::new(classes);
            for seed in self.seeds.iter() {
                index.add(&stylegan::name_of(seed), (!classes.is_empty()).then(|| sampler.class(seed)));
            }
            index.to_json()
        })
    }
}
