//! The precision of matrix products on GPUs. The CPU always multiplies in f32.

use std::cell::Cell;
use std::fmt;
use std::str::FromStr;

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

thread_local! {
    /// The precision of operations that this thread starts.
    static HERE: Cell<Precision> = const { Cell::new(Precision::Tf32) };
}

/// Restores a precision when dropped, so that a panic in between leaves none behind.
struct Before(Precision);

impl Drop for Before {
    fn drop(&mut self) {
        HERE.set(self.0);
    }
}

impl Precision {
    /// Every precision with its name.
    pub const ALL: [(Self, &'static str); 3] =
        [(Self::F32, "f32"), (Self::Tf32, "tf32"), (Self::Bf16, "bf16")];

    /// Runs `work` in this precision on this thread; then restores the previous one. Gradients are
    /// computed in the precision of the operations that they belong to.
    pub fn during<R>(self, work: impl FnOnce() -> R) -> R {
        let _before = Before(HERE.replace(self));
        work()
    }

    /// The precision of operations that this thread starts: TF32 outside of [`Precision::during`].
    #[must_use]
    pub fn current() -> Self {
        HERE.get()
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

    #[test]
    fn a_panic_leaves_no_precision_behind() {
        let outside = Precision::current();
        let work = || Precision::Bf16.during(|| panic!("out of memory"));
        assert!(std::panic::catch_unwind(work).is_err());
        assert_eq!(Precision::current(), outside);
    }
}
