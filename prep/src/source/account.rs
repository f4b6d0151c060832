//! The account of a source: what happens to each of its files.
//!
//! Every file that the listing does not use gets exactly one [`UnusedKind`] and a reason; layouts
//! add reasons of their own through [`Listing::unused`].
//! Unused pictures are rejects.

use std::collections::{BTreeMap, HashMap, HashSet};

use shared::archive::{Archive, Name, Why, is_picture};
use shared::cli::DataError;
use shared::dataset::{Account, Tally, Unused};
use shared::fs::byproduct;
use shared::picture;

use super::listing::{Content, Format, Listing};
use super::path::common_folder;
use super::unused::{FETCH, SYNTH_RECORD, UnusedKind};
use crate::dataset::rejects::{Fault, Reason};

/// An account, and the unused pictures.
#[derive(Debug)]
pub struct Accounted {
    /// The account in the manifest.
    pub account: Account,
    /// The unused pictures: names to show and reasons, sorted by name.
    pub pictures: Vec<(String, Fault)>,
}

/// Accounts for every file of the archive.
#[must_use]
pub fn of(archive: &Archive, listing: &Listing) -> Accounted {
    let taken = Taken::by(archive, listing);
    let mut groups: BTreeMap<(UnusedKind, String), Tally> = BTreeMap::new();
    let mut pictures = Vec::new();
    let names = Names::of(archive, listing);
    let reasons: HashMap<&Name, &str> =
        listing.unused.iter().map(|unused| (&unused.name, unused.why.as_str())).collect();
    for (at, name) in archive.names().iter().enumerate().filter(|(at, _)| !taken.holds(*at)) {
        let kind = if is_record(name) { UnusedKind::Made } else { UnusedKind::of(&name.0) };
        let (mut why, mut fault) = match &kind {
            UnusedKind::Picture => {
                let why = not_listed(listing);
                (why.clone(), Some(Fault::new(Reason::NotListed, why)))
            }
            UnusedKind::UnreadPicture(suffix) => {
                let why = format!("pictures in {suffix}, which is not read; convert them to PNG");
                (why.clone(), Some(Fault::new(Reason::UnsupportedFormat, why)))
            }
            UnusedKind::Suffix(_) if picture_within(archive, at) => {
                let why = "pictures by their bytes whose names do not end as those of pictures; rename them".to_owned();
                (why.clone(), Some(Fault::new(Reason::UnsupportedFormat, why)))
            }
            UnusedKind::Suffix(suffix) if suffix.is_empty() => {
                ("files without a suffix".to_owned(), None)
            }
            UnusedKind::Suffix(suffix) => (format!("files in {suffix}"), None),
            UnusedKind::Table(suffix) => (
                format!("{suffix}, which the layout {} does not read here", listing.format.name()),
                None,
            ),
            UnusedKind::Packed(suffix) => {
                (format!("packed files in {suffix}; unpack them, or build from one of them"), None)
            }
            UnusedKind::System => ("thumbnails, recycle bins and system files".to_owned(), None),
            UnusedKind::Hidden => ("hidden files".to_owned(), None),
            UnusedKind::Made => ("the record of `prep synth`".to_owned(), None),
            UnusedKind::Link | UnusedKind::Unreadable => (String::new(), None),
        };
        if let Some(reason) = reasons.get(name) {
            why = (*reason).to_owned();
            fault = fault.map(|fault| Fault::new(fault.reason, reason));
        }
        let shown = names.shown(&name.0);
        groups.entry((kind, why)).or_default().add(|| shown.clone());
        pictures.extend(fault.map(|fault| (shown, fault)));
    }
    for passed_over in archive.passed_over() {
        let (kind, name) = (UnusedKind::of_passed_over(passed_over), &passed_over.name.0);
        let why = match &kind {
            UnusedKind::Link => format!("links that lead to no file; {FETCH}"),
            UnusedKind::System => "thumbnails, recycle bins and system files".to_owned(),
            UnusedKind::Hidden => "hidden files".to_owned(),
            _ => passed_over.why.to_string(),
        };
        let shown = names.shown(name);
        // A link that the listing names is already a reject.
        if !matches!(kind, UnusedKind::System | UnusedKind::Hidden)
            && is_picture(name)
            && !taken.names.contains(name.as_slice())
        {
            pictures.push((shown.clone(), unreadable(&passed_over.why)));
        }
        groups.entry((kind, why)).or_default().add(|| shown);
    }
    pictures.sort_by(|(a, _), (b, _)| a.cmp(b));
    let unused = groups
        .into_iter()
        .map(|((kind, why), tally)| Unused { kind: kind.word().to_owned(), why, tally })
        .collect();
    let account = Account {
        layout: listing.format.name().to_owned(),
        recognized_by: recognized_by(listing).map(|name| name.to_string()),
        columns: listing.columns.clone(),
        files: (archive.names().len() + archive.passed_over().len()) as u64,
        pictures: taken.pictures.len() as u64,
        tables: taken.tables(archive, &names),
        missing: taken.missing,
        unused,
    };
    Accounted { account, pictures }
}

/// Returns whether it is the record of `prep synth`.
fn is_record(name: &Name) -> bool {
    name.0.rsplit(|&b| b == b'/').next() == Some(SYNTH_RECORD.as_bytes())
}

