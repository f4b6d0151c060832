//! Splits by folder names: `train`, `valid`, `testing`, but also `train2017` beside `val2017`,
//! `training_set` beside `test_set`, and `trainA` to `testB`.
//!
//! A folder stands for a split if one word of its name does ([`Split::named`]) and a sibling's name
//! differs only in that word, so that a class `train` among other vehicles stays a class.
//! A single `test` or `val` at the top, beside pictures that lie elsewhere, is always a split, so
//! that no picture for measuring is trained on unnoticed.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use shared::archive::{Archive, Name};

use super::listing::{Content, Entry, Listing};
use super::path::{common_folder, folder_of};
use super::split::Split;

/// The split named by one of the words of a name: `train` in `trainLabels`, `my_train-2` and
/// `Train`.
pub(crate) fn of_name(name: &[u8]) -> Option<Split> {
    words(name).into_iter().find_map(Split::named)
}

/// The split of a path: of the nearest folder whose only word names one, such as `train` or
/// `train2017`.
///
/// Annotations need it to tell pictures of the same name apart.
/// Whether the folders are the source's splits depends on their siblings: [`SplitFolders`].
pub(crate) fn of_path(path: &[u8]) -> Option<Split> {
    let only_word = |folder: &[u8]| match words(folder)[..] {
        [only] => Split::named(only),
        _ => None,
    };
    folder_of(path).split(|&b| b == b'/').rev().find_map(only_word)
}

/// Words that mean nothing but a split, so that two of them, or one for measuring alone, are
/// enough.
fn is_plain(text: &[u8]) -> bool {
    [&b"train"[..], b"val", b"valid", b"validation", b"test"]
        .iter()
        .any(|plain| text.eq_ignore_ascii_case(plain))
}

/// If there are only two splits, makes the second `val`, whatever its name.
pub(crate) fn settle(entries: &mut [Entry]) {
    if entries.iter().any(|entry| entry.split == Some(Split::Train))
        && entries.iter().all(|entry| entry.split != Some(Split::Val))
    {
        entries
            .iter_mut()
            .filter(|entry| entry.split == Some(Split::Test))
            .for_each(|entry| entry.split = Some(Split::Val));
    }
}

/// Takes the splits from the folders, if the layout's own tables give none.
///
/// If all listed pictures are for training, pictures for measuring that lie in a folder of their
/// own and are in no table are listed as well, without a class: that folder is the source's split.
pub(crate) fn from_folders(archive: &Archive, listing: &mut Listing) {
    if listing
        .pictures
        .iter()
        .any(|entry| entry.split.is_some() || matches!(entry.content, Content::Raw(_)))
    {
        return;
    }
    let folders = SplitFolders::of(archive);
    let in_archive = |name: &Name| [&listing.root[..], &name.0].concat();
    let mut splits: Vec<Option<Split>> = Vec::with_capacity(listing.pictures.len());
    for entry in &listing.pictures {
        let Content::File(name) = &entry.content else { return };
        splits.push(folders.place(&in_archive(name)).split);
    }
    let found: BTreeSet<Split> = splits.iter().copied().flatten().collect();
    let mut joined = Vec::new();
    if found.iter().eq([&Split::Train])
        && listing.pictures.iter().all(|entry| entry.partner.is_none())
        && !listing.halves
    {
        let listed: BTreeSet<Vec<u8>> =
            listing.pictures.iter().filter_map(Entry::file).map(in_archive).collect();
        let unlisted = archive
            .pictures()
            .map(|i| &archive.names()[i].0)
            .filter(|name| !listed.contains(*name));
        let measuring =
            unlisted.filter_map(|name| Some((name.clone(), folders.place(name).split?)));
        joined.extend(measuring.filter(|(_, split)| *split != Split::Train));
        if joined.is_empty() {
            return;
        }
    }
    for (entry, split) in listing.pictures.iter_mut().zip(splits) {
        entry.split = split;
    }
    if !joined.is_empty() {
        widen_root(listing, joined.iter().map(|(name, _)| name.as_slice()));
    }
    let first = listing.pictures.iter().map(|entry| entry.id + 1).max().unwrap_or(0);
    for (id, (name, split)) in (first..).zip(joined) {
        let content = Content::File(Name(name[listing.root.len()..].to_vec()));
        listing.pictures.push(Entry { split: Some(split), ..Entry::of(id, content) });
    }
    settle(&mut listing.pictures);
}

