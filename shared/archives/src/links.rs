//! Links of a packed folder, resolved within it, so that it holds the same files as the folder
//! would once unpacked.
//!
//! Paths are walked as an operating system does: link by link, with `..` relative to a link's
//! target. Nothing outside the archive is ever accessed.

use std::collections::{BTreeMap, HashMap};
use std::io;

use super::name::Name;
use super::passed_over::{PassedOver, Why};

/// A path with more links than this is regarded as a loop, as in Linux.
const HOPS_LIMIT: usize = 40;
/// Upper bound of names added by links to folders: links in linked folders multiply.
const ADDED_LIMIT: usize = 1 << 20;

/// An entry of an archive; `T` is the location of a file's bytes.
#[derive(Clone, Debug)]
pub(super) enum Member<T> {
    File(T),
    /// A link by a path relative to its own folder.
    Symlink(Vec<u8>),
    /// Another name for a member; the path is relative to the top of the archive.
    HardLink(Vec<u8>),
    /// A folder, which may be empty.
    Folder,
    /// An entry that cannot be read.
    Other(Why),
}

/// Files with their names, in the order of the archive, and the entries that are not files.
pub(super) type Resolved<T> = (Vec<(Name, T)>, Vec<PassedOver>);

/// Follows all links.
///
/// # Errors
/// If links to folders would add too many names.
pub(super) fn resolve<T: Clone>(members: Vec<(Name, Member<T>)>) -> io::Result<Resolved<T>> {
    let members = name_hard_links(separated(members));
    let (mut files, mut passed) = (Vec::new(), Vec::new());
    if !members.iter().any(|(_, member)| matches!(member, Member::Symlink(_) | Member::HardLink(_)))
    {
        for (name, member) in members {
            match member {
                Member::File(file) => files.push((name, file)),
                Member::Other(why) => passed.push(PassedOver { name, why }),
                _ => {}
            }
        }
        return Ok((files, passed));
    }
    // Among equal names the last one counts.
    let tree = Tree(members.iter().map(|(name, member)| (name.0.clone(), member)).collect());
    let mut walk = Walk { tree: &tree, files: Vec::new(), passed: Vec::new(), added: 0 };
    walk.folder(b"", b"", &[])?;
    Ok((walk.files, walk.passed))
}

/// Cleans names: no `.` and no empty parts. If no name has a `/` then, `\` separates: programs on
/// Windows write it.
fn separated<T>(mut members: Vec<(Name, Member<T>)>) -> Vec<(Name, Member<T>)> {
    for (name, member) in &mut members {
        if name.0.ends_with(b"/") && matches!(member, Member::File(_)) {
            *member = Member::Folder;
        }
        name.0 = cleaned(std::mem::take(&mut name.0));
    }
    let holds = |byte: u8| members.iter().any(|(name, _)| name.0.contains(&byte));
    if !holds(b'/') && holds(b'\\') {
        let forward =
            |path: &mut Vec<u8>| path.iter_mut().filter(|b| **b == b'\\').for_each(|b| *b = b'/');
        for (name, member) in &mut members {
            forward(&mut name.0);
            if let Member::Symlink(to) | Member::HardLink(to) = member {
                forward(to);
            }
            if name.0.ends_with(b"/") && matches!(member, Member::File(_)) {
                *member = Member::Folder;
            }
            name.0 = cleaned(std::mem::take(&mut name.0));
        }
    }
    members.retain(|(name, _)| !name.0.is_empty());
    members
}

/// A path without `.` and empty parts; `..` is kept as an ordinary name.
fn cleaned(path: Vec<u8>) -> Vec<u8> {
    let superfluous = |part: &[u8]| part.is_empty() || part == b".";
    if !path.split(|&b| b == b'/').any(superfluous) {
        return path;
    }
    let parts: Vec<&[u8]> = path.split(|&b| b == b'/').filter(|part| !superfluous(part)).collect();
    parts.join(&b'/')
}

/// Resolves every hard link to its target: the member of that name before it, else after it. A link
/// without a target, because its path crosses symbolic links or does not exist, stays a hard link.
fn name_hard_links<T: Clone>(mut members: Vec<(Name, Member<T>)>) -> Vec<(Name, Member<T>)> {
    if !members.iter().any(|(_, member)| matches!(member, Member::HardLink(_))) {
        return members;
    }
    // The second round finds targets that come after their links; more rounds resolve links to such
    // links.
    let mut known: HashMap<Vec<u8>, Member<T>> = HashMap::new();
    let mut found = true;
    while std::mem::take(&mut found) {
        for (name, member) in &mut members {
            if let Member::HardLink(to) = member
                && let Some(target) = known.get(&cleaned(to.clone()))
            {
                (*member, found) = (target.clone(), true);
            }
            if !matches!(member, Member::HardLink(_)) {
                known.insert(name.0.clone(), member.clone());
            }
        }
        // A first round without a hit may still have met targets after their links.
        found |= members.iter().any(
            |(_, m)| matches!(m, Member::HardLink(to) if known.contains_key(&cleaned(to.clone()))),
        );
    }
    members
}

/// The members by their paths.
struct Tree<'a, T>(BTreeMap<Vec<u8>, &'a Member<T>>);

