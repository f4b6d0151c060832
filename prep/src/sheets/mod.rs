//! Sheets of pictures: of a split, of what was left out, of a source before and after.

mod before_after;
mod cells;
mod dataset;

pub use self::before_after::{BeforeAfter, before_after};
pub use self::cells::spread;
pub use self::dataset::{of_rejects, of_split, preview};
