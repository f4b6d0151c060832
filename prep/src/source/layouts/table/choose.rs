//! Choosing the tables of an archive that describe its pictures.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};

use shared::archive::{Archive, Name};

use super::columns::Columns;
use super::file::{LINE_LIMIT, LIST, SUFFIXES, is_jsonl, is_list, text_of};
use super::row::LineError;
use super::{csv_rows, json_rows};
use crate::source::lookup::{Lookup, files};
use crate::source::path::{base_of, common_folder, folder_of, stem_of};
use crate::source::split_folders;
use crate::source::{Split, TABLE_LIMIT, Unused};

/// The usual names of tables of pictures, the most specific first.
pub(super) const NAMES: [&str; 6] = [
    "manifest.csv",
    "manifest.tsv",
    "manifest.jsonl",
    "metadata.csv",
    "metadata.jsonl",
    "labels.csv",
];
/// Number of tables examined.
const LOOKED_INTO: usize = 64;
/// The word in the names of a competition's forms for answers.
const FORM: &[u8] = b"submission";

/// The result of examining a table.
enum Verdict {
    /// It names pictures.
    Names {
        /// Lines whose picture exists.
        hits: usize,
        /// Lines examined.
        lines: usize,
        columns: Columns,
        boxed: bool,
    },
    /// It does not, with the reason.
    Not(LineError),
}

/// Examines tables, and remembers the reasons against them.
pub(super) struct Chooser<'a> {
    archive: &'a Archive,
    lookup: &'a Lookup<'a>,
    verdicts: RefCell<HashMap<usize, Option<String>>>,
}

impl<'a> Chooser<'a> {
    pub(super) fn new(archive: &'a Archive, lookup: &'a Lookup<'a>) -> Self {
        Self { archive, lookup, verdicts: RefCell::default() }
    }

    /// The shallowest tables of one of the usual names; else the only table at the top.
    pub(super) fn usual(&self) -> Vec<usize> {
        let all = self.usual_candidates();
        let chosen = all
            .into_iter()
            .map(|group| self.that_name(group, true))
            .find(|group| !group.is_empty());
        chosen
            .or_else(|| Some(self.that_name(vec![self.only_at_top()?], false)))
            .unwrap_or_default()
    }

    /// The tables of the usual names, grouped by name, whether they name pictures or not.
    pub(super) fn usual_candidates(&self) -> Vec<Vec<usize>> {
        let depth = |&i: &usize| self.archive.names()[i].0.iter().filter(|&&b| b == b'/').count();
        let group = |name: &&str| {
            let all: Vec<usize> = files(self.archive, &[*name])
                .filter(|&i| self.base(i) == name.as_bytes())
                .collect();
            let least = all.iter().map(depth).min();
            all.into_iter().filter(|i| Some(depth(i)) == least).collect::<Vec<_>>()
        };
        NAMES.iter().map(group).filter(|group| !group.is_empty()).collect()
    }

    /// The only table at the archive's top.
    pub(super) fn only_at_top(&self) -> Option<usize> {
        let top =
            common_folder(files(self.archive, &[""]).map(|i| self.archive.names()[i].0.as_slice()));
        let mut at_top = files(self.archive, &SUFFIXES)
            .filter(|&i| folder_of(&self.archive.names()[i].0) == top);
        at_top.next().filter(|_| at_top.next().is_none())
    }

    /// The tables of any name, anywhere, that clearly name the pictures: a single one, or several
    /// that belong together, such as one for each split or one of the same name in each folder.
    pub(super) fn anywhere(&self) -> Vec<usize> {
        let tables: Vec<usize> = files(self.archive, &SUFFIXES).take(LOOKED_INTO).collect();
        let named: Vec<usize> = tables.into_iter().filter(|&i| self.clearly_names(i)).collect();
        if !named.is_empty() {
            return self.together(named);
        }
        let lists: Vec<usize> = files(self.archive, &[LIST]).take(LOOKED_INTO).collect();
        self.together(lists.into_iter().filter(|&i| self.clearly_names(i)).collect())
    }

    /// All of them if they belong together, else none.
    fn together(&self, named: Vec<usize>) -> Vec<usize> {
        let splits: Vec<Option<Split>> = named.iter().map(|&i| self.part(i)).collect();
        let mut distinct: Vec<Split> = splits.iter().copied().flatten().collect();
        distinct.sort_unstable();
        distinct.dedup();
        let for_parts = distinct.len() == named.len();
        let siblings = named.windows(2).all(|pair| self.base(pair[0]) == self.base(pair[1]));
        if named.len() < 2 || for_parts || siblings {
            return named;
        }
        let names: Vec<String> =
            named.iter().take(3).map(|&i| self.archive.names()[i].to_string()).collect();
        for &i in &named {
            let other = names.join(", ");
            let why = format!(
                "several tables name the pictures ({other}), and only one can be meant: name it instead of its folder"
            );
            self.verdicts.borrow_mut().insert(i, Some(why));
        }
        Vec::new()
    }

    /// The split of a table, by its own name or its folders.
    pub(super) fn part(&self, table: usize) -> Option<Split> {
        let name = &self.archive.names()[table].0;
        split_folders::of_name(stem_of(base_of(name))).or_else(|| split_folders::of_path(name))
    }

    fn base(&self, table: usize) -> &[u8] {
        base_of(&self.archive.names()[table].0)
    }

