//! Common to both versions: the size of the pictures, and the numbered files of CIFAR-10.

use shared::archive::{Archive, Name};

use crate::source::{SourceError, Split};

/// Height and width of the pictures.
pub(super) const SIZE: u32 = 32;

/// The files `data_batch_1` and so on with the suffix, then `test_batch`.
///
/// # Errors
/// When one between two others is missing.
pub(super) fn batches(
    archive: &Archive,
    root: &[u8],
    suffix: &[u8],
) -> Result<Vec<(usize, Split)>, SourceError> {
    let number = |name: &Name| -> Option<u32> {
        let file = name.0.strip_prefix(root)?.strip_prefix(b"data_batch_")?.strip_suffix(suffix)?;
        std::str::from_utf8(file).ok()?.parse().ok()
    };
    let mut batches: Vec<_> = archive
        .names()
        .iter()
        .enumerate()
        .filter_map(|(at, name)| Some((number(name)?, at)))
        .collect();
    batches.sort_unstable();
    if let Some((missing, _)) = (1..).zip(&batches).find(|(wanted, (number, _))| wanted != number) {
        let suffix = String::from_utf8_lossy(suffix);
        let what = format!(
            "data_batch_{missing}{suffix} is missing, but there are batches of higher numbers"
        );
        return Err(SourceError::table(archive, &format!("data_batch_1{suffix}"), what));
    }
    let test = archive.find(&[root, b"test_batch", suffix].concat()).map(|at| (at, Split::Val));
    Ok(batches.into_iter().map(|(_, at)| (at, Split::Train)).chain(test).collect())
}
