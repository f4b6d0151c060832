//! Measures generated pictures against real ones, under the named conventions of the libraries that the field quotes.
//!
//! | module | holds |
//! |---|---|
//! | [`args`] | the command line, and the validated options it becomes |
//! | [`metric`], [`protocol`] | what can be measured, and under which conventions |
//! | [`input`], [`npz`], [`side`] | a data set, a run, a folder, a zip or a file of statistics as one side of a comparison |
//! | [`networks`] | the networks that features come from |
//! | [`lab`] | pictures → features: device, networks, cache |
//! | [`metrics`], [`compute`] | features → numbers, and numbers under a protocol's rules |
//! | [`measure`], [`classes`], [`ppl`] | options → results; of every class; of a generator's latents |
//! | [`report`] | a result as a row of a table and as a line of JSON |
//! | [`curve`], [`checkpoints`], [`statistics`], [`neighbours`], [`overview`] | the commands beside measuring |
//! | [`plots`] | what they draw |
//! | [`cache`], [`weights`], [`download`] | kept features; published weights and how they are got |
#![forbid(unsafe_code)]
#![deny(clippy::print_stdout, clippy::print_stderr)]

pub mod args;
pub mod cache;
pub mod checkpoints;
pub mod classes;
pub mod client;
pub mod compute;
pub mod curve;
pub mod download;
pub mod input;
pub mod lab;
pub mod measure;
pub mod metric;
pub mod metrics;
pub mod neighbours;
pub mod networks;
pub mod npz;
pub mod overview;
pub mod plots;
pub mod ppl;
pub mod protocol;
pub mod report;
pub mod side;
pub mod statistics;
pub mod weights;

use shared::cli::{Ending, UsageError};
use shared::jsonl::JsonLines;
use shared::nn::device::memory;

use crate::args::{Cli, Command, MeasureArgs};
use crate::input::Kind;
use crate::lab::Lab;
use crate::measure::Outcome;

/// Carries out a command line.
///
/// # Errors
/// What went wrong, with its causes.
pub fn run(cli: Cli) -> anyhow::Result<Ending> {
    cli.threads.start();
    memory::watch(|| match cli.command {
        None => measured(cli.measure),
        Some(Command::Protocols) => Ok(shared::cli::print(&protocol::table())?),
        Some(Command::Weights(args)) => weights::run(&args),
        Some(Command::Cache(args)) => cache::run(&args),
        Some(Command::Curve(args)) => checkpoints::run(&args),
        Some(Command::Statistics(args)) => statistics::run(args),
        Some(Command::Nearest(args)) => neighbours::run(args),
        Some(Command::Scatter(args)) => overview::scatter(args),
        Some(Command::Plane(args)) => overview::plane(args),
    })
    .map_err(|_| UsageError("the device is out of memory: a smaller --batch, or --device cpu".into()))??;
    Ok(Ending::Done)
}

fn measured(args: MeasureArgs) -> anyhow::Result<()> {
    let options = args.into_options()?;
    let lab = Lab::open(options.conventions.clone())?;
    let Outcome { results, failed } = measure::measure(&lab, &options)?;
    let text = if options.json { report::lines(&results)? } else { report::table(&results) };
    if Kind::of(&options.fake) == Kind::Run {
        let log = || -> anyhow::Result<()> {
            let mut log = JsonLines::open(options.fake.join("metrics.jsonl"), |_| true)?;
            Ok(results.iter().try_for_each(|result| log.push(result))?)
        };
        let logged = log();
        // A run that cannot be written to has its results shown all the same.
        shared::cli::tell(&text);
        logged?;
    } else {
        shared::cli::print(&text)?;
    }
    failed.map_or(Ok(()), Err)
}
