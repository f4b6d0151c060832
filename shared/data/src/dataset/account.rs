//! The account of every file of a source; its numbers add up.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Names that an account gives of each kind.
pub const EXAMPLES: usize = 3;

/// The account of every file of one source. `files` is the sum of `pictures`, `tables` and all that
/// is not used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// The layout that it was read in.
    pub layout: String,
    /// The file by which the layout is known; absent where that is how the folders are called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recognized_by: Option<String>,
    /// The columns of the table that were used, where the layout has such.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
    /// All files, and links that lead nowhere.
    pub files: u64,
    /// Files that pictures are taken from.
    pub pictures: u64,
    /// Tables and annotation files that were read.
    pub tables: Tally,
    /// Pictures that tables or annotations name and that are not there. They are no files, so they
    /// are in no sum.
    pub missing: Tally,
    /// The unused files, kind by kind.
    pub unused: Vec<Unused>,
}

/// A number of files with the names of the first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tally {
    /// Their number.
    pub files: u64,
    /// The first names, [`EXAMPLES`] at most.
    pub examples: Vec<String>,
}

/// Files that are not used for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unused {
    /// Their kind, in a word: `not_listed`, `link`, `table`, `suffix`, `hidden` and so on.
    pub kind: String,
    /// Their kind and the reason why they are not used, as the predicate of a sentence about one
    /// file or several.
    pub why: String,
    /// Their number, and the first names.
    #[serde(flatten)]
    pub tally: Tally,
}

impl Tally {
    /// Counts one more.
    pub fn add(&mut self, name: impl FnOnce() -> String) {
        self.files += 1;
        if self.examples.len() < EXAMPLES {
            self.examples.push(name());
        }
    }

    /// The first names, and that there are more.
    #[must_use]
    pub fn shown(&self) -> String {
        let more = if self.files > self.examples.len() as u64 { ", …" } else { "" };
        format!("{}{more}", self.examples.join(", "))
    }
}

impl Account {
    /// Files of no use.
    #[must_use]
    pub fn left_over(&self) -> u64 {
        self.unused.iter().map(|unused| unused.tally.files).sum()
    }
}

/// One line for the layout, one for each kind of files that are not used.
impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "layout {}", self.layout)?;
        if let Some(file) = &self.recognized_by {
            write!(f, ", known by {file}")?;
        }
        if !self.columns.is_empty() {
            write!(f, ", columns {}", self.columns.join(", "))?;
        }
        let Self { files, pictures, .. } = self;
        write!(
            f,
            "; {}: {pictures} with pictures, {} of annotations",
            counted(*files, "file"),
            self.tables.files
        )?;
        match self.left_over() {
            0 => f.write_str(", all used")?,
            left => write!(f, ", {left} not used")?,
        }
        for Unused { why, tally, .. } in &self.unused {
            write!(f, "\n  {} not used: {why} ({})", tally.files, tally.shown())?;
        }
        if self.missing.files > 0 {
            write!(
                f,
                "\n  {} listed but not there ({})",
                counted(self.missing.files, "picture"),
                self.missing.shown()
            )?;
        }
        Ok(())
    }
}

/// A number with its noun.
fn counted(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}
