//! How the system's allocator keeps memory that the program has given back.

/// From this size on a block is memory of its own, which goes back to the system as soon as it is free.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const LARGE_BLOCK: std::ffi::c_int = 4 << 20;

/// Makes what large pictures took go back to the system at once. The GNU allocator otherwise learns from the first blocks of up to
/// 32 MiB that are freed to keep such blocks, for each thread anew: with pictures of 24 megapixels `prep build --jobs 2` took 340 MiB
/// instead of 215, and more with every thread.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn return_large_blocks() {
    // <malloc.h>
    const M_MMAP_THRESHOLD: std::ffi::c_int = -3;
    // SAFETY: the signature is that of the GNU C library, which is linked; the function takes any numbers.
    unsafe extern "C" {
        safe fn mallopt(parameter: std::ffi::c_int, value: std::ffi::c_int) -> std::ffi::c_int;
    }
    // 0 would say that it was refused; then more memory is kept, and nothing else changes.
    let _ = mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK);
}

/// Other systems' allocators give large blocks back.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn return_large_blocks() {}
