//! From sources to a data set: pictures are read, decoded, cropped and scaled on all cores, and
//! written in the order of the listing.
//!
//! The bytes are the same for any number of threads, of parts, and of interruptions.
//!
//! | module | responsible for |
//! |---|---|
//! | [`options`] | the options of a build, and their record in the manifest |
//! | [`planned`], [`plan`] | the pictures to take and how, settled before the first is read |
//! | `opened`, [`prepare`] | one picture |
//! | [`record`] | the record of a picture, kept until all are known |
//! | [`queue`] | many pictures on several threads, in order, in bounded memory |
//! | [`work`] | the folder in which prepared pictures wait, so that a killed build resumes |
//! | [`assemble`] | decisions that depend on all pictures, and writing the data set |
//! | `build`, `merge` | a build, and joining one that was made in parts |
//! | `up_to_date` | detecting that the data set is up to date |
//! | [`dry_run`] | trying every filter without writing |

pub mod assemble;
mod build;
pub mod dry_run;
mod error;
mod merge;
mod opened;
pub mod options;
mod outcome;
pub mod plan;
pub mod planned;
pub mod prepare;
pub mod queue;
pub mod record;
mod up_to_date;
pub mod work;

pub use self::assemble::Notes;
pub use self::build::build;
pub use self::error::BuildError;
pub use self::merge::merge;
pub use self::options::{BuildOptions, PairSide, SplitRule};
pub use self::outcome::{BuildOutcome, BuildReport};
pub use self::plan::Plan;
pub use self::prepare::Preparer;
