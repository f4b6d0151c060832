//! A thread that reads batches and sends them to their device while the device computes.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;

use burn::tensor::{DType, Device, Int, Tensor, TensorData};
use shared::dataset::DatasetError;
use shared::threads;

use crate::data::batches::{Batches, Choice, Share};

/// Finished batches queued beyond the one in progress: one is consumed while the next is made, and
/// one more evens out occasional delays.
const AHEAD: usize = 2;

/// A share of a batch on its device.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// uint8, [B, H, W, C].
    pub pixels: Tensor<4, Int>,
    /// Pictures to translate, likewise, where there are any.
    pub source: Option<Tensor<4, Int>>,
    /// One per picture, if requested.
    pub classes: Option<Vec<u32>>,
}

/// The loading thread and its queue.
#[derive(Debug)]
pub struct Loader {
    /// `None` once no more are needed.
    made: Option<Receiver<Result<Loaded, DatasetError>>>,
    thread: Option<JoinHandle<()>>,
    /// Loads batches on demand if there is no thread.
    here: Option<Loads>,
}

/// The batches of a share, each loaded on demand.
#[derive(Debug)]
struct Loads {
    batches: Arc<Batches>,
    share: Share,
    told: bool,
    device: Device,
    next: u64,
}

impl Loads {
    fn load(&mut self) -> Result<Loaded, DatasetError> {
        let choice = self.batches.choice(self.next, self.share)?;
        self.next += 1;
        let (side, channels) = self.batches.extent();
        let sent = |batches: &Batches, choice: &Choice| {
            let shape = [choice.pictures.len(), side, side, channels];
            let data = TensorData::new(batches.pixels(choice)?, shape);
            Ok::<_, DatasetError>(Tensor::from_data(data, (&self.device, DType::U8)))
        };
        let own = sent(&self.batches, &choice)?;
        let (pixels, source) = match self.batches.targets_of(&choice) {
            None => (own, None),
            Some((targets, choice)) => (sent(targets, choice)?, Some(own)),
        };
        Ok(Loaded { pixels, source, classes: self.batches.classes(&choice, self.told)? })
    }
}

impl Loader {
    /// Starts loading this share of the run's batches for `device`, from `first` on and without
    /// end, with their classes if `told`.
    #[must_use]
    pub fn start(
        batches: &Arc<Batches>,
        share: Share,
        told: bool,
        device: &Device,
        first: u64,
    ) -> Self {
        let (send, made) = sync_channel(AHEAD);
        let loads = || Loads {
            batches: Arc::clone(batches),
            share,
            told,
            device: device.clone(),
            next: first,
        };
        let mut ahead = loads();
        let work = move || {
            loop {
                let load = ahead.load();
                let failed = load.is_err();
                if send.send(load).is_err() || failed {
                    return;
                }
            }
        };
        match threads::spawn("load", work) {
            Ok(thread) => Self { made: Some(made), thread: Some(thread), here: None },
            Err(_) => Self { made: None, thread: None, here: Some(loads()) },
        }
    }

    /// The next batch; blocks until it is ready.
    ///
    /// # Errors
    /// If all pictures are damaged. Nothing follows an error.
    pub fn take(&mut self) -> Result<Loaded, DatasetError> {
        if let Some(here) = &mut self.here {
            return here.load();
        }
        match self.made.as_ref().map(Receiver::recv) {
            Some(Ok(load)) => load,
            _ => match self.thread.take().map(JoinHandle::join) {
                Some(Err(payload)) => std::panic::resume_unwind(payload),
                _ => unreachable!("a loader ends only with an error, after which nothing is taken"),
            },
        }
    }
}

impl Drop for Loader {
    fn drop(&mut self) {
        // Dropping the receiver unblocks a thread that waits for room.
        self.made = None;
        if let Some(thread) = self.thread.take() {
            // Any failure has already been reported where a batch was missing.
            let _ = thread.join();
        }
    }
}
