//! The direction of a translation between the two pictures of a pair.

use std::fmt;
use std::str::FromStr;

/// A direction, in the words of pix2pix' `--direction`.
///
/// ```
/// use fledge_data::dataset::Direction;
///
/// let direction: Direction = "BtoA".parse()?;
/// assert_eq!((direction.source(), direction.target()), (1, 0));
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// From the left picture, or the one in the folder A.
    #[default]
    AToB,
    /// From the right picture, or the one in the folder B.
    BToA,
}

impl Direction {
    /// The index of the source in a pair: 0 for A.
    #[must_use]
    pub const fn source(self) -> usize {
        match self {
            Self::AToB => 0,
            Self::BToA => 1,
        }
    }

    /// The index of the target in a pair: 1 for B.
    #[must_use]
    pub const fn target(self) -> usize {
        1 - self.source()
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AToB => "AtoB",
            Self::BToA => "BtoA",
        })
    }
}

impl FromStr for Direction {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "AtoB" => Ok(Self::AToB),
            "BtoA" => Ok(Self::BToA),
            _ => Err("expected AtoB or BtoA".into()),
        }
    }
}
