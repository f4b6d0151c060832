//! Names in an archive that are not files to read, each with the reason.

use std::fmt;

use super::name::Name;

/// A name without a readable file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassedOver {
    /// Its name in the archive.
    pub name: Name,
    /// The reason why nothing is read under it.
    pub why: Why,
}

/// The reason why nothing is read under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// A link to a name that does not exist.
    DanglingLink {
        /// The target of the link.
        to: Name,
    },
    /// A link to a target outside the archive.
    LeadsOut {
        /// The target of the link.
        to: Name,
    },
    /// A link to itself, or a folder that contains itself.
    Loop,
    /// A device, a pipe or a socket.
    Special,
    /// A sparse file in a tar, whose holes are omitted.
    Sparse,
    /// A member of a zip that needs a password.
    Encrypted,
    /// An entry without read permission.
    Unreadable,
    /// A data set of `prep` or a run of `train`, which is not part of a source.
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
