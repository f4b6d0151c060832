//! Named tensors of a PyTorch `.pth` or a safetensors file, of any float type, read one at a time:
//! besides the tensors taken, at most the largest tensor is in memory (except for TAR files, which
//! are read whole). Nothing in a pickle is executed: the reader knows tensors and containers only,
//! and a pickle that names anything else is refused (`pickle`).
//!
//! ```no_run
//! use fledge_metrics::state_dict::StateDict;
//!
//! let mut state = StateDict::open("weights.pth".as_ref())?;
//! let bias = state.take("fc.bias", &[1000]).ok();
//! assert!(state.left_over().is_empty());
//! # Ok::<(), fledge_metrics::state_dict::WeightsError>(())
//! ```

mod pickle;
mod taking;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use burn::tensor::{TensorData, bf16, f16};
use burn_store::pytorch_reader::{self, PytorchReader};
use safetensors::tensor::{Dtype, Metadata};
use sha2::{Digest, Sha256};
use thiserror::Error;

use fledge_base::fs::FsError;

pub use taking::Taking;

/// Upper bound of a file's size in bytes. The largest published file, VGG16, has 553 MB, and twice
/// that in f64.
const FILE_LIMIT: u64 = 2 << 30;

/// Upper bound of the header (names, types and shapes) of a safetensors file in bytes: the format's
/// own limit.
const HEADER_LIMIT: u64 = 100_000_000;

/// A reason why a weights file was not accepted.
#[derive(Debug, Error)]
pub enum WeightsError {
    /// It could not be read.
    #[error(transparent)]
    File(#[from] FsError),
    /// The file is neither a PyTorch state dict nor a safetensors file, or is damaged.
    #[error("{path} cannot be read as a PyTorch state dict (.pth) or as safetensors: {what}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Error of the reader.
        what: String,
    },
    /// Its tensors are not those of the network.
    #[error("{path} does not hold the weights of {network}: {}", .problems.join("; "))]
    Mismatch {
        /// The file.
        path: PathBuf,
        /// The network, and the naming scheme of its tensors.
        network: &'static str,
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
    const fn size(self) -> usize {
        match self {
            Self::F16 | Self::Bf16 => 2,
            Self::F32 => 4,
            Self::F64 => 8,
        }
    }

    fn widen(self, bytes: &[u8]) -> Vec<f64> {
        match self {
            Self::F16 => {
                bytes.as_chunks().0.iter().map(|&b| f16::from_le_bytes(b).to_f64()).collect()
            }
            Self::Bf16 => {
                bytes.as_chunks().0.iter().map(|&b| bf16::from_le_bytes(b).to_f64()).collect()
            }
            Self::F32 => {
                bytes.as_chunks().0.iter().map(|&b| f64::from(f32::from_le_bytes(b))).collect()
            }
            Self::F64 => bytes.as_chunks().0.iter().map(|&b| f64::from_le_bytes(b)).collect(),
        }
    }

    fn single(self, bytes: &[u8]) -> Vec<f32> {
        match self {
            Self::F16 => {
                bytes.as_chunks().0.iter().map(|&b| f16::from_le_bytes(b).to_f32()).collect()
            }
            Self::Bf16 => {
                bytes.as_chunks().0.iter().map(|&b| bf16::from_le_bytes(b).to_f32()).collect()
            }
            Self::F32 => bytes.as_chunks().0.iter().map(|&b| f32::from_le_bytes(b)).collect(),
            Self::F64 => {
                bytes.as_chunks().0.iter().map(|&b| f64::from_le_bytes(b) as f32).collect()
            }
        }
    }
}

/// Location of a tensor's numbers.
enum Place {
    Pickled(pytorch_reader::Tensor),
    /// A byte range of the file.
    Stored {
        file: Arc<Mutex<File>>,
        start: u64,
        length: usize,
    },
}

impl Place {
    fn read(&self) -> io::Result<Vec<u8>> {
        match self {
            Self::Pickled(tensor) => tensor.read(),
            Self::Stored { file, start, length } => {
                // A thread that panicked while reading leaves no broken state here.
                let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
                file.seek(SeekFrom::Start(*start))?;
                let mut bytes = vec![0; *length];
                file.read_exact(&mut bytes)?;
                Ok(bytes)
            }
        }
    }
}

/// One tensor, not yet read.
struct Entry {
    shape: Vec<usize>,
    /// Float type; `None` for integers, which are never weights.
    float: Option<Float>,
    place: Place,
}

/// Contents of a file: tensors by name, and the metadata of a safetensors file.
type Contents = (BTreeMap<String, Entry>, BTreeMap<String, String>);

/// The named tensors of one file. Taken tensors are removed; those left at the end were not
/// expected.
pub struct StateDict {
    path: PathBuf,
    sha256: String,
    entries: BTreeMap<String, Entry>,
    metadata: BTreeMap<String, String>,
}

impl StateDict {
    /// Reads the names and shapes of `path`, and its checksum.
    ///
    /// # Errors
    /// If it is neither a state dict nor safetensors, or damaged, or its pickle names globals that
    /// no state dict needs.
    pub fn open(path: &Path) -> Result<Self, WeightsError> {
        let failed = |source| FsError { operation: "read", path: path.to_owned(), source };
        let unreadable = |what: String| WeightsError::Unreadable { path: path.to_owned(), what };
        let mut file = File::open(path).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        if length > FILE_LIMIT {
            return Err(unreadable(format!(
                "it has {length} bytes, more than the {FILE_LIMIT} that are accepted"
            )));
        }
        let (sha256, start) = sha256_of(&mut file).map_err(failed)?;
        file.rewind().map_err(failed)?;
        // A safetensors file starts with the length of its JSON header; a zip or pickle has no
        // brace at this offset.
        let contents = if start.get(8) == Some(&b'{') {
            safetensors(file, length)
        } else {
            pickled(path, file)
        };
        let (entries, metadata) = contents.map_err(unreadable)?;
        if entries.is_empty() {
            return Err(unreadable("it holds no tensors".into()));
        }
        Ok(Self { path: path.to_owned(), sha256, entries, metadata })
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

    /// The value of `key` in the `__metadata__` of a safetensors file.
    #[must_use]
    pub fn metadata(&self, key: &str) -> Option<&str> {
        self.metadata.get(key).map(String::as_str)
    }

    /// Returns true if a tensor of this name exists and was not yet taken.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.entries.contains_key(name)
    }

