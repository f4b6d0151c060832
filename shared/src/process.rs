//! What this process takes of the machine.

/// Bytes of memory that this process holds now; `None` where the system does not say (it is read from Linux' `/proc`).
#[must_use]
pub fn resident_bytes() -> Option<u64> {
    kilobytes("VmRSS:").map(|kb| kb * 1024)
}

/// The most that [`resident_bytes`] has been.
#[must_use]
pub fn peak_bytes() -> Option<u64> {
    kilobytes("VmHWM:").map(|kb| kb * 1024)
}

fn kilobytes(key: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix(key))?.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn memory_that_is_written_to_is_counted() {
        let before = resident_bytes().expect("Linux says");
        let block = vec![1u8; 64 << 20];
        let with = resident_bytes().expect("Linux says");
        assert!(with >= before + (48 << 20), "{before} → {with}");
        assert!(peak_bytes().expect("Linux says") >= with);
        assert!(block.iter().all(|&b| b == 1));
    }
}
