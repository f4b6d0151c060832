//! Which crops are left out although they can be decoded: the filters' thresholds, and near-duplicates.

pub mod near_duplicates;
mod thresholds;

pub use self::thresholds::{Filters, Measures};
