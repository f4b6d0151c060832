//! `.npz` files: zip files of numpy arrays, as which pytorch-fid, clean-fid and others publish statistics (`mu` `[d]`, `sigma`
//! `[d, d]`) and features (`feats` `[n, d]`).
//!
//! A file that is written here has `fledge.json` beside the arrays: protocol, network, layer, SHA-256 of the weights, number of
//! pictures, version; numpy passes over it. Whoever compares a file without it must know by himself what it was made with.
//! Pickled Python objects are never read.

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

/// The member with what numpy does not know of.
const FACTS: &str = "fledge.json";
/// The most bytes of it.
const FACTS_LIMIT: u64 = 1 << 20;

/// Mean and covariance of a set of features.
#[derive(Clone, Debug, PartialEq)]
pub struct Statistics {
    /// \[d\]
    pub mean: Vec<f64>,
    /// \[d, d\], row by row; of N pictures, divided by N − 1, under `stylegan` by N.
    pub covariance: Vec<f64>,
}

/// What an `.npz` file holds of what is known here.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NpzContents {
    /// `mu` and `sigma`.
    pub statistics: Option<Statistics>,
    /// `feats`.
    pub features: Option<Features>,
    /// `fledge.json`.
    pub facts: Option<Value>,
}

/// Why an `.npz` file was not read or written.
#[derive(Debug, Error)]
pub enum NpzError {
    /// A file operation failed.
    #[error(transparent)]
    File(#[from] FsError),
    /// It is no zip file, or a damaged one.
    #[error("{path} is no .npz file that can be read")]
    NoZip {
        /// The file.
        path: PathBuf,
        /// What the zip reader said.
        source: DataError,
    },
    /// An array in it is damaged or of no use.
    #[error("{path}: {member} cannot be used")]
    Member {
        /// The file.
        path: PathBuf,
        /// The array's file in it.
        member: String,
        /// Why.
        source: DataError,
    },
    /// It holds other arrays.
    #[error("{path} holds neither statistics (mu, sigma) nor features (feats)")]
    Nothing {
        /// The file.
        path: PathBuf,
        /// What it holds.
        source: DataError,
    },
}

/// Whether a path names such a file: a zip of pictures has another ending.
#[must_use]
pub fn is_npz(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("npz"))
}

/// Whether such a file holds pictures and neither statistics nor features: samples as ADM, DiT and EDM write them.
#[must_use]
pub fn holds_pictures(path: &Path) -> bool {
    let Ok(mut zip) = File::open(path).map_err(drop).and_then(|file| ZipArchive::new(BufReader::new(file)).map_err(drop)) else {
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

/// Reads what of statistics, features and facts is in the file at `path`.
///
/// # Errors
/// When it cannot be read, is damaged, holds none of the arrays, or one of them has another shape or type than it must have, or values
/// that are not finite. Whether `sigma` is a covariance, [`Gaussian::new`](crate::metrics::fid::Gaussian::new) looks.
pub fn read(path: &Path) -> Result<NpzContents, NpzError> {
    let open = File::open(path).map_err(|source| FsError { operation: "open", path: path.to_owned(), source })?;
    let mut npz = Npz {
        zip: ZipArchive::new(BufReader::new(open))
            .map_err(|e| NpzError::NoZip { path: path.to_owned(), source: DataError(e.to_string()) })?,
        path,
    };
    let (mean, covariance) = (npz.array("mu.npy", f64::from, |v| v)?, npz.array("sigma.npy", f64::from, |v| v)?);
    let statistics = match (mean, covariance) {
        (Some(mean), Some(covariance)) => Some(npz.statistics(mean, covariance)?),
        _ => None,
    };
    let features = npz.array("feats.npy", |v| v, |v| v as f32)?;
    let features = features.map(|array| npz.features(array)).transpose()?;
    if statistics.is_none() && features.is_none() {
        let names: Vec<String> = npz.zip.file_names_raw().take(8).map(|n| String::from_utf8_lossy(n).into_owned()).collect();
        return Err(NpzError::Nothing { path: path.to_owned(), source: DataError(format!("it holds [{}]", names.join(", "))) });
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
        NpzError::Member { path: self.path.to_owned(), member: member.to_owned(), source: DataError(what.into()) }
    }

    /// The array in the member of this name, if there is one, with its values as `of4` and `of8` convert them.
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
            return Err(self.unusable("mu.npy", format!("it has the shape {:?}, not [d]", mean.shape)));
        };
        if d == 0 || covariance.shape != [d, d] {
            return Err(self.unusable("sigma.npy", format!("it has the shape {:?}, not [{d}, {d}] as mu asks", covariance.shape)));
        }
        self.finite("mu.npy", mean.values.iter().all(|v| v.is_finite()))?;
        let values = covariance.values;
        self.finite("sigma.npy", values.iter().all(|v| v.is_finite()))?;
        Ok(Statistics { mean: mean.values, covariance: values })
    }

    fn features(&self, array: Array<f32>) -> Result<Features, NpzError> {
        let &[n, d] = &array.shape[..] else {
            return Err(self.unusable("feats.npy", format!("it has the shape {:?}, not [n, d]", array.shape)));
        };
        if n == 0 || d == 0 {
            return Err(self.unusable("feats.npy", format!("it has the shape [{n}, {d}]: no features")));
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
            // One byte more, so that a longer one is no shorter JSON text.
            Ok(file) => file.take(FACTS_LIMIT + 1).read_to_end(&mut bytes).map(drop),
            Err(error) => Err(error.into()),
        };
        let value = read.map_err(|e| e.to_string()).and_then(|()| serde_json::from_slice(&bytes).map_err(|e| e.to_string()));
        value.map(Some).map_err(|what| self.unusable(FACTS, what))
    }
}

/// Writes `contents` to `path`, which has them whole or not at all: `mu` and `sigma` in f64, `feats` in f32. Equal contents
/// give equal bytes.
///
/// # Errors
/// When the file cannot be written.
pub fn write(path: &Path, contents: &NpzContents) -> Result<(), NpzError> {
    let json = contents.facts.as_ref().map(|facts| facts.to_string());
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

/// Numbers hardly become smaller by deflating them.
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
