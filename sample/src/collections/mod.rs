//! Many pictures in a folder or a zip, named by seed, with a record of their origin
//! (`sample.json`). Generating overlaps encoding and writing. An interrupted command resumes, and
//! pictures of two generators are never mixed.
//!
//! | module | holds |
//! |---|---|
//! | [`images`] | the command |
//! | [`request`], [`target`] | a request, and writing it to a folder or zip |
//! | [`seed_set`] | the seeds of a request |
//! | [`naming`] | seed → name |
//! | [`manifest`] | the origin of pictures, and the differences of two origins |
//! | `whole` | checks that an existing PNG is intact |
//! | `pipeline` | generates, encodes, hands over |
//! | `folder`, `zip` | the two targets |

mod folder;
pub mod images;
pub mod manifest;
pub mod naming;
mod pipeline;
pub mod request;
pub mod seed_set;
pub mod target;
mod whole;
mod zip;

pub use self::request::{Outcome, Request};
pub use self::target::write;
