//! One saved state: a folder of safetensors files and `meta.json`, which is sealed and records the
//! length and CRC of each of them. The folder appears under its name whole or not at all.
//!
//! ```
//! use burn::tensor::Device;
//! use fledge_models::config::{DataConfig, RunConfig, Settings};
//! use fledge_runs::checkpoint::{self, CHECKPOINT_VERSION, Checkpoint, Meta};
//!
//! let settings = Settings::resolve("gan-ada", None, &["generator.width=8".into()])?;
//! let config = RunConfig::new("gan-ada", settings, 7, DataConfig::of_extent(32, 3));
//! let mut generator = config.generator(&Device::flex());
//! let meta = Meta {
//!     version: CHECKPOINT_VERSION,
//!     step: 100,
//!     epoch: 1,
//!     config,
//!     state: serde_json::Value::Null,
//!     files: Default::default(),
//! };
//! let folder = std::env::temp_dir().join(format!("fledge-saved-example-{}", std::process::id()));
//! checkpoint::save(&folder, meta, &[("ema", &generator)])?;
//!
//! let saved = Checkpoint::open(&folder)?;
//! assert_eq!(saved.meta.step, 100);
//! saved.load("ema", &mut generator)?;
//! # fledge_base::fs::remove_folder(&folder)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use burn::tensor::{Tensor, TensorData};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use fledge_base::fs::{self, AtomicFolder, FsError};
use fledge_base::sealed::{self, SealedError};
use fledge_models::config::RunConfig;
use fledge_models::parameter::{Parameter, Parameters};

/// Version of the checkpoint format.
pub const CHECKPOINT_VERSION: u32 = 1;

const MEND: &str = "another checkpoint of the run may be intact";

/// An error of reading or writing a checkpoint.
#[derive(Debug, Error)]
pub enum CheckpointError {
    /// A file has changed since it was written.
    #[error("{path} is damaged: {what}; {MEND}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The check that failed.
        what: String,
    },
    /// The checkpoint has another format version.
    #[error(
        "{path} has checkpoint version {found}; this program reads version {CHECKPOINT_VERSION}"
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// The version found.
        found: u32,
    },
    /// The tensors do not match those of the network.
    #[error("{path} does not fit the network: {what}")]
    Mismatch {
        /// The file.
        path: PathBuf,
        /// The first difference.
        what: String,
    },
    /// `meta.json` is damaged.
    #[error("{0}")]
    Meta(#[from] SealedError),
    /// A file operation failed.
    #[error("{0}")]
    File(#[from] FsError),
}

impl CheckpointError {
    /// Returns true if the files have changed since they were written, rather than being
    /// unreadable, of another version or of another network: an earlier checkpoint may then be
    /// whole.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        use std::io::ErrorKind::{FileTooLarge, NotFound};
        match self {
            Self::Damaged { .. } | Self::Meta(SealedError::Damaged { .. }) => true,
            Self::Meta(SealedError::File(e)) | Self::File(e) => {
                matches!(e.source.kind(), NotFound | FileTooLarge)
            }
            Self::Version { .. }
            | Self::Mismatch { .. }
            | Self::Meta(SealedError::Unexpected { .. }) => false,
        }
    }
}

/// Contents of `meta.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Meta {
    /// [`CHECKPOINT_VERSION`].
    pub version: u32,
    /// Number of steps taken.
    pub step: u64,
    /// Number of epochs completed.
    pub epoch: u64,
    /// The run's settings.
    pub config: RunConfig,
    /// The trainer's state besides tensors, needed to resume.
    pub state: serde_json::Value,
    /// Length and CRC-32 of every file.
    pub files: BTreeMap<String, FileRecord>,
}

/// Length and checksum of one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileRecord {
    /// Length in bytes.
    pub bytes: u64,
    /// CRC-32 of the whole file, eight hexadecimal digits.
    pub crc32: String,
}

impl FileRecord {
    fn of(bytes: &[u8]) -> Self {
        Self { bytes: bytes.len() as u64, crc32: format!("{:08x}", crc32fast::hash(bytes)) }
    }
}

/// An opened checkpoint; [`Checkpoint::load`] reads its tensors.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    place: Place,
    /// Everything but the tensors.
    pub meta: Meta,
}

/// Where the networks of a checkpoint are.
#[derive(Clone, Debug)]
enum Place {
    /// Each in a file of a folder.
    Folder(PathBuf),
    /// In one file of another program.
    Foreign(Arc<dyn Parts>),
}

/// Networks that are not in a folder of files.
pub(super) trait Parts: std::fmt::Debug + Send + Sync {
    /// The file that they are in.
    fn path(&self) -> &Path;

