//! Measures generated pictures against real ones: KID, FID, IS under a named protocol.
//!
//! | module | holds |
//! |---|---|
//! | [`args`] | the command line, and the validated options it becomes |
//! | [`input`] | a data set, a run, a folder or a zip as a numbered set of pictures |
//! | [`npz`] | statistics and features in numpy's files |
//! | [`cache`] | `evaluate cache`: what features are kept, and removing them |
//! | [`measure`] | options → results |
//! | [`metrics`] | features → numbers |
//! | [`networks`] | networks that give features, by name |
//! | [`protocol`] | named sets of conventions |
//! | [`report`] | a result as a row of a table and as a line of JSON |
//! | [`curve`] | `evaluate curve`: every checkpoint of a run measured, nothing twice |
//! | [`plots`] | what was measured as pictures |
//! | [`weights`] | `evaluate weights`: which there are, whether they are whole, getting them |
//! | [`download`] | a pinned file over HTTP, resumed where it was cut off |
//! | [`client`] | the proxy and the certificates under which a server is asked |
//!
//! The arithmetic is in [`shared::metrics`].

pub mod args;
pub mod client;
pub mod curve;
pub mod download;
pub mod input;
pub mod measure;
pub mod metrics;
pub mod plots;
pub mod protocol;
pub mod report;
pub mod weights;

use shared::cli::{Ending, UsageError};
use shared::jsonl::JsonLines;
use shared::nn::device::memory;

use crate::args::{Cli, Command};
use crate::input::Kind;

/// Carries out a command line.
///
/// # Errors
/// What went wrong, with its causes.
pub fn run(cli: Cli) -> anyhow::Result<Ending> {
    match cli.command {
        Some(Command::Weights(args)) => weights::run(&args)?,
        Some(Command::Cache(args)) => cache::run(&args)?,
        None => {
            let options = cli.measure.into_options()?;
            let results = memory::watch(|| measure::measure(&options)).map_err(|_| {
                let smaller = (options.batch / 2).max(1);
                UsageError(format!(
                    "the device is out of memory with {} pictures at a time: --batch {smaller}, or --device cpu",
                    options.batch
                ))
            })??;
            report::print(&results, options.json)?;
            if Kind::of(&options.fake) == Kind::Run {
                let mut log = JsonLines::open(options.fake.join("metrics.jsonl"), |_| true)?;
                results.iter().try_for_each(|result| log.push(result))?;
            }
        }
    }
    Ok(Ending::Done)
}
