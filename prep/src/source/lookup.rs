//! Finding picture files by the names in annotations: by the end of their path, with or without
//! suffix, URL-encoded, in either Unicode form, in another case.
//!
//! Only names are compared; no file is opened.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use shared::archive::{Archive, Name, PICTURE_SUFFIXES};
use shared::fs::byproduct;
use unicode_normalization::UnicodeNormalization as _;

use super::path::{base_of, common_folder, folder_of, stem_of};
use super::split::Split;
use super::split_folders;

/// An index of the pictures of an archive by the end of their path.
pub(crate) struct Lookup<'a> {
    archive: &'a Archive,
    /// Built when a name is not the whole path of a file.
    index: OnceCell<Index<'a>>,
    /// Files by [`folded`] base name without suffix; built when a name is not found as written.
    folded: OnceCell<HashMap<Vec<u8>, Vec<usize>>>,
}

struct Index<'a> {
    /// Files sorted by their reversed path without suffix, so that equal ends are neighbours.
    pictures: Vec<usize>,
    /// The names of all folders of pictures, each component by itself.
    folders: HashSet<&'a [u8]>,
}

impl<'a> Index<'a> {
    fn of(archive: &'a Archive) -> Self {
        let mut pictures: Vec<usize> = archive.pictures().collect();
        pictures.sort_by(|&a, &b| backwards(archive, a).cmp(backwards(archive, b)).then(a.cmp(&b)));
        let mut folders = HashSet::new();
        let mut last: &[u8] = b"";
        for &i in &pictures {
            let folder = folder_of(&archive.names()[i].0);
            if folder != last {
                folders.extend(folder.split(|&b| b == b'/').filter(|split| !split.is_empty()));
                last = folder;
            }
        }
        Self { pictures, folders }
    }
}

impl<'a> Lookup<'a> {
    pub(crate) fn new(archive: &'a Archive) -> Self {
        Self { archive, index: OnceCell::new(), folded: OnceCell::new() }
    }

