//! The program `train`, a thin wrapper around the library.
#![forbid(unsafe_code)]
#![deny(clippy::print_stdout, clippy::print_stderr)]

use std::process::ExitCode;

use shared::alloc::Telling;
use train::args::Args;
use train::foreign::PROGRAM;

#[global_allocator]
static MEMORY: Telling = Telling { program: "train" };

fn main() -> ExitCode {
    shared::log::init();
    match shared::cli::parse::<Args>(&PROGRAM) {
        Ok(args) => shared::cli::finish(PROGRAM.name, args.run()),
        Err(done) => done,
    }
}
