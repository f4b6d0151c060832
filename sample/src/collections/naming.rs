//! The names of pictures.

use serde::{Deserialize, Serialize};
use shared::archive::stylegan;

/// A naming of pictures by seed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Naming {
    /// `seed-00000012.png`.
    #[default]
    Seeds,
    /// `00000/img00000012.png`, the layout of NVIDIA's trainers, with labels in `dataset.json`.
    Stylegan,
    /// `row-00000012.png`, for latent vectors from a file.
    Rows,
}

impl Naming {
    /// Every naming.
    pub const ALL: [Self; 3] = [Self::Seeds, Self::Stylegan, Self::Rows];

    /// The name of the picture of `seed`, with `/` between folders.
    #[must_use]
    pub fn name_of(self, seed: u64) -> String {
        match self {
            Self::Seeds => format!("seed-{seed:08}.png"),
            Self::Stylegan => stylegan::name_of(seed),
            Self::Rows => format!("row-{seed:08}.png"),
        }
    }

    /// The seed of the picture with this name; `None` for other names.
    #[must_use]
    pub fn seed_of(self, name: &str) -> Option<u64> {
        let stem = name.strip_suffix(".png")?;
        let digits = match self {
            Self::Seeds => stem.strip_prefix("seed-")?,
            Self::Stylegan => stem.split_once("/img")?.1,
            Self::Rows => stem.strip_prefix("row-")?,
        };
        // A name with the same number in another notation is foreign.
        digits.parse().ok().filter(|seed| self.name_of(*seed) == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_naming_give_a_seed() {
        for naming in Naming::ALL {
            for seed in [0, 12, 99_999_999, 100_000_000, u64::MAX] {
                assert_eq!(naming.seed_of(&naming.name_of(seed)), Some(seed));
            }
        }
        assert_eq!(Naming::Seeds.name_of(12), "seed-00000012.png");
        assert_eq!(Naming::Rows.name_of(12), "row-00000012.png");
        assert_eq!(Naming::Stylegan.name_of(1234), "00001/img00001234.png");
        for name in [
            "seed-12.png",
            "seed-00000012.jpg",
            "seed-000000012.png",
            "a/seed-00000012.png",
            "seed-+0000012.png",
        ] {
            assert_eq!(Naming::Seeds.seed_of(name), None, "{name}");
        }
        for name in
            ["00001/img00000012.png", "img00000012.png", "00000/img12.png", "seed-00000012.png"]
        {
            assert_eq!(Naming::Stylegan.seed_of(name), None, "{name}");
        }
    }
}
