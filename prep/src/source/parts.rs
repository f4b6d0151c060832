//! Which part of a source a folder's name stands for.

use super::{Entry, Part};

/// The part that a folder of that name holds, in any case of its letters.
pub(crate) fn part_of(folder: &[u8]) -> Option<Part> {
    match folder.to_ascii_lowercase().as_slice() {
        b"train" => Some(Part::Train),
        b"val" | b"valid" | b"validation" => Some(Part::Val),
        b"test" => Some(Part::Test),
        _ => None,
    }
}

/// Where there are two parts only, the second is for measuring while training, whatever it is called.
pub(crate) fn settle(entries: &mut [Entry]) {
    if entries.iter().any(|entry| entry.part == Some(Part::Train)) && entries.iter().all(|entry| entry.part != Some(Part::Val)) {
        entries.iter_mut().filter(|entry| entry.part == Some(Part::Test)).for_each(|entry| entry.part = Some(Part::Val));
    }
}

/// The folders that stand before all of these names: empty or ending in `/`.
pub(crate) fn common_folder<'a>(names: impl IntoIterator<Item = &'a [u8]>) -> &'a [u8] {
    let mut names = names.into_iter();
    let mut common = folder_of(names.next().unwrap_or_default());
    for name in names {
        while !name.starts_with(common) {
            common = folder_of(&common[..common.len() - 1]);
        }
    }
    common
}

/// What stands before the last part of a name: empty or ending in `/`.
pub(crate) fn folder_of(name: &[u8]) -> &[u8] {
    &name[..name.iter().rposition(|&b| b == b'/').map_or(0, |at| at + 1)]
}
