//! Pictures in folders: a picture's folder is its class, folders such as `train`, `val` and `test`
//! are its split (see `split_folders`).

use std::collections::BTreeMap;

use shared::archive::{Archive, Name, PICTURE_SUFFIXES};

use crate::source::path::{common_folder, folder_of};
use crate::source::split_folders::{Place, SplitFolders, settle};
use crate::source::unused;
use crate::source::{Content, Entry, Format, Listing, SourceError};

/// Returns whether there are pictures.
#[must_use]
pub fn detect(archive: &Archive) -> bool {
    archive.pictures().next().is_some()
}

/// Lists every picture, sorted by name and numbered from 0.
/// Common folders of all pictures are skipped; the classes are the paths between a split and a
/// file, if there are at least two.
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
    let entry = |((placed, class), id): ((&Placed<'_>, &Option<&[u8]>), u32)| Entry {
        label: class.and_then(|class| numbers.get(class).copied()),
        split: placed.place.split,
        ..Entry::of(id, Content::File(Name(placed.name.to_vec())))
    };
    let mut entries: Vec<_> = pictures.iter().zip(&classes).zip(0..).map(entry).collect();
    settle(&mut entries);
    let classes = numbers.into_keys().map(|class| Name(class.to_vec()).to_string()).collect();
    Ok(Listing { classes, ..Listing::of(Format::Folder, root.to_vec(), entries) })
}

/// The folders that stand for classes, without their common folder.
fn classes_of<'a>(pictures: &'a [Placed<'_>]) -> Vec<Option<&'a [u8]>> {
    let has_parts = pictures.iter().any(|placed| placed.place.split.is_some());
    // A picture outside the splits has no class, because its folder would be a class that no split
    // has.
    let folder = |placed: &'a Placed<'_>| {
        (placed.place.split.is_some() || !has_parts).then(|| folder_of(&placed.place.rest))
    };
    let folders: Vec<Option<&[u8]>> = pictures.iter().map(folder).collect();
    let common = common_folder(folders.iter().copied().flatten()).len();
    let class = |folder: &'a [u8]| {
        folder.get(common..folder.len().saturating_sub(1)).filter(|class| !class.is_empty())
    };
    folders.into_iter().map(|folder| folder.and_then(class)).collect()
}

/// A picture and its folders.
pub(super) struct Placed<'a> {
    /// Its name below the root.
    pub(super) name: &'a [u8],
    /// Its split, and the rest of its path.
    pub(super) place: Place<'a>,
}

/// Pictures by their folders.
pub(super) struct Arranged<'a> {
    /// The common folder of all.
    pub(super) root: &'a [u8],
    /// Sorted by name.
    pub(super) pictures: Vec<Placed<'a>>,
}

/// Finds the root and the splits.
pub(super) fn arrange(archive: &Archive) -> Result<Arranged<'_>, SourceError> {
    let names: Vec<&[u8]> = archive.pictures().map(|i| archive.names()[i].0.as_slice()).collect();
    if names.is_empty() {
        return Err(nothing(archive));
    }
    let root = common_folder(names.iter().copied());
    let folders = SplitFolders::of(archive);
    let pictures = names
        .iter()
        .map(|&name| Placed { name: &name[root.len()..], place: folders.place_below(root, name) })
        .collect();
    Ok(Arranged { root, pictures })
}

fn nothing(archive: &Archive) -> SourceError {
    let looked_for = PICTURE_SUFFIXES.join(", ");
    let found = unused::described(archive);
    SourceError::usage(
        archive,
        format!("holds no picture: looked for names in {looked_for}, found {found}"),
    )
}
