//! Threads: their number, and fallbacks if the system allows fewer (`ulimit -u`, the limit of
//! processes of a container, `ulimit -v`). Work that finds no thread is done on the one that asked
//! for it.
//!
//! ```
//! use fledge_base::threads::Pool;
//! use rayon::prelude::*;
//!
//! let sum: u32 = Pool::new(2).install(|| (1..=100u32).into_par_iter().sum());
//! assert_eq!(sum, 5050);
//! ```

use std::io;
use std::num::NonZero;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread::{Builder, JoinHandle, Scope, ScopedJoinHandle, available_parallelism};

use clap::Args;
use rayon::{ThreadBuilder, ThreadPoolBuilder};

/// The environment variable, shared with rayon, for the number of threads if no flag sets it.
const VARIABLE: &str = "RAYON_NUM_THREADS";

/// More are a mistake.
const MOST: u64 = 4096;

/// Set where the system allows no thread at all.
static ALONE: AtomicBool = AtomicBool::new(false);

/// The flag `--threads`, which all programs have.
#[derive(Args, Clone, Copy, Debug)]
pub struct ThreadsFlag {
    /// Threads that compute on the CPU [default: the variable RAYON_NUM_THREADS, else the CPUs that
    /// this process may use, by its affinity and the quota of its container]. Results do not depend
    /// on it.
    #[arg(long, value_name = "N", global = true, value_parser = clap::value_parser!(u64).range(1..=MOST))]
    threads: Option<u64>,
}

impl ThreadsFlag {
    /// The same, or `jobs` where it is not given: for a flag that means as much for one command.
    #[must_use]
    pub fn or(self, jobs: Option<usize>) -> Self {
        Self {
            threads: self
                .threads
                .or(jobs.filter(|n| (1..=MOST as usize).contains(n)).map(|n| n as u64)),
        }
    }

    /// Starts the threads that all computing of this process shares. Call it first, and once.
    pub fn start(self) {
        let wanted = self.threads.map_or_else(usual, |n| n as usize);
        let waiting = Waiting::start(wanted);
        let there = waiting.0.len();
        let built = if there == 0 {
            ALONE.store(true, Ordering::Relaxed);
            ThreadPoolBuilder::new().num_threads(1).use_current_thread().build_global()
        } else {
            ThreadPoolBuilder::new()
                .num_threads(there)
                .spawn_handler(waiting.handler())
                .build_global()
        };
        if there < wanted {
            tell(wanted, there);
        }
        if let Err(error) = built {
            // Only where something computed before: the threads are there then.
            tracing::debug!("the thread pool was started before: {error}");
        }
    }
}

/// The number of threads if no flag sets it.
fn usual() -> usize {
    let asked =
        std::env::var(VARIABLE).ok().and_then(|text| text.trim().parse().ok()).filter(|n| *n > 0);
    asked.unwrap_or_else(|| available_parallelism().map_or(1, NonZero::get)).min(MOST as usize)
}

fn tell(wanted: usize, there: usize) {
    let there = if there == 0 { "none beside the first".to_owned() } else { there.to_string() };
    tracing::warn!(
        "{wanted} threads were requested, but the system allows {there}: the work takes longer (ulimit -u, ulimit -v, or the limit of \
         processes of the container; --threads requests fewer)"
    );
}

/// Threads that compute together apart from the others.
#[derive(Debug)]
pub struct Pool(Option<rayon::ThreadPool>);

impl Pool {
    /// A pool of `wanted` threads, or of as many as the system allows, which is told.
    #[must_use]
    pub fn new(wanted: usize) -> Self {
        // What all computing shares has as many already.
        if wanted == rayon::current_num_threads() {
            return Self(None);
        }
        let waiting = Waiting::start(wanted);
        let there = waiting.0.len();
        if there < wanted {
            tell(wanted, there);
        }
        if there == 0 {
            return Self(None);
        }
        Self(
            ThreadPoolBuilder::new()
                .num_threads(there)
                .spawn_handler(waiting.handler())
                .build()
                .ok(),
        )
    }

    /// Does `work` on them.
    pub fn install<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        match &self.0 {
            Some(pool) => pool.install(work),
            None => work(),
        }
    }
}

/// Threads that are there and wait to be told that they belong to a pool: a pool that does not get
/// all its threads gets none.
struct Waiting(Vec<Sender<ThreadBuilder>>);

impl Waiting {
    fn start(wanted: usize) -> Self {
        let start = |index| {
            let (send, receive) = channel::<ThreadBuilder>();
            let name = format!("compute-{index}");
            let run = move || receive.recv().map_or((), ThreadBuilder::run);
            Builder::new().name(name).spawn(run).ok().map(|_| send)
        };
        Self((0..wanted).map_while(start).collect())
    }

    /// The handler through which rayon gets these threads.
    fn handler(mut self) -> impl FnMut(ThreadBuilder) -> io::Result<()> {
        move |thread| {
            let gone = || io::Error::other("a thread has ended");
            self.0.pop().ok_or_else(gone)?.send(thread).map_err(|_| gone())
        }
    }
}

