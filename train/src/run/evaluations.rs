//! KID in the background: a thread computes it while training continues. The time at which a value
//! is used does not depend on when it arrives, so a run is the same however fast its machine is.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use shared::nn::sampler::Sampler;
use shared::signal::Stop;
use shared::threads;

/// Longest wait for a due value: a hanging evaluation must not hang the run.
pub const PATIENCE: Duration = Duration::from_secs(3600);

/// Interval between checks for a signal while waiting.
const TICK: Duration = Duration::from_millis(100);

/// A KID and its cost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Kid {
    /// The KID.
    pub value: f64,
    /// Seconds that it took.
    pub seconds: f64,
}

/// Outcome of waiting for a due value.
#[derive(Clone, Debug, PartialEq)]
pub enum Due {
    /// The value has arrived.
    Kid(Kid),
    /// It could not be computed, with the reason.
    Missing(String),
    /// A signal to end arrived first.
    Stopped,
    /// A signal to save arrived first; the value is still pending.
    Save,
}

/// The computation of a value.
type Work<T> = Arc<Mutex<dyn FnMut(T) -> Result<Kid, String> + Send>>;

/// The result of a request, with its number.
type Answer = (u64, Result<Kid, String>);

/// The evaluation thread and its pending request.
pub struct Evaluations<T = Sampler> {
    /// Requests with their numbers.
    requests: Sender<(u64, T)>,
    results: Receiver<Answer>,
    /// Computes values on demand if there is no thread.
    here: Option<(Work<T>, Sender<Answer>)>,
    patience: Duration,
    /// Number of the last request; results of earlier ones are discarded.
    asked: u64,
    /// True if an evaluation has timed out.
    hangs: bool,
}

