//! Pairs of pictures, for training a translation from one to the other: files of the same stem in
//! the folders `A` and `B`, or two halves side by side in one file.
//!
//! `trainA` and `trainB` usually hold two sets without partners; they are two classes unless
//! `--format pairs` is given.

use std::collections::{BTreeMap, BTreeSet};

use shared::archive::{Archive, Name};

use super::folder::{Arranged, Placed, arrange};
use crate::source::split_folders::settle;
use crate::source::{Content, Entry, Format, Listing, SourceError, Split};

/// Returns whether all pictures lie in folders `A` and `B`, and at least half of those in `A` or in
/// `B` have a partner; with fewer the folders are classes of these names.
#[must_use]
pub fn detect(archive: &Archive) -> bool {
    arrange(archive).is_ok_and(|arranged| {
        let sides = Sides::split(&arranged);
        let matched = sides.a.keys().filter(|stem| sides.b.contains_key(*stem)).count();
        let joined = |placed: &Placed<'_>| {
            placed.name.split(|&b| b == b'/').any(|folder| folder == b"A" || folder == b"B")
        };
        sides.others == 0
            && matched > 0
            && 2 * matched >= sides.a.len().min(sides.b.len())
            && arranged.pictures.iter().all(joined)
    })
}

/// Lists the pictures in `A` with their partners in `B`, or else every picture as two halves;
/// sorted by name, numbered from 0, without classes.
///
/// # Errors
/// When there is no picture, or one in `A` or `B` has no partner or two.
pub fn read(archive: &Archive) -> Result<Listing, SourceError> {
    let arranged = arrange(archive)?;
    let sides = Sides::split(&arranged);
    let halves = sides.a.is_empty() || sides.b.is_empty() || sides.others > 0;
    let pairs: Vec<(&Placed<'_>, Option<&Placed<'_>>)> = if halves {
        arranged.pictures.iter().map(|picture| (picture, None)).collect()
    } else {
        tracing::info!("A and B are read as pairs; --format folder reads them as two classes");
        sides.matched(archive)?.into_iter().map(|(a, b)| (a, Some(b))).collect()
    };
    let name = |placed: &Placed<'_>| Name(placed.name.to_vec());
    let entry = |(id, (first, second)): (u32, (&Placed<'_>, Option<&Placed<'_>>))| Entry {
        id,
        content: Content::File(name(first)),
        partner: second.map(name),
        label: None,
        split: first.place.split,
        objects: Vec::new(),
        drawn_on: None,
    };
    let mut pictures: Vec<_> = (0..).zip(pairs).map(entry).collect();
    settle(&mut pictures);
    let root = arranged.root.to_vec();
    Ok(Listing { halves, ..Listing::of(Format::Pairs, root, pictures) })
}

/// The key that two partners share: the split, and the name without the folder `A` or `B` and
/// without suffix.
type Stem = (Option<Split>, Vec<u8>);

/// The pictures of both sides by stem.
#[derive(Default)]
struct Sides<'a> {
    a: BTreeMap<Stem, Vec<&'a Placed<'a>>>,
    b: BTreeMap<Stem, Vec<&'a Placed<'a>>>,
    /// Pictures in neither folder.
    others: usize,
}

impl<'a> Sides<'a> {
    fn split(arranged: &'a Arranged<'_>) -> Self {
        let mut sides = Self::default();
        for placed in &arranged.pictures {
            let (side, below) = match &placed.place.rest[..] {
                [b'A', b'/', below @ ..] => (&mut sides.a, below),
                [b'B', b'/', below @ ..] => (&mut sides.b, below),
                _ => {
                    sides.others += 1;
                    continue;
                }
            };
            let end = below.iter().rposition(|&b| b == b'.').unwrap_or(below.len());
            side.entry((placed.place.split, below[..end].to_vec())).or_default().push(placed);
        }
        sides
    }

    /// Partners, in the order of their names in `A`.
    fn matched(
        &self,
        archive: &Archive,
    ) -> Result<Vec<(&'a Placed<'a>, &'a Placed<'a>)>, SourceError> {
        let (mut pairs, mut alone) = (Vec::new(), Vec::new());
        let stems: BTreeSet<_> = self.a.keys().chain(self.b.keys()).collect();
        for stem in stems {
            let side = |side: &BTreeMap<Stem, Vec<&'a Placed<'a>>>| {
                side.get(stem).cloned().unwrap_or_default()
            };
            match (&side(&self.a)[..], &side(&self.b)[..]) {
                (&[a], &[b]) => pairs.push((a, b)),
                (a, b) => alone.extend(a.iter().chain(b).map(|placed| placed.name)),
            }
        }
        if let Some(first) = alone.iter().min() {
            let what = format!(
                "it is one of {} pictures in A and B that do not have exactly one partner of the same stem; add or remove files, or use \
                 --format folder",
                alone.len()
            );
            return Err(SourceError::table(archive, &Name(first.to_vec()).to_string(), what));
        }
        pairs.sort_unstable_by_key(|(a, _)| a.name);
        Ok(pairs)
    }
}