    fn index(&self) -> &Index<'a> {
        self.index.get_or_init(|| Index::of(self.archive))
    }

    /// Returns whether there are no pictures.
    pub(crate) fn is_empty(&self) -> bool {
        self.archive.pictures().next().is_none()
    }

    /// The pictures whose path without suffix is `stem` or ends in `/` and `stem`.
    pub(crate) fn by_stem<'b>(&'b self, stem: &'b [u8]) -> impl Iterator<Item = usize> + 'b {
        let wanted = move || reversed(stem);
        let pictures = &self.index().pictures;
        let start = pictures.partition_point(|&i| backwards(self.archive, i).lt(wanted()));
        let ends_so =
            move |i: &usize| backwards(self.archive, *i).take(stem.len() + 1).eq(wanted());
        pictures[start..].iter().copied().take_while(ends_so)
    }

    /// The pictures whose path is `path` or ends in `/` and `path`.
    pub(crate) fn by_path<'b>(&'b self, path: &'b [u8]) -> impl Iterator<Item = usize> + 'b {
        self.by_stem(stem_of(path)).filter(move |&i| self.archive.names()[i].0.ends_with(path))
    }

    /// The pictures that `name` may mean.
    ///
    /// The first search that finds any counts: as a path from one of the `folders`, by the end of
    /// the path, without suffix or with another, URL-decoded, in the other Unicode form, in another
    /// case.
    /// Several are returned if the search is ambiguous; those in a folder of `split` are preferred.
    ///
    /// A leading folder of the name may be missing here (a path of another machine), unless a
    /// folder of that name holds other pictures: then the file itself is missing.
    pub(crate) fn find(&self, folders: &[&[u8]], name: &[u8], split: Option<Split>) -> Vec<usize> {
        let path = cleaned(name);
        let decoded = url_decoded(&path);
        let forms = [Some(&path), decoded.as_ref()];
        for form in forms.into_iter().flatten() {
            let found = self.find_written(folders, form, split);
            if !found.is_empty() {
                return found;
            }
        }
        let found = forms.into_iter().rev().flatten().map(|form| self.find_folded(form, split));
        found.into_iter().find(|found| !found.is_empty()).unwrap_or_default()
    }

    /// The pictures with exactly this name, apart from leading folders and the suffix.
    fn find_written(&self, folders: &[&[u8]], path: &[u8], split: Option<Split>) -> Vec<usize> {
        let is_file = |name: &[u8]| self.archive.find(name);
        if let Some(exact) = folders.iter().find_map(|folder| is_file(&[folder, path].concat())) {
            return vec![exact];
        }
        let stem = picture_stem(path);
        for folder in folders {
            let wanted = [folder, stem].concat();
            let same: Vec<usize> = self
                .by_stem(&wanted)
                .filter(|&i| stem_of(&self.archive.names()[i].0) == wanted)
                .collect();
            if !same.is_empty() {
                return same;
            }
        }
        for end in self.ends(path) {
            let found = self.narrowed(end, self.by_path(end), split);
            if !found.is_empty() {
                return found;
            }
        }
        for end in self.ends(stem) {
            let found = self.narrowed(end, self.by_stem(end), split);
            if !found.is_empty() {
                return found;
            }
        }
        Vec::new()
    }

    /// The pictures with this name in another Unicode form or case.
    fn find_folded(&self, path: &[u8], split: Option<Split>) -> Vec<usize> {
        let names = self.archive.names();
        let index = self.folded.get_or_init(|| {
            let mut index: HashMap<Vec<u8>, Vec<usize>> = HashMap::new();
            for &i in &self.index().pictures {
                index.entry(folded(stem_of(base_of(&names[i].0)))).or_default().push(i);
            }
            index
        });
        let stem = picture_stem(path);
        let Some(same) = index.get(&folded(base_of(stem))) else { return Vec::new() };
        for end in self.ends(stem) {
            let wanted = [b"/".as_slice(), &folded(end)].concat();
            let ends_so = |i: &usize| {
                [b"/".as_slice(), &folded(stem_of(&names[*i].0))].concat().ends_with(&wanted)
            };
            let found = self.narrowed(end, same.iter().copied().filter(ends_so), split);
            if found.is_empty() {
                continue;
            }
            // The closest match: the same letters, then the same suffix.
            let composed = |name: &[u8]| text(name).nfc().collect::<String>().into_bytes();
            let wanted = [b"/".as_slice(), &composed(end)].concat();
            let same_letters = |i: &usize| {
                [b"/".as_slice(), &composed(stem_of(&names[*i].0))].concat().ends_with(&wanted)
            };
            let same_suffix =
                |i: &usize| folded(&names[*i].0).ends_with(&folded(&path[stem.len()..]));
            return preferred(preferred(found, same_letters), same_suffix);
        }
        Vec::new()
    }

    /// The path, then the path without its leading folders, as long as these do not exist here.
    fn ends<'b>(&self, path: &'b [u8]) -> Vec<&'b [u8]> {
        let mut ends = vec![path];
        let mut rest = path;
        while let Some(slash) = rest.iter().position(|&b| b == b'/') {
            let known = self.index().folders.contains(&rest[..slash]);
            rest = &rest[slash + 1..];
            if known {
                // A path below an existing folder is not searched elsewhere.
                break;
            }
            ends.push(rest);
        }
        ends
    }

    /// Removes pictures of another split, and prefers those of `split`, unless the end of the path
    /// itself names a split.
    fn narrowed(
        &self,
        end: &[u8],
        found: impl Iterator<Item = usize>,
        split: Option<Split>,
    ) -> Vec<usize> {
        let found: Vec<usize> = found.collect();
        let Some(split) = split.filter(|_| split_folders::of_path(end).is_none()) else {
            return found;
        };
        let at = |i: &usize| split_folders::of_path(&self.archive.names()[*i].0);
        let allowed: Vec<usize> =
            found.into_iter().filter(|i| at(i).is_none_or(|at| at == split)).collect();
        preferred(allowed, |i| at(i).is_some())
    }
}

/// Those that are better; all if none is.
fn preferred(all: Vec<usize>, is_better: impl Fn(&usize) -> bool) -> Vec<usize> {
    let better: Vec<usize> = all.iter().copied().filter(is_better).collect();
    if better.is_empty() { all } else { better }
}

