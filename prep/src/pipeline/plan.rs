//! The plan of a build: which pictures of which sources are taken and how, settled before the first
//! is read.

use std::collections::HashSet;

use rayon::prelude::*;
use sha2::{Digest, Sha256};
use shared::cli::UsageError;
use shared::dataset::{Manifest, PLAIN_VERSION, VERSION};
use shared::log::Progress;

use super::error::BuildError;
use super::options::{BuildOptions, PADDING, SplitRule};
use super::planned::{OpenedSource, PlannedPicture, content_hash, length, read};
use super::queue::Budget;
use crate::crop::{BoxCrop, CropPolicy, WholeCrop};
use crate::dataset::fingerprint::{self, FileHash, hex};
use crate::dataset::folder;
use crate::source::{self, Content, Entry, Format, Split, account};

/// The share of the pictures in `val` by default, if the source has no splits.
const USUAL_VAL_FRACTION: f64 = 0.1;

/// The pictures to take, in order, and how.
#[derive(Debug)]
pub struct Plan {
    /// The sources in the given order.
    pub sources: Vec<OpenedSource>,
    /// The pictures of all sources; those that no listing names come last.
    pub pictures: Vec<PlannedPicture>,
    /// The number of pictures that the listings name.
    pub listed: usize,
    /// The manifest as far as it is known before reading a picture.
    pub manifest: Manifest,
    /// The crops to take.
    pub policy: CropPolicy,
    /// The rule of the splits.
    pub split_rule: SplitRule,
    /// The seed of random splits.
    pub seed: u64,
    listed_as_val: HashSet<String>,
}

impl Plan {
    /// Lists the sources and applies the options to them.
    ///
    /// # Errors
    /// When a listing cannot be used, or the options do not fit it.
    pub fn new(options: &BuildOptions) -> Result<Self, BuildError> {
        let mut sources = Vec::new();
        let mut pictures: Vec<PlannedPicture> = Vec::new();
        let mut classes: Vec<String> = Vec::new();
        let (mut accounts, mut unlisted) = (Vec::new(), Vec::new());
        let without = Vec::from_iter(folder::real(&options.out));
        for path in &options.sources {
            let (archive, listing) = source::open_without(path, options.format, &without)?;
            let found = account::of(&archive, &listing);
            accounts.push(found.account);
            unlisted.extend(
                found.pictures.into_iter().map(|(shown, fault)| (sources.len(), shown, fault)),
            );
            let labels = merge_classes(&mut classes, &listing.classes);
            // The numbers of a source continue those of the source before.
            let base = pictures.last().map_or(0, |last| last.number + 1);
            for mut entry in listing.pictures {
                let renamed = |label: Option<u32>| label.map(|old| labels[old as usize]);
                entry.label = renamed(entry.label);
                entry.objects.iter_mut().for_each(|object| object.label = renamed(object.label));
                let number = base + u64::from(entry.id);
                pictures.push(PlannedPicture {
                    source: sources.len(),
                    entry,
                    number,
                    others: Vec::new(),
                    unlisted: None,
                });
            }
            let (root, tables, format, halves) =
                (listing.root, listing.tables, listing.format, listing.halves);
            let passed_over = archive.passed_over().iter();
            let passed_over = passed_over
                .map(|over| (over.name.0.clone(), account::unreadable(&over.why)))
                .collect();
            sources.push(OpenedSource { archive, root, tables, format, halves, passed_over });
        }
        if options.strict {
            account::insist(&accounts).map_err(|source| BuildError::Unaccounted { source })?;
        }
        select_classes(&mut classes, &mut pictures, &options.classes)?;
        let policy = policy(options, &sources, &pictures)?;
        let split_rule = split_rule(options, &sources, &pictures)?;
        let paired = pairing(options, &sources, &pictures, &policy)?;
        let grey = |planned: &PlannedPicture| matches!(&planned.entry.content, Content::Raw(raw) if raw.channels == 1);
        let bare = !pictures.is_empty() && pictures.iter().all(grey);
        let channels = options.channels.unwrap_or(if bare { 1 } else { 3 });
        let mut formats: Vec<&str> = sources.iter().map(|s| s.format.name()).collect();
        formats.dedup();
        let manifest = Manifest {
            version: if options.held_out().is_some() { VERSION } else { PLAIN_VERSION },
            size: options.size,
            stored: options.stored(),
            held_out: options.held_out(),
            channels,
            paired,
            classes,
            settings: options.settings(&policy, &split_rule, channels),
            format: formats.join("+"),
            fingerprint: String::new(),
            splits: Vec::new(),
            rejects: Default::default(),
            account: accounts,
            files: Vec::new(),
        };
        let listed_as_val = match &split_rule {
            SplitRule::List(names) => names.iter().cloned().collect(),
            _ => HashSet::new(),
        };
        let listed = pictures.len();
        let next = pictures.iter().map(|planned| planned.number + 1).max().unwrap_or(0);
        let left_out =
            (next..).zip(unlisted).map(|(number, (source, shown, fault))| PlannedPicture {
                source,
                entry: Entry::unlisted(shown),
                number,
                others: Vec::new(),
                unlisted: Some(fault),
            });
        pictures.extend(left_out);
        Ok(Self {
            sources,
            pictures,
            listed,
            manifest,
            policy,
            split_rule,
            seed: options.seed,
            listed_as_val,
        })
    }

