//! Which pictures are meant: by seed, or by latent vectors from a file.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use shared::cli::UsageError;
use shared::nn::checkpoint::Meta;
use shared::nn::sampler::{Sampler, Wish};

use crate::given::GivenLatents;
use crate::seeds::{LIMIT, Seeds};
use crate::source::{DrawArgs, SourceArgs};

/// Flags that choose pictures.
#[derive(Args, Debug)]
pub struct ChoiceArgs {
    /// Which pictures, as a list like 0-63 or 3,7,20-25 [default: grid 0-63, with --by-class 0-7; walk 0-7, in a --grid four for each;
    /// compare as many as it shows; sheet 0; timelapse the run's own sheets]
    #[arg(long, value_name = "LIST")]
    seeds: Option<Seeds>,
    /// Latent vectors from a file of numpy, [N, latent] in float32 or float64, in place of seeds (`sample latents` writes them); row i
    /// is of the class that seed i has
    #[arg(long, value_name = "FILE.npy", conflicts_with_all = ["seeds", "truncation"])]
    latents: Option<PathBuf>,
}

/// Flags of what shows chosen pictures of a run.
#[derive(Args, Debug)]
pub struct PickArgs {
    /// The run.
    #[command(flatten)]
    pub source: SourceArgs,
    /// How latent vectors are drawn.
    #[command(flatten)]
    pub draw: DrawArgs,
    /// Which pictures.
    #[command(flatten)]
    pub choice: ChoiceArgs,
}

impl PickArgs {
    /// The generator that the flags name, drawing as they say, and what its checkpoint says.
    ///
    /// # Errors
    /// As [`SourceArgs::sampler`].
    pub fn open(&self) -> Result<(Sampler, Meta)> {
        self.source.sampler(&self.draw)
    }
}

/// A picture that was chosen.
#[derive(Clone, Debug)]
pub struct Chosen {
    /// Its seed or row.
    pub name: String,
    /// What it is made of.
    pub wish: Wish,
}

impl ChoiceArgs {
    /// Whether a flag says which pictures are meant.
    #[must_use]
    pub fn is_given(&self) -> bool {
        self.seeds.is_some() || self.latents.is_some()
    }

    /// What was chosen; the seeds of `default` where nothing was.
    ///
    /// # Errors
    /// When the file cannot be read or does not fit the generator.
    pub fn of(&self, sampler: &Sampler, default: impl IntoIterator<Item = u64>) -> Result<Vec<Chosen>> {
        let drawn = |seed: u64| Chosen { name: seed.to_string(), wish: sampler.wish(seed) };
        if let Some(path) = &self.latents {
            let given = GivenLatents::read(path, sampler)?;
            if given.count() as u64 > LIMIT {
                let (path, rows) = (path.display(), given.count());
                let text = format!("--latents {path}: {rows} rows, at most {LIMIT} are shown; `sample images` makes any number");
                return Err(UsageError(text).into());
            }
            let chosen = |row| Chosen { name: format!("row {row}"), wish: given.wish(row, sampler) };
            return Ok((0..given.count() as u64).map(chosen).collect());
        }
        Ok(match &self.seeds {
            Some(seeds) => seeds.0.iter().copied().map(drawn).collect(),
            None => default.into_iter().map(drawn).collect(),
        })
    }
}
