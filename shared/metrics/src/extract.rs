//! Extraction of features from pictures. One thread reads, decodes and resizes the next batch while
//! the network computes the current one.
//!
//! ```no_run
//! use burn::tensor::Device;
//! use fledge_metrics::cache::FeatureCache;
//! use fledge_metrics::extract::{DEFAULT_BATCH, Extractor};
//! use fledge_metrics::inception::{Inception, POOL_2048};
//! use fledge_metrics::resize::{Preprocessing, RgbPicture};
//! use fledge_metrics::source::InMemory;
//!
//! let network = Inception::random(7, &Device::flex());
//! let extractor = Extractor {
//!     network: &network,
//!     preprocessing: Preprocessing::TORCH_FIDELITY,
//!     batch: DEFAULT_BATCH,
//! };
//! let black = RgbPicture { width: 32, height: 32, pixels: vec![0; 32 * 32 * 3] };
//! let source = InMemory { origin: "an example".into(), pictures: vec![black] };
//! let features = extractor.features(&source, &[POOL_2048], &FeatureCache::off())?;
//! assert_eq!(features[0].count(), 1);
//! # Ok::<(), fledge_metrics::source::SourceError>(())
//! ```

use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

use super::cache::{Entry, FeatureCache, Keeper};
use super::features::Features;
use super::network::{FeatureNetwork, Layer};
use super::resize::Preprocessing;
use super::source::{PictureSource, SourceError};
use fledge_base::log::{self, Progress};
use fledge_base::threads;

/// Default batch size of the network: 16 at 299×299 keep the widest activations near 100 MB.
pub const DEFAULT_BATCH: usize = 16;

/// Batches queued ahead of the network, so that a few pictures that are slow to decode do not stall
/// it.
const AHEAD: usize = 2;

/// Configuration of an extraction.
#[derive(Clone, Copy)]
pub struct Extractor<'a> {
    /// The network.
    pub network: &'a dyn FeatureNetwork,
    /// Preprocessing of a picture to the network's input.
    pub preprocessing: Preprocessing,
    /// Batch size, at least 1.
    pub batch: usize,
}

impl Extractor<'_> {
    /// Extracts the features of all pictures of `source`, one set per layer in the order of
    /// `layers`. Cached features are not recomputed, and an interrupted extraction resumes where it
    /// stopped.
    ///
    /// # Errors
    /// If a picture cannot be read. Cache errors cost time, not the result.
    pub fn features(
        &self,
        source: &dyn PictureSource,
        layers: &[Layer],
        cache: &FeatureCache,
    ) -> Result<Vec<Features>, SourceError> {
        let content = if cache.is_on() { source.identity()? } else { None };
        let entry = |layer: Layer| {
            let content = (content.as_deref()?, source.origin(), source.len());
            cache.entry(content, self.preprocessing, self.network, layer)
        };
        let entries: Vec<Option<Entry>> = layers.iter().map(|&layer| entry(layer)).collect();
        let mut found: Vec<Option<Features>> =
            entries.iter().map(|entry| entry.as_ref().and_then(Entry::read)).collect();
        if found.iter().all(Option::is_some) {
            tracing::info!("using cached features of {}", source.origin());
        } else {
            let missing = || {
                found
                    .iter()
                    .zip(layers)
                    .filter(|(found, _)| found.is_none())
                    .map(|(_, &layer)| layer)
            };
            let wanted: Vec<Layer> = missing().collect();
            let kept = entries
                .into_iter()
                .zip(&found)
                .filter(|(_, found)| found.is_none())
                .map(|(entry, _)| entry);
            let keeper = |(entry, layer): (Option<Entry>, &Layer)| match entry {
                Some(entry) => Keeper::begin(entry),
                None => Keeper::off(source.len(), layer.dimensions),
            };
            let mut keepers: Vec<Keeper> = kept.zip(&wanted).map(keeper).collect();
            self.compute(source, &wanted, &mut keepers)?;
            let mut computed = keepers.into_iter().map(Keeper::finish);
            found
                .iter_mut()
                .filter(|found| found.is_none())
                .for_each(|slot| *slot = computed.next());
        }
        Ok(found
            .into_iter()
            .zip(layers)
            .map(|(f, layer)| f.unwrap_or_else(|| Features::empty(layer.dimensions)))
            .collect())
    }

    /// Fills the keepers, one per layer.
    fn compute(
        &self,
        source: &dyn PictureSource,
        layers: &[Layer],
        keepers: &mut [Keeper],
    ) -> Result<(), SourceError> {
        let first = keepers.iter().map(Keeper::rows).min().unwrap_or(0);
        let progress = Progress::resumed(
            format!("features of {}", source.origin()),
            source.len() as u64,
            first as u64,
            log::BAR,
        );
        let indices: Vec<usize> = (first..source.len()).collect();
        let (batch, preprocessing) = (self.batch.max(1), self.preprocessing);
        let make =
            |indices: &[usize]| source.read(indices).map(|pictures| preprocessing.batch(&pictures));
        std::thread::scope(|scope| {
            // The queue is bounded, and so is memory, however slow the network is.
            let (sender, receiver) = sync_channel(AHEAD);
            let (mut here, make) = (indices.chunks(batch), &make);
            let ahead = here.clone();
            let reads_ahead = threads::spawn_scoped(scope, "pictures", move || {
                for indices in ahead {
                    let made = make(indices);
                    let failed = made.is_err();
                    // The receiver is gone only after an earlier error.
                    if sender.send(made).is_err() || failed {
                        break;
                    }
                }
            })
            .is_ok();
            let (mut at, mut waited, started) = (first, Duration::ZERO, Instant::now());
            loop {
                let asked = Instant::now();
                let input = if reads_ahead { receiver.recv().ok() } else { here.next().map(make) };
                let Some(input) = input else { break };
                waited += asked.elapsed();
                let features = self.network.features_of_input(input?, preprocessing.side, layers);
                keepers.iter_mut().zip(&features).for_each(|(keeper, rows)| keeper.add(at, rows));
                let count = features.first().map_or(0, Features::count);
                at += count;
                progress.add(count as u64);
            }
            tracing::debug!(
                "features of {} pictures took {:.1} s, of which the network waited {:.1} s for pictures",
                at - first,
                started.elapsed().as_secs_f64(),
                waited.as_secs_f64()
            );
            Ok(())
        })
    }
}
