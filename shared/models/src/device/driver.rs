//! Queries the CUDA driver through its library, loaded at run time, and never panics if it is
//! missing.

use std::env;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use cudarc::driver::result::{self, DriverError};
use cudarc::driver::sys::{self, CUdevice, CUdevice_attribute};

use super::facts::Memory;
use super::facts::{Driver, Facts, Gpu, Libdevice};

/// The oldest driver that has every function called. Built for CUDA 13, event times are taken by
/// `cuEventElapsedTime_v2`, introduced in CUDA 12.8; graphs are instantiated by
/// `cuGraphInstantiateWithFlags` of 11.4.
const NEEDED: i32 = if sys::CUDA_VERSION >= 13_000 { 12_080 } else { 11_040 };

/// Queries everything in [`Facts`].
pub(super) fn ask() -> Facts {
    let set = |name: &str| env::var_os(name).map(|value| value.to_string_lossy().into_owned());
    let path = env::var_os("CUDA_PATH").map(PathBuf::from);
    Facts {
        driver: driver(),
        needed: NEEDED,
        visible: set("CUDA_VISIBLE_DEVICES"),
        libdevice: Libdevice::find(path, &other_toolkits()),
    }
}

fn driver() -> Driver {
    // SAFETY: only tries to load the library under its usual names.
    if !unsafe { sys::is_culib_present() } {
        return Driver::Absent;
    }
    let answer = result::init().and_then(|()| {
        let count = result::device::get_count()?;
        (0..count).map(gpu).collect()
    });
    match answer {
        Ok(gpus) => Driver::Works { version: version(), gpus },
        Err(error) => Driver::Refuses { code: error.0 as u32, name: name(error) },
    }
}

fn name(error: DriverError) -> String {
    match error.error_string() {
        Ok(text) => text.to_string_lossy().into_owned(),
        Err(_) => format!("{:?}", error.0),
    }
}

/// The newest CUDA version that the driver supports; 0 if it does not say.
fn version() -> i32 {
    let mut version = 0;
    // SAFETY: the number outlives the call.
    match unsafe { sys::cuDriverGetVersion(&raw mut version) }.result() {
        Ok(()) => version,
        Err(_) => 0,
    }
}

fn gpu(ordinal: i32) -> Result<Gpu, DriverError> {
    use CUdevice_attribute::{
        CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR,
    };
    let device = result::device::get(ordinal)?;
    // SAFETY: the driver has just given this device.
    let attribute = |which| unsafe { result::device::get_attribute(device, which) };
    let major = attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)?;
    let minor = attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?;
    // SAFETY: as above.
    let memory = unsafe { result::device::total_mem(device) }? as u64;
    Ok(Gpu {
        index: ordinal as usize,
        name: result::device::get_name(device)?,
        memory,
        capability: (major, minor),
    })
}

/// The GPU behind a device.
pub(super) fn gpu_of(device: &Device) -> Option<Gpu> {
    match driver() {
        Driver::Works { gpus, .. } => {
            gpus.into_iter().find(|gpu| Device::cuda(gpu.index) == *device)
        }
        _ => None,
    }
}

/// Free and total memory of the device of this index; `Err` says why the device accepts no work
/// (another process has exclusive use, it is out of memory, …). Call only after [`ask`] has found
/// the device.
pub(super) fn memory(index: usize) -> Result<Memory, String> {
    let read = || {
        let device = result::device::get(index as i32)?;
        within(device, result::mem_get_info)
    };
    match read() {
        Ok((free, total)) => Ok(Memory { free: free as u64, total: total as u64 }),
        Err(error) => Err(format!("{}; see `nvidia-smi`", name(error))),
    }
}

/// Runs `work` in the device's context and restores this thread's context afterwards.
fn within<R>(
    device: CUdevice,
    work: impl FnOnce() -> Result<R, DriverError>,
) -> Result<R, DriverError> {
    let before = result::ctx::get_current()?;
    // SAFETY: the device comes from the driver; the context is retained until it is released below,
    // after its last use.
    unsafe {
        let context = result::primary_ctx::retain(device)?;
        let answer = result::ctx::set_current(context).and_then(|()| work());
        let restored = match before {
            Some(context) => result::ctx::set_current(context),
            None => result::ctx::set_current(std::ptr::null_mut()),
        };
        result::primary_ctx::release(device)?;
        restored.and(answer)
    }
}

/// Folders that may be a toolkit although the kernel compiler does not search them: other versions
/// beside `/usr/local/cuda`, and NVIDIA's Python packages, which come with PyTorch.
fn other_toolkits() -> Vec<PathBuf> {
    let mut roots: Vec<PathBuf> = env::var_os("CUDA_HOME").map(PathBuf::from).into_iter().collect();
    let mut inside = |folder: &Path, begin: &str, below: &[&str]| {
        let Ok(entries) = std::fs::read_dir(folder) else { return };
        let mut found: Vec<PathBuf> =
            entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        found.retain(|path| {
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(begin))
        });
        found.sort();
        for root in found.into_iter().rev() {
            roots.extend(below.iter().map(|below| root.join(below)));
        }
    };
    inside(Path::new("/usr/local"), "cuda-", &[""]);
    let packages = |prefix: &str, inside: &mut dyn FnMut(&Path, &str, &[&str])| {
        let below =
            |folder: &str| [format!("{folder}/nvidia/cu13"), format!("{folder}/nvidia/cuda_nvcc")];
        for folder in ["site-packages", "dist-packages"] {
            let below = below(folder);
            inside(&Path::new(prefix).join("lib"), "python3", &[&below[0], &below[1]]);
        }
    };
    packages("/usr/local", &mut inside);
    packages("/usr", &mut inside);
    for variable in ["VIRTUAL_ENV", "CONDA_PREFIX"] {
        if let Ok(prefix) = env::var(variable) {
            packages(&prefix, &mut inside);
        }
    }
    if let Ok(home) = env::var("HOME") {
        packages(&format!("{home}/.local"), &mut inside);
    }
    roots
}
