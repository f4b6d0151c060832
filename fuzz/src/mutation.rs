//! Files changed at random, and how much memory their readers take: for the tests that run readers
//! on them (`prep/tests/fuzz.rs`, `train/tests/fuzz.rs`).

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use shared::rng::{self, Stream};

/// Counts what is allocated and remembers the most.
struct Counting;

static USED: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

// SAFETY: hands everything to the system's allocator and only counts.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let used = USED.fetch_add(layout.size(), Relaxed) + layout.size();
        MOST.fetch_max(used, Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        USED.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What one reader may take beside the file.
const LIMIT: usize = 64 << 20;

/// Runs `read` on `count` changed copies of the seeds.
pub(crate) fn mutate(what: &str, seeds: &[Vec<u8>], count: usize, read: impl Fn(&[u8])) {
    let mut draw = rng::stream(1, what, 0);
    for i in 0..count {
        let bytes = changed(&seeds[i % seeds.len()], &mut draw);
        let before = USED.load(Relaxed);
        MOST.store(before, Relaxed);
        read(&bytes);
        let taken = MOST.load(Relaxed).saturating_sub(before);
        assert!(taken <= LIMIT, "{what}, try {i}: {taken} bytes were taken");
    }
}

/// Some bytes changed, a piece repeated, taken out or cut off, numbers made extreme.
fn changed(seed: &[u8], draw: &mut Stream) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..=draw.below(4) {
        if bytes.is_empty() {
            return bytes;
        }
        let at = draw.below(bytes.len() as u64) as usize;
        let length = (draw.below(16) as usize + 1).min(bytes.len() - at);
        match draw.below(8) {
            0 => bytes.truncate(at),
            1 => drop(bytes.drain(at..at + length)),
            2 => {
                let piece = bytes[at..at + length].to_vec();
                bytes.splice(at..at, piece);
            }
            3 => bytes[at..at + length.min(4)].fill(0xff),
            4 => bytes[at..at + length.min(4)].fill(0),
            5 => bytes[at] = bytes[at].wrapping_add(1),
            6 => bytes[at] ^= 1 << draw.below(8),
            _ => bytes[at] = draw.below(256) as u8,
        }
    }
    bytes
}

/// Computes the seal of a JSON file anew.
pub(crate) fn resealed(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    if let Some(at) = bytes.len().checked_sub(11) {
        bytes[at..at + 8].fill(b'0');
        let digits = format!("{:08x}", crc32fast::hash(&bytes));
        bytes[at..at + 8].copy_from_slice(digits.as_bytes());
    }
    bytes
}
