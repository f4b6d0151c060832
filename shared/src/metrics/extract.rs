//! Pictures → features. One thread reads, decodes and resizes the next batch while the network computes this one.

use std::sync::mpsc::sync_channel;

use super::cache::FeatureCache;
use super::features::Features;
use super::network::{FeatureNetwork, Layer};
use super::resize::Preprocessing;
use super::source::{PictureSource, SourceError};
use crate::log::Progress;

/// Pictures in one pass through the network unless a caller knows better: 16 at 299×299 keep the widest activations near 100 MB.
pub const DEFAULT_BATCH: usize = 16;

/// How features are taken.
#[derive(Clone, Copy)]
pub struct Extractor<'a> {
    /// The network.
    pub network: &'a dyn FeatureNetwork,
    /// How a picture becomes its input.
    pub preprocessing: Preprocessing,
    /// Pictures in one pass, at least 1.
    pub batch: usize,
}

impl Extractor<'_> {
    /// Features of all pictures of `source`, one set a layer in the order of `layers`; those in the cache are not computed again.
    ///
    /// # Errors
    /// When a picture cannot be read. A cache that fails costs time, not the result.
    pub fn features(
        &self,
        source: &dyn PictureSource,
        layers: &[Layer],
        cache: &FeatureCache,
    ) -> Result<Vec<Features>, SourceError> {
        let content = if cache.is_on() { source.identity()? } else { None };
        let entries: Vec<_> = layers
            .iter()
            .map(|&layer| content.as_ref().and_then(|c| cache.entry(c, self.preprocessing, self.network, layer)))
            .collect();
        let mut found: Vec<Option<Features>> =
            entries.iter().map(|e| e.as_ref().and_then(|e| e.read()).filter(|f| f.count() == source.len())).collect();
        let wanted: Vec<Layer> = layers.iter().zip(&found).filter(|(_, f)| f.is_none()).map(|(&layer, _)| layer).collect();
        if wanted.is_empty() {
            tracing::info!("features of {} come from the cache", source.origin());
        } else {
            let mut computed = self.compute(source, &wanted)?.into_iter();
            for (slot, entry) in found.iter_mut().zip(&entries).filter(|(slot, _)| slot.is_none()) {
                *slot = computed.next();
                if let (Some(features), Some(entry)) = (&slot, entry) {
                    entry.write(features);
                }
            }
        }
        Ok(found.into_iter().zip(layers).map(|(f, layer)| f.unwrap_or_else(|| Features::empty(layer.dimensions))).collect())
    }

    fn compute(&self, source: &dyn PictureSource, layers: &[Layer]) -> Result<Vec<Features>, SourceError> {
        let progress = Progress::new(format!("features of {}", source.origin()), source.len() as u64);
        let mut all: Vec<Features> = layers.iter().map(|layer| Features::empty(layer.dimensions)).collect();
        let indices: Vec<usize> = (0..source.len()).collect();
        let (batch, preprocessing) = (self.batch.max(1), self.preprocessing);
        std::thread::scope(|scope| {
            // One batch waits, one is being made: memory stays bounded however slow the network is.
            let (sender, receiver) = sync_channel(1);
            scope.spawn(move || {
                for indices in indices.chunks(batch) {
                    let made = source.read(indices).map(|pictures| preprocessing.batch(&pictures));
                    let failed = made.is_err();
                    // The receiver is gone only when it stopped at an earlier error.
                    if sender.send(made).is_err() || failed {
                        break;
                    }
                }
            });
            for input in receiver {
                let features = self.network.features_of_input(input?, preprocessing.side, layers);
                progress.add(features.first().map_or(0, Features::count) as u64);
                all.iter_mut().zip(&features).for_each(|(all, more)| all.append(more));
            }
            Ok(all)
        })
    }
}
