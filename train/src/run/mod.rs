//! A run from its folder to its end: preparation, training, checkpoints, KID.
//!
//! | module | contents |
//! |---|---|
//! | `best` | the lowest KID so far |
//! | `disk` | forecast of the disk space for a run |
//! | `estimate` | estimate of the memory for a step |
//! | `evaluation` | KID during training |
//! | `evaluations` | the thread that computes KID |
//! | `folder` | locking of the run folder, and the checkpoint to resume from |
//! | `init` | starting from another run's weights |
//! | `options` | the resolved options of a run |
//! | `preparation` | checks of data and settings before the first step |
//! | `rehearsal` | `--dry-run`: the cost of a run, measured in its first steps |
//! | `remembered` | flags that are not settings, as remembered by a run |
//! | `saver` | writing of checkpoints in the background |
//! | `starts` | the settings of a run, and the log of its starts |
//! | `state` | the state in a checkpoint besides tensors |
//! | `throughput` | one measurement of speed |
//! | `training` | a run from its first or latest saved step to its end |

pub mod best;
pub(crate) mod disk;
pub mod estimate;
pub mod evaluation;
pub mod evaluations;
pub mod folder;
pub mod init;
pub mod options;
pub mod preparation;
pub mod rehearsal;
pub mod remembered;
pub mod saver;
pub mod starts;
pub mod state;
pub mod throughput;
pub mod training;
