//! A thread that reads batches and sends them to their device while the device computes.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;

use burn::tensor::{DType, Device, Int, Tensor, TensorData};
use shared::dataset::DatasetError;

use crate::batches::{Batches, Share};

/// Batches that lie ready beyond the one that is being made: one is taken while the next is made, and one more evens out what takes
/// longer now and then.
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
}

impl Loader {
    /// Begins to load this share of the run's batches for `device`, from `first` on and without end; with their classes where they
    /// are `told`.
    #[must_use]
    pub fn start(batches: &Arc<Batches>, share: Share, told: bool, device: &Device, first: u64) -> Self {
        let (send, made) = sync_channel(AHEAD);
        let (batches, device) = (Arc::clone(batches), device.clone());
        let thread = std::thread::spawn(move || {
            let loads = (first..).map(|number| load(&batches, number, share, told, &device));
            for load in loads {
                let failed = load.is_err();
                if send.send(load).is_err() || failed {
                    return;
                }
            }
        });
        Self { made: Some(made), thread: Some(thread) }
    }

    /// The next batch; waits if it is not ready.
    ///
    /// # Errors
    /// When all pictures are damaged. Nothing comes after that.
    pub fn take(&mut self) -> Result<Loaded, DatasetError> {
        match self.made.as_ref().map(Receiver::recv) {
            Some(Ok(load)) => load,
            _ => match self.thread.take().map(JoinHandle::join) {
                Some(Err(payload)) => std::panic::resume_unwind(payload),
                _ => unreachable!("a loader ends with an error, and nobody asks for more"),
            },
        }
    }
}

fn load(batches: &Batches, number: u64, share: Share, told: bool, device: &Device) -> Result<Loaded, DatasetError> {
    let choice = batches.choice(number, share)?;
    let (side, channels) = batches.extent();
    let data = TensorData::new(batches.pixels(&choice)?, [choice.pictures.len(), side, side, channels]);
    let pixels = Tensor::from_data(data, (device, DType::U8));
    Ok(Loaded { pixels, classes: batches.classes(&choice, told)? })
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
