//! Names that no person gave: hidden files, and what desktops, servers and operating systems keep
//! beside people's files.

/// Why nobody means a file of that name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Byproduct {
    /// It, or a folder that it lies in, begins with a dot.
    Hidden,
    /// A thumbnail, a recycle bin, a system folder.
    System,
}

/// Folders of macOS, Synology, QNAP, Windows and ext4, in any case of their letters.
const FOLDERS: [&[u8]; 11] = [
    b"__MACOSX",
    b"@eaDir",
    b"@Recycle",
    b"@Recently-Snapshot",
    b"#recycle",
    b"#snapshot",
    b"$RECYCLE.BIN",
    b"lost+found",
    b"System Volume Information",
    b"Network Trash Folder",
    b"Temporary Items",
];

/// Files of Windows and macOS, in any case of their letters.
const FILES: [&[u8]; 4] = [b"Thumbs.db", b"ehthumbs.db", b"desktop.ini", b"Icon\r"];

/// Classifies a path, with `/` between its parts, that names such a file or one in such a folder.
#[must_use]
pub fn byproduct(path: &[u8]) -> Option<Byproduct> {
    let is_one =
        |known: &[&[u8]], part: &[u8]| known.iter().any(|name| name.eq_ignore_ascii_case(part));
    let mut hidden = false;
    let mut parts = path.split(|&b| b == b'/').peekable();
    while let Some(part) = parts.next() {
        hidden |= part.starts_with(b".");
        // Asked of every name of a source: most begin like none of the folders.
        let begins_so = matches!(
            part.first(),
            Some(b'_' | b'@' | b'#' | b'$' | b'L' | b'l' | b'S' | b's' | b'N' | b'n' | b'T' | b't')
        );
        if (begins_so && is_one(&FOLDERS, part)) || (parts.peek().is_none() && is_one(&FILES, part))
        {
            return Some(Byproduct::System);
        }
    }
    hidden.then_some(Byproduct::Hidden)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_folder_is_known_in_both_cases() {
        for name in FOLDERS {
            assert_eq!(
                byproduct(&name.to_ascii_lowercase()),
                Some(Byproduct::System),
                "{}",
                name.escape_ascii()
            );
            assert_eq!(
                byproduct(&name.to_ascii_uppercase()),
                Some(Byproduct::System),
                "{}",
                name.escape_ascii()
            );
        }
    }

    #[test]
    fn what_systems_keep_beside_files_is_told_from_files() {
        for system in [
            "@eaDir/a.jpg/THUMB.jpg",
            "a/$Recycle.Bin/S-1/x.jpg",
            "#recycle/x.jpg",
            "lost+found",
            "a/THUMBS.DB",
        ] {
            assert_eq!(byproduct(system.as_bytes()), Some(Byproduct::System), "{system}");
        }
        for hidden in [".DS_Store", "a/.Trash-1000/files/1.jpg", ".ipynb_checkpoints/1.png"] {
            assert_eq!(byproduct(hidden.as_bytes()), Some(Byproduct::Hidden), "{hidden}");
        }
        for file in ["recycled/1.jpg", "cat/1.jpg", "a.b/c.d", "desktop.ini.png", "Thumbs.db/1.png"]
        {
            assert_eq!(byproduct(file.as_bytes()), None, "{file}");
        }
    }
}
