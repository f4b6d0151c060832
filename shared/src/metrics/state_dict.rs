//! Named tensors of a PyTorch `.pth` or a safetensors file, any float type, read one at a time as f64.
//! Nothing in a pickle is executed: the reader knows tensors and containers only.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use burn::tensor::{bf16, f16};
use burn_store::pytorch_reader::{self, PytorchReader};
use safetensors::SafeTensors;
use safetensors::tensor::Dtype;
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::fs::{self, FsError};

/// The published file has 96 MB; in f64 it would have 191 MB. A reader takes no more than this into memory.
const FILE_LIMIT: u64 = 1 << 30;

/// Why a weights file was not accepted.
#[derive(Debug, Error)]
pub enum WeightsError {
    /// It could not be read.
    #[error(transparent)]
    File(#[from] FsError),
    /// It is neither a PyTorch state dict nor a safetensors file, or is damaged.
    #[error("{path} cannot be read as a PyTorch state dict (.pth) or as safetensors: {what}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the reader said.
        what: String,
    },
    /// Its tensors are not those of the FID InceptionV3.
    #[error("{path} does not hold the weights of the FID InceptionV3 in pytorch-fid's names: {}", .problems.join("; "))]
    Mismatch {
        /// The file.
        path: PathBuf,
        /// Every missing, unused or wrongly shaped tensor, in groups.
        problems: Vec<String>,
    },
}

#[derive(Clone, Copy)]
enum Float {
    F16,
    Bf16,
    F32,
    F64,
}

impl Float {
    fn widen(self, bytes: &[u8]) -> Vec<f64> {
        match self {
            Self::F16 => bytes.as_chunks().0.iter().map(|&b| f16::from_le_bytes(b).to_f64()).collect(),
            Self::Bf16 => bytes.as_chunks().0.iter().map(|&b| bf16::from_le_bytes(b).to_f64()).collect(),
            Self::F32 => bytes.as_chunks().0.iter().map(|&b| f64::from(f32::from_le_bytes(b))).collect(),
            Self::F64 => bytes.as_chunks().0.iter().map(|&b| f64::from_le_bytes(b)).collect(),
        }
    }
}

enum Bytes {
    Pickled(pytorch_reader::Tensor),
    Held(Vec<u8>),
}

/// One tensor, not yet widened.
struct Entry {
    shape: Vec<usize>,
    /// None for integers: they are never weights of this network.
    float: Option<Float>,
    bytes: Bytes,
}

/// The named tensors of one file. Those that are taken are gone; what is left at the end was not expected.
pub struct StateDict {
    path: PathBuf,
    sha256: String,
    entries: BTreeMap<String, Entry>,
}

impl StateDict {
    /// Reads the names and shapes of `path`, and its checksum.
    ///
    /// # Errors
    /// When it is neither a state dict nor safetensors, or damaged.
    pub fn open(path: &Path) -> Result<Self, WeightsError> {
        let mut start = [0; 9];
        let unreadable = |what: String| WeightsError::Unreadable { path: path.to_owned(), what };
        let length =
            std::fs::metadata(path).map_err(|source| FsError { operation: "read", path: path.to_owned(), source })?.len();
        if length > FILE_LIMIT {
            return Err(unreadable(format!("it has {length} bytes, more than the {FILE_LIMIT} that are accepted")));
        }
        let sha256 = sha256_of(path, &mut start)?;
        // A safetensors file starts with the length of its JSON header; a zip or pickle has no brace there.
        let entries = if start[8] == b'{' { read_safetensors(path)? } else { read_pickled(path)? };
        if entries.is_empty() {
            return Err(unreadable("it holds no tensors".into()));
        }
        Ok(Self { path: path.to_owned(), sha256, entries })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// SHA-256 of the whole file in lower-case hexadecimal.
    #[must_use]
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Whether a tensor of this name is there and not yet taken.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.entries.contains_key(name)
    }

