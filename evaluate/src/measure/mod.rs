//! Options → measurements.
//!
//! | module | holds |
//! |---|---|
//! | [`options`] | the options of a measurement |
//! | [`comparison`] | the real side, opened once and compared with any number of generated sides |
//! | [`estimate`] | features → values with their spread, by the rules of a protocol |
//! | [`classes`] | the features of each class |
//! | [`path_length`] | Perceptual Path Length of a run |
//! | [`paired`] | `evaluate pairs`: translations beside their targets, and beside constant colours |
//! | [`measurement`] | a result as a table row and as a line of JSON |

pub mod classes;
pub mod comparison;
pub mod estimate;
pub mod measurement;
pub mod options;
pub mod paired;
pub mod path_length;

pub use self::comparison::{Comparison, Outcome, measure};
pub use self::measurement::Measurement;
pub use self::options::{MeasureOptions, Repeats};
