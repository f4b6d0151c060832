//! Writes checkpoints beside the steps: the tensors are copied to the host at once, a thread writes
//! them, lets the pointers follow and removes what is no longer kept, in this order.

use std::panic::resume_unwind;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use shared::nn::checkpoint::{self, Meta, Snapshot};
use shared::nn::run::{Run, Which};
use shared::threads;

/// Waiting for the disk for longer than this is told.
const WORTH_TELLING: Duration = Duration::from_secs(2);

/// A checkpoint to write, or only what points to those there are.
#[derive(Debug)]
pub struct Order {
    /// The tensors and the rest; `None` where the checkpoint of `step` is there already.
    pub content: Option<(Meta, Vec<Snapshot>)>,
    /// Its step: the latest.
    pub step: u64,
    /// The step of the lowest KID.
    pub best: Option<u64>,
    /// How many of the latest stay.
    pub keep: usize,
    /// Steps whose checkpoints stay besides.
    pub needed: Vec<u64>,
}

/// One writer at a time.
#[derive(Debug)]
pub struct Saver {
    run: Run,
    writing: Option<JoinHandle<Result<()>>>,
    last: Option<u64>,
}

impl Saver {
    /// For `run`, whose latest checkpoint is of step `last`.
    #[must_use]
    pub fn new(run: Run, last: Option<u64>) -> Self {
        Self { run, writing: None, last }
    }

    /// The step of the last checkpoint that was ordered or found.
    #[must_use]
    pub fn last(&self) -> Option<u64> {
        self.last
    }

    /// Has `order` carried out; waits for the one before it.
    ///
    /// # Errors
    /// If the one before it failed, or this one where no thread is left that could do it beside
    /// the steps.
    pub fn order(&mut self, order: Order) -> Result<()> {
        let started = Instant::now();
        self.finish()?;
        let waited = started.elapsed();
        if waited > WORTH_TELLING {
            tracing::info!(
                "waited {:.0} s for the checkpoint before this one: the disk is slow",
                waited.as_secs_f64()
            );
        }
        self.last = Some(order.step);
        let run = self.run.clone();
        match threads::spawn("save", move || carry_out(&run, order)) {
            Ok(thread) => self.writing = Some(thread),
            // The steps wait for it.
            Err(write) => write()?,
        }
        Ok(())
    }

    /// Waits until everything that was ordered is on the disk.
    ///
    /// # Errors
    /// If it could not be written.
    pub fn finish(&mut self) -> Result<()> {
        match self.writing.take().map(JoinHandle::join) {
            None => Ok(()),
            Some(Ok(result)) => result,
            Some(Err(payload)) => resume_unwind(payload),
        }
    }
}

fn carry_out(run: &Run, order: Order) -> Result<()> {
    let Order { content, step, best, keep, needed } = order;
    if let Some((meta, parts)) = content {
        checkpoint::write(&run.checkpoint_folder(step), meta, &parts).with_context(|| {
            format!("step {step} could not be saved; the checkpoints before it are untouched")
        })?;
    }
    run.point(Which::Latest, step)?;
    if let Some(best) = best {
        run.point(Which::Best, best)?;
    }
    Ok(run.prune(keep, &needed)?)
}

impl Drop for Saver {
    fn drop(&mut self) {
        // Whoever drops it without finishing has an error of its own to tell; a checkpoint that is
        // half written helps nobody.
        if let Some(writing) = self.writing.take() {
            let _ = writing.join();
        }
    }
}
