//! `.npz` files, zips of numpy arrays: pytorch-fid, clean-fid and others publish statistics (`mu`
//! `[d]`, `sigma` `[d, d]`) and features (`feats` `[n, d]`) in this format.
//!
//! Files written here also contain `fledge.json`, which numpy ignores: protocol, network, layer,
//! SHA-256 of the weights, number of pictures, version. A file without it is not checked against
//! the conventions. Pickled Python objects are never read.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, Write};
use std::path::{Path, PathBuf};

use serde_json::Value;
use shared::archive::arrays::PictureArray;
use shared::cli::DataError;
use shared::fs::{self, FsError};
use shared::metrics::features::Features;
use shared::npy::{self, Array, header};
use thiserror::Error;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

/// The member with the facts about the computation.
const FACTS: &str = "fledge.json";
/// Maximum bytes of [`FACTS`].
const FACTS_LIMIT: u64 = 1 << 20;

/// Mean and covariance of a set of features.
#[derive(Clone, Debug, PartialEq)]
pub struct Statistics {
    /// \[d\]
    pub mean: Vec<f64>,
    /// \[d, d\], row by row; divided by N − 1, under `stylegan` by N.
    pub covariance: Vec<f64>,
}

/// The known members of an `.npz` file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NpzContents {
    /// `mu` and `sigma`.
    pub statistics: Option<Statistics>,
    /// `feats`.
    pub features: Option<Features>,
    /// `fledge.json`.
    pub facts: Option<Value>,
}

/// Why an `.npz` file cannot be read or written.
#[derive(Debug, Error)]
pub enum NpzError {
    /// A file operation failed.
    #[error(transparent)]
    File(#[from] FsError),
    /// It is not a zip file, or is damaged.
    #[error("{path} is not a readable .npz file")]
    NoZip {
        /// The file.
        path: PathBuf,
        /// The error of the zip reader.
        source: DataError,
    },
    /// An array is damaged or unusable.
    #[error("{path}: {member} cannot be used")]
    Member {
        /// The file.
        path: PathBuf,
        /// The array's member.
        member: String,
        /// The reason.
        source: DataError,
    },
    /// It contains only other arrays.
    #[error("{path} contains neither statistics (mu, sigma) nor features (feats)")]
    Nothing {
        /// The file.
        path: PathBuf,
        /// Its members.
        source: DataError,
    },
}

/// Reports if a path has the suffix `.npz`.
#[must_use]
pub fn is_npz(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("npz"))
}

/// Reports if an `.npz` file contains pictures instead of statistics or features: samples of ADM,
/// DiT and EDM.
#[must_use]
pub fn holds_pictures(path: &Path) -> bool {
    let Ok(mut zip) = File::open(path)
        .map_err(drop)
        .and_then(|file| ZipArchive::new(BufReader::new(file)).map_err(drop))
    else {
        return false;
    };
    if ["mu.npy", "sigma.npy", "feats.npy"].iter().any(|name| zip.index_for_name(name).is_some()) {
        return false;
    }
    (0..zip.len()).any(|i| {
        let layout = zip.by_index(i).ok().and_then(|mut member| npy::layout(&mut member).ok());
        layout.is_some_and(|layout| PictureArray::of(i, &layout).is_some())
    })
}

/// Reads statistics, features and facts from the file at `path`.
///
/// # Errors
/// When it cannot be read, is damaged, contains none of the arrays, or one of them has an
/// unexpected shape or type, or values that are not finite.
/// [`Gaussian::new`](crate::metrics::fid::Gaussian::new) checks that `sigma` is a covariance.
pub fn read(path: &Path) -> Result<NpzContents, NpzError> {
    let open = File::open(path).map_err(|source| FsError {
        operation: "open",
        path: path.to_owned(),
        source,
    })?;
    let mut npz = Npz {
        zip: ZipArchive::new(BufReader::new(open)).map_err(|e| NpzError::NoZip {
            path: path.to_owned(),
            source: DataError(e.to_string()),
        })?,
        path,
    };
    let (mean, covariance) =
        (npz.array("mu.npy", f64::from, |v| v)?, npz.array("sigma.npy", f64::from, |v| v)?);
    let statistics = match (mean, covariance) {
        (Some(mean), Some(covariance)) => Some(npz.statistics(mean, covariance)?),
        _ => None,
    };
    let features = npz.array("feats.npy", |v| v, |v| v as f32)?;
    let features = features.map(|array| npz.features(array)).transpose()?;
    if statistics.is_none() && features.is_none() {
        let names: Vec<String> = npz
            .zip
            .file_names_raw()
            .take(8)
            .map(|n| String::from_utf8_lossy(n).into_owned())
            .collect();
        return Err(NpzError::Nothing {
            path: path.to_owned(),
            source: DataError(format!("it contains [{}]", names.join(", "))),
        });
    }
    Ok(NpzContents { statistics, features, facts: npz.facts()? })
}

/// An open file.
struct Npz<'a, R> {
    path: &'a Path,
    zip: ZipArchive<R>,
}

