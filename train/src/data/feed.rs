//! The batches of a run for one device, in order, whichever way they get there.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use burn::tensor::{Device, Tensor};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use shared::dataset::DatasetError;
use shared::nn::config::Settings;
use shared::nn::range::Range;

use crate::data::batches::{Batches, Choice, Share};
use crate::data::loader::{Loaded, Loader};
use crate::data::resident::{Resident, from_bytes};
use crate::step::turn::Batch;

/// Location of the training pictures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DataOn {
    /// The CPU reads them in place; a GPU keeps them if they take at most 2 GiB.
    #[default]
    Auto,
    /// All pictures on the device, as bytes.
    Device,
    /// On the host; a thread sends batches ahead.
    Host,
}

/// Bytes of pictures that `auto` keeps on a GPU: a quarter of 8 GiB, the smallest GPUs still used
/// for training. That is 170,000 pictures of 64×64.
const AUTO_LIMIT_BYTES: usize = 2 << 30;

/// The way batches get to the device.
enum Way {
    /// Read on demand, if the device is the CPU, which a thread cannot relieve.
    Direct,
    /// Loaded ahead by a thread.
    Ahead(Loader),
    /// Selected on the device.
    Resident(Arc<Resident>),
}

/// The batches of a run for one device.
pub struct Feed {
    batches: Arc<Batches>,
    share: Share,
    range: Range,
    told: bool,
    device: Device,
    next: u64,
    way: Way,
    waited: Duration,
}

/// A batch that is ready except for the work that its device does on the stepping thread.
#[derive(Clone, Debug)]
pub struct Ready {
    range: Range,
    pictures: Pictures,
}

#[derive(Clone, Debug)]
enum Pictures {
    Whole(Box<Batch>),
    Loaded(Box<Loaded>),
    Chosen { resident: Arc<Resident>, choice: Choice, classes: Option<Vec<u32>> },
}

impl Feed {
    /// This share of the run's batches from number `first` on, with pixels in `range`, and with
    /// their classes if `told`.
    ///
    /// # Errors
    /// If the pictures are to be kept on the device and all are damaged.
    pub fn new(
        batches: &Arc<Batches>,
        on: DataOn,
        share: Share,
        (range, told): (Range, bool),
        device: &Device,
        first: u64,
    ) -> Result<Self, DatasetError> {
        let cpu = *device == Device::flex();
        // Of a translation's two pictures, each batch has its own; a thread sends them.
        let fits = Resident::holds(batches) && !batches.translates();
        let keep = match on {
            DataOn::Auto => !cpu && batches.stored_bytes() <= AUTO_LIMIT_BYTES,
            DataOn::Device => true,
            DataOn::Host => false,
        };
        if on == DataOn::Device && !fits {
            let why = if batches.translates() {
                "sources and targets of a translation are chosen on the host"
            } else {
                "these pictures have more pixels than a device can address"
            };
            tracing::warn!("--data-on device: {why}; they stay on the host");
        }
        let way = if keep && fits {
            Way::Resident(Arc::new(Resident::new(batches, device)?))
        } else if cpu && on == DataOn::Auto {
            Way::Direct
        } else {
            Way::Ahead(Loader::start(batches, share, told, device, first))
        };
        let (batches, device) = (Arc::clone(batches), device.clone());
        Ok(Self { batches, share, range, told, device, next: first, way, waited: Duration::ZERO })
    }

    /// The next batch; blocks until it is ready.
    ///
    /// # Errors
    /// If all pictures are damaged.
    pub fn take(&mut self) -> Result<Ready, DatasetError> {
        let begun = Instant::now();
        let pictures = match &mut self.way {
            Way::Ahead(loader) => Pictures::Loaded(Box::new(loader.take()?)),
            way => {
                let choice = self.batches.choice(self.next, self.share)?;
                match way {
                    Way::Resident(resident) => {
                        let classes = self.batches.classes(&choice, self.told)?;
                        Pictures::Chosen { resident: Arc::clone(resident), choice, classes }
                    }
                    _ => Pictures::Whole(Box::new(self.batches.batch(
                        &choice,
                        self.range,
                        self.told,
                        &self.device,
                    )?)),
                }
            }
        };
        self.next += 1;
        self.waited += begun.elapsed();
        Ok(Ready { range: self.range, pictures })
    }

    /// Time spent in [`Feed::take`] since the last call of this method.
    pub fn waited(&mut self) -> Duration {
        std::mem::take(&mut self.waited)
    }
}

/// The feeds of a run with these settings, one per device, starting at batch `first`.
///
/// # Errors
/// If the pictures are to be kept on a device and all are damaged.
pub fn of_run(
    batches: &Arc<Batches>,
    on: DataOn,
    settings: &Settings,
    devices: &[Device],
    first: u64,
) -> Result<Vec<Feed>, DatasetError> {
    let form = (settings.range(), settings.cond.is_on());
    let share = |index| Share { index, of: devices.len() };
    devices
        .iter()
        .enumerate()
        .map(|(index, device)| Feed::new(batches, on, share(index), form, device, first))
        .collect()
}

/// The batches of each device for the next step: one for each of D's `updates`.
///
/// # Errors
/// If a record is damaged.
pub fn of_step(feeds: &mut [Feed], updates: usize) -> Result<Vec<Vec<Ready>>, DatasetError> {
    feeds.iter_mut().map(|feed| (0..updates).map(|_| feed.take()).collect()).collect()
}

impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feed")
            .field("share", &self.share)
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}

impl Ready {
    /// Converts it into a batch.
    #[must_use]
    pub fn batch(self) -> Batch {
        let range = self.range;
        let of = |real, source: Option<Tensor<4>>, classes| Batch {
            real: range.from_unit(real),
            source: source.map(|x| range.from_unit(x)),
            classes,
            latents: None,
        };
        match self.pictures {
            Pictures::Whole(batch) => *batch,
            Pictures::Loaded(loaded) => {
                let Loaded { pixels, source, classes } = *loaded;
                of(from_bytes(pixels), source.map(from_bytes), classes)
            }
            Pictures::Chosen { resident, choice, classes } => {
                of(resident.batch(&choice), None, classes)
            }
        }
    }
}
