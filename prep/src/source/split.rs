//! The splits of a source and of a data set.

/// The split that a picture belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Split {
    /// For training.
    Train,
    /// For measuring during training; of a source with two splits, the second.
    Val,
    /// For measuring at the end.
    Test,
}

impl Split {
    /// All splits, in the order in which a data set stores them.
    pub const ALL: [Self; 3] = [Self::Train, Self::Val, Self::Test];

    /// The name in files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Val => "val",
            Self::Test => "test",
        }
    }

    /// The split that annotations and folders call so, in any case:
    /// train, training, val, valid, validation, dev, test, testing, eval or evaluation.
    #[must_use]
    pub fn named(word: impl AsRef<[u8]>) -> Option<Self> {
        match word.as_ref().to_ascii_lowercase().as_slice() {
            b"train" | b"training" => Some(Self::Train),
            b"val" | b"valid" | b"validation" | b"dev" => Some(Self::Val),
            b"test" | b"testing" | b"eval" | b"evaluation" => Some(Self::Test),
            _ => None,
        }
    }
}
