//! A run of days in small: thousands of short epochs in constant memory.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test ends where the machine is not as expected")]

use crate::util;

use shared::testing::torture;
use util::program::*;

/// Resident memory of a process in KiB.
fn resident(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse().ok()
}

/// Drawing the curves, at most once a minute, takes 5 MB for a moment, a part of which stays with
/// the allocator: up to so many KiB.
const DRAWING: f64 = 2048.0;

/// Trains for `epochs` epochs and looks at the memory after `warm_up` of them: what it comes down
/// to in each quarter of the last ones is no more than a twentieth above what it usually is in the
/// first ones, as many as the warm-up has.
///
/// Comes down to: one reading in ten is lower. The others depend on how training, saving and
/// evaluating meet, and so on who else uses the cores; a leak raises them all. Found is one that
/// comes to a twentieth from the middle of the first ones to the beginning of the last quarter: 5
/// KiB an epoch of `soak` and 260 of `soak-kid`, in full numbers 0.7 and 80; where the curves were
/// drawn meanwhile, on a machine on which `soak` takes more than a minute, 15 and 2 KiB of `soak`.
fn soak(name: &str, epochs: usize, warm_up: usize, flags: &[&str]) {
    let scratch = Scratch::new(name);
    let (data, out) = (scratch.dataset(), scratch.path("run"));
    let mut command = command_with(&data, &out, epochs as u64, flags);
    command.env("XDG_CACHE_HOME", scratch.path("cache"));
    // glibc then gives every large block back at once; by itself it comes to keep some of them, how
    // many depends on the order.
    command.env("MALLOC_MMAP_THRESHOLD_", "131072");
    let mut child = quiet(command).spawn().unwrap();
    let log = out.join("stats.jsonl");
    let mut seen: Vec<(usize, u64)> = Vec::new();
    let mut drawn = false;
    loop {
        let ended = child.try_wait().unwrap();
        // In this order: they are drawn after the last epoch, too.
        let there = out.join(train::tell::curves::CURVES).exists();
        let done = shared::jsonl::read(&log).unwrap().len();
        drawn |= there && done < epochs;
        if let Some(kib) = resident(child.id()) {
            seen.push((done, kib));
        }
        if let Some(status) = ended {
            assert!(status.success(), "{status:?}");
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    assert_eq!(logged_epochs(&out).len(), epochs);
    // In rising order.
    let readings = |from: usize, to: usize| {
        let within = seen.iter().filter(|(done, _)| (from..to).contains(done));
        let mut readings: Vec<u64> = within.map(|(_, kib)| *kib).collect();
        readings.sort_unstable();
        assert!(!readings.is_empty(), "nobody looked at the memory between epochs {from} and {to}");
        readings
    };
    let first = readings(warm_up, 2 * warm_up);
    let usual = first[first.len() / 2];
    let quarter = (epochs - 2 * warm_up) / 4;
    let quarters =
        [0, 1, 2, 3].map(|i| readings(2 * warm_up + i * quarter, 2 * warm_up + (i + 1) * quarter));
    let low = quarters.map(|quarter| quarter[quarter.len() / 10]);
    let allowed = 1.05 * usual as f64 + if drawn { DRAWING } else { 0.0 };
    println!(
        "{name}: {epochs} epochs, {usual} KiB after {warm_up}, {low:?} KiB in the quarters of the rest"
    );
    assert!(
        low.iter().all(|kib| *kib as f64 <= allowed),
        "{low:?} KiB, {usual} KiB after {warm_up} epochs; drawn: {drawn}"
    );
}

#[test]
fn memory_stays_constant_over_thousands_of_epochs() {
    let flags = ["--set", "checkpoints.every=20", "--set", "samples.every=50"];
    soak("soak", torture(400, 2000), torture(100, 200), &flags);
}

#[test]
fn memory_stays_constant_over_many_evaluations() {
    let scratch = Scratch::new("soak-weights");
    let weights = scratch.path("drawn.safetensors");
    shared::metrics::inception::write_drawn(&weights, 0).unwrap();
    let weights = weights.to_string_lossy().into_owned();
    let flags =
        ["--weights", &weights, "--set", "evaluation.every=1", "--set", "evaluation.pictures=2"];
    soak("soak-kid", torture(80, 200), torture(20, 20), &flags);
}