impl<R: Read + Seek> Npz<'_, R> {
    fn unusable(&self, member: &str, what: impl Into<String>) -> NpzError {
        NpzError::Member {
            path: self.path.to_owned(),
            member: member.to_owned(),
            source: DataError(what.into()),
        }
    }

    /// The array of `member`, if it exists, with `of4` and `of8` converting its values.
    fn array<T: Copy>(
        &mut self,
        member: &str,
        of4: impl Fn(f32) -> T,
        of8: impl Fn(f64) -> T,
    ) -> Result<Option<Array<T>>, NpzError> {
        let Some(index) = self.zip.index_for_name(member) else { return Ok(None) };
        let array = match self.zip.by_index(index) {
            Ok(mut file) => {
                let claimed = file.size();
                npy::read(&mut file, claimed, of4, of8)
            }
            Err(error) => Err(error.to_string()),
        };
        array.map(Some).map_err(|what| self.unusable(member, what))
    }

    fn statistics(&self, mean: Array<f64>, covariance: Array<f64>) -> Result<Statistics, NpzError> {
        let &[d] = &mean.shape[..] else {
            return Err(
                self.unusable("mu.npy", format!("it has the shape {:?}, not [d]", mean.shape))
            );
        };
        if d == 0 || covariance.shape != [d, d] {
            return Err(self.unusable(
                "sigma.npy",
                format!(
                    "it has the shape {:?}, not [{d}, {d}], the shape for mu",
                    covariance.shape
                ),
            ));
        }
        self.finite("mu.npy", mean.values.iter().all(|v| v.is_finite()))?;
        let values = covariance.values;
        self.finite("sigma.npy", values.iter().all(|v| v.is_finite()))?;
        Ok(Statistics { mean: mean.values, covariance: values })
    }

    fn features(&self, array: Array<f32>) -> Result<Features, NpzError> {
        let &[n, d] = &array.shape[..] else {
            return Err(self
                .unusable("feats.npy", format!("it has the shape {:?}, not [n, d]", array.shape)));
        };
        if n == 0 || d == 0 {
            return Err(
                self.unusable("feats.npy", format!("it has the shape [{n}, {d}]: no features"))
            );
        }
        self.finite("feats.npy", array.values.iter().all(|v| v.is_finite()))?;
        Ok(Features::new(array.values, d))
    }

    fn finite(&self, member: &str, all: bool) -> Result<(), NpzError> {
        if all { Ok(()) } else { Err(self.unusable(member, "a value is not finite")) }
    }

    fn facts(&mut self) -> Result<Option<Value>, NpzError> {
        let Some(index) = self.zip.index_for_name(FACTS) else { return Ok(None) };
        let mut bytes = Vec::new();
        let read = match self.zip.by_index(index) {
            // One byte more than allowed, so that a longer text is not cut into valid JSON.
            Ok(file) => file.take(FACTS_LIMIT + 1).read_to_end(&mut bytes).map(drop),
            Err(error) => Err(error.into()),
        };
        let value = read
            .map_err(|e| e.to_string())
            .and_then(|()| serde_json::from_slice(&bytes).map_err(|e| e.to_string()));
        value.map(Some).map_err(|what| self.unusable(FACTS, what))
    }
}

/// Writes `contents` to `path` atomically: `mu` and `sigma` in f64, `feats` in f32. Equal contents
/// give equal bytes.
///
/// # Errors
/// When the file cannot be written.
pub fn write(path: &Path, contents: &NpzContents) -> Result<(), NpzError> {
    let json = contents.facts.as_ref().map(|facts| facts.to_string());
    fs::create_folder_for(path)?;
    fs::write_with(path, |file| {
        let mut zip = ZipWriter::new(file);
        if let Some(Statistics { mean, covariance }) = &contents.statistics {
            let d = mean.len();
            member(&mut zip, "mu.npy", ("<f8", &[d]), mean, |v| v.to_le_bytes())?;
            member(&mut zip, "sigma.npy", ("<f8", &[d, d]), covariance, |v| v.to_le_bytes())?;
        }
        if let Some(features) = &contents.features {
            let shape = [features.count(), features.dimensions()];
            member(&mut zip, "feats.npy", ("<f4", &shape), features.values(), |v| v.to_le_bytes())?;
        }
        if let Some(json) = &json {
            zip.start_file(FACTS, stored(false))?;
            zip.write_all(json.as_bytes())?;
        }
        zip.finish()?;
        Ok(())
    })?;
    Ok(())
}

/// Deflating numbers hardly shrinks them.
fn stored(large: bool) -> SimpleFileOptions {
    SimpleFileOptions::default().compression_method(CompressionMethod::Stored).large_file(large)
}

/// Adds one array.
fn member<T: Copy, const N: usize>(
    zip: &mut ZipWriter<impl Write + Seek>,
    name: &str,
    (kind, shape): (&str, &[usize]),
    values: &[T],
    bytes_of: impl Fn(T) -> [u8; N],
) -> io::Result<()> {
    let head = header(kind, shape);
    let size = head.len() as u64 + (N * values.len()) as u64;
    zip.start_file(name, stored(size > u64::from(u32::MAX)))?;
    zip.write_all(&head)?;
    let mut bytes = Vec::new();
    for chunk in values.chunks(npy::CHUNK / N) {
        bytes.clear();
        bytes.extend(chunk.iter().flat_map(|&v| bytes_of(v)));
        zip.write_all(&bytes)?;
    }
    Ok(())
}
