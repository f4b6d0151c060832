//! The program `train`: see the library.

use std::process::ExitCode;

use clap::Parser;
use shared::alloc::Telling;

#[global_allocator]
static MEMORY: Telling = Telling { program: "train" };

fn main() -> ExitCode {
    shared::log::init();
    shared::cli::finish("train", train::args::Args::parse().run())
}
