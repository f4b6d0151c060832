//! Detects mount points: a folder with a file system mounted at it cannot be renamed.

use std::path::Path;

/// The file in which Linux lists its mounts.
const MOUNTS: &str = "/proc/self/mountinfo";

/// Returns true if a file system, or a folder of one (`docker run -v`), is mounted at the folder
/// `path`.
#[must_use]
pub fn is_mount_point(path: impl AsRef<Path>) -> bool {
    let path = path.as_ref();
    let Ok(real) = path.canonicalize() else { return false };
    is_on_another_device(&real) || std::fs::read(MOUNTS).is_ok_and(|mounts| lists(&mounts, &real))
}

#[cfg(unix)]
fn is_on_another_device(folder: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let device = |path: &Path| std::fs::metadata(path).map(|meta| meta.dev()).ok();
    folder.parent().is_none_or(|parent| device(parent) != device(folder))
}

#[cfg(not(unix))]
fn is_on_another_device(folder: &Path) -> bool {
    folder.parent().is_none()
}

/// Returns true if the fifth field of a line is the path: blanks, tabs, line ends and `\` stand
/// there as `\` and three octal digits.
fn lists(mounts: &[u8], folder: &Path) -> bool {
    let escaped = |b: &u8| match b {
        b' ' | b'\t' | b'\n' | b'\\' => format!("\\{b:03o}").into_bytes(),
        b => vec![*b],
    };
    let wanted: Vec<u8> = folder.as_os_str().as_encoded_bytes().iter().flat_map(escaped).collect();
    mounts.split(|&b| b == b'\n').any(|line| line.split(|&b| b == b' ').nth(4) == Some(&wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_mount_table_is_compared_by_its_path() {
        let mounts = b"36 35 98:0 /mnt /data/my\\040set rw - ext3 /dev/root rw\n37 35 0:3 / /proc rw - proc proc rw\n";
        assert!(lists(mounts, Path::new("/data/my set")) && lists(mounts, Path::new("/proc")));
        assert!(!lists(mounts, Path::new("/data")) && !lists(mounts, Path::new("/mnt")));
    }

    #[test]
    fn the_top_is_a_mount_point_and_a_new_folder_is_none() {
        assert!(is_mount_point("/"));
        assert!(!is_mount_point(std::env::temp_dir().join("fledge-no-such-folder")));
    }
}