    /// Drops the tensors whose names start with `prefix`, unread.
    pub fn pass_over(&mut self, prefix: &str) {
        self.entries.retain(|name, _| !name.starts_with(prefix));
    }

    /// Names of tensors not taken, except BatchNorm's step counters.
    #[must_use]
    pub fn left_over(&self) -> Vec<String> {
        self.entries.keys().filter(|name| !name.ends_with("num_batches_tracked")).cloned().collect()
    }

    /// Takes the tensor of this name in f64, if it exists with this shape.
    ///
    /// # Errors
    /// If it is missing, has another shape, or holds anything but finite floating-point numbers.
    pub fn take(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f64>, Problem> {
        let (float, bytes) = self.bytes_of(name, shape)?;
        let values = float.widen(&bytes);
        if values.iter().all(|v| v.is_finite()) { Ok(values) } else { Err(not_finite(name)) }
    }

    /// [`take`](Self::take) in f32, for tensors too large to be widened.
    ///
    /// # Errors
    /// As [`take`](Self::take).
    pub fn take_f32(&mut self, name: &str, shape: &[usize]) -> Result<TensorData, Problem> {
        let (float, bytes) = self.bytes_of(name, shape)?;
        let values = float.single(&bytes);
        if values.iter().all(|v| v.is_finite()) {
            Ok(TensorData::new(values, shape.to_vec()))
        } else {
            Err(not_finite(name))
        }
    }

    fn bytes_of(&mut self, name: &str, shape: &[usize]) -> Result<(Float, Vec<u8>), Problem> {
        let entry = self.entries.remove(name).ok_or_else(|| Problem::Missing(name.to_owned()))?;
        if entry.shape != shape {
            return Err(Problem::Other(format!(
                "{name} has shape {:?}, expected {shape:?}",
                entry.shape
            )));
        }
        let float = entry
            .float
            .ok_or_else(|| Problem::Other(format!("{name} holds no floating-point numbers")))?;
        let bytes = entry
            .place
            .read()
            .map_err(|e| Problem::Other(format!("{name} cannot be read: {e}")))?;
        if bytes.len() != float.size() * shape.iter().product::<usize>() {
            return Err(Problem::Other(format!("{name} holds too few numbers")));
        }
        Ok((float, bytes))
    }
}

/// A problem with one tensor.
#[derive(Debug)]
pub enum Problem {
    /// The tensor is missing.
    Missing(String),
    /// A description of the problem.
    Other(String),
}

fn not_finite(name: &str) -> Problem {
    Problem::Other(format!("{name} holds numbers that are not finite"))
}

/// The checksum of all bytes, and the first few bytes.
fn sha256_of(file: &mut File) -> io::Result<(String, Vec<u8>)> {
    let (mut hash, mut buffer, mut start) = (Sha256::new(), vec![0; 1 << 20], Vec::new());
    loop {
        let n = match file.read(&mut buffer) {
            Ok(0) => return Ok((hex(&hash.finalize()), start)),
            Ok(n) => n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(e),
        };
        if start.len() < 16 {
            start.extend_from_slice(&buffer[..n.min(16)]);
        }
        hash.update(&buffer[..n]);
    }
}

/// Lower-case hexadecimal digits of `bytes`.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn pickled(path: &Path, mut file: File) -> Result<Contents, String> {
    pickle::check(&mut file)?;
    let reader = PytorchReader::new(path).map_err(|e| e.to_string())?;
    let entry = |tensor: pytorch_reader::Tensor| Entry {
        shape: tensor.shape().to_vec(),
        float: match tensor.dtype() {
            pytorch_reader::DType::F16 => Some(Float::F16),
            pytorch_reader::DType::BF16 => Some(Float::Bf16),
            pytorch_reader::DType::F32 => Some(Float::F32),
            pytorch_reader::DType::F64 => Some(Float::F64),
            _ => None,
        },
        place: Place::Pickled(tensor),
    };
    Ok((
        reader.into_tensors().into_iter().map(|(name, tensor)| (name, entry(tensor))).collect(),
        BTreeMap::new(),
    ))
}

fn safetensors(mut file: File, length: u64) -> Result<Contents, String> {
    let mut size = [0; 8];
    file.read_exact(&mut size).map_err(|e| e.to_string())?;
    let size = u64::from_le_bytes(size);
    if size > HEADER_LIMIT || size + 8 > length {
        return Err(format!("its header should have {size} bytes, the file has {length}"));
    }
    let mut header = vec![0; size as usize];
    file.read_exact(&mut header).map_err(|e| e.to_string())?;
    let header: Metadata =
        serde_json::from_slice(&header).map_err(|e| format!("its header is damaged: {e}"))?;
    // The offsets are contiguous: reading the header has checked that.
    let tensors = header.tensors();
    let end = tensors.values().map(|info| info.data_offsets.1 as u64).max().unwrap_or(0);
    if size + 8 + end != length {
        return Err(format!(
            "its tensors should end at byte {}, the file has {length}: it was cut off or has more in it",
            size + 8 + end
        ));
    }
    let file = Arc::new(Mutex::new(file));
    let entry = |info: &safetensors::tensor::TensorInfo| Entry {
        shape: info.shape.clone(),
        float: match info.dtype {
            Dtype::F16 => Some(Float::F16),
            Dtype::BF16 => Some(Float::Bf16),
            Dtype::F32 => Some(Float::F32),
            Dtype::F64 => Some(Float::F64),
            _ => None,
        },
        place: Place::Stored {
            file: Arc::clone(&file),
            start: size + 8 + info.data_offsets.0 as u64,
            length: info.data_offsets.1 - info.data_offsets.0,
        },
    };
    let entries = tensors.iter().map(|(name, info)| (name.clone(), entry(info))).collect();
    let metadata = header
        .metadata()
        .iter()
        .flatten()
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    Ok((entries, metadata))
}