/// The sort key of [`Lookup`]; the leading `/` makes the top a folder like all others.
fn backwards(archive: &Archive, entry: usize) -> impl Iterator<Item = &u8> {
    reversed(stem_of(&archive.names()[entry].0))
}

fn reversed(path: &[u8]) -> impl Iterator<Item = &u8> {
    path.iter().rev().chain(b"/")
}

/// A path with `/` between its components, without `.`, a drive, a protocol, a leading `/`, and
/// everything up to the last `..`.
pub(crate) fn cleaned(path: &[u8]) -> Vec<u8> {
    let path = path.trim_ascii();
    let separated: Vec<u8> = path.iter().map(|&b| if b == b'\\' { b'/' } else { b }).collect();
    let splits = separated.split(|&b| b == b'/');
    let splits: Vec<&[u8]> = splits
        .filter(|split| !split.is_empty() && *split != b"." && !split.ends_with(b":"))
        .collect();
    let start = splits.iter().rposition(|split| *split == b"..").map_or(0, |at| at + 1);
    splits[start..].join(&b'/')
}

/// Returns whether a path leads elsewhere: it is absolute, on a drive, a URL, or contains `..`.
pub(crate) fn leads_out(path: &[u8]) -> bool {
    let path = path.trim_ascii();
    let is_separator = |b: &u8| matches!(b, b'/' | b'\\');
    let first = path.split(is_separator).next().unwrap_or_default();
    path.first().is_some_and(is_separator)
        || (first.ends_with(b":") && path.len() > first.len())
        || path.split(is_separator).any(|split| split == b"..")
}

/// Decodes `%20` and the like; `None` if there are none.
fn url_decoded(path: &[u8]) -> Option<Vec<u8>> {
    let digit = |b: u8| char::from(b).to_digit(16);
    let mut decoded = Vec::with_capacity(path.len());
    let mut rest = path;
    while let [first, after @ ..] = rest {
        rest = after;
        decoded.push(*first);
        if let (b'%', [high, low, after @ ..]) = (first, after)
            && let (Some(high), Some(low)) = (digit(*high), digit(*low))
        {
            rest = after;
            decoded.pop();
            decoded.push((high * 16 + low) as u8);
        }
    }
    (decoded.len() < path.len()).then_some(decoded)
}

/// Normalizes the Unicode form and the case.
pub(crate) fn folded(name: &[u8]) -> Vec<u8> {
    if name.is_ascii() {
        return name.to_ascii_lowercase();
    }
    text(name).nfc().collect::<String>().to_lowercase().nfc().collect::<String>().into_bytes()
}

fn text(name: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(name)
}

/// A name without the suffix of a picture; any other dot belongs to the name.
fn picture_stem(path: &[u8]) -> &[u8] {
    let stem = stem_of(path);
    let suffix = path[stem.len()..].to_ascii_lowercase();
    let is_one =
        PICTURE_SUFFIXES.iter().chain(&OTHER_SUFFIXES).any(|known| known.as_bytes() == suffix);
    if is_one { stem } else { path }
}

/// Suffixes that pictures may have had before they were converted.
const OTHER_SUFFIXES: [&str; 7] = [".tif", ".tiff", ".ppm", ".pgm", ".heic", ".avif", ".jp2"];

/// Adds the pictures of these folders that no table names.
pub(crate) fn add_unnamed<V: Default>(
    archive: &Archive,
    folders: &BTreeSet<Vec<u8>>,
    found: &mut BTreeMap<Vec<u8>, V>,
) {
    let pictures = archive.pictures().map(|i| &archive.names()[i].0);
    for picture in pictures.filter(|name| folders.contains(folder_of(name))) {
        found.entry(picture.clone()).or_default();
    }
}

/// The folder that all tables and pictures are below.
pub(crate) fn root_of<'a>(
    archive: &'a Archive,
    tables: &[usize],
    pictures: impl Iterator<Item = &'a Vec<u8>>,
) -> Vec<u8> {
    let tables = tables.iter().map(|&i| archive.names()[i].0.as_slice());
    common_folder(tables.chain(pictures.map(Vec::as_slice))).to_vec()
}

