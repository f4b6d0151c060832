//! Which device computes: `auto`, `cpu`, `cuda` or `cuda:i`, chosen at run time.

use std::fmt;
use std::str::FromStr;

use burn::tensor::Device;
#[cfg(feature = "cuda")]
use burn::tensor::DeviceType;

use super::ops;
use crate::cli::UsageError;

/// What the flag `--device` asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeviceChoice {
    /// CUDA if it is built in and a device answers, else the CPU.
    #[default]
    Auto,
    /// The CPU, on all cores.
    Cpu,
    /// The CUDA device of this index.
    Cuda(usize),
}

impl FromStr for DeviceChoice {
    type Err = UsageError;

    fn from_str(text: &str) -> Result<Self, UsageError> {
        match text {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda(0)),
            _ => text
                .strip_prefix("cuda:")
                .and_then(|i| i.parse().ok())
                .map(Self::Cuda)
                .ok_or_else(|| UsageError(format!("--device {text}: expected auto, cpu, cuda or cuda:INDEX"))),
        }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(index) => write!(f, "cuda:{index}"),
        }
    }
}

impl DeviceChoice {
    /// The device, without autodiff. Says on the log which one it is.
    ///
    /// # Errors
    /// When CUDA is asked for and not built in, or no such device answers.
    pub fn open(self) -> Result<Device, UsageError> {
        let device = match self {
            Self::Cpu => Device::flex(),
            Self::Auto => match cuda_devices() {
                0 => Device::flex(),
                _ => cuda(0)?,
            },
            Self::Cuda(index) => cuda(index)?,
        };
        tracing::info!("device: {}", describe(&device));
        Ok(device)
    }
}

/// "CPU, 2 threads, AVX2" or the device's own name.
#[must_use]
pub fn describe(device: &Device) -> String {
    if *device == Device::flex() {
        format!("CPU, {} threads, {}", rayon::current_num_threads(), ops::instructions())
    } else {
        format!("{device:?}")
    }
}

/// Runs `work` on one of the threads among which the CPU operations divide themselves. Each of hundreds of operations a
/// step then begins at once, where another thread would have to wake them up and be woken up again.
pub fn on_workers<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    rayon::scope(|_| work())
}

#[cfg(feature = "cuda")]
fn cuda_devices() -> usize {
    Device::enumerate(DeviceType::Cuda).into_vec().len()
}

#[cfg(not(feature = "cuda"))]
const fn cuda_devices() -> usize {
    0
}

#[cfg(feature = "cuda")]
fn cuda(index: usize) -> Result<Device, UsageError> {
    match cuda_devices() {
        0 => Err(UsageError(format!("--device cuda:{index}: no CUDA device answers; check `nvidia-smi`, or use --device cpu"))),
        n if index >= n => Err(UsageError(format!("--device cuda:{index}: only cuda:0 to cuda:{} answer", n - 1))),
        _ => Ok(Device::cuda(index)),
    }
}

#[cfg(not(feature = "cuda"))]
fn cuda(index: usize) -> Result<Device, UsageError> {
    Err(UsageError(format!(
        "--device cuda:{index}: this program was built without CUDA; build it with `--features cuda` (docs/CUDA.md), or use --device cpu"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flag_reads_what_it_prints() {
        for text in ["auto", "cpu", "cuda:0", "cuda:3"] {
            assert_eq!(text.parse::<DeviceChoice>().expect("parse").to_string(), text);
        }
        assert!("gpu".parse::<DeviceChoice>().is_err());
    }
}
