//! A run of days in small: thousands of short epochs in constant memory.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test ends where the machine is not as expected")]

mod util;

use util::program::*;

/// Resident memory of a process in KiB.
fn resident(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse().ok()
}

/// Trains for `epochs` epochs and looks at the memory after `warm_up` of them: never more than a twentieth above the most that it was in
/// as many epochs after that.
fn soak(name: &str, epochs: usize, warm_up: usize, flags: &[&str]) {
    let scratch = Scratch::new(name);
    let (data, out) = (scratch.dataset(), scratch.path("run"));
    let mut command = command_with(&data, &out, epochs as u64, flags);
    command.env("XDG_CACHE_HOME", scratch.path("cache"));
    let mut child = quiet(command).spawn().unwrap();
    let log = out.join("stats.jsonl");
    let mut seen: Vec<(usize, u64)> = Vec::new();
    loop {
        let ended = child.try_wait().unwrap();
        let done = shared::jsonl::read(&log).unwrap().len();
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
    let most = |from: usize, to: usize| {
        let within = seen.iter().filter(|(done, _)| (from..to).contains(done));
        within.map(|(_, kib)| *kib).max().expect("nobody looked at the memory")
    };
    let usual = most(warm_up, 2 * warm_up);
    let quarter = (epochs - 2 * warm_up) / 4;
    let quarters: Vec<u64> = (0..4).map(|i| most(2 * warm_up + i * quarter, 2 * warm_up + (i + 1) * quarter)).collect();
    println!("{name}: {epochs} epochs, {usual} KiB after {warm_up}, at most {quarters:?} KiB in the quarters of the rest");
    assert!(
        quarters.iter().all(|kib| *kib as f64 <= 1.05 * usual as f64),
        "{quarters:?} KiB, {usual} KiB after {warm_up} epochs"
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
    let flags = ["--weights", &weights, "--set", "evaluation.every=1", "--set", "evaluation.pictures=2"];
    // Training and evaluating share the cores, now like this, now like that: it takes some epochs until each way was seen.
    soak("soak-kid", torture(80, 200), torture(20, 20), &flags);
}
