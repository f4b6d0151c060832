//! Features cached on disk, so that they are computed once. A file's name is a hash of everything
//! its features depend on: the pictures' pixels, the resizing, the layer and the weights. Damaged
//! files are recomputed.
//!
//! | module | holds |
//! |---|---|
//! | `entry` | the identity and path of one set of features, and the header of both kinds of file |
//! | `store` | the cache |
//! | `finished` | `KEY.features`: a [`fledge_base::frame`] with the header, the features as little-endian f32, CRC-32 of the features |
//! | `part` | `KEY.part`: the blocks written so far by a running or interrupted extraction |
//! | `keeper` | accumulating rows from the network in the part and, at the end, in the finished file |
//! | `inventory` | listing the folder for people, and removing files |
//!
//! ```
//! use fledge_metrics::cache::FeatureCache;
//!
//! let folder = std::env::temp_dir().join(format!("fledge-cache-example-{}", std::process::id()));
//! let cache = FeatureCache::at(&folder);
//! assert!(cache.list()?.is_empty());
//! # Ok::<(), fledge_base::fs::FsError>(())
//! ```

mod entry;
mod finished;
mod inventory;
mod keeper;
mod part;
mod store;

pub(super) use self::entry::Entry;
pub use self::entry::Facts;
pub use self::inventory::{Kept, State};
pub(super) use self::keeper::Keeper;
pub use self::store::FeatureCache;

#[cfg(test)]
mod tests;
