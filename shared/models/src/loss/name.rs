//! Selecting a loss by its name in the settings.
//!
//! ```
//! use fledge_models::loss::LossName;
//!
//! assert_eq!(LossName::find("hinge")?.row().name, "hinge");
//! assert!(LossName::find("no such loss").is_err());
//! # Ok::<(), fledge_base::cli::UsageError>(())
//! ```

use std::fmt;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::table::{LOSSES, Row};
use fledge_base::cli::UsageError;

/// A row of [`LOSSES`], serialised as the row's name.
#[derive(Clone, Copy)]
pub struct LossName(&'static Row);

impl LossName {
    /// Looks up the loss `name`.
    ///
    /// # Errors
    /// If there is none; the error lists the known names.
    pub fn find(name: &str) -> Result<Self, UsageError> {
        LOSSES.iter().find(|row| row.name == name).map(Self).ok_or_else(|| {
            let names: Vec<&str> = LOSSES.iter().map(|row| row.name).collect();
            UsageError(format!("unknown loss {name:?}; expected one of {}", names.join(", ")))
        })
    }

    /// Its row in the table.
    #[must_use]
    pub const fn row(self) -> &'static Row {
        self.0
    }
}

impl Default for LossName {
    /// The non-saturating loss; if its row is missing, this does not compile.
    fn default() -> Self {
        const ROW: &Row = {
            let mut i = 0;
            while !matches!(LOSSES[i].name.as_bytes(), b"non-saturating") {
                i += 1;
            }
            &LOSSES[i]
        };
        Self(ROW)
    }
}

impl From<&'static Row> for LossName {
    fn from(row: &'static Row) -> Self {
        Self(row)
    }
}

impl PartialEq for LossName {
    fn eq(&self, other: &Self) -> bool {
        self.0.name == other.0.name
    }
}

impl Eq for LossName {}

impl fmt::Display for LossName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0.name)
    }
}

impl fmt::Debug for LossName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LossName").field(&self.0.name).finish()
    }
}

impl Serialize for LossName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.name)
    }
}

impl<'de> Deserialize<'de> for LossName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::find(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_read_every_rows_name_and_write_it_again() {
        for row in LOSSES {
            let word = format!("{:?}", row.name);
            let name: LossName = serde_json::from_str(&word).expect(row.name);
            assert_eq!(name.row().summary, row.summary);
            assert_eq!(serde_json::to_string(&name).expect(row.name), word);
        }
    }

    #[test]
    fn names_differ_and_are_words_in_kebab_case() {
        for (i, row) in LOSSES.iter().enumerate() {
            let parts = |name: &str| {
                name.split('-').all(|p| {
                    !p.is_empty() && p.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
                })
            };
            assert!(parts(row.name), "{}", row.name);
            assert!(LOSSES[..i].iter().all(|other| other.name != row.name), "{} twice", row.name);
        }
    }

    #[test]
    fn a_word_without_a_row_is_refused_with_the_names_there_are() {
        let error =
            serde_json::from_str::<LossName>("\"Hinge\"").expect_err("no such loss").to_string();
        assert!(
            error.contains("\"Hinge\"") && LOSSES.iter().all(|row| error.contains(row.name)),
            "{error}"
        );
    }
}
