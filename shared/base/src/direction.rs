//! The direction of a translation between two kinds of pictures, A and B.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A direction, in the words of pix2pix' `--direction`.
///
/// ```
/// use fledge_base::direction::Direction;
///
/// let direction: Direction = "BtoA".parse()?;
/// assert_eq!((direction.source(), direction.target()), (1, 0));
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Direction {
    /// From the left picture of a pair, the folder A or the first data set.
    #[default]
    #[serde(rename = "AtoB")]
    AToB,
    /// From the right picture of a pair, the folder B or the second data set.
    #[serde(rename = "BtoA")]
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
