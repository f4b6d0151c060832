//! Compute devices, chosen at run time: discovery, obstacles to their use, and setup before first
//! use.
//!
//! | module | holds |
//! |---|---|
//! | [`choice`] | the flag `--device` and the device it opens |
//! | [`facts`] | the findings about a CUDA driver and the messages derived from them |
//! | [`list`] | all devices of this machine, as text and as JSON |
//! | [`memory`] | free memory, and an out-of-memory error that suggests a batch size |
//!
//! With the feature `cuda` the driver is queried, and with CubeCL's devices the cache of compiled
//! kernels is configured.
//!
//! ```
//! use burn::tensor::Device;
//!
//! assert!(fledge_models::device::describe(&Device::flex()).starts_with("CPU"));
//! ```

use burn::tensor::Device;

use fledge_kernels as ops;

#[cfg(feature = "cubecl")]
pub mod caches;
pub mod choice;
#[cfg(feature = "cuda")]
mod driver;
pub mod facts;
pub mod list;
pub mod memory;

pub use choice::DeviceChoice;
pub use fledge_kernels::on_workers;

/// Name of a device: "CPU, 2 threads, AVX2", or "NVIDIA H200 (cuda:0), …".
#[must_use]
pub fn describe(device: &Device) -> String {
    if *device == Device::flex() {
        return cpu();
    }
    #[cfg(feature = "cuda")]
    if let Some(gpu) = driver::gpu_of(device) {
        return gpu.to_string();
    }
    #[cfg(feature = "cubecl-cpu")]
    if *device == Device::cpu() {
        return format!(
            "CubeCL's CPU runtime, {} threads (to check kernels: slow)",
            rayon::current_num_threads()
        );
    }
    format!("{device:?}")
}

/// The part of [`describe`] that decides the last bits of the results: everything except the number
/// of threads.
#[must_use]
pub fn arithmetic(device: &Device) -> String {
    if *device == Device::flex() {
        format!("CPU, {}", ops::instructions())
    } else {
        describe(device)
    }
}

fn cpu() -> String {
    format!("CPU, {} threads, {}", rayon::current_num_threads(), ops::instructions())
}
