//! `evaluate`: pictures → metrics.
#![forbid(unsafe_code)]
#![deny(clippy::print_stdout, clippy::print_stderr)]

use std::process::ExitCode;

use evaluate::args::{Cli, PROGRAM};

fn main() -> ExitCode {
    shared::log::init();
    match shared::cli::parse::<Cli>(&PROGRAM) {
        Ok(cli) => shared::cli::finish(PROGRAM.name, evaluate::run(cli)),
        Err(done) => done,
    }
}
