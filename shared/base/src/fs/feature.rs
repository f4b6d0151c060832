//! Features that some file systems lack.

use std::io;

/// A feature that a file system may lack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feature {
    /// Making the names in a folder durable: CIFS, FUSE, VirtualBox and 9p often have none.
    SyncFolder,
    /// Making the bytes of a file durable.
    SyncFile,
    /// Locks that end with their process: NFS with `nolock`, Lustre without `-o flock`, some FUSE.
    Lock,
    /// Memory maps: 9p without cache, some FUSE.
    Map,
    /// Renaming a file over another one.
    Replace,
    /// Creating a file only where there is none.
    Exclusive,
}

impl Feature {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 6] =
        [Self::SyncFolder, Self::SyncFile, Self::Lock, Self::Map, Self::Replace, Self::Exclusive];

    /// The warning that says what is no longer guaranteed without it.
    pub(super) fn loss(self) -> &'static str {
        match self {
            Self::SyncFolder => {
                "this file system cannot sync folders: after a power cut the files that were written last may be missing; a kill loses \
                 nothing"
            }
            Self::SyncFile => {
                "this file system cannot sync files: after a power cut the files that were written last may be cut off; a kill loses \
                 nothing"
            }
            Self::Lock => {
                "this file system has no locks: a file with the process's number stands in for one, and on several machines nothing \
                 keeps two programs that start at the same moment apart"
            }
            Self::Map => {
                "this file system has no memory maps: pictures are read into memory, which takes as much of it as they have bytes"
            }
            Self::Replace => {
                "this file system cannot rename a file over another: the old one steps aside first, and a kill at that moment leaves it \
                 under a temporary name"
            }
            Self::Exclusive => {
                "this file system cannot create a file exclusively: names with the number of the process keep programs apart"
            }
        }
    }

    /// Returns true if `error` means that the file system lacks the feature, rather than that the
    /// operation failed.
    #[must_use]
    pub fn is_lacking(self, error: &io::Error) -> bool {
        #[cfg(unix)]
        {
            let Some(code) = error.raw_os_error() else {
                return error.kind() == io::ErrorKind::Unsupported;
            };
            let more: &[i32] = match self {
                // Network file systems refuse the opening of a folder, or what is done with it.
                Self::SyncFolder => {
                    &[libc::EINVAL, libc::EBADF, libc::EACCES, libc::EPERM, libc::EISDIR]
                }
                Self::SyncFile | Self::Exclusive => &[libc::EINVAL],
                Self::Lock => &[libc::ENOLCK, libc::EINVAL],
                Self::Map => &[libc::ENODEV, libc::EINVAL, libc::EACCES, libc::EPERM],
                Self::Replace => &[libc::EEXIST],
            };
            // Two numbers on some systems, one on Linux.
            code == libc::EOPNOTSUPP
                || code == libc::ENOTSUP
                || code == libc::ENOSYS
                || more.contains(&code)
        }
        #[cfg(not(unix))]
        {
            error.kind() == io::ErrorKind::Unsupported
        }
    }
}
