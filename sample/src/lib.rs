//! run → pictures that people look at. A picture follows from its seed alone: the same one at any batch size, beside any
//! others, in every run of the program on the CPU.
//!
//! | module | holds |
//! |---|---|
//! | [`args`] | flags → requests |
//! | [`seeds`] | `0-63,100` → the seeds meant |
//! | [`collection`] | many pictures into a folder or zip |
//! | [`walk`] | paths through latent space |
//! | [`timelapse`] | the sheets of a run, one after the other |
//! | [`animation`] | frames → GIF |

pub mod animation;
pub mod args;
pub mod collection;
pub mod seeds;
pub mod timelapse;
pub mod walk;
