//! What the system says of this process' memory. One test only: in the same process another test
//! that frees its own memory meanwhile hides what is taken here.
#![cfg(target_os = "linux")]

use fledge_base::process::{peak_bytes, resident_bytes, room};

/// The kernel adds up a thread's pages in batches, so that a reading lags by less than this.
const LAG: u64 = 16 << 20;

#[test]
fn memory_that_is_written_to_is_counted_and_its_peak_outlives_it() {
    let before = resident_bytes().expect("Linux says");
    let block = vec![1u8; 64 << 20];
    let with = resident_bytes().expect("Linux says");
    assert!(with + LAG >= before + (64 << 20), "{before} → {with}");
    assert!(block.iter().all(|&b| b == 1));
    drop(block);
    let (after, peak) = (resident_bytes().expect("Linux says"), peak_bytes().expect("Linux says"));
    assert!(after + (64 << 20) <= with + LAG, "{with} → {after}");
    assert!(peak + LAG >= with, "{with}, at most {peak}");
    assert!(room().is_some_and(|room| room.bytes > 0));
}
