//! Loading of pictures: batches of a data set, prepared ahead of the steps.
//!
//! | module | contents |
//! |---|---|
//! | `batches` | data set → the pictures of a batch |
//! | `feed` | the batches of a run for one device |
//! | `loader` | a thread that loads batches ahead of the steps |
//! | `resident` | all pictures kept on the device |

pub mod batches;
pub mod feed;
pub mod loader;
pub mod resident;
