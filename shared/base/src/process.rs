//! Memory of this process: in use, at its peak, and still available.
//!
//! ```
//! use fledge_base::process;
//!
//! if let (Some(now), Some(peak)) = (process::resident_bytes(), process::peak_bytes()) {
//!     println!("{} MB, {} MB at most", now >> 20, peak >> 20);
//! }
//! ```

mod limits;

pub use self::limits::{Limit, Room};

/// The file in which Linux describes this process.
const STATUS: &str = "/proc/self/status";

/// Bytes of memory that this process holds now; `None` where the system does not say (it is read
/// from Linux' `/proc`).
#[must_use]
pub fn resident_bytes() -> Option<u64> {
    kilobytes(STATUS, "VmRSS:").map(|kb| kb * 1024)
}

/// The most that [`resident_bytes`] has been.
#[must_use]
pub fn peak_bytes() -> Option<u64> {
    kilobytes(STATUS, "VmHWM:").map(|kb| kb * 1024)
}

/// The memory that this process may still allocate under the tightest limit: the free memory of the
/// machine, its control groups (version 1 or 2, each up to the root), `ulimit -v` and
/// `ulimit -d`. `None` where the system names none of them.
#[must_use]
pub fn room() -> Option<Room> {
    let bytes = |file: &str, key: &str| kilobytes(file, key).map(|kb| kb * 1024);
    let machine =
        bytes("/proc/meminfo", "MemAvailable:").map(|bytes| Room { bytes, limit: Limit::Machine });
    let text = |file: &str| std::fs::read_to_string(file).unwrap_or_default();
    let groups = limits::groups(&text("/proc/self/cgroup"), &text("/proc/self/mountinfo"));
    let groups = groups.iter().filter_map(|group| limits::of_group(group));
    let ulimits = limits::of_ulimits(
        &text("/proc/self/limits"),
        [bytes(STATUS, "VmSize:"), bytes(STATUS, "VmData:")],
    );
    machine.into_iter().chain(groups).chain(ulimits).min_by_key(|room| room.bytes)
}

/// Returns freed memory that the allocator keeps to the system; for use after work that took much
/// and does not come back soon.
pub fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: it only looks at what is free.
    unsafe {
        libc::malloc_trim(0);
    }
}

fn kilobytes(file: &str, key: &str) -> Option<u64> {
    let status = std::fs::read_to_string(file).ok()?;
    status
        .lines()
        .find_map(|line| line.strip_prefix(key))?
        .trim()
        .strip_suffix("kB")?
        .trim()
        .parse()
        .ok()
}
