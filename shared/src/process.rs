//! What this process takes of the machine, and what that has left.

/// Where Linux tells of a process.
const STATUS: &str = "/proc/self/status";

/// Bytes of memory that this process holds now; `None` where the system does not say (it is read from Linux' `/proc`).
#[must_use]
pub fn resident_bytes() -> Option<u64> {
    kilobytes(STATUS, "VmRSS:").map(|kb| kb * 1024)
}

/// The most that [`resident_bytes`] has been.
#[must_use]
pub fn peak_bytes() -> Option<u64> {
    kilobytes(STATUS, "VmHWM:").map(|kb| kb * 1024)
}

/// Bytes that the machine can still give without swapping; `None` where the system does not say.
#[must_use]
pub fn available_bytes() -> Option<u64> {
    kilobytes("/proc/meminfo", "MemAvailable:").map(|kb| kb * 1024)
}

fn kilobytes(file: &str, key: &str) -> Option<u64> {
    let status = std::fs::read_to_string(file).ok()?;
    status.lines().find_map(|line| line.strip_prefix(key))?.trim().strip_suffix("kB")?.trim().parse().ok()
}
