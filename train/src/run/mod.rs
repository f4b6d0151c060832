//! One run from its folder to its end: what comes before the first step, training, saving, KID.
//!
//! | module | holds |
//! |---|---|
//! | `best` | KID while training, the thread that computes it, and the best one so far |
//! | `disk` | the disk that a run takes, foretold |
//! | `estimate` | what a run takes of the disk, and a step of memory, foretold |
//! | `evaluation` | KID while training, the thread that computes it, and the best one so far |
//! | `evaluations` | KID while training, the thread that computes it, and the best one so far |
//! | `folder` | whether a run folder may be had, what was begun there, where it goes on from |
//! | `init` | a run that begins with another run's weights |
//! | `options` | what a run is asked to be |
//! | `preparation` | what comes before the first step |
//! | `rehearsal` | what a run would take, found out by its first steps |
//! | `remembered` | flags that are no settings, as a run remembers them |
//! | `saver` | what a checkpoint keeps beside tensors, and writing it beside the steps |
//! | `starts` | the settings a run was begun with, and a line for each start |
//! | `state` | what a checkpoint keeps beside tensors, and writing it beside the steps |
//! | `throughput` | one measurement of speed |
//! | `training` | one run from its first or last saved step to its end |

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
