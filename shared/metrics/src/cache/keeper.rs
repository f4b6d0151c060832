//! Accumulates rows from the network, in memory and, if enabled, in the cache. Cache errors cost
//! only time.

use super::entry::Entry;
use super::finished;
use super::part::{self, Opened, Part};
use crate::features::Features;
use fledge_base::fs;

/// Number of pictures between writes to the unfinished file: a minute's work at a few pictures a
/// second.
const BLOCK: usize = 256;

/// The features of one layer during an extraction.
#[derive(Debug)]
pub(crate) struct Keeper {
    /// The entry of the finished file, and the unfinished file.
    kept: Option<(Entry, Part)>,
    dimensions: usize,
    values: Vec<f32>,
    /// Rows written to the unfinished file.
    written: usize,
}

impl Keeper {
    /// A keeper for `count` pictures without the cache.
    pub(crate) fn off(count: usize, dimensions: usize) -> Self {
        Self { kept: None, dimensions, values: Vec::with_capacity(count * dimensions), written: 0 }
    }

    /// Resumes an interrupted extraction, or begins a new one.
    pub(crate) fn begin(entry: Entry) -> Self {
        let (count, dimensions) = (entry.count(), entry.dimensions());
        match Part::open(&entry) {
            Ok(Opened::Ours(part, values)) => {
                // Another process may have finished since the cache was last checked.
                if let Some(features) = entry.read() {
                    let removed = part.remove();
                    removed
                        .unwrap_or_else(|e| part::warn("an unfinished file was not removed", &e));
                    return Self {
                        kept: None,
                        dimensions,
                        written: features.count(),
                        values: features.values().to_vec(),
                    };
                }
                // Leftover of a process that was killed while writing the finished file.
                fs::remove_leftovers_of(&entry.path)
                    .unwrap_or_else(|e| part::warn("a leftover was not removed", &e));
                let written = values.len() / dimensions.max(1);
                if written > 0 {
                    tracing::info!(
                        "resuming an interrupted extraction: {written} of {count} pictures of {} are done",
                        entry.header.facts.pictures
                    );
                }
                Self { kept: Some((entry, part)), dimensions, values, written }
            }
            Ok(Opened::Busy) => {
                let pictures = &entry.header.facts.pictures;
                tracing::warn!(
                    "another process is computing the features of {pictures}; this one does not cache them"
                );
                Self::off(count, dimensions)
            }
            Err(error) => {
                part::warn("the features are not cached", &error);
                Self::off(count, dimensions)
            }
        }
    }

    /// Number of rows so far.
    pub(crate) fn rows(&self) -> usize {
        self.values.len().checked_div(self.dimensions).unwrap_or(0)
    }

    /// Adds the rows from index `at` on, which is at most [`Keeper::rows`]; rows already present
    /// are skipped.
    pub(crate) fn add(&mut self, at: usize, rows: &Features) {
        let known = (self.rows() - at).min(rows.count());
        self.values.extend_from_slice(&rows.values()[known * self.dimensions..]);
        if self.rows() - self.written >= BLOCK {
            self.write_block();
        }
    }

    /// Returns all rows, after storing them in the finished file.
    pub(crate) fn finish(mut self) -> Features {
        if let Some((entry, part)) = self.kept.take() {
            match finished::write(&entry, &self.values) {
                Ok(()) => part
                    .remove()
                    .unwrap_or_else(|e| part::warn("an unfinished file was not removed", &e)),
                Err(error) => part::warn("the features are not cached", &error),
            }
        }
        Features::new(self.values, self.dimensions)
    }

    fn write_block(&mut self) {
        let Some((_, part)) = &mut self.kept else { return };
        if let Err(error) =
            part.append(&self.values[self.written * self.dimensions..], self.dimensions)
        {
            // The stored blocks remain usable; a later block must not follow a gap.
            part::warn("no further features are cached", &error);
            self.kept = None;
        }
        self.written = self.rows();
    }
}
