//! The program `prep`: pictures → data set.
#![deny(clippy::print_stdout, clippy::print_stderr)]

mod commands;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    prep::memory::return_large_blocks();
    shared::log::init();
    shared::cli::finish("prep", commands::run(prep::args::Args::parse()))
}
