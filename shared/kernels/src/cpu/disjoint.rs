//! One buffer that parallel tasks write to, each at its own non-contiguous positions.
//!
//! If the part of each task is contiguous, use `par_chunks_mut`, which needs no unsafe code.

use std::marker::PhantomData;
#[cfg(test)]
use std::sync::atomic::{AtomicBool, Ordering};

/// A buffer from which tasks take parts, each number once.
///
/// The tests of this crate track the parts taken and fail if a number is taken twice.
pub(super) struct Disjoint<'a> {
    start: *mut f32,
    len: usize,
    #[cfg(test)]
    taken: Vec<AtomicBool>,
    memory: PhantomData<&'a mut [f32]>,
}

impl<'a> Disjoint<'a> {
    /// All of `memory`, with nothing taken yet.
    pub(super) fn of(memory: &'a mut [f32]) -> Self {
        Self {
            start: memory.as_mut_ptr(),
            len: memory.len(),
            #[cfg(test)]
            taken: memory.iter().map(|_| AtomicBool::new(false)).collect(),
            memory: PhantomData,
        }
    }

    /// The number of elements.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Takes `len` numbers from `at`.
    ///
    /// # Safety
    /// None of these numbers may be taken a second time, by any method.
    ///
    /// # Panics
    /// If they do not all lie inside.
    #[expect(clippy::mut_from_ref, reason = "each number is handed out once")]
    pub(super) unsafe fn take(&self, at: usize, len: usize) -> &mut [f32] {
        assert!(
            at.checked_add(len).is_some_and(|end| end <= self.len),
            "numbers {at} to {at} + {len} of {}",
            self.len
        );
        // SAFETY: they lie inside; the caller takes them once.
        let start = unsafe { self.take_unchecked(at, len) };
        // SAFETY: they lie inside the memory, which is borrowed exclusively for as long as `self`
        // is; nobody else has them.
        unsafe { std::slice::from_raw_parts_mut(start, len) }
    }

    /// [`Disjoint::take`] without bounds checks: a pointer to the first of the numbers.
    ///
    /// # Safety
    /// `at + len` must not exceed [`Disjoint::len`], and none of these numbers may be taken a
    /// second time, by any method.
    #[inline(always)]
    pub(super) unsafe fn take_unchecked(&self, at: usize, len: usize) -> *mut f32 {
        debug_assert!(at + len <= self.len, "numbers {at} to {at} + {len} of {}", self.len);
        #[cfg(test)]
        for (i, taken) in self.taken[at..at + len].iter().enumerate() {
            assert!(!taken.swap(true, Ordering::Relaxed), "number {} is taken twice", at + i);
        }
        // SAFETY: the caller promises that it lies inside, or one past the end if `len` is 0.
        unsafe { self.start.add(at) }
    }
}

// SAFETY: the memory is borrowed exclusively, and holds f32, which may be written from any thread;
// two threads never have the same number, as every caller of `take` promises.
unsafe impl Sync for Disjoint<'_> {}

#[cfg(test)]
mod tests {
    use rayon::prelude::*;

    use super::*;

    #[test]
    fn tasks_write_to_interleaved_places() {
        let mut numbers = vec![0.0; 600];
        let places = Disjoint::of(&mut numbers);
        (0..3).into_par_iter().for_each(|task| {
            for at in (0..600).step_by(6) {
                // SAFETY: every task takes a pair of its own within each six.
                unsafe { places.take(at + 2 * task, 2) }.fill(task as f32);
            }
        });
        assert!(numbers.chunks(6).all(|six| six == [0.0, 0.0, 1.0, 1.0, 2.0, 2.0]));
    }

    #[test]
    #[should_panic(expected = "number 7 is taken twice")]
    fn a_number_that_is_taken_twice_fails_a_test() {
        let mut numbers = [0.0; 10];
        let places = Disjoint::of(&mut numbers);
        // SAFETY: the second call breaks the promise and panics before it has returned anything.
        let _ = unsafe { (places.take(5, 3).len(), places.take(7, 2).len()) };
    }

    #[test]
    #[should_panic(expected = "numbers 8 to 8 + 3 of 10")]
    fn nothing_outside_is_given_out() {
        let mut numbers = [0.0; 10];
        // SAFETY: nothing is taken twice.
        let _ = unsafe { Disjoint::of(&mut numbers).take(8, 3).len() };
    }
}
