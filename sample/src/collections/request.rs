//! A request for many pictures, and its outcome.

use std::path::PathBuf;

use anyhow::Result;
use shared::archive::stylegan;
use shared::cli::UsageError;
use shared::fs::Claim;
use shared::nn::sampler::{Sampler, Wish};

use super::manifest::Maker;
use super::naming::Naming;
use super::seed_set::SeedSet;
use crate::latents::given::GivenLatents;
use crate::output;

/// A request for pictures.
#[derive(Clone, Debug)]
pub struct Request {
    /// A zip if its suffix is `.zip`, otherwise a folder.
    pub out: PathBuf,
    /// Seeds, or rows of `latents`.
    pub seeds: SeedSet,
    /// Latent vectors in place of drawn ones.
    pub latents: Option<GivenLatents>,
    /// The origin of the pictures; must describe the sampler passed with the request.
    pub maker: Maker,
    /// Replace pictures of another request, or a zip.
    pub force: bool,
}

/// The outcome of writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All pictures exist.
    Done {
        /// Newly generated pictures; the others existed.
        made: u64,
        /// Bytes of all pictures, or of the zip.
        bytes: u64,
    },
    /// A signal stopped it.
    Stopped {
        /// Pictures kept for the same command to resume.
        kept: u64,
        /// The exit code.
        code: u8,
    },
}

impl Request {
    /// The error that refuses `--out`.
    pub(super) fn refused(&self, why: &str) -> UsageError {
        UsageError(format!("--out {}: {why}", self.out.display()))
    }

    /// Locks the target by the lock file `lock`.
    pub(super) fn claim(&self, lock: PathBuf) -> Result<Claim> {
        output::claim_by("--out", &self.out, lock)
    }

    /// The inputs of the picture of `seed`.
    pub(super) fn wish(&self, seed: u64, sampler: &Sampler) -> Wish {
        match &self.latents {
            Some(given) => given.wish(seed, sampler),
            None => sampler.wish(seed),
        }
    }

    /// The content of `dataset.json`, for namings that have one.
    pub(super) fn labels(&self, sampler: &Sampler) -> Option<String> {
        (self.maker.naming == Naming::Stylegan).then(|| {
            let classes = sampler.classes();
            let mut index = stylegan::Index::new(classes);
            for seed in self.seeds.iter() {
                index.add(
                    &stylegan::name_of(seed),
                    (!classes.is_empty()).then(|| sampler.class(seed)),
                );
            }
            index.to_json()
        })
    }
}
