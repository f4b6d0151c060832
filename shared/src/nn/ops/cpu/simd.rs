//! Vectors over slices whose length need not be a whole number of them.

use pulp::Simd;

/// The vector from `at`; zeros beyond the end.
#[inline(always)]
pub(super) fn load<S: Simd>(simd: S, from: &[f32], at: usize) -> S::f32s {
    let rest = &from[at..];
    if rest.len() >= S::F32_LANES {
        // SAFETY: a whole vector is there.
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
