//! Everything done to pixels: scaling, fitting between bars, unpacking bare pixels, luma.
//!
//! Nothing here decides which part of a picture is taken.

mod area;
mod fit;
mod kernel;
pub mod luma;
mod raw;
mod rows;
mod scale;

pub use self::fit::{fit, side_by_side};
pub use self::raw::interleaved;
pub use self::scale::{Resampling, crop_and_resize};
