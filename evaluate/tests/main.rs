//! The integration tests of `evaluate`, in one program. `full_disk` is a program of its own: it
//! counts the file operations of its whole process.

mod account;
mod arithmetic;
mod cache;
mod commands;
mod common;
mod curve;
mod download;
mod inception_parity;
mod inputs;
mod metrics_golden;
mod npz;
#[cfg(unix)]
mod outputs;
mod pairs;
mod plots;
mod program;
mod resize;
mod resume;
mod small;
