//! Pictures beside a `dataset.json` of labels, the output of StyleGAN's `dataset_tool.py`.
//! Several folders with one file each are one source, whose classes are joined by name.

use std::collections::{BTreeMap, HashMap};

use shared::archive::stylegan::{LABELS, Table, TableError};
use shared::archive::{Archive, Name};
use shared::cli::UsageError;

use crate::source::lookup::{Lookup, Misses, ambiguous, cleaned, files};
use crate::source::path::{base_of, common_folder, folder_of};
use crate::source::{Content, Entry, Format, Listing, SourceError, Split, TABLE_LIMIT, text};

/// Returns whether the archive holds a `dataset.json` with labels, or one of `prep build`, which
/// [`read`] refuses with advice.
#[must_use]
pub fn detect(archive: &Archive) -> bool {
    roots(archive).iter().any(|root| is_built(archive, root) || speaks(archive, root))
}

/// Returns whether the file in that folder has labels. A file that cannot be parsed counts, so that
/// [`read`] reports it.
fn speaks(archive: &Archive, root: &[u8]) -> bool {
    let speaks =
        |bytes: Vec<u8>| text::plain(&bytes).windows(KEY.len()).any(|window| window == KEY);
    let file = archive.find(&[root, LABELS.as_bytes()].concat());
    file.is_some_and(|at| archive.read(at, TABLE_LIMIT).map_or(true, speaks))
}

/// The folders of the shallowest files of that name; there may be several, one for each folder of
/// pictures.
fn roots(archive: &Archive) -> Vec<Vec<u8>> {
    let own = |&i: &usize| base_of(&archive.names()[i].0) == LABELS.as_bytes();
    let depth = |&i: &usize| archive.names()[i].0.iter().filter(|&&b| b == b'/').count();
    let all: Vec<usize> = files(archive, &[LABELS]).filter(own).collect();
    let least = all.iter().map(depth).min();
    all.into_iter()
        .filter(|i| Some(depth(i)) == least)
        .map(|i| folder_of(&archive.names()[i].0).to_vec())
        .collect()
}

/// The key that distinguishes StyleGAN's file from others of that name.
const KEY: &[u8] = b"\"labels\"";

/// Returns whether shards lie beside the file.
fn is_built(archive: &Archive, root: &[u8]) -> bool {
    let below = archive.names().iter().filter_map(|name| name.0.strip_prefix(root));
    below.into_iter().any(|name| !name.contains(&b'/') && name.ends_with(b".shard"))
}

/// Lists the pictures at and below the folder of `dataset.json`, and missing pictures that it
/// names, sorted by name and numbered from 0. Classes without names are named by their numbers.
///
/// # Errors
/// When this is a data set of `prep build`, or the JSON is malformed: a label that is no class
/// number, a repeated name, an unknown split.
pub fn read(archive: &Archive) -> Result<Listing, SourceError> {
    let mut roots = roots(archive);
    if roots.len() > 1 {
        roots.retain(|root| is_built(archive, root) || speaks(archive, root));
    }
    if roots.is_empty() {
        roots.push(archive.root_of(LABELS)?);
    }
    if roots.iter().any(|root| is_built(archive, root)) {
        let what = "is a data set that `prep build` made; `prep export` makes pictures of it, which can be built anew";
        return Err(SourceError::Usage {
            path: archive.path().to_owned(),
            source: UsageError(what.into()),
        });
    }
    let root = common_folder(roots.iter().map(Vec::as_slice)).to_vec();
    let lookup = Lookup::new(archive);
    let (mut listed, mut classes, mut tables) = (Labels::new(), Vec::new(), Vec::new());
    for own in &roots {
        let table = Name([own, LABELS.as_bytes()].concat());
        let bad = |what: String| SourceError::table(archive, &table.to_string(), what);
        let at = archive.find(&table.0).ok_or_else(|| bad("it cannot be found any more".into()))?;
        let Table { labels, classes: named, splits } = Table::parse(&text::plain(
            &archive.read(at, TABLE_LIMIT)?,
        ))
        .map_err(|error| match error {
            TableError::Foreign(_) => {
                bad(format!("{error}; --format folder takes the pictures without it"))
            }
            TableError::Malformed(what) => bad(what),
        })?;
        // Classes of the same name in several files are the same.
        let numbers: Vec<u32> =
            named.into_iter().map(|name| number_of(&mut classes, name)).collect();
        let pictures =
            archive.pictures().map(|i| &archive.names()[i].0).filter(|name| name.starts_with(own));
        listed.extend(pictures.map(|name| (name[root.len()..].to_vec(), (None, None))));
        let mut misses = Misses::default();
        let (mut known, all) = (HashMap::new(), labels.len());
        for (name, label) in labels {
            let resolved = resolved(archive, &lookup, own, &name).map_err(&bad)?;
            if archive.find(&resolved).is_none() {
                misses.add(name.as_bytes());
            }
            known.insert(name.clone(), resolved.clone());
            if listed
                .entry(resolved[root.len()..].to_vec())
                .or_default()
                .0
                .replace(numbers[label as usize])
                .is_some()
            {
                return Err(bad(format!("{name} has two labels")));
            }
        }
        for (name, split) in &splits {
            let split = match split.as_str() {
                "train" => Split::Train,
                "val" => Split::Val,
                "test" => Split::Test,
                _ => {
                    return Err(bad(format!(
                        "{name} is in the split \"{split}\", which is not one of train, val and test"
                    )));
                }
            };
            let resolved = match known.get(name) {
                Some(resolved) => resolved.clone(),
                None => resolved(archive, &lookup, own, name).map_err(&bad)?,
            };
            listed.entry(resolved[root.len()..].to_vec()).or_default().1 = Some(split);
        }
        misses.report(archive, Format::Stylegan.name(), &table, all);
        tables.push(Name(table.0[root.len()..].to_vec()));
    }
    if listed.is_empty() {
        return Err(SourceError::table(
            archive,
            LABELS,
            "there is no picture beside it, and it names none",
        ));
    }
    let entry = |(id, (name, (label, split)))| Entry {
        label,
        split,
        ..Entry::of(id, Content::File(Name(name)))
    };
    let pictures = (0..).zip(listed).map(entry).collect();
    Ok(Listing { tables, classes, ..Listing::of(Format::Stylegan, root, pictures) })
}

/// Class and split of pictures by their names relative to the root.
type Labels = BTreeMap<Vec<u8>, (Option<u32>, Option<Split>)>;

/// The number of a class; a new class gets the next number.
fn number_of(classes: &mut Vec<String>, name: String) -> u32 {
    let known = classes.iter().position(|class| *class == name);
    known.unwrap_or_else(|| {
        classes.push(name);
        classes.len() - 1
    }) as u32
}

/// The picture that a file in the folder `own` names; a name below that folder if it is missing.
fn resolved(
    archive: &Archive,
    lookup: &Lookup<'_>,
    own: &[u8],
    name: &str,
) -> Result<Vec<u8>, String> {
    let mut found = lookup.find(&[own], name.as_bytes(), None);
    // A picture in another folder with a `dataset.json` belongs to that file.
    found.retain(|&i| archive.names()[i].0.starts_with(own));
    if let Some(several) = ambiguous(archive, &found) {
        return Err(format!("{name} {several}; write more of its path"));
    }
    Ok(found.first().map_or_else(
        || [own, &cleaned(name.as_bytes())].concat(),
        |&found| archive.names()[found].0.clone(),
    ))
}
