//! Picture files found by the end of their path, for annotations that name a picture but not where it lies. It knows names only
//! and opens nothing.

use shared::archive::Archive;
use shared::fs::byproduct;

/// The pictures of an archive, ready to be searched by the end of their path.
pub(super) struct Lookup<'a> {
    archive: &'a Archive,
    /// Entries sorted by their path without suffix, read backwards: those that end alike are neighbours.
    pictures: Vec<usize>,
}

impl<'a> Lookup<'a> {
    pub(super) fn new(archive: &'a Archive) -> Self {
        let mut pictures: Vec<usize> = archive.pictures().collect();
        pictures.sort_by(|&a, &b| backwards(archive, a).cmp(backwards(archive, b)).then(a.cmp(&b)));
        Self { archive, pictures }
    }

    /// The pictures whose path without suffix is `stem` or ends in it after a `/`, whatever their suffix.
    pub(super) fn by_stem<'b>(&'b self, stem: &'b [u8]) -> impl Iterator<Item = usize> + 'b {
        let wanted = move || reversed(stem);
        let start = self.pictures.partition_point(|&i| backwards(self.archive, i).lt(wanted()));
        let ends_so = move |i: &usize| backwards(self.archive, *i).take(stem.len() + 1).eq(wanted());
        self.pictures[start..].iter().copied().take_while(ends_so)
    }

    /// The pictures whose path is `path` or ends in it after a `/`.
    pub(super) fn by_path<'b>(&'b self, path: &'b [u8]) -> impl Iterator<Item = usize> + 'b {
        self.by_stem(stem_of(path)).filter(move |&i| self.archive.names()[i].0.ends_with(path))
    }
}

/// What [`Lookup`] sorts by; the `/` in front makes the top a folder like all others.
fn backwards(archive: &Archive, entry: usize) -> impl Iterator<Item = &u8> {
    reversed(stem_of(&archive.names()[entry].0))
}

fn reversed(path: &[u8]) -> impl Iterator<Item = &u8> {
    path.iter().rev().chain(b"/")
}

/// The files whose names end in one of the suffixes, in lower or upper case. Hidden files and what systems keep beside
/// files are left out.
pub(super) fn files<'a>(archive: &'a Archive, suffixes: &'a [&str]) -> impl Iterator<Item = usize> + 'a {
    let is_one = move |name: &[u8]| {
        let end = |suffix: &&str| name.len().checked_sub(suffix.len()).map(|start| &name[start..]);
        byproduct(name).is_none()
            && suffixes.iter().any(|suffix| end(suffix).is_some_and(|end| end.eq_ignore_ascii_case(suffix.as_bytes())))
    };
    archive.names().iter().enumerate().filter(move |(_, name)| is_one(&name.0)).map(|(i, _)| i)
}

/// What stands before the last part of a path: empty or ending in `/`.
pub(super) fn folder_of(path: &[u8]) -> &[u8] {
    &path[..path.iter().rposition(|&b| b == b'/').map_or(0, |slash| slash + 1)]
}

/// The folder above a folder; that of the top is the top.
pub(super) fn above(folder: &[u8]) -> &[u8] {
    folder_of(folder.strip_suffix(b"/").unwrap_or(folder))
}

/// The last part of a path.
pub(super) fn base_of(path: &[u8]) -> &[u8] {
    &path[folder_of(path).len()..]
}

/// A path without its suffix.
pub(super) fn stem_of(path: &[u8]) -> &[u8] {
    let start = folder_of(path).len();
    match path[start..].iter().rposition(|&b| b == b'.') {
        Some(dot) if dot > 0 => &path[..start + dot],
        _ => path,
    }
}

/// The deepest folder that all the paths lie in.
pub(super) fn common_folder<'a>(paths: impl IntoIterator<Item = &'a [u8]>) -> &'a [u8] {
    let shared = |a: &'a [u8], b: &'a [u8]| folder_of(&a[..a.iter().zip(b).take_while(|(a, b)| a == b).count()]);
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
        assert_eq!((folder_of(b"c"), stem_of(b"a.b/c"), stem_of(b"a/.c")), (&b""[..], &b"a.b/c"[..], &b"a/.c"[..]));
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
