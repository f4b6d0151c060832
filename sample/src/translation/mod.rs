//! Pictures into pictures, by a generator that translates.
//!
//! | module | holds |
//! |---|---|
//! | [`command`] | `sample translate` |
//! | [`target`] | a folder or zip of results |
//! | [`clip`] | the frames of a video |
//! | [`inputs`] | the pictures of a file, folder, zip or data set, with names |
//! | [`pieces`] | a network's pictures → pictures of any size: reflection, tiles, blending |

pub mod clip;
pub mod command;
pub mod inputs;
pub mod pieces;
pub mod target;