    /// The network `part` as a safetensors file; the error is a sentence.
    fn part(&self, part: &str) -> Result<Vec<u8>, String>;
}

/// A copy of one file's tensors on the host at one moment: training may continue while they are
/// written.
#[derive(Clone, Debug)]
pub struct Snapshot {
    name: String,
    /// Name, shape, and the values in row-major order.
    tensors: Vec<(String, Vec<usize>, Vec<f32>)>,
}

impl Snapshot {
    /// Copies the current values of `part` for the file `name` (without extension).
    #[must_use]
    pub fn of(name: &str, part: &dyn Parameters) -> Self {
        let tensors = part
            .parameters()
            .into_iter()
            .map(|(name, p)| (name, p.shape().to_vec(), p.to_vec()))
            .collect();
        Self { name: name.to_owned(), tensors }
    }

    /// These values, by name and shape, for the file `name`.
    pub(super) fn of_values(name: &str, tensors: Vec<(String, Vec<usize>, Vec<f32>)>) -> Self {
        Self { name: name.to_owned(), tensors }
    }

    /// Adds a vector.
    pub(super) fn push(&mut self, name: &str, values: Vec<f32>) {
        self.tensors.push((name.to_owned(), vec![values.len()], values));
    }

    /// The values of the tensor `name`.
    pub(super) fn values(&self, name: &str) -> Option<&[f32]> {
        let found = self.tensors.iter().find(|(known, ..)| known == name);
        found.map(|(.., values)| values.as_slice())
    }

    /// The file's name without extension.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Name of the first tensor with a value that is not finite.
    #[must_use]
    pub fn first_not_finite(&self) -> Option<&str> {
        let bad = self.tensors.iter().find(|(_, _, values)| !values.iter().all(|v| v.is_finite()));
        bad.map(|(name, ..)| name.as_str())
    }

    pub(super) fn to_safetensors(&self) -> Result<Vec<u8>, safetensors::SafeTensorError> {
        let bytes =
            |values: &[f32]| values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>();
        let tensors: Vec<_> =
            self.tensors.iter().map(|(name, shape, values)| (name, shape, bytes(values))).collect();
        let views: Result<Vec<_>, _> = tensors
            .iter()
            .map(|(name, shape, bytes)| {
                TensorView::new(Dtype::F32, shape.to_vec(), bytes).map(|view| (name.as_str(), view))
            })
            .collect();
        safetensors::serialize(views?, None)
    }
}

/// Writes a checkpoint from `parts`, pairs of a file name without extension and its contents.
/// `meta.files` is filled in here.
///
/// # Errors
/// If writing fails; no folder of that name is left behind.
pub fn save(
    folder: &Path,
    meta: Meta,
    parts: &[(&str, &dyn Parameters)],
) -> Result<(), CheckpointError> {
    let parts: Vec<Snapshot> = parts.iter().map(|(name, part)| Snapshot::of(name, *part)).collect();
    write(folder, meta, &parts)
}

/// Writes a checkpoint from snapshots taken earlier.
///
/// # Errors
/// If writing fails; no folder of that name is left behind.
pub fn write(folder: &Path, mut meta: Meta, parts: &[Snapshot]) -> Result<(), CheckpointError> {
    let staged = AtomicFolder::create(folder)?;
    meta.files.clear();
    for part in parts {
        let file = file_name(&part.name);
        let bytes = part.to_safetensors().map_err(|e| CheckpointError::Mismatch {
            path: folder.join(&file),
            what: e.to_string(),
        })?;
        fs::write(staged.path().join(&file), &bytes)?;
        meta.files.insert(file, FileRecord::of(&bytes));
    }
    sealed::write(&staged.path().join("meta.json"), &meta)?;
    Ok(staged.commit()?)
}

/// The name of the file of a part.
fn file_name(part: &str) -> String {
    format!("{part}.safetensors")
}

fn fits(view: &TensorView<'_>, parameter: &Parameter) -> bool {
    view.shape() == parameter.shape() && view.dtype() == Dtype::F32
}

/// The values of an [`Dtype::F32`] tensor.
pub(super) fn values(view: &TensorView<'_>) -> Vec<f32> {
    view.data().as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
}

/// Replaces the values of a parameter with as many new ones.
pub(super) fn set(parameter: &mut Parameter, values: Vec<f32>) {
    let device = parameter.flat().device();
    parameter.set(Tensor::from_data(TensorData::new(values, [parameter.count()]), &device));
}