/// The target of a path.
enum Place<'a, T> {
    File(&'a T),
    Folder(Vec<u8>),
    Nowhere(Why),
}

impl<'a, T> Tree<'a, T> {
    /// The members below a folder, excluding the folder itself.
    fn below(&self, folder: &[u8]) -> impl Iterator<Item = (&Vec<u8>, &'a Member<T>)> {
        let start = if folder.is_empty() { Vec::new() } else { [folder, b"/"].concat() };
        let all = self.0.range(start.clone()..).map(|(path, member)| (path, *member));
        all.take_while(move |(path, _)| path.starts_with(&start))
    }

    /// Walks `path` from `folder` on. `to` is the text of the link, for the reason.
    fn follow(&self, folder: &[u8], path: &[u8], to: &Name) -> Place<'a, T> {
        let nowhere = || Place::Nowhere(Why::DanglingLink { to: to.clone() });
        let out = || Place::Nowhere(Why::LeadsOut { to: to.clone() });
        let mut at: Vec<u8> = folder.to_vec();
        // The remaining parts, the next one last.
        let parts =
            |path: &[u8]| path.split(|&b| b == b'/').rev().map(<[u8]>::to_vec).collect::<Vec<_>>();
        if path.starts_with(b"/") {
            return out();
        }
        let (mut left, mut hops) = (parts(path), 0);
        while let Some(part) = left.pop() {
            match part.as_slice() {
                b"" | b"." => continue,
                b".." if at.is_empty() => return out(),
                b".." => {
                    at.truncate(at.iter().rposition(|&b| b == b'/').unwrap_or(0));
                    continue;
                }
                part if at.is_empty() => at.extend(part),
                part => at = [&at[..], b"/", part].concat(),
            }
            let (next, from_top) = match self.0.get(&at) {
                Some(Member::Symlink(next)) => (next, false),
                Some(Member::HardLink(next)) => (next, true),
                Some(Member::File(_) | Member::Other(_)) if !left.is_empty() => return nowhere(),
                _ => continue,
            };
            hops += 1;
            if hops > HOPS_LIMIT {
                return Place::Nowhere(Why::Loop);
            }
            if next.starts_with(b"/") && !from_top {
                return out();
            }
            at.truncate(if from_top {
                0
            } else {
                at.iter().rposition(|&b| b == b'/').unwrap_or(0)
            });
            left.extend(parts(next));
        }
        match self.0.get(&at) {
            Some(Member::File(file)) => Place::File(file),
            Some(Member::Other(why)) => Place::Nowhere(why.clone()),
            Some(Member::Folder) => Place::Folder(at),
            _ if at.is_empty() || self.below(&at).next().is_some() => Place::Folder(at),
            _ => nowhere(),
        }
    }
}

/// Collects all names of the unpacked folder.
struct Walk<'a, T> {
    tree: &'a Tree<'a, T>,
    files: Vec<(Name, T)>,
    passed: Vec<PassedOver>,
    /// Number of names added by links to folders.
    added: usize,
}

impl<T: Clone> Walk<'_, T> {
    /// Adds the members below `folder`, under names that begin with `shown`. `above`: the folders
    /// on the way down, as they are without links.
    fn folder(&mut self, folder: &[u8], shown: &[u8], above: &[Vec<u8>]) -> io::Result<()> {
        let tree = self.tree;
        let skip = if folder.is_empty() { 0 } else { folder.len() + 1 };
        for (path, member) in tree.below(folder) {
            let rest = &path[skip..];
            let name = Name([shown, rest].concat());
            if !above.is_empty() {
                self.added += 1;
                if self.added > ADDED_LIMIT {
                    let what = format!(
                        "links to folders in it make more than {ADDED_LIMIT} names; unpack it and name the folder"
                    );
                    return Err(io::Error::new(io::ErrorKind::InvalidData, what));
                }
            }
            let own = &path[..path.iter().rposition(|&b| b == b'/').unwrap_or(0)];
            let place = match member {
                Member::File(file) => Place::File(file),
                Member::Folder => continue,
                Member::Other(why) => Place::Nowhere(why.clone()),
                Member::Symlink(to) => tree.follow(own, to, &Name(to.clone())),
                Member::HardLink(to) => tree.follow(b"", &cleaned(to.clone()), &Name(to.clone())),
            };
            match place {
                Place::File(file) => self.files.push((name, file.clone())),
                Place::Nowhere(why) => self.passed.push(PassedOver { name, why }),
                Place::Folder(target) => {
                    // Every folder from the top to the link is above the link's target.
                    let ends = own
                        .iter()
                        .enumerate()
                        .filter(|(at, b)| **b == b'/' && *at >= skip)
                        .map(|(at, _)| own[..at].to_vec());
                    let mut on_the_way: Vec<Vec<u8>> =
                        above.iter().cloned().chain([folder.to_vec()]).chain(ends).collect();
                    on_the_way.push(own.to_vec());
                    if on_the_way.contains(&target) {
                        self.passed.push(PassedOver { name, why: Why::Loop });
                        continue;
                    }
                    self.folder(&target, &[&name.0[..], b"/"].concat(), &on_the_way)?;
                }
            }
        }
        Ok(())
    }
}
