//! One run from its first or last saved step to its end: owns the run folder, feeds the trainer,
//! writes what is kept.
//!
//! | module | holds |
//! |---|---|
//! | `training` | one run, opened |
//! | `opening` | its folder, settings, last checkpoint, the means to measure it |
//! | `steps` | the loop |
//! | `epoch` | what is done at the end of an epoch |
//! | `saving` | when it is saved |
//! | `recent`, `recovery` | values that are not finite, and memory that is out |
//! | `sheet` | the pictures of a sheet |

mod epoch;
mod opening;
mod recent;
mod recovery;
mod saving;
mod sheet;
mod steps;
#[expect(clippy::module_inception, reason = "the folder is called by what it is about")]
mod training;

pub(crate) use self::sheet::{samples, sheet, sheet_bytes};
pub use self::steps::train;
