//! The program `prep`: turns pictures into a data set.
#![deny(clippy::print_stdout, clippy::print_stderr)]

mod commands;

use std::process::ExitCode;

use prep::cli::{Args, PROGRAM};

fn main() -> ExitCode {
    prep::memory::return_large_blocks();
    shared::log::init();
    match shared::cli::parse::<Args>(&PROGRAM) {
        Ok(args) => shared::cli::finish(PROGRAM.name, commands::run(args)),
        Err(done) => done,
    }
}
