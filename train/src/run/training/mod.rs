//! A run from its first or latest saved step to its end: owns the run folder, feeds the trainer,
//! writes files.
//!
//! | module | contents |
//! |---|---|
//! | `training` | a run in progress |
//! | `opening` | its folder, settings, latest checkpoint and evaluator |
//! | `steps` | the loop |
//! | `epoch` | the work at the end of an epoch |
//! | `saving` | checkpoints and disk space |
//! | `recent`, `recovery` | values that are not finite, and out of memory |
//! | `sheet` | the pictures of a sheet |

mod epoch;
mod opening;
mod recent;
mod recovery;
mod saving;
mod sheet;
mod steps;
#[expect(clippy::module_inception, reason = "the folder is named after its subject")]
mod training;

pub(crate) use self::sheet::{samples, sheet_bytes};
pub use self::steps::train;
