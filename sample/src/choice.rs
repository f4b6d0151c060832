//! Which pictures are meant: by seed, or by latent vectors from a file.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use shared::cli::{DataError, UsageError};
use shared::fs::FsError;
use shared::nn::checkpoint::Meta;
use shared::nn::sampler::{Sampler, Wish};
use shared::npy;

use crate::seeds::Seeds;
use crate::source::{DrawArgs, SourceArgs};

/// Flags that choose pictures.
#[derive(Args, Debug)]
pub struct ChoiceArgs {
    /// Which pictures, as a list like 0-63 or 3,7,20-25 [default: grid 0-63, with --by-class 0-7; walk 0-7, in a --grid four for each;
    /// compare as many as it shows; sheet 0]
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

/// The most bytes of a file of latents.
const FILE_LIMIT: u64 = 1 << 30;

impl ChoiceArgs {
    /// What was chosen; the seeds of `default` where nothing was.
    ///
    /// # Errors
    /// When the file cannot be read or does not fit the generator.
    pub fn of(&self, sampler: &Sampler, default: impl IntoIterator<Item = u64>) -> Result<Vec<Chosen>> {
        let drawn = |seed: u64| {
            let wish = Wish { latent: sampler.latent(seed), class: sampler.class(seed), seed };
            Chosen { name: seed.to_string(), wish }
        };
        if let Some(path) = &self.latents {
            let given = (0..).zip(read(path, sampler.generator().config().latent)?);
            let chosen = |(row, latent): (u64, Vec<f32>)| Chosen {
                name: format!("row {row}"),
                wish: Wish { latent, class: sampler.class(row), seed: row },
            };
            return Ok(given.map(chosen).collect());
        }
        Ok(match &self.seeds {
            Some(seeds) => seeds.0.iter().copied().map(drawn).collect(),
            None => default.into_iter().map(drawn).collect(),
        })
    }
}

/// Latent vectors of `length` from the file at `path`.
fn read(path: &Path, length: usize) -> Result<Vec<Vec<f32>>> {
    let failed = |source| FsError { operation: "read", path: path.to_owned(), source };
    let damaged = |what: String| DataError(format!("{}: {what}", path.display()));
    let file = std::fs::File::open(path).map_err(failed)?;
    let bytes = file.metadata().map_err(failed)?.len();
    if bytes > FILE_LIMIT {
        return Err(damaged(format!("it has {bytes} bytes, more than the {FILE_LIMIT} allowed")).into());
    }
    let array = npy::read(&mut std::io::BufReader::new(file), bytes, |v| v, |v| v as f32).map_err(damaged)?;
    // One vector may come without the first axis.
    let rows = match array.shape[..] {
        [rows, columns] if columns == length => rows,
        [columns] if columns == length => 1,
        _ => {
            let shape = &array.shape;
            let text =
                format!("--latents {}: its shape is {shape:?}; this run's latent vectors need [N, {length}]", path.display());
            return Err(UsageError(text).into());
        }
    };
    if rows == 0 {
        return Err(UsageError(format!("--latents {}: it has no rows", path.display())).into());
    }
    if let Some(place) = array.values.iter().position(|v| !v.is_finite()) {
        return Err(damaged(format!("row {} holds {}", place / length, array.values[place])).into());
    }
    Ok(array.values.chunks(length).map(<[f32]>::to_vec).collect())
}