/// Shortens the root until it is a prefix of these names of the archive.
fn widen_root<'a>(listing: &mut Listing, names: impl Iterator<Item = &'a [u8]>) {
    let mut root = listing.root.clone();
    for name in names {
        while !name.starts_with(&root) {
            root.truncate(folder_of(&root[..root.len() - 1]).len());
        }
    }
    let before = listing.root[root.len()..].to_vec();
    let widened = |name: &mut Name| name.0.splice(..0, before.iter().copied()).for_each(drop);
    for entry in &mut listing.pictures {
        if let Content::File(name) = &mut entry.content {
            widened(name);
        }
    }
    listing.tables.iter_mut().for_each(widened);
    listing.root = root;
}

/// The folders of an archive that stand for splits.
#[derive(Debug, Default)]
pub(crate) struct SplitFolders {
    /// By path, with the final `/`: the split, and what tells folders of the same split apart (`A`
    /// of `trainA`), or nothing.
    folders: HashMap<Vec<u8>, (Split, Vec<u8>)>,
    /// Pictures elsewhere are for training.
    others_train: bool,
}

/// The place of a picture.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Place<'a> {
    pub(crate) split: Option<Split>,
    /// The path without the folders that stand for the split.
    pub(crate) rest: Cow<'a, [u8]>,
}

impl SplitFolders {
    pub(crate) fn of(archive: &Archive) -> Self {
        let names: Vec<&[u8]> =
            archive.pictures().map(|i| archive.names()[i].0.as_slice()).collect();
        let mut parents: BTreeMap<&[u8], BTreeMap<&[u8], Called>> = BTreeMap::new();
        let mut last: &[u8] = b"";
        for name in &names {
            let folder = folder_of(name);
            // Neighbours mostly share a folder.
            if folder == last {
                continue;
            }
            last = folder;
            let mut start = 0;
            for end in slashes(folder) {
                if let Some(called) = Called::read(&folder[start..end]) {
                    parents
                        .entry(&folder[..start])
                        .or_default()
                        .insert(&folder[start..end], called);
                }
                start = end + 1;
            }
        }
        let mut found = Self::default();
        for (parent, children) in &parents {
            found.add(parent, children);
        }
        let top = common_folder(names.iter().copied());
        if found.folders.is_empty()
            && let Some(children) = parents.get(top)
        {
            found.add_alone(top, children);
        }
        found
    }

    /// Adds folders of one parent whose names differ only in the word for the split.
    fn add(&mut self, parent: &[u8], children: &BTreeMap<&[u8], Called>) {
        let mut groups: BTreeMap<&[u8], Vec<(&[u8], &Called)>> = BTreeMap::new();
        for (name, called) in children {
            groups.entry(&called.rest).or_default().push((name, called));
        }
        groups.retain(|_, group| {
            let splits: BTreeSet<Split> = group.iter().map(|(_, called)| called.split).collect();
            let plain: BTreeSet<Split> = group
                .iter()
                .filter(|(_, called)| called.plain)
                .map(|(_, called)| called.split)
                .collect();
            plain.len() > 1 || (splits.len() > 1 && splits.contains(&Split::Train))
        });
        let several = groups.len() > 1;
        for (rest, group) in groups {
            // Beside a folder for testing, one for evaluation is `val`.
            let tests =
                group.iter().any(|(_, called)| called.split == Split::Test && !called.evaluates);
            for (name, called) in group {
                let split = if called.evaluates && tests { Split::Val } else { called.split };
                let rest = if several { rest.to_vec() } else { Vec::new() };
                self.folders.insert([parent, name, b"/"].concat(), (split, rest));
            }
        }
    }

    /// Adds a single folder for measuring at the top, beside pictures that lie elsewhere.
    fn add_alone(&mut self, top: &[u8], children: &BTreeMap<&[u8], Called>) {
        for (name, called) in
            children.iter().filter(|(_, called)| called.plain && called.split != Split::Train)
        {
            self.folders.insert([top, name, b"/"].concat(), (called.split, Vec::new()));
            self.others_train = true;
        }
    }

