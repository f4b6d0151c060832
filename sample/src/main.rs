//! `sample`: run → pictures.
#![forbid(unsafe_code)]
#![deny(clippy::print_stdout, clippy::print_stderr)]

use std::process::ExitCode;

use sample::args::{Args, PROGRAM};

fn main() -> ExitCode {
    shared::log::init();
    match shared::cli::parse::<Args>(&PROGRAM) {
        Ok(args) => shared::cli::finish(PROGRAM.name, args.run()),
        Err(done) => done,
    }
}
