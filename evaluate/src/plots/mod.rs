//! What was measured as pictures. Drawn by [`shared::plot`], so the bytes are the same everywhere.
//!
//! | module | holds |
//! |---|---|
//! | [`curve`] | metrics against kimg over the checkpoints of a run |
//! | [`plane`] | precision against recall, density against coverage, a point a run |
//! | [`scatter`] | pictures as points in the first two principal components of their features |
//!
//! It is not responsible for the numbers.

pub mod curve;
pub mod plane;
pub mod scatter;
