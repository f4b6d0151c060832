//! Latent vectors from a .npy file of any origin.

use std::path::Path;

use anyhow::Result;
use shared::cli::{DataError, UsageError};
use shared::fs::FsError;
use shared::nn::sampler::{Sampler, Wish};
use shared::npy;

/// Maximum bytes of a file of latents.
const FILE_LIMIT: u64 = 1 << 30;

/// At least one latent vector for a generator. Its row identifies it, as a seed does a drawn one.
#[derive(Clone, Debug)]
pub struct GivenLatents {
    values: Vec<f32>,
    length: usize,
}

impl GivenLatents {
    /// Reads `[N, latent]` or `[latent]` values, float32 or float64, from the file at `path`.
    ///
    /// # Errors
    /// When the file cannot be read, is not such an array, does not fit the generator of `sampler`,
    /// has a value that is not finite, or would be redrawn.
    pub fn read(path: &Path, sampler: &Sampler) -> Result<Self> {
        if let Some(threshold) = sampler.threshold() {
            let text = format!(
                "--latents, --truncation {threshold}: values of a file are not redrawn; remove one of the flags"
            );
            return Err(UsageError(text).into());
        }
        let length = sampler.latents()?.length;
        let failed = |source| FsError { operation: "read", path: path.to_owned(), source };
        let damaged = |what: String| DataError(format!("{}: {what}", path.display()));
        let file = std::fs::File::open(path).map_err(failed)?;
        let bytes = file.metadata().map_err(failed)?.len();
        if bytes > FILE_LIMIT {
            return Err(damaged(format!(
                "it has {bytes} bytes, more than the {FILE_LIMIT} allowed"
            ))
            .into());
        }
        let array = npy::read(&mut std::io::BufReader::new(file), bytes, |v| v, |v| v as f32)
            .map_err(damaged)?;
        // A single vector may lack the first axis.
        let rows = match array.shape[..] {
            [rows, columns] if columns == length => rows,
            [columns] if columns == length => 1,
            _ => {
                let (path, shape) = (path.display(), &array.shape);
                let text = format!(
                    "--latents {path}: its shape is {shape:?}; this run needs [N, {length}]"
                );
                return Err(UsageError(text).into());
            }
        };
        if rows == 0 {
            return Err(UsageError(format!("--latents {}: it has no rows", path.display())).into());
        }
        if let Some(place) = array.values.iter().position(|v| !v.is_finite()) {
            return Err(
                damaged(format!("row {} holds {}", place / length, array.values[place])).into()
            );
        }
        Ok(Self { values: array.values, length })
    }

    /// Number of latent vectors.
    #[must_use]
    pub fn count(&self) -> usize {
        self.values.len() / self.length
    }

    /// The inputs of the picture of `row`, below [`Self::count`]. Class and dropout are those of
    /// the seed `row`.
    #[must_use]
    pub fn wish(&self, row: u64, sampler: &Sampler) -> Wish {
        let start = row as usize * self.length;
        Wish {
            latent: self.values[start..start + self.length].to_vec(),
            class: sampler.class(row),
            seed: row,
        }
    }

    /// CRC-32 of all values, as eight hexadecimal digits.
    #[must_use]
    pub fn crc32(&self) -> String {
        let mut crc = crc32fast::Hasher::new();
        self.values.iter().for_each(|v| crc.update(&v.to_le_bytes()));
        format!("{:08x}", crc.finalize())
    }
}
