//! Every file beside the pictures that are measured: a number of half of the pictures must not look like one of all.

use std::collections::BTreeMap;

use anyhow::Result;
use shared::archive::{Archive, Name, stylegan};
use shared::cli::DataError;

use crate::cache::number_of;
use crate::protocol::Protocol;

/// Files that are no pictures and are known for what they are: what `sample images` and StyleGAN's tools write beside pictures.
const KNOWN: [&str; 2] = [stylegan::LABELS, "sample.json"];

/// So many suffixes are counted by themselves.
const SUFFIXES: usize = 6;

/// Tells what of `archive` is passed over, and what of its `pictures` the library of a protocol would not read itself.
///
/// # Errors
/// When there is a file that is not read here and that the library of one of `protocols` would read: its number would be another one.
pub(super) fn tell(archive: &Archive, pictures: &[usize], protocols: &[&'static Protocol]) -> Result<()> {
    let path = archive.path().display();
    let names = archive.names();
    let unread = || names.iter().enumerate().filter(|(i, _)| pictures.binary_search(i).is_err()).map(|(_, name)| name);
    let is_plain = |name: &&Name| !is_hidden(name) && !KNOWN.contains(&base(name).as_str());
    for protocol in protocols {
        let lost: Vec<&Name> = unread().filter(is_plain).filter(|name| protocol.files.reads(&base(name))).collect();
        if let [first, ..] = &lost[..] {
            return Err(DataError(format!(
                "{path}: {protocol} itself would also measure {} that cannot be read here ({}; the first: {first}): convert to PNG, or take out \
                 of the folder",
                number_of(lost.len() as u64, "file"),
                counted(lost.iter().copied())
            ))
            .into());
        }
    }
    let passed: Vec<&Name> = unread().filter(is_plain).collect();
    if let [first, ..] = &passed[..] {
        tracing::warn!(
            "{path}: {} passed over ({}; the first: {first})",
            number_of(passed.len() as u64, "file"),
            counted(passed.iter().copied())
        );
    }
    let hidden = unread().filter(|name| is_hidden(name)).count();
    if hidden > 0 {
        tracing::info!("{path}: {} passed over", number_of(hidden as u64, "hidden file"));
    }
    let taken: Vec<&Name> = pictures.iter().map(|&i| &names[i]).collect();
    for protocol in protocols {
        let others = protocol.not_read(&taken, archive.path().is_dir());
        if let [first, ..] = &others[..] {
            tracing::warn!(
                "{path}: {protocol} itself would not measure {} of these (the first: {first}): it reads {}",
                number_of(others.len() as u64, "picture"),
                protocol.files.about()
            );
        }
    }
    Ok(())
}

impl Protocol {
    /// Those of `pictures`, which lie in a folder or are packed, that its library would not read from there.
    fn not_read<'a>(&self, pictures: &[&'a Name], in_folder: bool) -> Vec<&'a Name> {
        let below = |name: &Name| name.0.contains(&b'/');
        // Of pictures that all lie below one looks at each folder by itself, or asks the library to look deeper.
        let top_alone = in_folder && !self.files.below && !pictures.iter().all(|name| below(name));
        let reads = |name: &&&Name| self.files.reads(&base(name)) && !(top_alone && below(name));
        pictures.iter().filter(|name| !reads(name)).copied().collect()
    }
}

/// A name without the folders above it.
fn base(name: &Name) -> String {
    let text = name.to_string();
    text.rsplit('/').next().unwrap_or_default().to_owned()
}

/// Whether it, or a folder above it, is hidden or made by a system for itself.
fn is_hidden(name: &Name) -> bool {
    shared::fs::byproduct(&name.0).is_some()
}

/// How many files there are of each suffix, the most first.
fn counted<'a>(names: impl Iterator<Item = &'a Name>) -> String {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for name in names {
        let base = base(name);
        let suffix = base.rsplit_once('.').map_or("no suffix".to_owned(), |(_, suffix)| format!(".{suffix}"));
        *counts.entry(suffix).or_default() += 1;
    }
    let mut counts: Vec<(String, usize)> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let more = counts.len().saturating_sub(SUFFIXES);
    let mut told: Vec<String> = counts.into_iter().take(SUFFIXES).map(|(suffix, count)| format!("{suffix} {count}")).collect();
    if more > 0 {
        told.push(format!("{more} more suffixes"));
    }
    told.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_library_would_not_read_is_told_apart_by_suffix_case_and_folder() {
        let names = |names: &[&str]| names.iter().map(|name| Name(name.as_bytes().to_vec())).collect::<Vec<_>>();
        let not_read = |protocol: &str, of: &[&str], in_folder: bool| {
            let of = names(of);
            Protocol::of(protocol).expect("protocol").not_read(&of.iter().collect::<Vec<_>>(), in_folder).len()
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
            assert_eq!(not_read(protocol, &mixed, in_folder), expected, "{protocol} {in_folder}");
        }
        assert_eq!(not_read("pytorch-fid", &["a/1.png", "b/2.png"], true), 0);
        assert_eq!(counted(names(&["a.tif", "b.tif", "c", "d.jpg.1"]).iter()), ".tif 2, .1 1, no suffix 1");
    }
}
