//! A folder for one test.

use std::ops::Deref;
use std::path::{Path, PathBuf};

use crate::fs;

/// A new, empty folder, removed when the test passes and kept for a look when it fails.
///
/// # Example
/// ```
/// use fledge_base::testing::Scratch;
///
/// let scratch = Scratch::new("example");
/// assert!(scratch.path("pictures").starts_with(&*scratch));
/// ```
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    /// A folder named after this process and `name`, which no other test of the same program may
    /// use.
    ///
    /// # Panics
    /// When the folder cannot be created.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("fledge-{}-{name}", std::process::id()));
        fs::remove(&folder).expect("clear the scratch folder");
        fs::create_folder(&folder).expect("create the scratch folder");
        Self(folder)
    }

    /// The path of `name` in the folder.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Deref for Scratch {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}

impl AsRef<Path> for Scratch {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            fs::remove(&self.0).expect("remove the scratch folder");
        }
    }
}
