//! Writing the shards of one split, one after the other.

use std::path::{Path, PathBuf};

use shared::dataset::{FileSummary, SplitManifest};
use shared::shard::{Layout, ShardError, ShardWriter};

/// A split that is being written.
pub struct SplitWriter {
    folder: PathBuf,
    name: &'static str,
    layout: Layout,
    records_per_shard: usize,
    records: u64,
    open: Option<(String, ShardWriter)>,
    done: Vec<FileSummary>,
}

impl SplitWriter {
    /// A split of that name in `folder`, in shards of at most `shard_bytes`; no file is made before
    /// the first picture.
    #[must_use]
    pub fn new(folder: &Path, name: &'static str, layout: Layout, shard_bytes: u64) -> Self {
        let records_per_shard = (shard_bytes as usize / layout.stride()).max(1);
        Self {
            folder: folder.to_owned(),
            name,
            layout,
            records_per_shard,
            records: 0,
            open: None,
            done: Vec::new(),
        }
    }

    /// Appends a picture, and returns its number in the split.
    ///
    /// # Errors
    /// When the shard cannot be written.
    pub fn push(
        &mut self,
        pixels: &[u8],
        label: Option<u32>,
        source: u64,
    ) -> Result<u64, ShardError> {
        if self.open.as_ref().is_some_and(|(_, writer)| writer.len() >= self.records_per_shard) {
            self.close()?;
        }
        let (_, writer) = match &mut self.open {
            Some(open) => open,
            none => {
                let name = format!("{}-{:05}.shard", self.name, self.done.len());
                let writer = ShardWriter::create(self.folder.join(&name), self.layout)?;
                none.insert((name, writer))
            }
        };
        writer.push(pixels, label, source)?;
        self.records += 1;
        Ok(self.records - 1)
    }

    /// Closes the last shard.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(mut self) -> Result<SplitManifest, ShardError> {
        self.close()?;
        let records = self.done.iter().filter_map(|shard| shard.records).sum();
        Ok(SplitManifest { name: self.name.into(), records, shards: self.done })
    }

    fn close(&mut self) -> Result<(), ShardError> {
        if let Some((name, writer)) = self.open.take() {
            let summary = writer.finish()?;
            let crc32 = format!("{:08x}", summary.crc32);
            self.done.push(FileSummary {
                name,
                records: Some(summary.records),
                bytes: summary.bytes,
                crc32,
            });
        }
        Ok(())
    }
}