    /// The split of a picture, given its content; `None` if the source does not say.
    #[must_use]
    pub fn split(&self, planned: &PlannedPicture, content: &FileHash) -> Option<Split> {
        match &self.split_rule {
            SplitRule::Source => planned.entry.split,
            SplitRule::List(_) => Some(if self.listed_as_val.contains(&planned.entry.shown()) {
                Split::Val
            } else {
                Split::Train
            }),
            SplitRule::Draw { val_fraction } => {
                Some(if drawn(content, self.seed) < *val_fraction {
                    Split::Val
                } else {
                    Split::Train
                })
            }
        }
    }

    /// Returns whether a picture without a class is left out, because its layout gives every
    /// picture one.
    #[must_use]
    pub fn needs_label(&self, planned: &PlannedPicture) -> bool {
        self.sources[planned.source].format == Format::Cub && !self.manifest.classes.is_empty()
    }

    /// A hash over the settings and the listings: equal for two builds of the same data set, as far
    /// as is known without reading a picture.
    #[must_use]
    pub fn key(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(serde_json::to_vec(&self.manifest).unwrap_or_default());
        hash.update((self.pictures.len() as u64).to_le_bytes());
        let mut bytes = Vec::new();
        for planned in &self.pictures {
            bytes.clear();
            planned.write(&mut bytes);
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(&bytes);
        }
        hash.finalize().into()
    }

    /// A cheap stamp of the sources' files, which changes when a file does.
    #[must_use]
    pub fn stamp(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        self.sources.iter().for_each(|source| hash.update(source.archive.stamp()));
        hash.finalize().into()
    }

    /// The names and hashes of the tables; of several sources, names are preceded by the source's
    /// number.
    #[must_use]
    pub fn table_hashes(&self) -> Vec<(Vec<u8>, FileHash)> {
        let all = self
            .sources
            .iter()
            .enumerate()
            .flat_map(|(i, source)| source.tables.iter().map(move |name| (i, source, name)));
        all.map(|(i, source, name)| {
            let bytes =
                source.find(name).and_then(|at| source.archive.read(at, source::TABLE_LIMIT).ok());
            (self.hashed_name(i, &name.0), bytes.map(|bytes| fingerprint::sha256(&bytes)))
        })
        .collect()
    }

    /// The name of a file in the fingerprint.
    #[must_use]
    fn hashed_name(&self, source: usize, name: &[u8]) -> Vec<u8> {
        fingerprint::name((self.sources.len() > 1).then_some(source as u32), name)
    }

    /// The present fingerprint of the sources; reads every byte of them, decodes nothing.
    #[must_use]
    pub fn fingerprint(&self, limit: u64) -> String {
        let progress = Progress::new("prep build: comparing with the source", self.listed as u64);
        let budget = Budget::new(limit);
        let of_picture = |planned: &PlannedPicture| {
            progress.add(1);
            let source = &self.sources[planned.source];
            // A file larger than the whole budget will not be read.
            let _share = budget.take(length(source, planned));
            let content = read(source, planned, limit).ok().map(|files| content_hash(&files));
            (self.hashed_name(planned.source, planned.entry.shown().as_bytes()), content)
        };
        let pictures: Vec<_> = self.pictures[..self.listed].par_iter().map(of_picture).collect();
        hex(&fingerprint::of_files(self.table_hashes().into_iter().chain(pictures).collect()))
    }
}

