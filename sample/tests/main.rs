//! The integration tests of `sample`, in one program. `sample_faults` is a program of its own: it
//! fails the file operations of its whole process.
#![expect(clippy::unwrap_used, reason = "a test ends where the machine is not as expected")]

mod animation;
mod common;
mod drawn;
mod foreign;
mod generator_files;
mod images;
#[cfg(unix)]
mod images_interrupted;
mod moving;
#[cfg(unix)]
mod outputs;
mod pictures;
mod program;
mod refusals;
mod styles;
mod translate;
