//! The program `train`: see the library.

use std::process::ExitCode;

use train::args::Args;
use train::foreign::PROGRAM;

fn main() -> ExitCode {
    shared::log::init();
    match shared::cli::parse::<Args>(&PROGRAM) {
        Ok(args) => shared::cli::finish(PROGRAM.name, args.run()),
        Err(done) => done,
    }
}