impl<T: Send + 'static> Evaluations<T> {
    /// Starts the thread, which runs `prepare` once and then `work` for every request. Waits at
    /// most `patience` for a value.
    pub fn start(
        prepare: impl FnOnce() -> Result<()> + Send + 'static,
        mut work: impl FnMut(T) -> Result<f64> + Send + 'static,
        patience: Duration,
    ) -> Self {
        let (requests, receive) = channel::<(u64, T)>();
        let (send, results) = channel();
        let text = |error: anyhow::Error| format!("{error:#}");
        let (mut prepare, mut prepared) = (Some(prepare), Ok(()));
        let work: Work<T> = Arc::new(Mutex::new(move |request| {
            if let Some(prepare) = prepare.take() {
                prepared = prepare().map_err(text);
            }
            prepared.clone()?;
            let started = Instant::now();
            work(request)
                .map(|value| Kid { value, seconds: started.elapsed().as_secs_f64() })
                .map_err(text)
        }));
        let (beside, done) = (Arc::clone(&work), send.clone());
        let serve = move || {
            for (number, request) in receive {
                if done.send((number, call(&beside, request))).is_err() {
                    return;
                }
            }
        };
        // The thread is not joined: a result after the end of the run is useless.
        let here = threads::spawn("kid", serve).is_err().then_some((work, send));
        Self { requests, results, here, patience, asked: 0, hangs: false }
    }

    /// Requests a value, replacing any earlier request.
    pub fn ask(&mut self, request: T) {
        while let Ok((number, _)) = self.results.try_recv() {
            self.hangs &= number != self.asked;
        }
        // A hanging thread gets no more requests; if the thread has died, its result is missing
        // when it is due.
        if !self.hangs {
            self.asked += 1;
            if let Some((work, done)) = &self.here {
                let value = catch_unwind(AssertUnwindSafe(|| call(work, request)));
                let _ = done.send((
                    self.asked,
                    value.unwrap_or_else(|_| Err("the evaluation has failed".into())),
                ));
            } else {
                let _ = self.requests.send((self.asked, request));
            }
        }
    }

    /// Waits for the requested value and returns it.
    pub fn due(&mut self, stop: &Stop) -> Due {
        if self.hangs {
            return Due::Missing("the previous evaluation has not finished yet".into());
        }
        let since = Instant::now();
        loop {
            match self.results.recv_timeout(TICK) {
                Ok((number, Ok(kid))) if number == self.asked => return Due::Kid(kid),
                Ok((number, Err(why))) if number == self.asked => return Due::Missing(why),
                Ok(_) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    return Due::Missing("the evaluation thread has failed".into());
                }
                Err(RecvTimeoutError::Timeout) if stop.exit_code().is_some() => {
                    return Due::Stopped;
                }
                Err(RecvTimeoutError::Timeout) if stop.wants_save() => return Due::Save,
                Err(RecvTimeoutError::Timeout) if since.elapsed() > self.patience => {
                    self.hangs = true;
                    return Due::Missing(format!(
                        "no result after {:.0} s",
                        since.elapsed().as_secs_f64()
                    ));
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }
}

fn call<T>(work: &Work<T>, request: T) -> Result<Kid, String> {
    (work.lock().unwrap_or_else(PoisonError::into_inner))(request)
}

impl<T> fmt::Debug for Evaluations<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Evaluations")
            .field("asked", &self.asked)
            .field("hangs", &self.hangs)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn missing(due: Due) -> String {
        match due {
            Due::Missing(why) => why,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn values_come_in_the_order_in_which_they_were_asked_for() {
        let mut evaluations = Evaluations::start(|| Ok(()), |n: u32| Ok(f64::from(n)), PATIENCE);
        for n in 0..20 {
            evaluations.ask(n);
            assert!(
                matches!(evaluations.due(&Stop::default()), Due::Kid(kid) if kid.value == f64::from(n))
            );
        }
    }

    #[test]
    fn what_was_asked_for_last_is_what_comes() {
        let mut evaluations = Evaluations::start(|| Ok(()), |n: u32| Ok(f64::from(n)), PATIENCE);
        (0..5).for_each(|n| evaluations.ask(n));
        assert!(matches!(evaluations.due(&Stop::default()), Due::Kid(kid) if kid.value == 4.0));
    }

    #[test]
    fn a_hang_in_evaluation_does_not_hang_the_run_and_is_over_when_it_is_over() {
        let (release, hold) = channel::<()>();
        let mut first = true;
        let work = move |n: u32| {
            if std::mem::take(&mut first) {
                let _ = hold.recv();
            }
            Ok(f64::from(n))
        };
        let mut evaluations = Evaluations::start(|| Ok(()), work, Duration::from_secs(2));
        evaluations.ask(1);
        assert!(missing(evaluations.due(&Stop::default())).contains("no result"));
        evaluations.ask(2);
        assert!(missing(evaluations.due(&Stop::default())).contains("previous evaluation"));
        release.send(()).expect("it waits");
        while evaluations.hangs {
            std::thread::sleep(Duration::from_millis(5));
            evaluations.ask(3);
        }
        assert!(matches!(evaluations.due(&Stop::default()), Due::Kid(kid) if kid.value == 3.0));
    }

    #[test]
    fn errors_and_failures_of_the_thread_are_told_and_a_signal_ends_the_waiting() {
        let mut evaluations =
            Evaluations::start(|| Ok(()), |_: u32| anyhow::bail!("no picture"), PATIENCE);
        evaluations.ask(1);
        assert_eq!(missing(evaluations.due(&Stop::default())), "no picture");
        let mut evaluations =
            Evaluations::start(|| anyhow::bail!("no weights"), |_: u32| Ok(1.0), PATIENCE);
        evaluations.ask(1);
        assert_eq!(missing(evaluations.due(&Stop::default())), "no weights");
        let mut evaluations = Evaluations::start(|| Ok(()), |_: u32| panic!("a bug"), PATIENCE);
        evaluations.ask(1);
        assert!(missing(evaluations.due(&Stop::default())).contains("failed"));
        let (_release, hold) = channel::<()>();
        let mut evaluations = Evaluations::start(
            || Ok(()),
            move |_: u32| Ok(hold.recv().map_or(0.0, |()| 1.0)),
            PATIENCE,
        );
        evaluations.ask(1);
        let stop = Stop::default();
        stop.request_save();
        assert_eq!(evaluations.due(&stop), Due::Save);
        stop.request(15);
        assert_eq!(evaluations.due(&stop), Due::Stopped);
    }
}
