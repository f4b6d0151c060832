//! All tests of `prep` that can share a process.
//!
//! Apart from them stand `faults`, which switches failing file operations on for its whole process,
//! and `fuzz`, whose allocator counts the memory of its whole process.

mod account;
mod boxes;
mod build;
mod crop;
mod damage;
mod export;
mod hostile;
mod kill;
mod layouts;
mod memory;
mod names;
mod options;
mod outputs;
mod parts;
mod real;
mod resample;
mod sources;
#[path = "../util/mod.rs"]
mod util;
