//! Which device computes, chosen at run time: what is there, what stands in its way, what it is
//! told before its first use.
//!
//! | module | holds |
//! |---|---|
//! | [`choice`] | the flag `--device` and the device it opens |
//! | [`facts`] | what a CUDA driver was found to be, and what follows from it for a user |
//! | [`list`] | every device of this machine, as text and as JSON |
//! | [`memory`] | what is free, and a device out of memory told as an error that names a batch that fits |
//!
//! With the feature `cuda` it also asks the driver, and with CubeCL's devices it says where
//! compiled kernels are kept.

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

/// "CPU, 2 threads, AVX2", or "NVIDIA H200 (cuda:0), …".
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

/// What decides the last bits of what `device` computes: not the number of threads, which
/// [`describe`] has, too.
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
