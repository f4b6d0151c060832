//! Pictures beside a `dataset.json` of labels, as StyleGAN's `dataset_tool.py` packs them.

use std::collections::BTreeMap;

use shared::archive::stylegan::{LABELS, Table, TableError};
use shared::archive::{Archive, Name};
use shared::cli::UsageError;

use super::{Content, Entry, Format, Listing, Part, SourceError, TABLE_LIMIT};

/// Whether the archive holds a `dataset.json` that speaks of labels, or one of `prep build`, which [`read`] refuses with advice.
#[must_use]
pub fn detect(archive: &Archive) -> bool {
    let Ok(root) = archive.root_of(LABELS) else { return false };
    let Some(at) = archive.find(&[&root[..], LABELS.as_bytes()].concat()) else { return false };
    // What cannot be read is reported by who reads it, not passed over.
    let speaks = |bytes: Vec<u8>| bytes.windows(KEY.len()).any(|window| window == KEY);
    is_built(archive, &root) || archive.read(at, TABLE_LIMIT).map_or(true, speaks)
}

/// The key that tells StyleGAN's file from others of that name.
const KEY: &[u8] = b"\"labels\"";

/// Whether shards lie beside the file.
fn is_built(archive: &Archive, root: &[u8]) -> bool {
    let below = archive.names().iter().filter_map(|name| name.0.strip_prefix(root));
    below.into_iter().any(|name| !name.contains(&b'/') && name.ends_with(b".shard"))
}

/// Lists the pictures at and below the folder of `dataset.json`, and those that it names although they are not there, sorted by
/// name and numbered from 0. Without names of classes these are called by their numbers.
///
/// # Errors
/// When this is a data set of `prep build`, or the JSON is malformed: a label that is no class number, a name twice, an unknown split.
pub fn read(archive: &Archive) -> Result<Listing, SourceError> {
    let root = archive.root_of(LABELS)?;
    let below = |name: &Name| name.0.strip_prefix(root.as_slice()).map(<[u8]>::to_vec);
    if is_built(archive, &root) {
        let what = "is a data set that `prep build` made; `prep export` makes pictures of it, which can be built anew";
        return Err(SourceError::Usage { path: archive.path().to_owned(), source: UsageError(what.into()) });
    }
    let bad = |what: String| SourceError::table(archive, LABELS, what);
    let Some(at) = archive.find(&[&root[..], LABELS.as_bytes()].concat()) else {
        return Err(bad("it cannot be found any more".into()));
    };
    let Table { labels, classes, splits } = Table::parse(&archive.read(at, TABLE_LIMIT)?).map_err(|error| match error {
        TableError::Foreign(_) => bad(format!("{error}; --format folder takes the pictures without it")),
        TableError::Malformed(what) => bad(what),
    })?;
    let mut listed: BTreeMap<Vec<u8>, (Option<u32>, Option<Part>)> = BTreeMap::new();
    listed.extend(archive.pictures().filter_map(|i| below(&archive.names()[i])).map(|name| (name, (None, None))));
    for (name, label) in labels {
        if listed.entry(name.as_bytes().to_vec()).or_default().0.replace(label).is_some() {
            return Err(bad(format!("{name} has two labels")));
        }
    }
    for (name, split) in &splits {
        let part = match split.as_str() {
            "train" => Part::Train,
            "val" => Part::Val,
            "test" => Part::Test,
            _ => return Err(bad(format!("{name} is in the split \"{split}\", which is not one of train, val and test"))),
        };
        listed.entry(name.as_bytes().to_vec()).or_default().1 = Some(part);
    }
    if listed.is_empty() {
        return Err(bad("there is no picture beside it, and it names none".into()));
    }
    let entry = |(id, (name, (label, part)))| Entry {
        id,
        content: Content::File(Name(name)),
        partner: None,
        label,
        part,
        objects: Vec::new(),
        drawn_on: None,
    };
    let pictures = (0..).zip(listed).map(entry).collect();
    Ok(Listing {
        format: Format::Stylegan,
        root,
        tables: vec![Name(LABELS.into())],
        classes,
        pictures,
        halves: false,
        unused: Vec::new(),
    })
}
