//! Device memory: free memory, and running out of it as an error instead of a panic.
//!
//! CubeCL works asynchronously: a failed allocation is recorded with the buffer, nothing that
//! depends on it is run, and burn panics when such a buffer is finally read. The panic's text holds
//! the cause.
//!
//! ```
//! use fledge_models::device::memory;
//!
//! // 128 pictures needed more than 12 GiB of 11.
//! assert_eq!(memory::batch_that_fits(128, 11 << 30, 12 << 30), Some(64));
//! ```

use std::any::Any;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

use burn::tensor::Device;

pub use super::facts::Memory;

impl Memory {
    /// Memory of a CUDA device; `None` for other devices.
    #[must_use]
    pub fn of(device: &Device) -> Option<Self> {
        #[cfg(feature = "cuda")]
        return super::driver::memory(super::driver::gpu_of(device)?.index).ok();
        #[cfg(not(feature = "cuda"))]
        {
            let _ = device;
            None
        }
    }
}

/// The device ran out of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfMemory {
    /// Bytes requested, if the device's error says so.
    pub asked: Option<u64>,
}

impl OutOfMemory {
    /// Parses CubeCL 0.11's texts (`IoError::OutOfMemory`, `IoError::BufferTooBig`,
    /// `LaunchError::OutOfMemory`, and CUDA's own).
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        for words in ["out of device memory allocating ", "can't allocate buffer of size: "] {
            if let Some((_, rest)) = text.split_once(words) {
                let digits = rest.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
                return Some(Self { asked: digits.parse().ok() });
            }
        }
        let known = ["out-of-memory error happened", "CUDA_ERROR_OUT_OF_MEMORY"]
            .iter()
            .any(|words| text.contains(words));
        known.then_some(Self { asked: None })
    }

    fn of_panic(payload: &(dyn Any + Send)) -> Option<Self> {
        let text = payload
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| payload.downcast_ref::<&str>().copied())?;
        Self::read(text)
    }
}

/// Runs `work` and returns an error if it panics because the device is out of memory; any other
/// panic is propagated.
///
/// After an error, drop whatever `work` was changing.
///
/// # Errors
/// If the device is out of memory.
pub fn watch<R>(work: impl FnOnce() -> R) -> Result<R, OutOfMemory> {
    quiet();
    panic::catch_unwind(AssertUnwindSafe(work)).map_err(|payload| {
        match OutOfMemory::of_panic(&*payload) {
            Some(error) => error,
            None => panic::resume_unwind(payload),
        }
    })
}

/// Suppresses the printed message of a panic that becomes an error.
fn quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| match OutOfMemory::of_panic(info.payload()) {
            Some(_) => tracing::debug!("{info}"),
            None => before(info),
        }));
    });
}

/// The batch size that should fit where one of `batch` pictures did not: a power of two, or `None`
/// if not even one picture fits.
///
/// `free` is the number of free bytes before the first step. `taken` is what the step had allocated
/// and still requested when it failed: a lower bound for the whole batch, so its share per picture
/// is a lower bound per picture. A tenth is reserved for later allocations.
#[must_use]
pub fn batch_that_fits(batch: usize, free: u64, taken: u64) -> Option<usize> {
    let picture = (taken as f64 / batch.max(1) as f64).max(1.0);
    let fits = (0.9 * free as f64 / picture) as usize;
    let largest = fits.min(batch.saturating_sub(1));
    (largest > 0).then(|| 1 << largest.ilog2())
}

