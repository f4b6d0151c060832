//! Published weights: where they are stored, and how they are downloaded.
//!
//! | module | holds |
//! |---|---|
//! | [`store`] | `evaluate weights`: list, fetch, check, import |
//! | [`download`] | a pinned file over HTTP, resumable |
//! | [`client`] | proxies, certificates and timeouts |

pub mod client;
pub mod download;
pub mod store;
