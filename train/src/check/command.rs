//! `train check`: flags and output.

use std::io::Write;

use anyhow::{Result, bail};
use burn::tensor::Device;
use clap::{Args, ValueEnum};
use shared::cli::Ending;
use shared::nn::device::DeviceChoice;
use shared::nn::fusion;

use super::extent::Extent;
use super::{Precision, Row, Totals, cases, compare};

/// Compare a device's results with the CPU's: every operation, network, loss, penalty, augmentation
/// and optimizer, and whole steps.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct CheckArgs {
    /// Device to compare with the CPU.
    #[arg(long, default_value = "auto")]
    device: DeviceChoice,
    /// Only run rows whose names contain one of these texts, separated by commas.
    #[arg(long, value_name = "WORDS", value_delimiter = ',')]
    only: Vec<String>,
    /// Fuse operations into joint kernels, on devices that support it.
    #[arg(long, value_enum, default_value_t = Fusion::Off)]
    fusion: Fusion,
    /// Precision of matrix products on the device: f32, tf32 or bf16. Determines how far the device
    /// may deviate from the CPU.
    #[arg(long, value_name = "PRECISION", default_value_t = Precision::F32)]
    precision: Precision,
    /// Run only a few small rows.
    #[arg(long)]
    small: bool,
    /// Print one JSON object per row, and one for the totals.
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  train check                                  all rows, on the first GPU
  train check --only conv,'step gan-ada'       some rows
  train check --fusion on                      check with fusion (off in training)
  train check --device cuda:1 --json           machine-readable

A deviation is relative to the largest number of its tensor; `tolerance.rs` gives the reason for
each tolerance. Exit code 1 if a row fails.";

/// Kernel fusion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Fusion {
    /// burn's default.
    On,
    /// One kernel per operation.
    Off,
}

impl CheckArgs {
    /// Runs the comparison and prints it.
    ///
    /// # Errors
    /// If a flag is wrong or a row fails.
    pub fn run(self) -> Result<Ending> {
        match self.fusion {
            Fusion::On => fusion::keep(),
            Fusion::Off => fusion::switch_off()?,
        }
        let (device, cpu) = (self.device.open()?, Device::flex());
        if device == cpu {
            tracing::warn!(
                "--device {}: the CPU is compared with itself, which only shows that the check \
                 runs",
                self.device
            );
        }
        let extent = if self.small { Extent::Small } else { Extent::Whole };
        let all = cases(extent);
        let meant: Vec<_> = all.into_iter().filter(|case| case.is_meant(&self.only)).collect();
        if meant.is_empty() {
            bail!(
                "--only {}: no row's name contains this; omit --only to print all rows",
                self.only.join(",")
            );
        }
        // Panics are printed in their rows; the log has the location.
        std::panic::set_hook(Box::new(|info| tracing::debug!("{info}")));
        let mut out = std::io::stdout();
        let totals = compare(
            &meant,
            self.precision,
            |case| case.on(&cpu),
            |case| {
                tracing::debug!("{}", case.name);
                self.precision.during(|| case.on(&device))
            },
            |row| {
                let line = if self.json { json(row) } else { line(row) };
                // The reader may close the pipe; the totals and the exit code remain valid.
                drop(writeln!(out, "{line}").and_then(|()| out.flush()));
            },
        );
        drop(std::panic::take_hook());
        let what = format!(
            "{} against the CPU, {}, fusion {}",
            self.device,
            self.precision,
            if self.fusion == Fusion::On { "on" } else { "off" }
        );
        shared::cli::print(&summary(&totals, &what, self.json))?;
        match totals.failed.len() {
            0 => Ok(Ending::Done),
            failed => bail!("{failed} of {} rows fail ({what})", totals.rows),
        }
    }
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

fn line(row: &Row) -> String {
    let verdict = if row.ok { "ok  " } else { "FAIL" };
    match (&row.failure, row.deviation) {
        (Some(failure), _) => format!("{verdict} {:<64} {failure}", row.name),
        (None, deviation) => {
            let part = if row.part.is_empty() { String::new() } else { format!("  {}", row.part) };
            format!(
                "{verdict} {:<64} {:>8.1e} of {:.0e}{part}",
                row.name,
                deviation.unwrap_or_default(),
                row.tolerance
            )
        }
    }
}

fn summary(totals: &Totals, what: &str, as_json: bool) -> String {
    if as_json {
        return format!("{}\n", json(totals));
    }
    let failed: String = totals.failed.iter().map(|name| format!("FAIL {name}\n")).collect();
    let failed = if failed.is_empty() { failed } else { format!("\n{failed}") };
    format!(
        "{failed}\n{} rows, {} ok, {} FAIL ({what})\n",
        totals.rows,
        totals.rows - totals.failed.len(),
        totals.failed.len()
    )
}