    /// The place of the picture of that name.
    pub(crate) fn place<'a>(&self, name: &'a [u8]) -> Place<'a> {
        self.place_below(b"", name)
    }

    /// [`SplitFolders::place`] with the path relative to `root`, a prefix of the name.
    pub(crate) fn place_below<'a>(&self, root: &[u8], name: &'a [u8]) -> Place<'a> {
        let top = root.len();
        let elsewhere = Place {
            split: self.others_train.then_some(Split::Train),
            rest: Cow::Borrowed(&name[top..]),
        };
        if self.folders.is_empty() {
            return elsewhere;
        }
        let mut start = top;
        for end in slashes(name).skip_while(|end| *end < top) {
            if let Some((split, rest)) = self.folders.get(&name[..=end]) {
                let own = &name[start..=end];
                let mut below = &name[end + 1..];
                // Some archives nest a folder in itself: seg_train/seg_train/…
                while let Some(again) = below.strip_prefix(own) {
                    below = again;
                }
                let rest = match &rest[..] {
                    b"" if start == top => Cow::Borrowed(below),
                    b"" => Cow::Owned([&name[top..start], below].concat()),
                    rest => Cow::Owned([&name[top..start], rest, b"/", below].concat()),
                };
                return Place { split: Some(*split), rest };
            }
            start = end + 1;
        }
        elsewhere
    }
}

/// The words of a folder's name.
#[derive(Debug, PartialEq, Eq)]
struct Called {
    split: Split,
    /// The other words, without digits and separators.
    rest: Vec<u8>,
    /// The name is a single plain word.
    plain: bool,
    /// It contains `eval`, which may mean either split for measuring.
    evaluates: bool,
}

impl Called {
    /// `None` unless exactly one word of the name stands for a split.
    fn read(name: &[u8]) -> Option<Self> {
        let words = words(name);
        let mut splits = words.iter().filter_map(|text| Some((*text, Split::named(text)?)));
        let ((text, split), None) = (splits.next()?, splits.next()) else { return None };
        let rest: Vec<&[u8]> = words.iter().copied().filter(|other| *other != text).collect();
        let evaluates = text.to_ascii_lowercase().starts_with(b"eval");
        Some(Self { split, rest: rest.join(&b'-'), plain: is_plain(name), evaluates })
    }
}

/// Runs of letters; a capital after a small letter starts a new word.
fn words(name: &[u8]) -> Vec<&[u8]> {
    let mut words = Vec::new();
    for run in name.split(|b| !b.is_ascii_alphabetic()).filter(|run| !run.is_empty()) {
        let mut start = 0;
        for i in 1..run.len() {
            if run[i].is_ascii_uppercase() && run[i - 1].is_ascii_lowercase() {
                words.push(&run[start..i]);
                start = i;
            }
        }
        words.push(&run[start..]);
    }
    words
}

fn slashes(name: &[u8]) -> impl Iterator<Item = usize> {
    name.iter().enumerate().filter(|(_, b)| **b == b'/').map(|(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(name: &str) -> Option<(Split, String)> {
        Called::read(name.as_bytes())
            .map(|called| (called.split, String::from_utf8_lossy(&called.rest).into_owned()))
    }

    #[test]
    fn a_folder_is_called_after_a_part_by_one_of_its_words() {
        for (name, split, rest) in [
            ("train", Split::Train, ""),
            ("Train2017", Split::Train, ""),
            ("VALID", Split::Val, ""),
            ("training_set", Split::Train, "set"),
            ("seg_test", Split::Test, "seg"),
            ("trainA", Split::Train, "A"),
            ("testB", Split::Test, "B"),
            ("test1", Split::Test, ""),
        ] {
            assert_eq!(shown(name), Some((split, rest.to_owned())), "{name}");
        }
        for name in ["trains", "testbed", "train_val", "cat", "2017", ""] {
            assert_eq!(shown(name), None, "{name}");
        }
    }

    #[test]
    fn parts_are_words_of_names_and_whole_names_of_folders() {
        for name in ["trainLabels", "my_train-2", "Train", "TRAIN", "train2017"] {
            assert_eq!(of_name(name.as_bytes()), Some(Split::Train), "{name}");
        }
        for name in ["trains", "contest", "", "label"] {
            assert_eq!(of_name(name.as_bytes()), None, "{name}");
        }
        assert_eq!(of_path(b"a/Valid2017/b/1.jpg"), Some(Split::Val));
        assert_eq!(of_path(b"a/train.jpg"), None);
    }
}
