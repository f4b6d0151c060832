//! The program `sample`: see the library.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    shared::log::init();
    shared::cli::finish("sample", sample::args::Args::parse().run())
}