/// A random number in [0, 1) from the content of a picture and the seed. A picture that cannot be
/// read is rejected anyway.
fn drawn(content: &FileHash, seed: u64) -> f64 {
    let mut hash = Sha256::new();
    hash.update(b"fledge split 1\0");
    hash.update(seed.to_le_bytes());
    hash.update(content.unwrap_or_default());
    let digest = hash.finalize();
    let bits = digest.iter().take(8).fold(0u64, |word, &byte| word << 8 | u64::from(byte));
    (bits >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
}

/// Adds classes by name, and returns the new number of each.
fn merge_classes(all: &mut Vec<String>, classes: &[String]) -> Vec<u32> {
    let number = |class: &String| {
        let known = all.iter().position(|c| c == class);
        known.unwrap_or_else(|| {
            all.push(class.clone());
            all.len() - 1
        }) as u32
    };
    classes.iter().map(number).collect()
}

/// Keeps the pictures and objects of the selected classes, and renumbers these in their old order.
fn select_classes(
    classes: &mut Vec<String>,
    pictures: &mut Vec<PlannedPicture>,
    wanted: &[String],
) -> Result<(), UsageError> {
    if wanted.is_empty() {
        return Ok(());
    }
    // "001.Black_footed_Albatross" is selected by its whole name, by "Black_footed_Albatross", or
    // by "001".
    let answers_to = |class: &str, name: &str| {
        class == name || class.split_once('.').is_some_and(|(n, rest)| n == name || rest == name)
    };
    if let Some(unknown) =
        wanted.iter().find(|name| !classes.iter().any(|class| answers_to(class, name)))
    {
        let first: Vec<_> = classes.iter().take(3).map(String::as_str).collect();
        let there = format!("there are {}, such as {}", classes.len(), first.join(", "));
        return Err(UsageError(format!(
            "--classes {unknown}: the source has no such class; {there}"
        )));
    }
    let mut new_labels = vec![None; classes.len()];
    let mut kept = Vec::new();
    for (old, class) in classes.iter().enumerate() {
        if wanted.iter().any(|name| answers_to(class, name)) {
            new_labels[old] = Some(kept.len() as u32);
            kept.push(class.clone());
        }
    }
    let renamed = |label: Option<u32>| label.and_then(|old| new_labels[old as usize]);
    for planned in pictures.iter_mut() {
        let entry = &mut planned.entry;
        entry.label = renamed(entry.label);
        let (mut mine, foreign): (Vec<_>, Vec<_>) =
            entry.objects.drain(..).partition(|o| renamed(o.label).is_some());
        mine.iter_mut().for_each(|object| object.label = renamed(object.label));
        entry.objects = mine;
        planned.others = foreign.into_iter().map(|object| object.bounding_box).collect();
    }
    pictures.retain(|planned| planned.entry.label.is_some() || !planned.entry.objects.is_empty());
    *classes = kept;
    Ok(())
}

fn policy(
    options: &BuildOptions,
    sources: &[OpenedSource],
    pictures: &[PlannedPicture],
) -> Result<CropPolicy, BuildError> {
    let boxed = pictures.iter().any(|planned| !planned.entry.objects.is_empty());
    let usual = if boxed {
        CropPolicy::Bbox(BoxCrop { padding: PADDING, largest: false })
    } else {
        CropPolicy::Whole(WholeCrop::Center)
    };
    let policy = options.policy.unwrap_or(usual);
    if policy.needs_boxes() && !boxed {
        let what = format!("it has no boxes ({}); --crop center needs none", described(sources));
        return Err(usage(options, what));
    }
    Ok(policy)
}

fn split_rule(
    options: &BuildOptions,
    sources: &[OpenedSource],
    pictures: &[PlannedPicture],
) -> Result<SplitRule, BuildError> {
    let split = pictures.iter().any(|planned| planned.entry.split.is_some());
    match &options.split_rule {
        Some(SplitRule::Source) if !split => {
            let what = format!("it has no splits ({})", described(sources));
            Err(usage(options, format!("{what}; --val-fraction 0.1 makes random ones")))
        }
        Some(SplitRule::List(names)) => {
            let known: HashSet<String> =
                pictures.iter().map(|planned| planned.entry.shown()).collect();
            match names.iter().find(|name| !known.contains(*name)) {
                Some(unknown) => Err(usage(
                    options,
                    format!("--val-list names {unknown}, which the source does not list"),
                )),
                None => Ok(SplitRule::List(names.clone())),
            }
        }
        Some(other) => Ok(other.clone()),
        None if split => Ok(SplitRule::Source),
        None => Ok(SplitRule::Draw { val_fraction: USUAL_VAL_FRACTION }),
    }
}

/// Returns whether both pictures of pairs are taken.
fn pairing(
    options: &BuildOptions,
    sources: &[OpenedSource],
    pictures: &[PlannedPicture],
    policy: &CropPolicy,
) -> Result<bool, BuildError> {
    let is_pair = |planned: &PlannedPicture| {
        sources[planned.source].halves || planned.entry.partner.is_some()
    };
    let pairs = pictures.iter().filter(|planned| is_pair(planned)).count();
    if pairs == 0 {
        return match options.side {
            Some(side) => Err(usage(
                options,
                format!("--side {}: it holds no pairs ({})", side.name(), described(sources)),
            )),
            None => Ok(false),
        };
    }
    if pairs < pictures.len() {
        return Err(usage(
            options,
            "some sources hold pairs and others do not: build them separately".into(),
        ));
    }
    if !matches!(policy, CropPolicy::Whole(_)) {
        return Err(usage(
            options,
            "pairs are not cropped to boxes: use --crop center, pad or stretch".into(),
        ));
    }
    Ok(options.side.is_none())
}

fn described(sources: &[OpenedSource]) -> String {
    let formats: Vec<&str> = sources.iter().map(|source| source.format.name()).collect();
    format!("read as {}", formats.join(", "))
}

fn usage(options: &BuildOptions, what: String) -> BuildError {
    let paths: Vec<String> =
        options.sources.iter().map(|path| path.display().to_string()).collect();
    BuildError::Usage(UsageError(format!("{}: {what}", paths.join(", "))))
}
