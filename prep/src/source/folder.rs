//! Pictures in folders and nothing beside them: the folder that a picture lies in is its class, `train`, `val` and `test` at the top
//! are its part.

use std::collections::BTreeMap;

use shared::archive::{Archive, Name, PICTURE_SUFFIXES};
use shared::cli::UsageError;

use super::parts::{common_folder, folder_of, part_of, settle};
use super::{Content, Entry, Format, Listing, Part, SourceError};

/// Whether there is a picture at all.
#[must_use]
pub fn detect(archive: &Archive) -> bool {
    archive.pictures().next().is_some()
}

/// Lists every picture, sorted by name and numbered from 0. Folders in which all the others lie are looked through. The classes
/// are the paths between a part and a file, if there are at least two of them.
///
/// # Errors
/// When there is no picture.
pub fn read(archive: &Archive) -> Result<Listing, SourceError> {
    let Arranged { root, pictures } = arrange(archive)?;
    let classes = classes_of(&pictures);
    let mut numbers: BTreeMap<_, u32> = classes.iter().flatten().map(|class| (*class, 0)).collect();
    (0..).zip(numbers.values_mut()).for_each(|(number, place)| *place = number);
    if numbers.len() < 2 {
        numbers.clear();
    }
    let entry = |(((name, part, _), class), id): ((Placed<'_>, Option<&[u8]>), u32)| Entry {
        id,
        content: Content::File(Name(name.to_vec())),
        partner: None,
        label: class.and_then(|class| numbers.get(class).copied()),
        part,
        objects: Vec::new(),
        drawn_on: None,
    };
    let mut entries: Vec<_> = pictures.into_iter().zip(classes).zip(0..).map(entry).collect();
    settle(&mut entries);
    let classes = numbers.into_keys().map(|class| Name(class.to_vec()).to_string()).collect();
    Ok(Listing {
        format: Format::Folder,
        root: root.to_vec(),
        tables: Vec::new(),
        classes,
        pictures: entries,
        halves: false,
        unused: Vec::new(),
    })
}

/// The folders that stand for classes, without what all of them lie in: that tells nothing.
fn classes_of<'a>(pictures: &[Placed<'a>]) -> Vec<Option<&'a [u8]>> {
    let has_parts = pictures.iter().any(|(_, part, _)| part.is_some());
    // A picture outside of the parts has no class: its folder would be one that no part has.
    let folder = |(name, part, from): &Placed<'a>| (part.is_some() || !has_parts).then(|| folder_of(&name[*from..]));
    let folders: Vec<Option<&'a [u8]>> = pictures.iter().map(folder).collect();
    let common = common_folder(folders.iter().copied().flatten()).len();
    let class = |folder: &'a [u8]| folder.get(common..folder.len().saturating_sub(1)).filter(|class| !class.is_empty());
    folders.into_iter().map(|folder| folder.and_then(class)).collect()
}

/// Name below the root, part, and where the name goes on behind the part's folder.
pub(super) type Placed<'a> = (&'a [u8], Option<Part>, usize);

/// Pictures by the folders they lie in.
pub(super) struct Arranged<'a> {
    /// The folders that all lie in.
    pub(super) root: &'a [u8],
    /// Sorted by name.
    pub(super) pictures: Vec<Placed<'a>>,
}

/// Finds the root and the parts. There are parts if at least two folders below the root are called like one.
pub(super) fn arrange(archive: &Archive) -> Result<Arranged<'_>, SourceError> {
    let names: Vec<&[u8]> = archive.pictures().map(|i| archive.names()[i].0.as_slice()).collect();
    if names.is_empty() {
        return Err(nothing(archive));
    }
    let root = common_folder(names.iter().copied());
    let top = |name: &[u8]| name.iter().position(|&b| b == b'/').map(|end| (part_of(&name[..end]), end + 1));
    let mut pictures: Vec<_> = names
        .iter()
        .map(|name| &name[root.len()..])
        .map(|name| match top(name) {
            Some((Some(part), from)) => (name, Some(part), from),
            _ => (name, None, 0),
        })
        .collect();
    let mut parts: Vec<Part> = pictures.iter().filter_map(|(_, part, _)| *part).collect();
    parts.sort_unstable();
    parts.dedup();
    if parts.len() < 2 {
        pictures.iter_mut().for_each(|(_, part, from)| (*part, *from) = (None, 0));
    }
    Ok(Arranged { root, pictures })
}

fn nothing(archive: &Archive) -> SourceError {
    let looked_for = PICTURE_SUFFIXES.join(", ");
    let what = format!("holds no picture: looked for names in {looked_for}, found {} other files", archive.names().len());
    SourceError::Usage { path: archive.path().to_owned(), source: UsageError(what) }
}
