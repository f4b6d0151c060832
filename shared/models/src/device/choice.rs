//! The flag `--device`: its values, and the device it opens.
//!
//! ```
//! use fledge_models::device::DeviceChoice;
//!
//! assert_eq!("cuda:1".parse::<DeviceChoice>()?, DeviceChoice::Cuda(1));
//! let cpu = DeviceChoice::Cpu.open()?;
//! # Ok::<(), fledge_base::cli::UsageError>(())
//! ```

use std::fmt;
use std::str::FromStr;

use burn::tensor::Device;

#[cfg(feature = "cubecl")]
use super::caches;
use super::describe;
#[cfg(feature = "cuda")]
use super::{driver, facts::Facts};
use fledge_base::cli::UsageError;

/// The value of the flag `--device`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeviceChoice {
    /// The first usable CUDA device if CUDA is built in, else the CPU.
    #[default]
    Auto,
    /// The CPU, on all cores.
    Cpu,
    /// The CUDA device of this index.
    Cuda(usize),
    /// CubeCL's CPU runtime: runs the GPU code on the CPU, to check it.
    CubeclCpu,
}

impl FromStr for DeviceChoice {
    type Err = UsageError;

    fn from_str(text: &str) -> Result<Self, UsageError> {
        match text {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda(0)),
            "cubecl-cpu" => Ok(Self::CubeclCpu),
            _ => text
                .strip_prefix("cuda:")
                .and_then(|i| i.parse::<u16>().ok())
                .map(|i| Self::Cuda(usize::from(i)))
                .ok_or_else(|| {
                    UsageError(format!(
                        "--device {text}: expected auto, cpu, cuda, cuda:INDEX or cubecl-cpu"
                    ))
                }),
        }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(index) => write!(f, "cuda:{index}"),
            Self::CubeclCpu => f.write_str("cubecl-cpu"),
        }
    }
}

impl DeviceChoice {
    /// Opens the device, without autodiff. Logs its name, and the reason if `auto` does not use a
    /// GPU although CUDA is built in.
    ///
    /// # Errors
    /// If CUDA is requested but not built in, or the device is not usable: the text gives the
    /// reason and a remedy.
    pub fn open(self) -> Result<Device, UsageError> {
        let device = match self {
            Self::Cpu => Device::flex(),
            Self::Auto => auto(),
            Self::Cuda(index) => cuda(index)?,
            Self::CubeclCpu => cubecl_cpu()?,
        };
        tracing::info!("device: {}", describe(&device));
        Ok(device)
    }
}

#[cfg(feature = "cuda")]
fn auto() -> Device {
    let facts = driver::ask();
    let mut trouble = facts.trouble();
    if trouble.is_none() {
        for gpu in facts.gpus() {
            match ready(&facts, gpu.index) {
                Ok(device) => return device,
                // The first device's error is the most informative.
                Err(why) => {
                    trouble = trouble.or_else(|| Some(format!("cuda:{}: {why}", gpu.index)))
                }
            }
        }
    }
    if let Some(why) = trouble {
        tracing::warn!("--device auto: not on a GPU: {why}");
    }
    Device::flex()
}

#[cfg(not(feature = "cuda"))]
fn auto() -> Device {
    Device::flex()
}

#[cfg(feature = "cuda")]
fn cuda(index: usize) -> Result<Device, UsageError> {
    ready(&driver::ask(), index)
        .map_err(|why| UsageError(format!("--device cuda:{index}: {why}; or use --device cpu")))
}

/// The device of this index, if nothing prevents its use.
#[cfg(feature = "cuda")]
fn ready(facts: &Facts, index: usize) -> Result<Device, String> {
    match facts.trouble_of(index) {
        Some(why) => Err(why),
        None => driver::memory(index).map(|_| {
            before_first_use();
            Device::cuda(index)
        }),
    }
}

#[cfg(not(feature = "cuda"))]
fn cuda(index: usize) -> Result<Device, UsageError> {
    Err(UsageError(format!(
        "--device cuda:{index}: this program was built without CUDA; build it with `make cuda` (docs/CUDA.md), or use --device cpu"
    )))
}

/// Settles the kernel cache and operation fusion before the first device is opened.
#[cfg(feature = "cubecl")]
fn before_first_use() {
    caches::prepare();
    crate::fusion::settle();
}

#[cfg(feature = "cubecl-cpu")]
fn cubecl_cpu() -> Result<Device, UsageError> {
    before_first_use();
    Ok(Device::cpu())
}

#[cfg(not(feature = "cubecl-cpu"))]
fn cubecl_cpu() -> Result<Device, UsageError> {
    Err(UsageError(
        "--device cubecl-cpu: this program was built without CubeCL's CPU runtime; build it with `cargo build --release --workspace \
         --features cubecl-cpu` (docs/CUDA.md), or use --device cpu"
            .into(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flag_reads_what_it_prints() {
        for text in ["auto", "cpu", "cuda:0", "cuda:3", "cubecl-cpu"] {
            assert_eq!(text.parse::<DeviceChoice>().expect("parse").to_string(), text);
        }
        for text in ["gpu", "cuda:", "cuda:-1", "cuda:70000"] {
            assert!(text.parse::<DeviceChoice>().is_err(), "{text}");
        }
    }

    #[test]
    #[cfg(not(feature = "cuda"))]
    fn a_program_without_cuda_says_how_to_build_it() {
        let error = DeviceChoice::Cuda(0).open().expect_err("no CUDA").to_string();
        assert!(error.contains("make cuda") && error.contains("--device cpu"), "{error}");
    }

    #[test]
    #[cfg(not(feature = "cubecl-cpu"))]
    fn a_program_without_cubecl_on_the_cpu_says_how_to_build_it() {
        let error = DeviceChoice::CubeclCpu.open().expect_err("not built in").to_string();
        assert!(error.contains("--features cubecl-cpu"), "{error}");
    }
}
