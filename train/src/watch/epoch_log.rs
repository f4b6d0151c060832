//! The logs of every epoch: its line in `stats.jsonl`, and the same numbers with the first row of
//! its sheet for TensorBoard. Only one row, because the sheet is already a file and sheets would
//! make up most of the event file over a run.

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
    /// Pixels in a row of a sheet, including the padding above and below it.
    row: u32,
}

impl EpochLog {
    /// Opens the logs of `run`, whose pictures have this `side`, after `done` steps. Truncates the
    /// lines of later steps, and that of step `owed`, which is written once its KID is known.
    ///
    /// # Errors
    /// If a file cannot be read or written.
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
        // No line is written between a pending one and the last completed step.
        let events = Events::open(run.folder(), owed.map_or(done, |step| step.saturating_sub(1)))?;
        Ok(Self { run: run.clone(), stats, events, task, row: side as u32 + 2 * SHEET_PADDING })
    }

    /// Writes an epoch's line durably.
    ///
    /// # Errors
    /// If a file cannot be written, or the epoch's sheet cannot be read.
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

    /// Logs the first row of the sheet of `epoch`, which ended with `step`, to TensorBoard, if
    /// there is a sheet.
    ///
    /// # Errors
    /// If the sheet cannot be read or the events cannot be written.
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
