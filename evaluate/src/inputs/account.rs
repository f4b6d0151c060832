//! Accounts for every file that is not measured, so that nobody takes a number of half the pictures
//! for one of all.

use std::collections::BTreeMap;

use anyhow::Result;
use shared::archive::{Archive, Name, stylegan};
use shared::cli::DataError;

use crate::protocols::Protocol;
use crate::text::number_of;

/// Known files beside pictures, written by `sample images` and StyleGAN's tools.
const KNOWN: [&str; 2] = [stylegan::LABELS, "sample.json"];

/// Suffixes that are listed; further ones are only counted.
const SUFFIXES: usize = 6;

/// Warns of files in `archive` that are skipped, and of `pictures` that a protocol's library would
/// skip.
///
/// # Errors
/// When a skipped file would be read by the library of one of `protocols`: the numbers would
/// differ.
pub(super) fn tell(
    archive: &Archive,
    pictures: &[usize],
    protocols: &[&'static Protocol],
) -> Result<()> {
    let path = archive.path().display();
    let names = archive.names();
    let unread = || {
        names
            .iter()
            .enumerate()
            .filter(|(i, _)| pictures.binary_search(i).is_err())
            .map(|(_, name)| name)
    };
    let is_plain = |name: &&Name| !is_hidden(name) && !KNOWN.contains(&base(name).as_str());
    for protocol in protocols {
        let lost: Vec<&Name> =
            unread().filter(is_plain).filter(|name| protocol.files.reads(&base(name))).collect();
        if let [first, ..] = &lost[..] {
            return Err(DataError(format!(
                "{path}: {protocol} would also measure {} that fledge cannot read ({}; the first: {first}): convert to \
                 PNG, or remove from the folder",
                number_of(lost.len() as u64, "file"),
                counted(lost.iter().copied())
            ))
            .into());
        }
    }
    let skipped: Vec<&Name> = unread().filter(is_plain).collect();
    if let [first, ..] = &skipped[..] {
        tracing::warn!(
            "{path}: {} skipped ({}; the first: {first})",
            number_of(skipped.len() as u64, "file"),
            counted(skipped.iter().copied())
        );
    }
    let hidden = unread().filter(|name| is_hidden(name)).count();
    if hidden > 0 {
        tracing::info!("{path}: {} skipped", number_of(hidden as u64, "hidden file"));
    }
    let taken: Vec<&Name> = pictures.iter().map(|&i| &names[i]).collect();
    for protocol in protocols {
        let others = not_read(protocol, &taken, archive.path().is_dir());
        if let [first, ..] = &others[..] {
            tracing::warn!(
                "{path}: {protocol} would not measure {} of these (the first: {first}): it reads {}",
                number_of(others.len() as u64, "picture"),
                protocol.files.about()
            );
        }
    }
    Ok(())
}

/// The `pictures`, in a folder or packed, that the protocol's library would not read.
fn not_read<'a>(protocol: &Protocol, pictures: &[&'a Name], in_folder: bool) -> Vec<&'a Name> {
    let below = |name: &Name| name.0.contains(&b'/');
    // If all pictures lie in subfolders, users measure each one alone, or have the library recurse.
    let top_only = in_folder && !protocol.files.below && !pictures.iter().all(|name| below(name));
    let reads = |name: &&&Name| protocol.files.reads(&base(name)) && !(top_only && below(name));
    pictures.iter().filter(|name| !reads(name)).copied().collect()
}

/// A name without its folders.
fn base(name: &Name) -> String {
    let text = name.to_string();
    text.rsplit('/').next().unwrap_or_default().to_owned()
}

/// Reports if the file or one of its folders is hidden or written by a system for itself.
fn is_hidden(name: &Name) -> bool {
    shared::fs::byproduct(&name.0).is_some()
}

/// The number of files of each suffix, most frequent first.
fn counted<'a>(names: impl Iterator<Item = &'a Name>) -> String {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for name in names {
        let base = base(name);
        let suffix = base
            .rsplit_once('.')
            .map_or("no suffix".to_owned(), |(_, suffix)| format!(".{suffix}"));
        *counts.entry(suffix).or_default() += 1;
    }
    let mut counts: Vec<(String, usize)> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let more = counts.len().saturating_sub(SUFFIXES);
    let mut told: Vec<String> = counts
        .into_iter()
        .take(SUFFIXES)
        .map(|(suffix, count)| format!("{suffix} {count}"))
        .collect();
    if more > 0 {
        told.push(format!("{more} more suffixes"));
    }
    told.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_skips_files_by_suffix_case_and_folder() {
        let names = |names: &[&str]| {
            names.iter().map(|name| Name(name.as_bytes().to_vec())).collect::<Vec<_>>()
        };
        let skipped = |protocol: &str, of: &[&str], in_folder: bool| {
            let of = names(of);
            let protocol = Protocol::of(protocol).expect("protocol");
            not_read(protocol, &of.iter().collect::<Vec<_>>(), in_folder).len()
        };
        let mixed = ["a.png", "b.PNG", "c.gif", "d.webp", "below/e.png"];
        for (protocol, in_folder, expected) in [
            ("torch-fidelity", true, 3),
            ("torch-fidelity", false, 2),
            ("pytorch-fid", true, 3),
            ("clean-fid", true, 1),
            ("stylegan", true, 0),
            ("keras75", true, 1),
        ] {
            assert_eq!(skipped(protocol, &mixed, in_folder), expected, "{protocol} {in_folder}");
        }
        assert_eq!(skipped("pytorch-fid", &["a/1.png", "b/2.png"], true), 0);
        assert_eq!(
            counted(names(&["a.tif", "b.tif", "c", "d.jpg.1"]).iter()),
            ".tif 2, .1 1, no suffix 1"
        );
    }
}
