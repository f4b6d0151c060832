//! Sources: the pictures, boxes, classes and splits that a folder, an archive or a table lists.
//!
//! Nothing here decodes a picture or decides which part of it is taken.

pub mod account;
mod classes;
mod error;
pub mod layouts;
mod listing;
mod lookup;
mod open;
mod path;
mod split;
mod split_folders;
mod text;
pub mod unused;

pub use self::error::SourceError;
pub use self::listing::{Content, Entry, Format, Listing, RawPixels, TABLE_LIMIT, Unused};
pub use self::open::{open, open_without};
pub use self::split::Split;
