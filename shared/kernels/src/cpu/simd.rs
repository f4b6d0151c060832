//! Detection of SIMD instructions, and vector access to slices whose length need not be a multiple
//! of the vector's.

use std::sync::OnceLock;

use pulp::{Arch, Simd};

/// The environment variable that selects instructions: `avx512`, `avx2` or `scalar` instead of the
/// best available. With the same instructions, another machine gives the same bits.
const VARIABLE: &str = "FLEDGE_SIMD";

/// The instruction set of all operations, detected once.
pub(super) fn arch() -> Arch {
    static ARCH: OnceLock<Arch> = OnceLock::new();
    *ARCH.get_or_init(|| {
        let best = Arch::new();
        let Ok(wanted) = std::env::var(VARIABLE) else { return best };
        let found = match wanted.as_str() {
            "scalar" => Some(Arch::Scalar),
            #[cfg(target_arch = "x86_64")]
            "avx2" => pulp::x86::V3::try_new().map(Arch::V3),
            #[cfg(target_arch = "x86_64")]
            "avx512" => pulp::x86::V4::try_new().map(Arch::V4),
            _ => None,
        };
        found.unwrap_or_else(|| {
            tracing::warn!(
                "{VARIABLE}={wanted}: this machine has no such instructions; {} it is",
                name(best)
            );
            best
        })
    })
}

/// Their usual name.
pub(crate) fn name(arch: Arch) -> &'static str {
    match arch {
        #[cfg(target_arch = "x86_64")]
        Arch::V4(_) => "AVX-512",
        #[cfg(target_arch = "x86_64")]
        Arch::V3(_) => "AVX2",
        #[cfg(target_arch = "aarch64")]
        Arch::Neon(_) => "NEON",
        _ => "no SIMD",
    }
}

/// The vector from `at`; zeros beyond the end.
#[inline(always)]
pub(super) fn load<S: Simd>(simd: S, from: &[f32], at: usize) -> S::f32s {
    let rest = &from[at..];
    if rest.len() >= S::F32_LANES {
        // SAFETY: a whole vector is left.
        unsafe { rest.as_ptr().cast::<S::f32s>().read_unaligned() }
    } else {
        simd.partial_load_f32s(rest)
    }
}

/// Writes the vector from `at`, as far as there is room.
#[inline(always)]
pub(super) fn store<S: Simd>(simd: S, to: &mut [f32], at: usize, values: S::f32s) {
    let rest = &mut to[at..];
    if rest.len() >= S::F32_LANES {
        // SAFETY: there is room for a whole vector.
        unsafe { rest.as_mut_ptr().cast::<S::f32s>().write_unaligned(values) }
    } else {
        simd.partial_store_f32s(rest, values);
    }
}

/// max(x, 0) + slope·min(x, 0).
#[inline(always)]
pub(super) fn leaky_relu<S: Simd>(simd: S, x: S::f32s, slope: f32) -> S::f32s {
    let zero = simd.splat_f32s(0.0);
    simd.mul_add_e_f32s(simd.splat_f32s(slope), simd.min_f32s(x, zero), simd.max_f32s(x, zero))
}
