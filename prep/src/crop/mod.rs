//! Deciding what is cropped: boxes, their place in the upright picture, and the policies of
//! `--crop`.
//!
//! docs/CONVENTIONS.md has the rules in words.
//! Nothing here touches pixels.

mod bounding_box;
pub mod placement;
mod policy;

pub use self::bounding_box::{BoundingBox, Object};
pub use self::policy::{BoxCrop, Crop, CropPolicy, Padding, WholeCrop, crops};
