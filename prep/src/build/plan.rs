//! What will be done to which pictures, settled before the first is read.

use std::collections::BTreeMap;

use shared::archive::{Archive, Name};
use shared::cli::UsageError;
use shared::dataset::{Crop, Division, Filter, Manifest, VERSION};
use shared::rng;

use super::{BuildError, Options};
use crate::cub::{Entry, Listing, Needs};
use crate::reject::{Fault, Reason};

/// Which part of a picture is taken.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum CropRule {
    /// A padded square around the box (docs/CONVENTIONS.md).
    Bbox {
        /// What is added to the box's longer side, as a fraction of it.
        padding: f64,
    },
    /// The whole picture, squeezed to a square.
    None,
}

/// The two parts of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// For training.
    Train,
    /// For measuring; what the source calls testing.
    Val,
}

impl Split {
    /// Both, in the order in which they are written.
    pub const ALL: [Self; 2] = [Self::Train, Self::Val];

    /// The name in files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Val => "val",
        }
    }
}

/// The pictures to take, in order, and the manifest as far as it is known beforehand.
#[derive(Debug)]
pub struct Plan {
    /// What stands before every name in the archive.
    pub root: Vec<u8>,
    /// The tables of the listing.
    pub tables: Vec<Name>,
    /// The pictures with the split each goes to; `None` where the source does not say.
    pub pictures: Vec<(Entry, Option<Split>)>,
    /// The manifest without what only the pictures tell.
    pub settings: Manifest,
    needs_box: bool,
    needs_label: bool,
    read_limit: u64,
}

impl Plan {
    /// Reads the listing and applies the options to it.
    ///
    /// # Errors
    /// When the listing cannot be used, or a class is asked for that is not there.
    pub fn new(archive: &Archive, options: &Options) -> Result<Self, BuildError> {
        let needs_box = options.crop != CropRule::None;
        let needs = Needs { boxes: needs_box, split: options.division == Division::Source, classes: !options.classes.is_empty() };
        let mut listing = Listing::read(archive, needs)?;
        select_classes(&mut listing, &options.classes)?;
        let splits = divide(&listing.pictures, &options.division);
        let (rule, padding) = match options.crop {
            CropRule::Bbox { padding } => ("bbox", padding),
            CropRule::None => ("none", 0.0),
        };
        let settings = Manifest {
            version: VERSION,
            size: options.size,
            channels: 3,
            classes: listing.classes,
            crop: Crop { rule: rule.into(), padding, resampling: "area".into() },
            filter: Filter { classes: options.classes.clone(), max_picture_mb: options.max_picture_mb },
            division: options.division.clone(),
            format: "cub".into(),
            fingerprint: String::new(),
            splits: Vec::new(),
            rejects: BTreeMap::new(),
            files: Vec::new(),
        };
        Ok(Self {
            root: listing.root,
            tables: listing.tables,
            needs_label: !settings.classes.is_empty(),
            pictures: listing.pictures.into_iter().zip(splits).collect(),
            settings,
            needs_box,
            read_limit: options.max_picture_mb << 20,
        })
    }

    /// Whether `manifest` came from the same settings; the pictures may differ.
    #[must_use]
    pub fn same_settings(&self, manifest: &Manifest) -> bool {
        let unknown = Manifest {
            fingerprint: String::new(),
            splits: Vec::new(),
            rejects: BTreeMap::new(),
            files: Vec::new(),
            ..manifest.clone()
        };
        unknown == self.settings
    }

    /// Every file of the source that is used, relative to the root.
    pub fn files(&self) -> impl Iterator<Item = &Name> {
        self.tables.iter().chain(self.pictures.iter().map(|(entry, _)| &entry.name))
    }

    /// The most bytes that are read of one file.
    #[must_use]
    pub fn read_limit(&self) -> u64 {
        self.read_limit
    }

    /// Checks what the tables say about a picture.
    ///
    /// # Errors
    /// What is missing or cannot be.
    pub fn check(&self, entry: &Entry, split: Option<Split>) -> Result<(), Fault> {
        if self.needs_box {
            let given = entry.bounding_box.ok_or_else(|| Fault::new(Reason::NoBox, entry.id))?;
            if !given.has_area() {
                let numbers = format!("box {} {} {} {}", given.x, given.y, given.width, given.height);
                return Err(Fault::new(Reason::EmptyBox, numbers));
            }
        }
        if self.needs_label && entry.label.is_none() {
            return Err(Fault::new(Reason::NoLabel, entry.id));
        }
        split.map(|_| ()).ok_or_else(|| Fault::new(Reason::NoSplit, entry.id))
    }
}

/// Keeps the pictures of the classes asked for, and numbers these anew in their old order.
fn select_classes(listing: &mut Listing, wanted: &[String]) -> Result<(), UsageError> {
    if wanted.is_empty() {
        return Ok(());
    }
    // "001.Black_footed_Albatross" is asked for by all of it, by "Black_footed_Albatross", or by "001".
    let answers_to =
        |class: &str, name: &str| class == name || class.split_once('.').is_some_and(|(n, rest)| n == name || rest == name);
    if let Some(unknown) = wanted.iter().find(|name| !listing.classes.iter().any(|class| answers_to(class, name))) {
        let first: Vec<_> = listing.classes.iter().take(3).map(String::as_str).collect();
        let there = format!("there are {}, such as {}", listing.classes.len(), first.join(", "));
        return Err(UsageError(format!("--classes {unknown}: the source has no such class; {there}")));
    }
    let mut new_labels = vec![None; listing.classes.len()];
    let mut kept = Vec::new();
    for (old, class) in listing.classes.iter().enumerate() {
        if wanted.iter().any(|name| answers_to(class, name)) {
            new_labels[old] = Some(kept.len() as u32);
            kept.push(class.clone());
        }
    }
    for entry in &mut listing.pictures {
        entry.label = entry.label.and_then(|old| new_labels[old as usize]);
    }
    listing.pictures.retain(|entry| entry.label.is_some());
    listing.classes = kept;
    Ok(())
}

/// The split of each picture.
fn divide(pictures: &[Entry], division: &Division) -> Vec<Option<Split>> {
    match *division {
        Division::Source => {
            let split = |train| if train { Split::Train } else { Split::Val };
            pictures.iter().map(|entry| entry.train.map(split)).collect()
        }
        Division::Draw { val_fraction, seed } => {
            let mut splits = vec![Some(Split::Train); pictures.len()];
            let count = (val_fraction * pictures.len() as f64).round() as usize;
            for i in rng::stream(seed, "prep split", 0).permutation(pictures.len()).into_iter().take(count) {
                splits[i as usize] = Some(Split::Val);
            }
            splits
        }
    }
}
