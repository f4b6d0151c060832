//! Instruction sets as types: a value of [`Avx2`] proves that the machine supports them.

/// The instructions that a decoder may use.
pub(crate) trait Instructions: Copy {
    /// The proof of AVX2, if supported.
    fn avx2(self) -> Option<Avx2>;
}

/// The instructions of every machine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Baseline;

/// AVX2, BMI1, BMI2 and LZCNT.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx2(());

impl Avx2 {
    /// Detects the instructions of this machine.
    pub(crate) fn find() -> Option<Self> {
        #[cfg(target_arch = "x86_64")]
        let there = is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("lzcnt");
        #[cfg(not(target_arch = "x86_64"))]
        let there = false;
        there.then_some(Self(()))
    }
}

impl Instructions for Baseline {
    #[inline(always)]
    fn avx2(self) -> Option<Avx2> {
        None
    }
}

impl Instructions for Avx2 {
    #[inline(always)]
    fn avx2(self) -> Option<Avx2> {
        Some(self)
    }
}
