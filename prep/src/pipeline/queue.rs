//! Working on many items with several threads: results in order, few of them waiting, and a shared
//! budget of memory.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use shared::threads;

struct State<T> {
    /// The next item to work on.
    next: usize,
    /// The next item that the sink wants.
    wanted: usize,
    ready: BTreeMap<usize, T>,
    ended: bool,
}

/// Wakes the sink when a thread panics, because its item will not come.
struct Alarm<'a, T> {
    state: &'a Mutex<State<T>>,
    arrived: &'a Condvar,
}

impl<T> Drop for Alarm<'_, T> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.state.lock().unwrap_or_else(PoisonError::into_inner).ended = true;
            self.arrived.notify_all();
        }
    }
}

/// Calls `work` for 0..count on `jobs` threads, and `sink` with every result in order on this
/// thread.
///
/// At most `window` results wait. The first `Err` of the sink ends it; unfinished results are
/// dropped.
///
/// # Errors
/// The error of the sink.
pub fn in_order<T: Send, E>(
    jobs: usize,
    count: usize,
    window: usize,
    work: impl Fn(usize) -> T + Sync,
    mut sink: impl FnMut(usize, T) -> Result<(), E>,
) -> Result<(), E> {
    let state = Mutex::new(State { next: 0, wanted: 0, ready: BTreeMap::new(), ended: false });
    let (room, arrived) = (Condvar::new(), Condvar::new());
    // A panic leaves no inconsistent state: each change is one step.
    let lock = || state.lock().unwrap_or_else(PoisonError::into_inner);
    let worker = || {
        let _alarm = Alarm { state: &state, arrived: &arrived };
        loop {
            let item = {
                let mut state = lock();
                while !state.ended
                    && state.next < count
                    && state.next >= state.wanted + window.max(jobs)
                {
                    state = room.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
                if state.ended || state.next >= count {
                    return;
                }
                state.next += 1;
                state.next - 1
            };
            let result = work(item);
            let mut state = lock();
            state.ready.insert(item, result);
            if state.wanted == item {
                arrived.notify_one();
            }
        }
    };
    std::thread::scope(|scope| {
        let start = |_| threads::spawn_scoped(scope, "prepare", worker).ok();
        let workers: Vec<_> = (0..jobs.max(1)).map_while(start).collect();
        if workers.is_empty() {
            return (0..count).try_for_each(|item| sink(item, work(item)));
        }
        let mut outcome = Ok(());
        for item in 0..count {
            let mut state = lock();
            let result = loop {
                let ready = state.ready.remove(&item);
                if ready.is_some() || state.ended {
                    break ready;
                }
                state = arrived.wait(state).unwrap_or_else(PoisonError::into_inner);
            };
            state.wanted = item + 1;
            drop(state);
            room.notify_all();
            let Some(result) = result else { break };
            outcome = sink(item, result);
            if outcome.is_err() {
                break;
            }
        }
        lock().ended = true;
        room.notify_all();
        for thread in workers {
            if let Err(panic) = thread.join() {
                std::panic::resume_unwind(panic);
            }
        }
        outcome
    })
}

/// Memory that several threads share: each waits until there is enough for its picture.
#[derive(Debug)]
pub struct Budget {
    total: u64,
    free: Mutex<u64>,
    returned: Condvar,
}

impl Budget {
    /// A budget of so many bytes.
    #[must_use]
    pub fn new(bytes: u64) -> Self {
        Self { total: bytes, free: Mutex::new(bytes), returned: Condvar::new() }
    }

    /// Waits until `bytes` are free, and takes them until the result is dropped; `None` if they
    /// exceed the budget.
    ///
    /// A thread must not take twice: two threads that each hold a share would wait for each other.
    #[must_use]
    pub fn take(&self, bytes: u64) -> Option<Share<'_>> {
        self.take_beside(0, bytes)
    }

    /// [`Budget::take`] for a thread that already holds `held` bytes.
    ///
    /// Only one thread at a time may do so: the others continue and return their shares.
    #[must_use]
    pub fn take_beside(&self, held: u64, bytes: u64) -> Option<Share<'_>> {
        if bytes > self.total.saturating_sub(held) {
            return None;
        }
        let lock: Result<MutexGuard<'_, u64>, _> = self.free.lock();
        let mut free = lock.unwrap_or_else(PoisonError::into_inner);
        while *free < bytes {
            free = self.returned.wait(free).unwrap_or_else(PoisonError::into_inner);
        }
        *free -= bytes;
        Some(Share { budget: self, bytes })
    }
}

/// A share taken from a [`Budget`].
#[derive(Debug)]
pub struct Share<'a> {
    budget: &'a Budget,
    bytes: u64,
}

impl Share<'_> {
    /// Returns all but `bytes`.
    pub fn shrink(&mut self, bytes: u64) {
        let surplus = self.bytes.saturating_sub(bytes);
        self.bytes -= surplus;
        *self.budget.free.lock().unwrap_or_else(PoisonError::into_inner) += surplus;
        self.budget.returned.notify_all();
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        *self.budget.free.lock().unwrap_or_else(PoisonError::into_inner) += self.bytes;
        self.budget.returned.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn results_come_in_order_and_few_wait() {
        for jobs in [1, 2, 7] {
            let (started, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
            let work = |i: usize| {
                let ahead = started.fetch_add(1, Ordering::SeqCst);
                // Later items may start and end between reading the two counters.
                let ahead = ahead.saturating_sub(done.load(Ordering::SeqCst));
                assert!(ahead <= 10, "{ahead} results wait");
                if i.is_multiple_of(3) {
                    std::thread::yield_now();
                }
                i * i
            };
            let mut seen = Vec::new();
            let sink = |i, square| {
                seen.push((i, square));
                done.fetch_add(1, Ordering::SeqCst);
                Ok::<_, ()>(())
            };
            in_order(jobs, 200, 8, work, sink).expect("all");
            assert_eq!(seen, (0..200).map(|i| (i, i * i)).collect::<Vec<_>>());
        }
    }

    #[test]
    fn an_error_of_the_sink_ends_the_work() {
        let worked = AtomicUsize::new(0);
        let work = |_| worked.fetch_add(1, Ordering::SeqCst);
        let error = in_order(2, 1_000_000, 4, work, |i, _| if i == 10 { Err(i) } else { Ok(()) });
        assert_eq!(error, Err(10));
        assert!(worked.load(Ordering::SeqCst) < 100);
    }

    #[test]
    #[should_panic(expected = "item 5")]
    fn a_panic_of_the_work_is_passed_on() {
        let _ = in_order(2, 50, 4, |i| assert!(i != 5, "item {i}"), |_, ()| Ok::<_, ()>(()));
    }

    #[test]
    fn a_budget_is_never_exceeded() {
        let budget = Budget::new(100);
        let used = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for i in 0..8 {
                let (budget, used) = (&budget, &used);
                scope.spawn(move || {
                    for j in 0..200 {
                        let bytes = (i * 37 + j * 11) % 90 + 10;
                        let share = budget.take(bytes as u64).expect("fits");
                        assert!(used.fetch_add(bytes, Ordering::SeqCst) + bytes <= 100);
                        used.fetch_sub(bytes, Ordering::SeqCst);
                        drop(share);
                    }
                });
            }
        });
        assert!(budget.take(101).is_none());
        let mut share = budget.take(100).expect("fits");
        share.shrink(30);
        assert_eq!(*budget.free.lock().expect("lock"), 70);
        drop(share);
        assert_eq!(*budget.free.lock().expect("lock"), 100);
    }
}