    /// Names that nobody took, but for the step counters that BatchNorm keeps while training.
    #[must_use]
    pub fn left_over(&self) -> Vec<String> {
        self.entries.keys().filter(|name| !name.ends_with("num_batches_tracked")).cloned().collect()
    }

    /// The tensor of this name, if it is there and has this shape; otherwise what is wrong with it.
    ///
    /// # Errors
    /// When it is missing, of another shape, or holds what is no finite floating-point number.
    pub fn take(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f64>, Problem> {
        let entry = self.entries.remove(name).ok_or_else(|| Problem::Missing(name.to_owned()))?;
        if entry.shape != shape {
            return Err(Problem::Other(format!("{name} has shape {:?}, expected {shape:?}", entry.shape)));
        }
        let float = entry.float.ok_or_else(|| Problem::Other(format!("{name} holds no floating-point numbers")))?;
        let bytes = match entry.bytes {
            Bytes::Pickled(tensor) => tensor.read().map_err(|e| Problem::Other(format!("{name} cannot be read: {e}")))?,
            Bytes::Held(bytes) => bytes,
        };
        let values = float.widen(&bytes);
        if values.len() != shape.iter().product::<usize>() || values.iter().any(|v| !v.is_finite()) {
            return Err(Problem::Other(format!("{name} holds numbers that are not finite, or too few")));
        }
        Ok(values)
    }
}

/// What is wrong with one tensor.
#[derive(Debug)]
pub enum Problem {
    /// It is not there.
    Missing(String),
    /// A sentence.
    Other(String),
}

fn sha256_of(path: &Path, start: &mut [u8; 9]) -> Result<String, FsError> {
    let failed = |source| FsError { operation: "read", path: path.to_owned(), source };
    let mut file = std::fs::File::open(path).map_err(failed)?;
    let (mut hash, mut buffer, mut first) = (Sha256::new(), vec![0; 1 << 20], true);
    loop {
        let n = match file.read(&mut buffer) {
            Ok(0) => return Ok(hex(&hash.finalize())),
            Ok(n) => n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(failed(e)),
        };
        if first && n >= 9 {
            start.copy_from_slice(&buffer[..9]);
        }
        first = false;
        hash.update(&buffer[..n]);
    }
}

/// Lower-case hexadecimal digits of `bytes`.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn read_pickled(path: &Path) -> Result<BTreeMap<String, Entry>, WeightsError> {
    let reader = PytorchReader::new(path).map_err(|e| WeightsError::Unreadable { path: path.to_owned(), what: e.to_string() })?;
    let entry = |tensor: pytorch_reader::Tensor| Entry {
        shape: tensor.shape().to_vec(),
        float: match tensor.dtype() {
            pytorch_reader::DType::F16 => Some(Float::F16),
            pytorch_reader::DType::BF16 => Some(Float::Bf16),
            pytorch_reader::DType::F32 => Some(Float::F32),
            pytorch_reader::DType::F64 => Some(Float::F64),
            _ => None,
        },
        bytes: Bytes::Pickled(tensor),
    };
    Ok(reader.into_tensors().into_iter().map(|(name, tensor)| (name, entry(tensor))).collect())
}

fn read_safetensors(path: &Path) -> Result<BTreeMap<String, Entry>, WeightsError> {
    let bytes = fs::read_bounded(path, FILE_LIMIT)?;
    let tensors =
        SafeTensors::deserialize(&bytes).map_err(|e| WeightsError::Unreadable { path: path.to_owned(), what: e.to_string() })?;
    let entry = |tensor: safetensors::tensor::TensorView<'_>| Entry {
        shape: tensor.shape().to_vec(),
        float: match tensor.dtype() {
            Dtype::F16 => Some(Float::F16),
            Dtype::BF16 => Some(Float::Bf16),
            Dtype::F32 => Some(Float::F32),
            Dtype::F64 => Some(Float::F64),
            _ => None,
        },
        bytes: Bytes::Held(tensor.data().to_vec()),
    };
    Ok(tensors.tensors().into_iter().map(|(name, tensor)| (name, entry(tensor))).collect())
}
