//! Listings of sources in every layout, in the variants found in practice, and the errors of
//! malformed ones.

mod annotated;
mod celeba;
mod cifar;
mod coco;
mod cub;
mod cvat;
mod folder;
mod idx;
mod lookup;
mod npz;
mod packed;
mod pairs;
mod shapes;
mod stylegan;
mod table;
mod voc;
mod yolo;

use prep::source::{Listing, Split};

/// Name, class and split of every picture.
fn rows(listing: &Listing) -> Vec<String> {
    let row = |entry: &prep::source::Entry| {
        let class = entry.label.map_or("-", |label| &listing.classes[label as usize]);
        let split = entry.split.map_or("-".into(), |split| format!("{split:?}"));
        format!("{} {class} {split}", entry.shown())
    };
    listing.pictures.iter().map(row).collect()
}

/// Pictures of a split.
fn count(listing: &Listing, split: Option<Split>) -> usize {
    listing.pictures.iter().filter(|entry| entry.split == split).count()
}
