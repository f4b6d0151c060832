//! Forecast of all the disk space that a run needs: checkpoints, sheets, events, logs, curves and
//! the report. Given by `--dry-run` and at each start.

use shared::nn::config::Settings;

/// A checkpoint's `meta.json`, and the headers of its files.
const META_BYTES: u64 = 16 << 10;

/// Bytes that an epoch adds to `stats.jsonl`, the events, `train.log` and `alarms.jsonl`.
const LOGS_BYTES: u64 = 2500;

/// Curves, settings, and the report without the run's pictures.
const FIXED_BYTES: u64 = 700 << 10;

/// Sheets embedded in a report: those over time, the training pictures, and the samples with their
/// neighbours.
const SHEETS_OF_REPORT: u64 = 10;

/// Bytes by purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Forecast {
    checkpoint: u64,
    checkpoints: u64,
    sheet: u64,
    sheets: u64,
    /// One row of each sheet.
    events: u64,
    others: u64,
}

/// Largest number of checkpoints at a time: the latest ones, the best, one whose KID is being
/// computed, and the one being written.
fn most(settings: &Settings) -> u64 {
    settings.checkpoints.keep as u64 + 3
}

impl Forecast {
    /// For a run of this many `epochs`, with `tensors` bytes per checkpoint and `sheet` bytes per
    /// sheet.
    pub(crate) fn new(settings: &Settings, epochs: u64, tensors: u64, sheet: u64) -> Self {
        let sheets =
            epochs.checked_div(settings.samples.every).map_or(0, |sheets| sheets.saturating_add(1));
        let rows =
            settings.samples.pictures.div_ceil(settings.samples.columns.max(1)).max(1) as u64;
        let logs = epochs.saturating_mul(LOGS_BYTES);
        // A report embeds pictures as text, which makes them a third larger.
        let report = SHEETS_OF_REPORT.min(sheets.saturating_add(2)) * sheet * 4 / 3;
        Self {
            checkpoint: tensors + META_BYTES,
            checkpoints: most(settings),
            sheet,
            sheets,
            events: sheets.saturating_mul(sheet.div_ceil(rows)),
            // The training pictures are on a sheet as well.
            others: logs.saturating_add(report + sheet + FIXED_BYTES),
        }
    }

    /// The total.
    pub(crate) fn total(&self) -> u64 {
        let sheets = self.sheets.saturating_mul(self.sheet);
        [self.checkpoints.saturating_mul(self.checkpoint), sheets, self.events, self.others]
            .into_iter()
            .fold(0, u64::saturating_add)
    }

    /// A one-line summary.
    pub(crate) fn text(&self) -> String {
        let of = |count: u64, one: u64| size(count.saturating_mul(one));
        format!(
            "up to {}: {} for {} checkpoints of {}, {} for {} sheets of samples, {} for events, \
             logs, curves and the report",
            size(self.total()),
            of(self.checkpoints, self.checkpoint),
            self.checkpoints,
            size(self.checkpoint),
            of(self.sheets, self.sheet),
            self.sheets,
            size(self.events.saturating_add(self.others))
        )
    }
}

/// Bytes as "12.3 MB".
pub(crate) fn size(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use shared::nn::preset;

    use super::*;

    #[test]
    fn every_sheet_and_its_row_in_the_events_are_counted() {
        let settings =
            preset::find("gan-ada").and_then(|preset| preset.settings()).expect("settings");
        let forecast = |epochs| Forecast::new(&settings, epochs, 1_000_000, 80_000);
        // Sheets of eight rows: 90,000 bytes plus the logs of an epoch.
        assert_eq!(forecast(401).total() - forecast(301).total(), 100 * (90_000 + LOGS_BYTES));
        assert!(forecast(401).text().contains("for 402 sheets"), "{}", forecast(401).text());
        assert_eq!(forecast(u64::MAX).total(), u64::MAX);
        let without = preset::find("gan-ada")
            .and_then(|p| p.settings())
            .and_then(|s| s.with(None, &["samples.every=0".into()]));
        let without = Forecast::new(&without.expect("settings"), 400, 1_000_000, 80_000);
        assert_eq!((without.sheets, without.events), (0, 0));
    }
}