/// The fault of a name that the archive passes over.
#[must_use]
pub fn unreadable(why: &Why) -> Fault {
    match why {
        Why::DanglingLink { .. } | Why::LeadsOut { .. } | Why::Loop => {
            Fault::new(Reason::DanglingLink, why)
        }
        _ => Fault::new(Reason::UnreadableFile, why),
    }
}

/// The file that the layout was recognized by: the first that is not a picture.
fn recognized_by(listing: &Listing) -> Option<&Name> {
    let raw = listing.pictures.first().and_then(|entry| match &entry.content {
        Content::Raw(raw) => Some(&raw.file),
        Content::File(_) => None,
    });
    raw.or(listing.tables.first())
}

/// The reason that a picture is not in the listing.
fn not_listed(listing: &Listing) -> String {
    match (&listing.tables[..], listing.format) {
        ([], Format::Folder | Format::Pairs) => {
            "not in the folders that the layout takes".to_owned()
        }
        ([], format) => format!("no part of the layout {}", format.name()),
        ([table], _) => format!("not named by {table}"),
        ([first, rest @ ..], _) => format!("named by none of {first} and {} more", rest.len()),
    }
}

/// Returns whether a file is a picture by its first bytes.
fn picture_within(archive: &Archive, at: usize) -> bool {
    archive.first(at).is_ok_and(|start| picture::is_read(&start))
}

/// Names to show: relative to the root of the pictures, else to the common folder of all files, so
/// that a folder and an archive of it give the same names.
struct Names<'a> {
    root: &'a [u8],
    top: Vec<u8>,
}

impl<'a> Names<'a> {
    fn of(archive: &Archive, listing: &'a Listing) -> Self {
        let people = archive.names().iter().map(|name| name.0.as_slice());
        let top = common_folder(people.filter(|name| byproduct(name).is_none()));
        Self { root: &listing.root, top: top.to_vec() }
    }

    fn shown(&self, name: &[u8]) -> String {
        // Hidden files may lie above the common folder.
        let shared = common_folder([name, &self.top]).len();
        let below = name.strip_prefix(self.root).unwrap_or(&name[shared..]);
        Name(below.to_vec()).to_string()
    }
}

/// The files of the archive that the listing uses.
#[derive(Default)]
struct Taken {
    pictures: HashSet<usize>,
    tables: HashSet<usize>,
    missing: Tally,
    /// The full names of listed files that are missing.
    names: HashSet<Vec<u8>>,
}

impl Taken {
    fn by(archive: &Archive, listing: &Listing) -> Self {
        let mut taken = Self::default();
        let full = |name: &Name| [&listing.root[..], &name.0].concat();
        let mut last: Option<&Name> = None;
        for entry in &listing.pictures {
            let own = match &entry.content {
                Content::File(name) => name,
                // One file holds thousands of pictures.
                Content::Raw(raw) if last == Some(&raw.file) => continue,
                Content::Raw(raw) => {
                    last = Some(&raw.file);
                    &raw.file
                }
            };
            for name in std::iter::once(own).chain(&entry.partner) {
                match archive.find(&full(name)) {
                    Some(at) => {
                        taken.pictures.insert(at);
                    }
                    None => {
                        taken.missing.add(|| name.to_string());
                        taken.names.insert(full(name));
                    }
                }
            }
        }
        let tables = listing.tables.iter().filter_map(|name| archive.find(&full(name)));
        taken.tables = tables.filter(|at| !taken.pictures.contains(at)).collect();
        taken
    }

    fn holds(&self, at: usize) -> bool {
        self.pictures.contains(&at) || self.tables.contains(&at)
    }

    fn tables(&self, archive: &Archive, names: &Names<'_>) -> Tally {
        let mut all: Vec<usize> = self.tables.iter().copied().collect();
        all.sort_unstable();
        let mut tally = Tally::default();
        all.into_iter().for_each(|at| tally.add(|| names.shown(&archive.names()[at].0)));
        tally
    }
}

/// `--strict`: checks that all files of the sources are used, apart from hidden and system files
/// and those that `prep` wrote.
///
/// # Errors
/// When there is any other unused file, or a listed picture is missing; they are named.
pub fn insist(sources: &[Account]) -> Result<(), DataError> {
    let is_meant = |unused: &&Unused| {
        ![UnusedKind::System, UnusedKind::Hidden, UnusedKind::Made]
            .iter()
            .any(|kind| kind.word() == unused.kind)
    };
    let unused = sources.iter().flat_map(|account| &account.unused).filter(is_meant);
    let lines = unused
        .map(|Unused { why, tally, .. }| format!("{} {why} ({})", tally.files, tally.shown()));
    let missing =
        sources.iter().map(|account| &account.missing).filter(|missing| missing.files > 0);
    let missing =
        missing.map(|tally| format!("{} missing listed pictures ({})", tally.files, tally.shown()));
    let all: Vec<String> = lines.chain(missing).collect();
    if all.is_empty() {
        return Ok(());
    }
    let what = format!("{}; without --strict they are left out and noted", all.join("; "));
    Err(DataError(what))
}

/// The accounts as lines of text.
#[must_use]
pub fn lines(sources: &[Account]) -> String {
    let numbered = |(number, account): (usize, &Account)| match sources.len() {
        1 => format!("{account}\n"),
        _ => format!("source {}: {account}\n", number + 1),
    };
    sources.iter().enumerate().map(numbered).collect()
}
