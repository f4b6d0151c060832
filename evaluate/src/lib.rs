//! Measures generated pictures against real ones, by the named conventions of the libraries that
//! the field quotes.
//!
//! | module | holds |
//! |---|---|
//! | [`args`] | the command line |
//! | [`measure`] | options → measurements |
//! | [`reports`] | measurements as plots and sheets |
//! | [`features`] | pictures → features, with a cache |
//! | [`inputs`] | a data set, run, folder, zip or `.npz` file as pictures or statistics |
//! | [`protocols`] | the metrics, and the conventions they are computed under |
//! | [`metrics`] | features → numbers |
//! | [`networks`] | the networks that features come from, and their weights |
//!
//! Each folder depends only on those below it in this table.
#![forbid(unsafe_code)]
#![deny(clippy::print_stdout, clippy::print_stderr)]

pub mod args;
pub mod features;
pub mod inputs;
pub mod measure;
pub mod metrics;
pub mod networks;
pub mod protocols;
pub mod reports;
mod text;

use shared::cli::{Ending, UsageError};
use shared::jsonl::JsonLines;
use shared::nn::device::memory;

use crate::args::{Cli, Command, MeasureArgs};
use crate::features::lab::Lab;
use crate::features::{cache, statistics};
use crate::inputs::InputKind;
use crate::measure::{Outcome, measurement, paired};
use crate::networks::weights::store;
use crate::protocols::protocol;
use crate::reports::{curve, nearest, plane, scatter};

/// Runs a command line.
///
/// # Errors
/// The cause of the failure.
pub fn run(cli: Cli) -> anyhow::Result<Ending> {
    cli.threads.start();
    memory::watch(|| match cli.command {
        None => measured(cli.measure),
        Some(Command::Protocols) => Ok(shared::cli::print(&protocol::table())?),
        Some(Command::Weights(args)) => store::run(&args.into_task()),
        Some(Command::Cache(args)) => cache::run(&args.into_options()?),
        Some(Command::Pairs(args)) => paired::run(&args.into_options()?),
        Some(Command::Curve(args)) => curve::run(&args.into_options()?),
        Some(Command::Statistics(args)) => statistics::run(&args.into_options()?),
        Some(Command::Nearest(args)) => nearest::run(&args.into_options()?),
        Some(Command::Scatter(args)) => scatter::run(&args.into_options()?),
        Some(Command::Plane(args)) => plane::run(&args.into_options()?),
    })
    .map_err(|_| {
        UsageError("the device is out of memory: a smaller --batch, or --device cpu".into())
    })??;
    Ok(Ending::Done)
}

fn measured(args: MeasureArgs) -> anyhow::Result<()> {
    let json = args.json;
    let options = args.into_options()?;
    let lab = Lab::open(options.conventions.clone())?;
    let Outcome { results, failed } = measure::measure(&lab, &options)?;
    let text = if json { measurement::lines(&results)? } else { measurement::table(&results) };
    if InputKind::of(&options.fake) == InputKind::Run && options.fake.is_dir() {
        let log = || -> anyhow::Result<()> {
            let mut log = JsonLines::open(options.fake.join("metrics.jsonl"), |_| true)?;
            Ok(results.iter().try_for_each(|result| log.push(result))?)
        };
        let logged = log();
        // The results are shown even if the run cannot be written to.
        shared::cli::tell(&text);
        logged?;
    } else {
        shared::cli::print(&text)?;
    }
    failed.map_or(Ok(()), Err)
}
