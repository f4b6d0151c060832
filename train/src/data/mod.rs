//! Pictures on their way to a device: batches of a data set, made ahead of the steps.
//!
//! | module | holds |
//! |---|---|
//! | `batches` | data set → the pictures of a batch |
//! | `feed` | the batches of a run on a device, ahead of its steps |
//! | `loader` | the batches of a run on a device, ahead of its steps |
//! | `resident` | the batches of a run on a device, ahead of its steps |

pub mod batches;
pub mod feed;
pub mod loader;
pub mod resident;
