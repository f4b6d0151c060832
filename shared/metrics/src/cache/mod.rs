//! Features on disk, so that they are computed once. A file is named by what its features depend
//! on: the pictures' pixels, the resizing, the layer and the weights; a damaged one is computed
//! again.
//!
//! | module | holds |
//! |---|---|
//! | `entry` | the place of one set of features, and what both kinds of file begin with |
//! | `store` | the cache |
//! | `finished` | `KEY.features`: a [`fledge_base::frame`] with the header, the features as little-endian f32, CRC-32 of the features |
//! | `part` | `KEY.part`: what an extraction that is under way or was interrupted has so far, block by block |
//! | `keeper` | rows as they come from the network, kept in the part and at the end in the finished file |
//! | `inventory` | what lies in the folder, for people, and removing it |

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