/// The flags for a smaller batch, if a step processes `part` of the `batch` pictures at a time and
/// `fits` pictures should fit (half of them if that is not known).
#[must_use]
pub fn advice(batch: usize, part: usize, fits: Option<usize>) -> String {
    let (fits, known) = match fits {
        Some(fits) => (fits, "should fit"),
        None => ((part / 2).max(1), "may fit"),
    };
    if fits < 2 {
        return "not even a batch of 2 fits: make the networks narrower (--set generator.width=N --set discriminator.width=N), or use \
                --device cpu"
            .into();
    }
    // Parts are equal and have at least 2 pictures.
    let parts = (batch.div_ceil(fits)..=batch / 2).find(|parts| batch.is_multiple_of(*parts));
    let split = parts
        .map(|parts| {
            format!("--set schedule.accumulate={parts} (the same batch in {parts} parts) or ")
        })
        .unwrap_or_default();
    format!("{fits} {known}: {split}--set schedule.batch={fits}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The texts of cubecl-runtime 0.11.3's `IoError` and `LaunchError` inside burn-std 0.22.1's
    /// `ExecutionError`.
    #[test]
    fn the_texts_of_a_device_out_of_memory_are_known() {
        let burn =
            |text: &str| format!("Error while reading data: WithContext {{ reason: \"{text}\" }}");
        let asked = |text: &str| OutOfMemory::read(&burn(text));
        assert_eq!(
            asked("out of device memory allocating 268435456 bytes\\n0: main"),
            Some(OutOfMemory { asked: Some(268_435_456) })
        );
        assert_eq!(
            asked("can't allocate buffer of size: 1099511627776\\n"),
            Some(OutOfMemory { asked: Some(1 << 40) })
        );
        assert_eq!(
            asked("An out-of-memory error happened during launch"),
            Some(OutOfMemory { asked: None })
        );
        assert_eq!(asked("CUDA memcpy failed: CUDA_ERROR_ILLEGAL_ADDRESS"), None);
    }

    #[test]
    fn only_a_device_out_of_memory_becomes_an_error() {
        assert_eq!(watch(|| 7), Ok(7));
        let full = watch(|| panic!("out of device memory allocating {} bytes", 96));
        assert_eq!(full, Err::<(), _>(OutOfMemory { asked: Some(96) }));
        let other = panic::catch_unwind(|| watch(|| panic!("index out of bounds")));
        assert_eq!(
            *other.expect_err("a panic").downcast_ref::<&str>().expect("its text"),
            "index out of bounds"
        );
    }

    #[test]
    #[cfg(feature = "cubecl-cpu")]
    fn what_burn_says_of_a_tensor_that_fits_nowhere_is_known() {
        use burn::tensor::Tensor;
        let error =
            watch(|| (Tensor::<1>::zeros([1_usize << 38], &Device::cpu()) + 1.0).into_data())
                .expect_err("a terabyte");
        assert_eq!(error.asked, Some(1 << 40));
    }

    #[test]
    fn the_proposed_batch_fits_and_is_smaller() {
        const GIB: u64 = 1 << 30;
        // 128 pictures needed more than 12 GiB of 11: 0.1 GiB each.
        assert_eq!(batch_that_fits(128, 11 * GIB, 12 * GIB), Some(64));
        assert_eq!(batch_that_fits(512, 11 * GIB, 40 * GIB), Some(64));
        assert_eq!(batch_that_fits(2, 11 * GIB, 12 * GIB), Some(1));
        assert_eq!(batch_that_fits(1, 11 * GIB, 12 * GIB), None);
        assert_eq!(batch_that_fits(4, GIB / 2, 40 * GIB), None);
        for batch in [3, 8, 100, 384] {
            let (free, taken) = (9 * GIB, 10 * GIB);
            let fits = batch_that_fits(batch, free, taken).expect("some");
            assert!(fits < batch && fits.is_power_of_two());
            assert!(taken / batch as u64 * fits as u64 <= free);
        }
    }

    #[test]
    fn the_advice_names_flags_that_are_accepted() {
        assert_eq!(
            advice(128, 128, Some(32)),
            "32 should fit: --set schedule.accumulate=4 (the same batch in 4 parts) or --set schedule.batch=32"
        );
        // Two parts of 48 already; 96 = 6 · 16.
        assert!(advice(96, 48, Some(16)).contains("schedule.accumulate=6"));
        assert!(advice(64, 64, None).starts_with("32 may fit"));
        // A prime has no equal parts of at least two pictures except itself.
        assert_eq!(advice(13, 13, Some(8)), "8 should fit: --set schedule.batch=8");
        assert!(advice(2, 2, Some(1)).contains("width"));
    }
}
