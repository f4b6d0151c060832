//! A thread that reads batches and sends them to their device while the device computes.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;

use burn::tensor::{DType, Device, Int, Tensor, TensorData};
use shared::dataset::DatasetError;
use shared::threads;

use crate::data::batches::{Batches, Share};

/// Batches that lie ready beyond the one that is being made: one is taken while the next is made,
/// and one more evens out what takes longer now and then.
const AHEAD: usize = 2;

/// A share of a batch on its device.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// uint8, [B, H, W, C].
    pub pixels: Tensor<4, Int>,
    /// One for each picture, where they are wanted.
    pub classes: Option<Vec<u32>>,
}

/// The thread, and the batches that it has made.
#[derive(Debug)]
pub struct Loader {
    /// `None` once no more are wanted.
    made: Option<Receiver<Result<Loaded, DatasetError>>>,
    thread: Option<JoinHandle<()>>,
    /// What makes them when they are wanted, where there is no thread.
    here: Option<Loads>,
}

/// The batches of a share, each loaded when it is asked for.
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
        let data = TensorData::new(
            self.batches.pixels(&choice)?,
            [choice.pictures.len(), side, side, channels],
        );
        let pixels = Tensor::from_data(data, (&self.device, DType::U8));
        Ok(Loaded { pixels, classes: self.batches.classes(&choice, self.told)? })
    }
}

impl Loader {
    /// Begins to load this share of the run's batches for `device`, from `first` on and without
    /// end; with their classes where they are `told`.
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

    /// The next batch; waits if it is not ready.
    ///
    /// # Errors
    /// When all pictures are damaged. Nothing comes after that.
    pub fn take(&mut self) -> Result<Loaded, DatasetError> {
        if let Some(here) = &mut self.here {
            return here.load();
        }
        match self.made.as_ref().map(Receiver::recv) {
            Some(Ok(load)) => load,
            _ => match self.thread.take().map(JoinHandle::join) {
                Some(Err(payload)) => std::panic::resume_unwind(payload),
                _ => unreachable!("a loader ends with an error, and nobody asks for more"),
            },
        }
    }
}

impl Drop for Loader {
    fn drop(&mut self) {
        // A thread that waits for room finds nobody to take what it has.
        self.made = None;
        if let Some(thread) = self.thread.take() {
            // Its failure, if any, was told where a batch was missed.
            let _ = thread.join();
        }
    }
}
