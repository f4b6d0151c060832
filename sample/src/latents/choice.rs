//! The choice of pictures: by seed, or by latent vectors from a file.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use shared::cli::UsageError;
use shared::nn::checkpoint::Meta;
use shared::nn::sampler::{Sampler, Wish};

use crate::latents::given::GivenLatents;
use crate::latents::seeds::{LIMIT, Seeds};
use crate::source::{DrawArgs, SourceArgs};

/// Flags that choose pictures.
#[derive(Args, Debug)]
pub struct ChoiceArgs {
    /// Seeds, as a list like 0-63 or 3,7,20-25 [default: grid 0-63, with --by-class 0-7; walk 0-7,
    /// with --grid four per walk; compare as many as it shows; sheet 0; timelapse the run's sheets]
    #[arg(long, value_name = "LIST")]
    seeds: Option<Seeds>,
    /// Latent vectors from a .npy file in place of seeds, [N, latent] in float32 or float64
    /// (`sample latents` writes such files); row i has the class of seed i
    #[arg(long, value_name = "FILE.npy", conflicts_with = "seeds")]
    latents: Option<PathBuf>,
}

/// Flags of commands that show chosen pictures of a run.
#[derive(Args, Debug)]
pub struct PickArgs {
    /// The run.
    #[command(flatten)]
    pub source: SourceArgs,
    /// The draw of latent vectors.
    #[command(flatten)]
    pub draw: DrawArgs,
    /// The pictures.
    #[command(flatten)]
    pub choice: ChoiceArgs,
}

impl PickArgs {
    /// The generator with the draw of these flags, and its checkpoint's metadata.
    ///
    /// # Errors
    /// Those of [`SourceArgs::sampler`].
    pub fn open(&self) -> Result<(Sampler, Meta)> {
        self.source.sampler(&self.draw)
    }
}

/// A chosen picture.
#[derive(Clone, Debug)]
pub struct Chosen {
    /// The label of its seed or row.
    pub name: String,
    /// Its inputs.
    pub wish: Wish,
}

impl ChoiceArgs {
    /// Reports if a flag chooses pictures.
    #[must_use]
    pub fn is_given(&self) -> bool {
        self.seeds.is_some() || self.latents.is_some()
    }

    /// The chosen pictures; by default the seeds `default`.
    ///
    /// # Errors
    /// When the file cannot be read or does not fit the generator.
    pub fn of(
        &self,
        sampler: &Sampler,
        default: impl IntoIterator<Item = u64>,
    ) -> Result<Vec<Chosen>> {
        let drawn = |seed: u64| Chosen { name: seed.to_string(), wish: sampler.wish(seed) };
        if let Some(path) = &self.latents {
            let given = GivenLatents::read(path, sampler)?;
            if given.count() as u64 > LIMIT {
                let (path, rows) = (path.display(), given.count());
                let text = format!(
                    "--latents {path}: {rows} rows, at most {LIMIT} are allowed; use `sample images`"
                );
                return Err(UsageError(text).into());
            }
            let chosen =
                |row| Chosen { name: format!("row {row}"), wish: given.wish(row, sampler) };
            return Ok((0..given.count() as u64).map(chosen).collect());
        }
        Ok(match &self.seeds {
            Some(seeds) => seeds.0.iter().copied().map(drawn).collect(),
            None => default.into_iter().map(drawn).collect(),
        })
    }
}
