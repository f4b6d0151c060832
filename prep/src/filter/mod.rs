//! Leaving out crops that can be decoded but should not be trained on: thresholds, and
//! near-duplicates.

pub mod near_duplicates;
mod thresholds;

pub use self::thresholds::{Filters, Measures};
