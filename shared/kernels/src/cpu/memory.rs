//! Memory reused from step to step. A training step requests the same sizes every time; returning
//! tens of megabytes to the system and faulting them in again took a sixth of its time.

use std::mem::MaybeUninit;
use std::ops::{Deref, DerefMut};
use std::sync::Mutex;

use burn::tensor::DType;
use burn_flex::{FlexTensor, Layout};
use burn_std::{AccessError, AccessPolicy, AllocationController, AllocationProperty, Bytes};

/// Smaller buffers are left to the allocator, which pools them anyway.
const SMALLEST: usize = 1 << 11;

/// `len` numbers whose memory returns to the pool when dropped.
pub(super) struct Buffer {
    memory: Vec<f32>,
    len: usize,
}

/// The free buffers, oldest first, and the number of elements in use.
struct Pool {
    free: Vec<Vec<f32>>,
    free_len: usize,
    live_len: usize,
    peak_len: usize,
}

static POOL: Mutex<Pool> =
    Mutex::new(Pool { free: Vec::new(), free_len: 0, live_len: 0, peak_len: 0 });

fn pool() -> std::sync::MutexGuard<'static, Pool> {
    // A panic cannot leave the lists in an inconsistent state: nothing in between can fail.
    POOL.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Sizes are rounded up to eighths of a power of two, so that nearly equal requests share buffers.
fn class(len: usize) -> usize {
    let grain = (len.next_power_of_two() / 16).max(1);
    len.div_ceil(grain) * grain
}

impl Pool {
    fn take(&mut self, class: usize) -> Option<Vec<f32>> {
        self.live_len += class;
        self.peak_len = self.peak_len.max(self.live_len);
        let at = self.free.iter().rposition(|v| v.len() == class)?;
        self.free_len -= class;
        Some(self.free.remove(at))
    }

    fn give_back(&mut self, memory: Vec<f32>) -> Vec<Vec<f32>> {
        self.live_len -= memory.len();
        self.free_len += memory.len();
        self.free.push(memory);
        self.surplus()
    }

    /// The surplus of free buffers after resetting the peak to the present use.
    fn forget(&mut self) -> Vec<Vec<f32>> {
        self.peak_len = self.live_len;
        self.surplus()
    }

    /// The oldest free buffers, as far as free and used ones together exceed the peak use by more
    /// than a quarter: sizes no longer requested must not pile up.
    fn surplus(&mut self) -> Vec<Vec<f32>> {
        let mut surplus = Vec::new();
        while self.free_len + self.live_len > self.peak_len + self.peak_len / 4
            && !self.free.is_empty()
        {
            let oldest = self.free.remove(0);
            self.free_len -= oldest.len();
            surplus.push(oldest);
        }
        surplus
    }
}

/// Frees the pool and resets the peak: after a large piece of work is done.
pub(crate) fn release() {
    let surplus = pool().forget();
    drop(surplus);
}

impl Buffer {
    /// `len` numbers with arbitrary values.
    pub(super) fn any(len: usize) -> Self {
        if len < SMALLEST {
            return Self { memory: vec![0.0; len], len };
        }
        let class = class(len);
        let found = pool().take(class);
        Self { memory: found.unwrap_or_else(|| vec![0.0; class]), len }
    }

    /// `len` zeros.
    pub(super) fn zeros(len: usize) -> Self {
        let mut buffer = Self::any(len);
        buffer.fill(0.0);
        buffer
    }

    /// A tensor over this memory.
    pub(super) fn into_tensor(self, layout: Layout) -> FlexTensor {
        let bytes = self.len * size_of::<f32>();
        // SAFETY: the controller exposes at least `len` numbers, all of them initialised.
        let bytes = unsafe { Bytes::from_controller(Box::new(Allocation(self)), bytes) };
        FlexTensor::new(bytes, layout, DType::F32)
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if self.memory.len() >= SMALLEST {
            let surplus = pool().give_back(std::mem::take(&mut self.memory));
            drop(surplus);
        }
    }
}

impl Deref for Buffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.memory[..self.len]
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.memory[..self.len]
    }
}

/// A buffer as a tensor's storage.
struct Allocation(Buffer);

impl AllocationController for Allocation {
    fn alloc_align(&self) -> usize {
        align_of::<f32>()
    }

    fn property(&self) -> AllocationProperty {
        AllocationProperty::Other
    }

    unsafe fn memory_mut(
        &mut self,
        _: AccessPolicy,
    ) -> Result<&mut [MaybeUninit<u8>], AccessError> {
        let (at, len) = (self.0.as_mut_ptr(), size_of_val::<[f32]>(&self.0));
        // SAFETY: the numbers' own bytes, borrowed for as long as they are.
        Ok(unsafe { std::slice::from_raw_parts_mut(at.cast(), len) })
    }

    fn memory(&self, _: AccessPolicy) -> Result<&[MaybeUninit<u8>], AccessError> {
        let (at, len) = (self.0.as_ptr(), size_of_val::<[f32]>(&self.0));
        // SAFETY: the numbers' own bytes, borrowed for as long as they are.
        Ok(unsafe { std::slice::from_raw_parts(at.cast(), len) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_rounded_up_by_an_eighth_at_most() {
        for len in [SMALLEST, 100_000, 131_072, 131_073, 1_000_003] {
            assert!((len..=len + len / 8).contains(&class(len)), "{len}: {}", class(len));
        }
    }

    #[test]
    fn free_memory_stays_within_a_quarter_of_the_peak() {
        let mut pool = Pool { free: Vec::new(), free_len: 0, live_len: 0, peak_len: 0 };
        // Many sizes in succession: each could be pooled, all of them may not.
        for len in (1..100).map(|i| i * 1000) {
            let memory = pool.take(len).unwrap_or_else(|| vec![0.0; len]);
            pool.give_back(memory);
            assert!(pool.free_len + pool.live_len <= pool.peak_len + pool.peak_len / 4);
        }
        let (before, memory) = (pool.free.len(), pool.take(99_000).expect("the newest is there"));
        assert_eq!((memory.len(), pool.free.len()), (99_000, before - 1));
        // Large work that is done leaves nothing behind.
        let small = pool.take(10_000).unwrap_or_else(|| vec![0.0; 10_000]);
        pool.give_back(memory);
        drop(pool.forget());
        assert!(
            pool.free_len <= 10_000 / 4 && pool.peak_len == 10_000,
            "{} {}",
            pool.free_len,
            pool.peak_len
        );
        pool.give_back(small);
    }
}
