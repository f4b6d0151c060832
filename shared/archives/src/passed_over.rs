//! Names in an archive that are not files to read, each with the reason.

use std::fmt;

use super::name::Name;

/// A name that leads to no file that can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassedOver {
    /// Its name in the archive.
    pub name: Name,
    /// Why nothing is read under it.
    pub why: Why,
}

/// Why nothing is read under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// A link to a name that is not there.
    DanglingLink {
        /// The target of the link.
        to: Name,
    },
    /// A link to a place outside of the archive.
    LeadsOut {
        /// The target of the link.
        to: Name,
    },
    /// A link that leads back to itself, or a folder into itself.
    Loop,
    /// A device, a pipe or a socket.
    Special,
    /// A sparse file of a tar, whose holes are left out.
    Sparse,
    /// A member of a zip that needs a password.
    Encrypted,
    /// It cannot be looked at, for want of permission.
    Unreadable,
    /// A data set of `prep` or a run of `train`, which is no part of a source.
    Made,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DanglingLink { to } => write!(f, "a link to {to}, which is not there"),
            Self::LeadsOut { to } => write!(f, "a link to {to}, which is outside of the archive"),
            Self::Loop => f.write_str("a link that leads back to itself"),
            Self::Special => f.write_str("a device, a pipe or a socket"),
            Self::Sparse => f.write_str("a sparse file, which is not read in a tar"),
            Self::Encrypted => f.write_str("encrypted, a password is needed"),
            Self::Unreadable => f.write_str("it cannot be looked at: permission denied"),
            Self::Made => f.write_str("a data set or a run of fledge"),
        }
    }
}
