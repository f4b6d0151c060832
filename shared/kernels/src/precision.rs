//! The precision of matrix products on GPUs. The CPU always multiplies in f32.

use std::cell::Cell;
use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicU8, Ordering};

use serde::{Deserialize, Serialize};

/// The number format in which a GPU's convolutions and matrix products multiply. Sums, statistics,
/// losses, weights and optimizer states are always f32.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// f32: 24 bits, on the GPU's ordinary units.
    F32,
    /// f32 rounded to the 11 bits of TF32 if the GPU has units for it (Ampere and later) and they
    /// are faster: PyTorch's default for convolutions.
    #[default]
    Tf32,
    /// bfloat16, 8 bits, also for feature maps: half the memory. Equivalent to PyTorch's autocast
    /// to bfloat16.
    Bf16,
}

/// The default of all operations of this process.
static PRECISION: AtomicU8 = AtomicU8::new(Precision::Tf32 as u8);

thread_local! {
    /// The override of this thread.
    static HERE: Cell<Option<Precision>> = const { Cell::new(None) };
}

impl Precision {
    /// Every precision with its name.
    pub const ALL: [(Self, &'static str); 3] =
        [(Self::F32, "f32"), (Self::Tf32, "tf32"), (Self::Bf16, "bf16")];

    /// Sets the precision of all operations of this process.
    pub fn set(self) {
        PRECISION.store(self as u8, Ordering::Relaxed);
    }

    /// Runs `work` in this precision on this thread; then restores the previous one.
    pub fn during<R>(self, work: impl FnOnce() -> R) -> R {
        let before = HERE.replace(Some(self));
        let result = work();
        HERE.set(before);
        result
    }

    /// The precision of operations that this thread starts.
    #[must_use]
    pub fn current() -> Self {
        if let Some(here) = HERE.get() {
            return here;
        }
        let now = PRECISION.load(Ordering::Relaxed);
        Self::ALL
            .into_iter()
            .map(|(precision, _)| precision)
            .find(|p| *p as u8 == now)
            .unwrap_or_default()
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::ALL.iter().find(|(p, _)| p == self).map_or("", |(_, name)| name);
        f.write_str(name)
    }
}

impl FromStr for Precision {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().find(|(_, name)| *name == text);
        found.map(|(p, _)| *p).ok_or_else(|| "expected f32, tf32 or bf16".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_precision_reads_what_it_prints() {
        for (precision, name) in Precision::ALL {
            assert_eq!((precision.to_string().as_str(), name.parse()), (name, Ok(precision)));
        }
        assert!("fp16".parse::<Precision>().is_err());
    }

    #[test]
    fn one_threads_precision_is_nothing_to_another() {
        let outside = Precision::current();
        Precision::Bf16.during(|| {
            assert_eq!(Precision::current(), Precision::Bf16);
            let elsewhere = std::thread::spawn(Precision::current).join().expect("a thread");
            assert_eq!(elsewhere, outside);
        });
        assert_eq!(Precision::current(), outside);
    }
}
