//! Transfers the measurements of steps to the host, in order, without making the host wait for the
//! step that it has just submitted.

use std::collections::VecDeque;
use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use burn::tensor::Device;
use shared::threads;

use crate::step::reading::{Reading, Values};

/// Number of steps that a device may be ahead of the host's knowledge. One is too few: the host
/// would wait for the step before the one that it has just submitted, and the device would run dry
/// while the next is prepared. More would only delay p.
pub const DEVICE_LAG: u64 = 2;

/// Number of steps by which the host's use of measurements lags behind their step on `device`: 0 on
/// the CPU, which does not run ahead.
#[must_use]
pub fn lag_on(device: &Device) -> u64 {
    if *device == Device::flex() { 0 } else { DEVICE_LAG }
}

/// Readings on their way to the host.
#[derive(Debug)]
pub struct Readback {
    lag: u64,
    /// Steps whose values have not been taken, oldest first.
    steps: VecDeque<u64>,
    /// `None` if nothing runs ahead or no thread could be started: values are then read on
    /// submission.
    reader: Option<Reader>,
    here: VecDeque<Values>,
}

#[derive(Debug)]
struct Reader {
    /// `None` once no more will come.
    submit: Option<Sender<Vec<Reading>>>,
    values: Receiver<Values>,
    thread: Option<JoinHandle<()>>,
}

impl Readback {
    /// Values are due `lag` steps after their step; 0 reads them at once, on the caller's thread.
    #[must_use]
    pub fn new(lag: u64) -> Self {
        Self {
            lag,
            steps: VecDeque::new(),
            reader: if lag > 0 { Reader::start() } else { None },
            here: VecDeque::new(),
        }
    }

    /// Number of steps after which values are due.
    #[must_use]
    pub fn lag(&self) -> u64 {
        self.lag
    }

    /// Submits the readings of `step`, one per device. Steps must be submitted in order.
    pub fn submit(&mut self, step: u64, readings: Vec<Reading>) {
        debug_assert!(self.steps.back().is_none_or(|last| *last < step));
        self.steps.push_back(step);
        match &mut self.reader {
            None => self.here.push_back(read(readings)),
            Some(reader) => reader.submit(readings),
        }
    }

    /// Returns the values of all steps up to `through` that have not been taken, in order; blocks
    /// until they are available.
    pub fn take(&mut self, through: u64) -> Vec<(u64, Values)> {
        let mut taken = Vec::new();
        while let Some(step) = self.steps.pop_front_if(|step| *step <= through) {
            let values = match &mut self.reader {
                None => self.here.pop_front().unwrap_or_default(),
                Some(reader) => reader.next(),
            };
            taken.push((step, values));
        }
        taken
    }
}

fn read(readings: Vec<Reading>) -> Values {
    Values::joined(readings.into_iter().map(Reading::read).collect())
}

impl Reader {
    /// Returns `None` if no thread can be started.
    fn start() -> Option<Self> {
        let (submit, readings) = channel::<Vec<Reading>>();
        let (send, values) = channel();
        let work = move || {
            for readings in readings {
                if send.send(read(readings)).is_err() {
                    // The receiver of the values is gone.
                    return;
                }
            }
        };
        let thread = threads::spawn("readback", work).ok()?;
        Some(Self { submit: Some(submit), values, thread: Some(thread) })
    }

    fn submit(&mut self, readings: Vec<Reading>) {
        if self.submit.as_ref().is_none_or(|submit| submit.send(readings).is_err()) {
            self.fail();
        }
    }

    fn next(&mut self) -> Values {
        match self.values.recv() {
            Ok(values) => values,
            Err(_) => self.fail(),
        }
    }

    /// A thread that ended with readings pending has panicked: resumes its panic here.
    fn fail(&mut self) -> ! {
        self.submit = None;
        match self.thread.take().map(JoinHandle::join) {
            Some(Err(payload)) => resume_unwind(payload),
            _ => unreachable!("the reader ends only with its channel"),
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.submit = None;
        if let Some(thread) = self.thread.take() {
            // Any failure has already been reported where values were missing.
            let _ = thread.join();
        }
    }
}
