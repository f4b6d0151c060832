//! The program `train`: see the library.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    shared::log::init();
    shared::cli::finish("train", train::args::Args::parse().run())
}
