//! Networks that other programs trained, opened like a checkpoint of a run: the `network.pkl` of
//! NVIDIA's stylegan2-ada-pytorch, or of stylegan3 in its configuration `stylegan2`, and the `.pt`
//! of rosinality's stylegan2-pytorch; and the generators of pytorch-CycleGAN-and-pix2pix and
//! contrastive-unpaired-translation, `latest_net_G.pth`. Nothing in such a file is run
//! (`fledge_archives::pickle`).
//!
//! | module | holds |
//! |---|---|
//! | `nvidia`, `rosinality`, `junyanz` | what a file describes, and its tensors under our names |
//! | `described` | the settings that follow, checked against every tensor |

mod described;
mod junyanz;
mod nvidia;
mod rosinality;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use burn::tensor::{Device, bf16, f16};
use fledge_archives::torch::{Float, Tensor, TorchFile};
use fledge_base::fs::{self, FsError};
use fledge_base::mt19937::RandomState;
use fledge_models::config::RunConfig;
use fledge_models::layers::{Masks, Mode, Pass};
use fledge_models::parameter::Parameters;
use fledge_models::task::Part;
use serde_json::Value;
use thiserror::Error;

use self::described::{AVERAGE, Described, Tensors};
use super::checkpoint::{self, CHECKPOINT_VERSION, Checkpoint, FileRecord, Meta, Parts, Snapshot};

/// Upper bound of a file's size in bytes. That of 1024×1024 pictures has 364 MB; with the states of
/// Adam, which rosinality's have, about 700 MB.
const FILE_LIMIT: u64 = 2 << 30;
/// Number of w of which the average is taken where a file has none, as in rosinality's
/// `generate.py` (`truncation_mean`).
const AVERAGED: usize = 4096;

/// The reason why a file of another program was not accepted.
#[derive(Debug, Error)]
pub enum ForeignError {
    /// It could not be read.
    #[error(transparent)]
    File(#[from] FsError),
    /// It is something else, damaged, or calls what no such file needs.
    #[error(
        "{path} cannot be read as the networks of stylegan2-ada-pytorch, stylegan3 (cfg stylegan2), \
         rosinality's stylegan2-pytorch, pytorch-CycleGAN-and-pix2pix or \
         contrastive-unpaired-translation: {what}"
    )]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The check that failed.
        what: String,
    },
    /// Its tensors are not those of the networks that it describes.
    #[error("{path} does not hold the networks that it describes: {}", .problems.join("; "))]
    Mismatch {
        /// The file.
        path: PathBuf,
        /// Every missing, unused or wrongly shaped tensor, in groups by network.
        problems: Vec<String>,
    },
}

/// The networks of a file.
#[derive(Debug)]
struct Networks {
    path: PathBuf,
    bytes: Vec<u8>,
    config: RunConfig,
    /// By the name that the network's file has in a checkpoint.
    parts: BTreeMap<&'static str, Tensors>,
}

/// Opens the file of another program as a checkpoint of step 0. Its networks are read as they are
/// loaded; the average of the generator is `G_ema`.
///
/// # Errors
/// If the file cannot be read, holds something else, or its tensors are not those of the networks
/// that it describes.
pub fn open(path: &Path) -> Result<Checkpoint, ForeignError> {
    let bytes = fs::read_bounded(path, FILE_LIMIT)?;
    let unreadable = |what: String| ForeignError::Unreadable { path: path.to_owned(), what };
    let Described { facts, parts } = describe(&bytes).map_err(unreadable)?;
    let crc32 = format!("{:08x}", crc32fast::hash(&bytes));
    let config = facts.config(path, &crc32).map_err(|e| unreadable(e.to_string()))?;
    let problems = described::problems(&config, &parts);
    if !problems.is_empty() {
        return Err(ForeignError::Mismatch { path: path.to_owned(), problems });
    }
    let record = |part: &&str| {
        (
            format!("{part}.safetensors"),
            FileRecord { bytes: bytes.len() as u64, crc32: crc32.clone() },
        )
    };
    let meta = Meta {
        version: CHECKPOINT_VERSION,
        step: 0,
        epoch: 0,
        config: config.clone(),
        state: Value::Null,
        files: parts.keys().map(record).collect(),
    };
    let networks = Networks { path: path.to_owned(), bytes, config, parts };
    Ok(Checkpoint::of_parts(Arc::new(networks), meta))
}

fn describe(bytes: &[u8]) -> Result<Described, String> {
    if !TorchFile::is_one(bytes) {
        return nvidia::read(bytes);
    }
    let file = TorchFile::read(bytes, &rosinality::NAMES)?;
    if junyanz::is_one(&file) {
        return junyanz::read(bytes, &file);
    }
    rosinality::read(bytes, &file)
}

impl Parts for Networks {
    fn path(&self) -> &Path {
        &self.path
    }

    fn part(&self, part: &str) -> Result<Vec<u8>, String> {
        let tensors = self.parts.get(part).ok_or("it has no such network")?;
        let mut values = Vec::new();
        for (name, tensor) in tensors {
            let numbers = self.numbers(tensor);
            if !numbers.iter().all(|v| v.is_finite()) {
                return Err(format!("{part}: {name} holds numbers that are not finite"));
            }
            values.push((name.clone(), tensor.shape.clone(), numbers));
        }
        let mut snapshot = Snapshot::of_values(part, values);
        let styled = self.config.settings.generator.takes().latents().is_ok();
        let generates = styled && described::part_of(part) == Part::Generator;
        if generates && !tensors.contains_key(AVERAGE) {
            snapshot.push(AVERAGE, self.average(&snapshot)?);
        }
        snapshot.to_safetensors().map_err(|e| e.to_string())
    }
}

impl Networks {
    fn numbers(&self, tensor: &Tensor) -> Vec<f32> {
        let bytes = tensor.read(&self.bytes);
        match tensor.float {
            Float::F16 => {
                bytes.as_chunks().0.iter().map(|&b| f16::from_le_bytes(b).to_f32()).collect()
            }
            Float::Bf16 => {
                bytes.as_chunks().0.iter().map(|&b| bf16::from_le_bytes(b).to_f32()).collect()
            }
            Float::F32 => bytes.as_chunks().0.iter().map(|&b| f32::from_le_bytes(b)).collect(),
            Float::F64 => {
                bytes.as_chunks().0.iter().map(|&b| f64::from_le_bytes(b) as f32).collect()
            }
        }
    }

    /// The average over the w of drawn latent vectors, for a generator without one.
    fn average(&self, snapshot: &Snapshot) -> Result<Vec<f32>, String> {
        let device = Device::flex();
        let mut generator = self.config.generator(&device);
        for (name, parameter) in generator.parameters_mut() {
            if let Some(values) = snapshot.values(&name) {
                checkpoint::set(parameter, values.to_vec());
            }
        }
        let stylegan2 = generator.stylegan2().ok_or("it has no styles")?;
        let length = stylegan2.config().latent;
        let mut state = RandomState::new(0);
        let z = (0..AVERAGED * length).map(|_| state.normal() as f32).collect();
        let mut masks = Masks::None;
        let pass = Pass::new(Mode::Infer, None, &mut masks);
        Ok(described::average_of(stylegan2, z, &pass))
    }
}
