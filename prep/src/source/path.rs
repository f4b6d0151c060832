//! Splitting the paths of an archive, which are separated by `/` on every system.

/// The path without its last component: empty or ending in `/`.
pub(crate) fn folder_of(path: &[u8]) -> &[u8] {
    &path[..path.iter().rposition(|&b| b == b'/').map_or(0, |slash| slash + 1)]
}

/// The parent of a folder; that of the top is the top.
pub(crate) fn above(folder: &[u8]) -> &[u8] {
    folder_of(folder.strip_suffix(b"/").unwrap_or(folder))
}

/// The last component of a path.
pub(crate) fn base_of(path: &[u8]) -> &[u8] {
    &path[folder_of(path).len()..]
}

/// A path without its suffix.
pub(crate) fn stem_of(path: &[u8]) -> &[u8] {
    let start = folder_of(path).len();
    match path[start..].iter().rposition(|&b| b == b'.') {
        Some(dot) if dot > 0 => &path[..start + dot],
        _ => path,
    }
}

/// The deepest common folder of the paths.
pub(crate) fn common_folder<'a>(paths: impl IntoIterator<Item = &'a [u8]>) -> &'a [u8] {
    let shared = |a: &'a [u8], b: &'a [u8]| {
        folder_of(&a[..a.iter().zip(b).take_while(|(a, b)| a == b).count()])
    };
    paths.into_iter().map(folder_of).reduce(shared).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_falls_into_folder_base_and_stem() {
        assert_eq!(
            (folder_of(b"a/b/c.d.jpg"), base_of(b"a/b/c.d.jpg"), stem_of(b"a/b/c.d.jpg")),
            (&b"a/b/"[..], &b"c.d.jpg"[..], &b"a/b/c.d"[..])
        );
        assert_eq!(
            (folder_of(b"c"), stem_of(b"a.b/c"), stem_of(b"a/.c")),
            (&b""[..], &b"a.b/c"[..], &b"a/.c"[..])
        );
        assert_eq!((above(b"a/b/"), above(b"a/"), above(b"")), (&b"a/"[..], &b""[..], &b""[..]));
    }

    #[test]
    fn the_common_folder_ends_at_a_whole_part_of_the_path() {
        assert_eq!(common_folder([&b"top/ab/x"[..], b"top/ac/y"]), b"top/");
        assert_eq!(common_folder([&b"top/a/x"[..], b"top/a/y"]), b"top/a/");
        assert_eq!(common_folder([&b"top/a/x"[..], b"top/ab"]), b"top/");
        assert_eq!(common_folder([]), b"");
    }
}
