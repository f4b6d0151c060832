//! Writes checkpoints in the background: the tensors are copied to the host at once; a thread
//! writes them, then updates the pointers, then deletes checkpoints that are no longer kept.

use std::panic::resume_unwind;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use shared::nn::checkpoint::{self, Meta, Snapshot};
use shared::nn::run::{Run, Which};
use shared::threads;

/// A wait for the disk longer than this is logged.
const WORTH_TELLING: Duration = Duration::from_secs(2);

/// A checkpoint to write, or only an update of the pointers.
#[derive(Debug)]
pub struct Order {
    /// Metadata and tensors; `None` if the checkpoint of `step` already exists.
    pub content: Option<(Meta, Vec<Snapshot>)>,
    /// The latest step.
    pub step: u64,
    /// The step of the lowest KID.
    pub best: Option<u64>,
    /// Number of latest checkpoints to keep.
    pub keep: usize,
    /// Further steps whose checkpoints are kept.
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
    /// A saver for `run`, whose latest checkpoint is that of step `last`.
    #[must_use]
    pub fn new(run: Run, last: Option<u64>) -> Self {
        Self { run, writing: None, last }
    }

    /// The step of the last checkpoint ordered or found.
    #[must_use]
    pub fn last(&self) -> Option<u64> {
        self.last
    }

    /// Carries out `order` in the background, after waiting for the previous one.
    ///
    /// # Errors
    /// If the previous order failed, or this one did after no thread could be started.
    pub fn order(&mut self, order: Order) -> Result<()> {
        let started = Instant::now();
        self.finish()?;
        let waited = started.elapsed();
        if waited > WORTH_TELLING {
            tracing::info!(
                "waited {:.0} s for the previous checkpoint: the disk is slow",
                waited.as_secs_f64()
            );
        }
        self.last = Some(order.step);
        let run = self.run.clone();
        match threads::spawn("save", move || carry_out(&run, order)) {
            Ok(thread) => self.writing = Some(thread),
            // Without a thread, the steps wait for it.
            Err(write) => write()?,
        }
        Ok(())
    }

    /// Waits until everything ordered is on disk.
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
            format!("step {step} could not be saved; earlier checkpoints are untouched")
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
        // Whoever drops the saver without finishing already has an error to report; a half-written
        // checkpoint helps nobody.
        if let Some(writing) = self.writing.take() {
            let _ = writing.join();
        }
    }
}