    /// Those of the tables that name pictures. `usual`: they have a usual name.
    fn that_name(&self, tables: Vec<usize>, usual: bool) -> Vec<usize> {
        tables.into_iter().filter(|&i| self.names(i, usual)).collect()
    }

    /// Returns whether a table names pictures of the archive; one of a usual name is given the
    /// benefit of the doubt.
    fn names(&self, table: usize, usual: bool) -> bool {
        let why = match self.look(table) {
            Verdict::Not(fault) => Some(fault.what),
            Verdict::Names { hits: 0, lines: 1.., .. } if !usual && !self.lookup.is_empty() => {
                Some("none of the pictures that it names is there".into())
            }
            Verdict::Names { columns, boxed: false, .. } if !usual && !columns.tell() => {
                Some(silent(&columns))
            }
            Verdict::Names { .. } => None,
        };
        let names = why.is_none();
        self.verdicts.borrow_mut().insert(table, why);
        names
    }

    /// Returns whether most lines name an existing picture and describe it.
    fn clearly_names(&self, table: usize) -> bool {
        let name = self.base(table).to_ascii_lowercase();
        if name.windows(FORM.len()).any(|word| word == FORM) {
            let why =
                "it is a form for the answers of a competition, whose classes are made up".into();
            self.verdicts.borrow_mut().insert(table, Some(why));
            return false;
        }
        let verdict = self.look(table);
        let unread = matches!(verdict, Verdict::Not(_) | Verdict::Names { hits: 0, .. });
        let why = match verdict {
            Verdict::Not(fault) => Some(fault.what),
            Verdict::Names { hits: 0, .. } => {
                Some("none of the pictures that it names is there".into())
            }
            Verdict::Names { hits, lines, .. } if hits * 2 < lines => {
                Some(format!("of its first {lines} lines only {hits} name a picture that is there"))
            }
            // A mere list of names counts only under a usual name.
            Verdict::Names { columns, boxed: false, .. }
                if !columns.tell() || columns.len() == 1 =>
            {
                Some(silent(&columns))
            }
            Verdict::Names { .. } => None,
        };
        // A text file that is no list needs no reason: nobody takes it for a table.
        let names = why.is_none();
        if names || !is_list(&name) || !unread {
            self.verdicts.borrow_mut().insert(table, why);
        }
        names
    }

    fn look(&self, table: usize) -> Verdict {
        let none = |what: String| Verdict::Not(LineError { line: 1, what });
        let bytes = match self.archive.read(table, TABLE_LIMIT) {
            Ok(bytes) => bytes,
            Err(error) => return none(error.to_string()),
        };
        let name = &self.archive.names()[table].0;
        let text = text_of(name, &bytes);
        if text.split(|&b| b == b'\n').any(|line| line.len() > LINE_LIMIT) {
            return none("it has lines longer than any table of pictures".into());
        }
        let own = folder_of(name);
        let is_picture = |text: &str| is_picture(self.lookup, own, text);
        let looked = if is_jsonl(name) {
            json_rows::head(&text, &is_picture)
                .map(|(columns, rows)| (json_rows::has_boxes(&columns), columns, rows))
        } else {
            csv_rows::Head::read(&text, &is_picture).map(|head| (false, head.columns, head.rows))
        };
        match looked {
            Ok((boxed, columns, rows)) => {
                let paths = rows
                    .iter()
                    .filter_map(|row| row.get(columns.path))
                    .filter(|path| !path.is_empty());
                let hits = paths.clone().filter(|path| is_picture(path)).count();
                Verdict::Names { hits, lines: paths.count(), columns, boxed }
            }
            Err(fault) => Verdict::Not(fault),
        }
    }

    /// The tables that are not `used`, with the reasons.
    pub(super) fn unused(&self, used: &[usize]) -> Vec<Unused> {
        let verdicts = self.verdicts.borrow();
        let seen: BTreeMap<usize, &str> = verdicts
            .iter()
            .map(|(i, why)| (*i, why.as_deref().unwrap_or("another table is read")))
            .collect();
        let all =
            files(self.archive, &SUFFIXES).take(LOOKED_INTO).filter(|i| !seen.contains_key(i));
        let all =
            all.map(|i| (i, "another table is read")).chain(seen.iter().map(|(i, why)| (*i, *why)));
        let mut unused: Vec<Unused> = all
            .filter(|(i, _)| !used.contains(i))
            .map(|(i, why)| Unused { name: self.archive.names()[i].clone(), why: why.to_owned() })
            .collect();
        unused.sort_by(|a, b| a.name.cmp(&b.name));
        unused
    }
}

/// Returns whether there are tables, or, with `lists`, text files.
pub(super) fn any(archive: &Archive, lists: bool) -> bool {
    files(archive, &SUFFIXES).next().is_some()
        || (lists && files(archive, &[LIST]).next().is_some())
}

fn silent(columns: &Columns) -> String {
    format!(
        "it names pictures but no class, part or box of theirs (its columns: {})",
        columns.shown()
    )
}

/// Returns whether a text in a table of the folder `own` names a picture.
pub(super) fn is_picture(lookup: &Lookup<'_>, own: &[u8], text: &str) -> bool {
    // A class or a number may match a picture of that name without suffix; sentences and empty
    // fields match none.
    let is_name = !text.is_empty() && text.len() < 1024;
    is_name && !lookup.find(&[own], text.as_bytes(), None).is_empty()
}

/// The name of a table, to show.
pub(super) fn shown(archive: &Archive, table: usize) -> &Name {
    &archive.names()[table]
}
