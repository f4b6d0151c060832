//! The program `sample`: see the library.
#![deny(clippy::print_stdout, clippy::print_stderr)]

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    shared::log::init();
    shared::cli::finish("sample", sample::args::Args::parse().run())
}