impl Checkpoint {
    /// Opens the checkpoint in `folder`.
    ///
    /// # Errors
    /// If `meta.json` is missing, damaged or of another version.
    pub fn open(folder: &Path) -> Result<Self, CheckpointError> {
        let path = folder.join("meta.json");
        let meta: Meta = sealed::read(&path, MEND)?;
        if meta.version != CHECKPOINT_VERSION {
            return Err(CheckpointError::Version { path, found: meta.version });
        }
        Ok(Self { place: Place::Folder(folder.to_owned()), meta })
    }

    /// The networks of another program's file as a checkpoint.
    pub(super) fn of_parts(networks: Arc<dyn Parts>, meta: Meta) -> Self {
        Self { place: Place::Foreign(networks), meta }
    }

    /// Returns true if another program wrote it.
    #[must_use]
    pub fn is_foreign(&self) -> bool {
        matches!(self.place, Place::Foreign(_))
    }

    /// Returns true if its folder was removed since it was opened.
    pub(super) fn is_gone(&self) -> bool {
        matches!(&self.place, Place::Folder(folder) if !folder.exists())
    }

    /// Returns true if it has the file `part`.
    #[must_use]
    pub fn has(&self, part: &str) -> bool {
        self.meta.files.contains_key(&file_name(part))
    }

    /// The place of the file `name`, for errors.
    fn path(&self, name: &str) -> PathBuf {
        match &self.place {
            Place::Folder(folder) => folder.join(name),
            Place::Foreign(networks) => networks.path().to_owned(),
        }
    }

    /// The error for a file that does not match the network.
    pub(super) fn mismatch(&self, name: &str, what: String) -> CheckpointError {
        CheckpointError::Mismatch { path: self.path(name), what }
    }

    /// Reads the file `part` into the parameters of the same names and shapes.
    ///
    /// # Errors
    /// If a byte differs from what was written, or names or shapes differ.
    pub fn load(&self, part: &str, into: &mut dyn Parameters) -> Result<(), CheckpointError> {
        let (name, bytes) = self.part(part)?;
        let mismatch = |what: String| self.mismatch(&name, what);
        let file = SafeTensors::deserialize(&bytes).map_err(|e| mismatch(e.to_string()))?;
        let parameters = into.parameters_mut();
        if parameters.len() != file.len() {
            return Err(mismatch(format!(
                "it has {} tensors, the network {}",
                file.len(),
                parameters.len()
            )));
        }
        for (name, parameter) in parameters {
            let view = file.tensor(&name).map_err(|e| mismatch(format!("tensor {name}: {e}")))?;
            if !fits(&view, parameter) {
                let (found, wanted) = (view.shape(), parameter.shape());
                return Err(mismatch(format!(
                    "tensor {name} is {:?} {found:?}, the network's F32 {wanted:?}",
                    view.dtype()
                )));
            }
            set(parameter, values(&view));
        }
        Ok(())
    }

    /// File name and bytes of a part.
    pub(super) fn part(&self, part: &str) -> Result<(String, Vec<u8>), CheckpointError> {
        let name = file_name(part);
        let bytes = match &self.place {
            Place::Folder(_) => self.verified(&name)?,
            Place::Foreign(networks) => {
                networks.part(part).map_err(|what| self.mismatch(&name, what))?
            }
        };
        Ok((name, bytes))
    }

    /// Verifies every byte of every file.
    ///
    /// # Errors
    /// If one differs from what was written.
    pub fn verify(&self) -> Result<(), CheckpointError> {
        // A file of another program was read whole when it was opened.
        let files = self.meta.files.keys().filter(|_| !self.is_foreign());
        files.into_iter().try_for_each(|name| self.verified(name).map(drop))
    }

    fn verified(&self, name: &str) -> Result<Vec<u8>, CheckpointError> {
        let path = self.path(name);
        let damaged = |what: String| CheckpointError::Damaged { path: path.clone(), what };
        let record = self
            .meta
            .files
            .get(name)
            .ok_or_else(|| damaged("meta.json does not list it".into()))?;
        let found_len =
            std::fs::metadata(&path).map(|m| m.len()).map_err(|e| damaged(e.to_string()))?;
        if found_len != record.bytes {
            return Err(damaged(format!("it has {found_len} bytes, not {}", record.bytes)));
        }
        let bytes = fs::read_bounded(&path, record.bytes)?;
        let found = FileRecord::of(&bytes);
        if found != *record {
            return Err(damaged(format!(
                "checksum mismatch (stored {}, computed {})",
                record.crc32, found.crc32
            )));
        }
        Ok(bytes)
    }
}
