//! What is written down of every epoch: its line in `stats.jsonl`, and the same with the first row
//! of its sheet for TensorBoard. The sheet itself is a file of its own already, and over a run the
//! sheets are the largest part of it.

use anyhow::Result;
use serde_json::Value;
use shared::events::{Events, scalars_of};
use shared::fs;
use shared::jsonl::JsonLines;
use shared::nn::config::TaskName;
use shared::nn::run::Run;
use shared::picture::{Limits, Picture};

/// The tag of the sheets.
const SHEETS: &str = "samples";

/// Pixels between the pictures of a sheet.
pub(crate) const SHEET_PADDING: u32 = 2;

/// The logs of a run, opened for appending.
#[derive(Debug)]
pub struct EpochLog {
    run: Run,
    stats: JsonLines,
    events: Events,
    task: TaskName,
    /// Pixels in a row of a sheet, the padding above and below it included.
    row: u32,
}

impl EpochLog {
    /// Opens the logs of `run`, whose pictures have this `side`, after `done` steps. Lines of later
    /// steps are cut off, and so is that of step `owed`, which is written when its KID is known.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub fn open(
        run: &Run,
        task: TaskName,
        side: usize,
        done: u64,
        owed: Option<u64>,
    ) -> Result<Self> {
        let keep = |line: &Value| {
            line["step"].as_u64().is_some_and(|step| step <= done && Some(step) != owed)
        };
        let stats = JsonLines::open(run.file("stats.jsonl"), keep)?;
        // No line is written between one that is owed and the last step done.
        let events = Events::open(run.folder(), owed.map_or(done, |step| step.saturating_sub(1)))?;
        Ok(Self { run: run.clone(), stats, events, task, row: side as u32 + 2 * SHEET_PADDING })
    }

    /// Writes the line of an epoch, and makes it durable.
    ///
    /// # Errors
    /// When a file cannot be written, or the epoch's sheet cannot be read.
    pub fn push(&mut self, line: &Value) -> Result<()> {
        self.stats.push(line)?;
        self.stats.sync()?;
        let Some((step, epoch)) = line["step"].as_u64().zip(line["epoch"].as_u64()) else {
            return Ok(());
        };
        self.events.scalars(step, &scalars_of(line, self.task))?;
        self.sheet(step, epoch)?;
        Ok(self.events.sync()?)
    }

    /// Shows TensorBoard the first row of the sheet of `epoch`, which ended with `step`, if it has
    /// one.
    ///
    /// # Errors
    /// When the sheet cannot be read or the events cannot be written.
    pub fn sheet(&mut self, step: u64, epoch: u64) -> Result<()> {
        let path = self.run.sheet(epoch);
        if !path.exists() {
            return Ok(());
        }
        let mut sheet = Picture::decode(&fs::read(path)?, &Limits::default())?;
        sheet.height = sheet.height.min(self.row);
        sheet.pixels.truncate((sheet.width * sheet.channels * sheet.height) as usize);
        Ok(self.events.picture(step, SHEETS, sheet.width, sheet.height, &sheet.to_png()?)?)
    }
}
