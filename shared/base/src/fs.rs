//! The only place that writes files. A file that bears its final name is whole, at every moment and
//! after every crash.
//!
//! A write goes to an exclusive temporary name in the same folder, is flushed and synced, renamed
//! over the final name, and the folder is synced, so that the rename survives a power cut. A
//! temporary file is removed on drop; one left by `kill -9` has the suffix [`TEMPORARY_SUFFIX`] and
//! [`remove_leftovers`] clears it.
//!
//! It is not responsible for the content of the files.
//!
//! ```
//! use fledge_base::fs;
//!
//! let folder = std::env::temp_dir().join(format!("fledge-fs-example-{}", std::process::id()));
//! fs::create_folder(&folder)?;
//! fs::write(folder.join("a"), b"whole")?;
//! assert_eq!(fs::read(folder.join("a"))?, b"whole");
//! fs::remove(&folder)?;
//! # Ok::<(), fs::FsError>(())
//! ```
#![expect(clippy::disallowed_methods, reason = "the bans in clippy.toml point to this module")]

mod append;
mod atomic;
mod byproduct;
mod cache;
mod claim;
mod error;
pub mod fault;
mod feature;
mod folder;
mod lacking;
mod leftovers;
mod lock;
mod mount;
mod names;
mod operations;
mod read;
#[cfg(test)]
mod tests;
mod whole;

pub use self::append::AppendFile;
pub use self::atomic::{AtomicFile, withdraw, write_unsynced};
pub use self::byproduct::{Byproduct, byproduct};
pub use self::cache::cache_folder;
pub use self::claim::Claim;
pub use self::error::{FsError, Result};
pub use self::feature::Feature;
pub use self::folder::{AtomicFolder, recover_folder, remove_folder};
pub use self::leftovers::{leftovers_of, remove_leftovers, remove_leftovers_of};
pub use self::lock::{Asked, Lock, forgo_locks, try_lock};
pub use self::mount::is_mount_point;
pub use self::names::TEMPORARY_SUFFIX;
pub use self::operations::{
    create_folder, create_folder_for, free_bytes, is_vacant, open_append, remove, rename,
    scratch_file, sync,
};
pub use self::read::{read, read_bounded, read_start};
pub use self::whole::{write, write_with};
