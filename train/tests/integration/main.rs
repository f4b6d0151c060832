//! What `train` does, seen from outside: its commands as people run them, and its numbers beside
//! those of other programs.
//!
//! One program for all of it, so that it is linked once. `faults` and `fuzz` stand beside it: they
//! count file operations and allocations of the whole process.

#[path = "../util/mod.rs"]
mod util;

mod ada_golden;
mod answers;
mod augment_golden;
mod begin;
mod check;
mod complaints;
mod cuda_tools;
mod damage;
mod devices;
mod fake_driver;
mod feed;
mod freeze;
mod keras_step;
mod kill;
mod lag;
mod losses_golden;
mod nearest;
mod networks_golden;
mod ops_golden;
mod optimizers_golden;
mod outputs;
mod penalties_golden;
mod presets_golden;
mod program;
mod random_crops;
mod recipes;
mod report;
mod rollback;
mod show;
mod signals;
mod soak;
mod starts;
mod stylegan2;
mod stylegan2_golden;
mod sync_batch_norm;
mod threads;
mod toys;
mod translate;
mod translate_golden;
