//! `evaluate`: data set and pictures → metrics.
#![deny(clippy::print_stdout, clippy::print_stderr)]

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    shared::log::init();
    shared::cli::finish("evaluate", evaluate::run(evaluate::args::Cli::parse()))
}