/// Names in annotations without a file.
#[derive(Debug, Default)]
pub(crate) struct Misses {
    count: usize,
    examples: Vec<String>,
}

/// Number of names that a message shows.
const EXAMPLES: usize = 3;

impl Misses {
    pub(crate) fn add(&mut self, name: &[u8]) {
        self.count += 1;
        if self.examples.len() < EXAMPLES {
            self.examples.push(Name(name.to_vec()).to_string());
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Warns once that `table`, read in `layout`, names missing pictures: how many of `all`, where
    /// they were searched, and what to do.
    pub(crate) fn report(&self, archive: &Archive, layout: &str, table: &Name, all: usize) {
        if self.count == 0 {
            return;
        }
        let Self { count, examples } = self;
        let more = if *count > examples.len() { ", …" } else { "" };
        let folder = Name(folder_of(&table.0).to_vec()).to_string();
        let beside = if folder.is_empty() { "beside it".into() } else { format!("in {folder}") };
        let packed = files(archive, &[".zip", ".tar", ".tar.gz", ".tgz"])
            .next()
            .map(|i| &archive.names()[i]);
        let mend = match (archive.pictures().next(), packed) {
            (None, Some(packed)) => format!("there are no pictures here; unpack {packed} in its folder first"),
            (None, None) => "there are no pictures here; name the folder that holds both the table and the pictures".into(),
            _ if count == &all => "correct the table, or --format folder takes the pictures without it".into(),
            _ => "correct the table, or add the files".into(),
        };
        tracing::warn!(
            "{table} (read as {layout}): {count} of its {all} pictures are missing: {}{more}; searched {beside} and \
             everywhere by the end of the path, without suffix, URL-decoded and in another case; {mend}",
            examples.join(", ")
        );
    }
}

/// The error of an ambiguous name.
pub(crate) fn ambiguous(archive: &Archive, found: &[usize]) -> Option<String> {
    let [first, second, ..] = found else { return None };
    let [first, second] = [first, second].map(|&i| &archive.names()[i]);
    Some(format!("may be {first} or {second}"))
}

/// The files whose names end in one of the suffixes, in any case, without hidden and system files.
pub(crate) fn files<'a>(
    archive: &'a Archive,
    suffixes: &'a [&str],
) -> impl Iterator<Item = usize> + 'a {
    let is_one = move |name: &[u8]| {
        let end = |suffix: &&str| name.len().checked_sub(suffix.len()).map(|start| &name[start..]);
        byproduct(name).is_none()
            && suffixes.iter().any(|suffix| {
                end(suffix).is_some_and(|end| end.eq_ignore_ascii_case(suffix.as_bytes()))
            })
    };
    archive.names().iter().enumerate().filter(move |(_, name)| is_one(&name.0)).map(|(i, _)| i)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cleaned_decoded_and_folded() {
        assert_eq!(cleaned(b" .\\a\\./b//c.jpg "), b"a/b/c.jpg");
        assert_eq!(cleaned(b"C:\\mine\\c.jpg"), b"mine/c.jpg");
        assert_eq!(cleaned(b"https://host/x/c.jpg"), b"host/x/c.jpg");
        assert_eq!(cleaned(b"a/../../b/c.jpg"), b"b/c.jpg");
        assert!(
            leads_out(b"/a")
                && leads_out(b"c:\\a")
                && leads_out(b"a/../b")
                && leads_out(b"\\\\share\\a")
        );
        assert!(!leads_out(b"a..b/c") && !leads_out(b"./a") && !leads_out(b"a:b"));
        assert_eq!(url_decoded(b"a%20b%2Fc%c3%a9%zz"), Some("a b/cé%zz".into()));
        assert_eq!(url_decoded(b"100%"), None);
        assert_eq!(folded("CAF\u{c9}".as_bytes()), folded("cafe\u{301}".as_bytes()));
        assert_eq!(picture_stem(b"x/2008.01"), b"x/2008.01");
        assert_eq!(picture_stem(b"x/2008.01.JPG"), b"x/2008.01");
    }
}