/// Lets a thread called `name` do `work`; gives the work back where there is none, for the caller
/// to do it.
///
/// # Errors
/// When the system has no thread left, which is logged once.
pub fn spawn<T: Send + 'static, F: FnOnce() -> T + Send + 'static>(
    name: &str,
    work: F,
) -> Result<JoinHandle<T>, F> {
    let (send, receive) = channel::<F>();
    let run = move || receive.recv().map(|work| work());
    match started(name, || Builder::new().name(name.into()).spawn(move || expected(run()))) {
        Some(thread) => send.send(work).map_or_else(|unsent| Err(unsent.0), |()| Ok(thread)),
        None => Err(work),
    }
}

/// The same for a thread that ends before `scope` does.
///
/// # Errors
/// When the system has no thread left, which is logged once.
pub fn spawn_scoped<'scope, T: Send + 'scope, F: FnOnce() -> T + Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    name: &str,
    work: F,
) -> Result<ScopedJoinHandle<'scope, T>, F> {
    let (send, receive) = channel::<F>();
    let run = move || receive.recv().map(|work| work());
    match started(name, || {
        Builder::new().name(name.into()).spawn_scoped(scope, move || expected(run()))
    }) {
        Some(thread) => send.send(work).map_or_else(|unsent| Err(unsent.0), |()| Ok(thread)),
        None => Err(work),
    }
}

/// Hands items to `take` on a thread of its own while `feed` makes them on this one; at most
/// `waiting` of them wait. What `feed` is given takes an item and says whether more are wanted.
/// Where there is no thread each item is taken before the next is made. Gives what came of the
/// feeding and of the taking.
pub fn beside<T: Send, E: Send, R>(
    name: &str,
    waiting: usize,
    take: impl FnMut(T) -> Result<(), E> + Send,
    feed: impl FnOnce(&mut dyn FnMut(T) -> bool) -> R,
) -> (R, Result<(), E>) {
    let take = Mutex::new(take);
    let one = |item| (take.lock().unwrap_or_else(PoisonError::into_inner))(item);
    let (send, receive) = sync_channel(waiting);
    let one = &one;
    std::thread::scope(move |scope| {
        match spawn_scoped(scope, name, move || receive.into_iter().try_for_each(one)) {
            Ok(thread) => {
                let fed = feed(&mut |item| send.send(item).is_ok());
                drop(send);
                (fed, thread.join().unwrap_or_else(|panicked| resume_unwind(panicked)))
            }
            Err(_) => {
                let mut taken = Ok(());
                let fed = feed(&mut |item| {
                    if taken.is_ok() {
                        taken = one(item);
                    }
                    taken.is_ok()
                });
                (fed, taken)
            }
        }
    })
}

/// The result of a thread that was given work.
fn expected<T, E>(result: Result<T, E>) -> T {
    result.unwrap_or_else(|_| resume_unwind(Box::new("a thread without work")))
}

/// A thread, unless there is none left.
fn started<H>(name: &str, start: impl FnOnce() -> io::Result<H>) -> Option<H> {
    static TOLD: AtomicBool = AtomicBool::new(false);
    // One that found room after all would wait forever for threads that compute.
    if ALONE.load(Ordering::Relaxed) {
        return None;
    }
    match start() {
        Ok(thread) => Some(thread),
        Err(error) => {
            if !TOLD.swap(true, Ordering::Relaxed) {
                tracing::warn!(
                    "cannot start a thread for {name:?} ({error}): its work is done by the calling thread and takes longer"
                );
            }
            None
        }
    }
}

/// Lets every later [`spawn`] find no thread, or find them again; for tests.
#[cfg(feature = "faults")]
pub fn refuse(refused: bool) {
    ALONE.store(refused, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_that_finds_no_thread_is_given_back() {
        let thread = spawn("test", || 7).unwrap_or_else(|_| panic!("there are threads"));
        assert_eq!(thread.join().expect("no panic"), 7);
        refuse(true);
        let back = spawn("test", || 8).map(drop).expect_err("there are none");
        refuse(false);
        assert_eq!(back(), 8);
    }

    #[test]
    fn items_are_taken_in_their_order_with_a_thread_and_without_until_one_fails() {
        for refused in [false, true] {
            refuse(refused);
            let mut taken = Vec::new();
            let take = |item: u32| {
                if item < 50 {
                    let _: () = taken.push(item);
                    Ok(())
                } else {
                    Err(item)
                }
            };
            let (fed, failed) =
                beside("test", 1, take, |give| (0..100).take_while(|item| give(*item)).count());
            refuse(false);
            assert_eq!(failed, Err(50));
            assert!((50..60).contains(&fed), "{fed} items were made");
            assert_eq!(taken, (0..50).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_pool_has_as_many_threads_as_it_is_to_have() {
        for n in [1, 3] {
            assert_eq!(Pool::new(n).install(rayon::current_num_threads), n);
        }
    }
}
