//! The command line: flags, and the validated options that they become.

mod args;
mod build;
mod foreign;
mod values;

pub use self::args::{Args, Command, ExportArgs, ShowArgs, SynthArgs};
pub use self::build::BuildArgs;
pub use self::foreign::PROGRAM;
