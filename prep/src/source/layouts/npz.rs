//! Pictures in NumPy arrays ([`shared::archive::arrays`]): one `.npy`, an `.npz`, or a folder of
//! them.
//! The split is named by a word of the array's name, such as `x_train` or `test_images`.

use shared::archive::arrays::{self, ArrayError, PictureArray};
use shared::archive::{Archive, Name};

use crate::source::path::{base_of, common_folder, stem_of};
use crate::source::split_folders;
use crate::source::{Content, Entry, Format, Listing, RawPixels, SourceError};

/// Returns whether there are arrays of pictures, and no picture files.
#[must_use]
pub fn detect(archive: &Archive) -> bool {
    archive.pictures().next().is_none() && arrays::detect(archive)
}

/// Lists the pictures of all arrays, sorted by the arrays' names, numbered from 0. Classes are
/// named by their numbers.
///
/// # Errors
/// When there is no array of pictures, or one cannot be used.
pub fn read(archive: &Archive) -> Result<Listing, SourceError> {
    let found = arrays::read(archive).map_err(|error| match error {
        ArrayError::Archive(error) => error.into(),
        ArrayError::Array { name, what } => SourceError::table(archive, &name.to_string(), what),
    })?;
    if found.is_empty() {
        let what = "there is no array of pictures of the shape (count, height, width, 3); another --format reads other layouts";
        return Err(SourceError::usage(archive, what));
    }
    let name_of = |entry: usize| archive.names()[entry].0.as_slice();
    let used = || {
        found
            .iter()
            .flat_map(|array| [Some(array.entry), array.labels.as_ref().map(|(at, _)| *at)])
            .flatten()
    };
    let root = common_folder(used().map(name_of)).to_vec();
    let below = |entry: usize| Name(name_of(entry)[root.len()..].to_vec());
    let mut tables: Vec<Name> =
        found.iter().filter_map(|array| array.labels.as_ref()).map(|(at, _)| below(*at)).collect();
    tables.sort();
    tables.dedup();
    let mut pictures = Vec::new();
    for array in &found {
        let (file, split) =
            (below(array.entry), split_folders::of_name(stem_of(base_of(name_of(array.entry)))));
        for i in 0..array.count {
            let &PictureArray { width, height, channels, planar, .. } = array;
            let offset = array.start + i as u64 * array.bytes();
            pictures.push(Entry {
                label: array.labels.as_ref().map(|(_, labels)| labels[i]),
                split,
                ..Entry::of(
                    pictures.len() as u32,
                    Content::Raw(RawPixels {
                        file: file.clone(),
                        offset,
                        width,
                        height,
                        channels,
                        planar,
                        transposed: false,
                        text: None,
                    }),
                )
            });
        }
    }
    let most = pictures.iter().filter_map(|entry| entry.label).max();
    let classes =
        most.map_or_else(Vec::new, |most| (0..=most).map(|number| number.to_string()).collect());
    Ok(Listing { tables, classes, ..Listing::of(Format::Npz, root, pictures) })
}
