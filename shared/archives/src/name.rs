//! Names of entries, and the kind of file that they imply.

use std::fmt;

use fledge_base::fs;

/// The suffixes of supported pictures, in any case.
pub const PICTURE_SUFFIXES: [&str; 15] = [
    ".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm",
    ".pgm", ".pbm", ".pnm", ".pam",
];

/// The name of an entry; usually but not always UTF-8.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(pub Vec<u8>);

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            f.write_str(chunk.valid())?;
            chunk.invalid().iter().try_for_each(|byte| write!(f, "\\x{byte:02x}"))?;
        }
        Ok(())
    }
}

/// Returns true if a name is that of a picture, and neither hidden nor a by-product of an operating
/// system.
#[must_use]
pub fn is_picture(name: &[u8]) -> bool {
    let ends_in = |suffix: &str| {
        name.len()
            .checked_sub(suffix.len())
            .is_some_and(|at| name[at..].eq_ignore_ascii_case(suffix.as_bytes()))
    };
    PICTURE_SUFFIXES.iter().any(|suffix| ends_in(suffix)) && fs::byproduct(name).is_none()
}

/// Returns true if a name does not show the kind of its file: without a suffix (`1234`), with a
/// number in its place (`a.jpg.1`, as wget calls a second copy), or with something after a
/// picture's suffix (`a.jpeg?w=100`, `a.JPG_large`, `a.jpg~`).
pub(super) fn says_nothing(name: &[u8]) -> bool {
    let base = &name[name.iter().rposition(|&b| b == b'/').map_or(0, |at| at + 1)..];
    let Some(suffix) = base.iter().rposition(|&b| b == b'.').map(|at| &base[at..]) else {
        return fs::byproduct(name).is_none();
    };
    let goes_on = |known: &&str| {
        let (start, rest) = suffix.split_at_checked(known.len()).unwrap_or((suffix, &[]));
        start.eq_ignore_ascii_case(known.as_bytes())
            && rest.first().is_some_and(|b| !b.is_ascii_alphanumeric())
    };
    let is_number = suffix[1..].iter().all(u8::is_ascii_digit);
    (is_number || PICTURE_SUFFIXES.iter().any(goes_on)) && fs::byproduct(name).is_none()
}
