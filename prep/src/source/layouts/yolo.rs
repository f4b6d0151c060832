//! The layout of YOLO: a text file for each picture, beside it, or in a folder `labels` if pictures
//! lie in `images` (`train/images` and `train/labels`, or `images/train` and `labels/train`).
//!
//! A line is the number of a class and a box as fractions of the picture: centre, width and height.
//! Three or more points after the class are a polygon, whose bounding box is used.
//! The names of the classes are in `data.yaml`, else in `classes.txt` or `obj.names`.
//! A picture without a text file is listed without objects.

use std::collections::{BTreeSet, HashMap};

use rayon::prelude::*;
use shared::archive::{Archive, Name};

use super::packed::lines;
use super::shapes::around;
use crate::crop::{BoundingBox, Object};
use crate::source::classes::common_label;
use crate::source::lookup::{cleaned, files};
use crate::source::path::{above, base_of, common_folder, folder_of, stem_of};
use crate::source::split_folders::{self, settle};
use crate::source::{Content, Entry, Format, Listing, SourceError, Split, TABLE_LIMIT, text};

/// Largest text file of boxes, in bytes.
const LABELS_LIMIT: u64 = 16 << 20;
/// Number of text files examined to detect the layout.
const DETECT_FILES: usize = 64;
/// The names of files of class names.
const NAMES: [&str; 4] = ["classes.txt", "obj.names", "classes.names", "_darknet.labels"];

/// Returns whether there are text files of boxes for pictures.
#[must_use]
pub fn detect(archive: &Archive) -> bool {
    if files(archive, &[".txt"]).next().is_none() {
        return false;
    }
    let pictures = labelled(archive).take(DETECT_FILES);
    let mut sound = 0;
    for (_, labels) in pictures {
        let Ok(bytes) = archive.read(labels, LABELS_LIMIT) else { return false };
        match boxes(&text::plain(&bytes), false) {
            Ok(boxes) if boxes.is_empty() => {}
            Ok(_) => sound += 1,
            Err(_) => return false,
        }
    }
    sound > 0
}

/// Reads all text files of boxes. The pictures are sorted by name, the classes by number.
///
/// # Errors
/// When there is no such file, a line is malformed, or only some classes have names.
pub fn read(archive: &Archive) -> Result<Listing, SourceError> {
    let pairs: Vec<(usize, usize)> = labelled(archive).collect();
    if pairs.is_empty() {
        let what = "there is no picture with a text file of boxes, in a folder labels beside images or beside the picture; another \
                    --format reads other layouts";
        return Err(SourceError::usage(archive, what));
    }
    let folders: BTreeSet<&[u8]> =
        pairs.iter().map(|&(picture, _)| folder_of(&archive.names()[picture].0)).collect();
    let mut config = Config::find(archive)?;
    let labels: HashMap<usize, usize> = pairs.iter().copied().collect();
    let keypoints = config.keypoints;
    let read = |&(_, labels): &(usize, usize)| {
        let table = archive.names()[labels].to_string();
        let bytes = archive.read(labels, LABELS_LIMIT)?;
        boxes(&text::plain(&bytes), keypoints)
            .map_err(|(line, what)| SourceError::line(archive, &table, line, what))
    };
    let read: Vec<Result<Vec<Line>, SourceError>> = pairs.par_iter().map(read).collect();
    let mut found: HashMap<usize, Vec<Object>> = HashMap::new();
    let (mut names, named) = (std::mem::take(&mut config.names), config.named.take());
    for (&(picture, labels), boxes) in pairs.iter().zip(read) {
        let mut objects = Vec::new();
        for Line { line, class, bounding_box } in boxes? {
            if class as usize >= names.len() {
                if let Some(table) = &named {
                    let what =
                        format!("class {class} has no name: {table} names {} classes", names.len());
                    return Err(SourceError::line(
                        archive,
                        &archive.names()[labels].to_string(),
                        line,
                        what,
                    ));
                }
                names.extend((names.len() as u32..=class).map(|number| number.to_string()));
            }
            objects.push(Object { bounding_box, label: Some(class) });
        }
        found.insert(picture, objects);
    }
    let mut tables: Vec<usize> =
        config.files.iter().copied().chain(labels.values().copied()).collect();
    tables.sort_unstable();
    let pictures: Vec<usize> = archive
        .pictures()
        .filter(|&i| folders.contains(folder_of(&archive.names()[i].0)))
        .collect();
    let used = tables.iter().chain(&pictures).map(|&i| archive.names()[i].0.as_slice());
    let root = common_folder(used).to_vec();
    let below = |i: usize| Name(archive.names()[i].0[root.len()..].to_vec());
    let entry = |(id, i): (u32, usize)| {
        let objects = found.remove(&i).unwrap_or_default();
        let split = config.part(&archive.names()[i].0, root.len());
        Entry {
            label: common_label(&objects),
            split,
            objects,
            drawn_on: Some([1.0, 1.0]),
            ..Entry::of(id, Content::File(below(i)))
        }
    };
    let mut pictures: Vec<Entry> = (0..).zip(pictures).map(entry).collect();
    settle(&mut pictures);
    let tables = tables.into_iter().map(below).collect();
    Ok(Listing { tables, classes: names, ..Listing::of(Format::Yolo, root, pictures) })
}

/// Pictures and the text files of their boxes.
fn labelled(archive: &Archive) -> impl Iterator<Item = (usize, usize)> {
    archive.pictures().filter_map(|picture| {
        let name = &archive.names()[picture].0;
        let text = [stem_of(name), b".txt"].concat();
        let beside = || {
            archive.find(&text).filter(|&at| {
                !NAMES.iter().any(|list| archive.names()[at].0.ends_with(list.as_bytes()))
            })
        };
        in_labels(&text)
            .and_then(|text| archive.find(&text))
            .or_else(beside)
            .map(|labels| (picture, labels))
    })
}

/// The path with its last folder `images` renamed to `labels`.
fn in_labels(path: &[u8]) -> Option<Vec<u8>> {
    let mut splits: Vec<&[u8]> = path.split(|&b| b == b'/').collect();
    let folders = splits.len() - 1;
    let at = splits[..folders].iter().rposition(|split| split.eq_ignore_ascii_case(b"images"))?;
    splits[at] = b"labels";
    Some(splits.join(&b'/'))
}

/// One box.
struct Line {
    line: usize,
    class: u32,
    bounding_box: BoundingBox,
}

/// The lines of a file. If there are `keypoints`, they follow the box.
fn boxes(text: &[u8], keypoints: bool) -> Result<Vec<Line>, (usize, String)> {
    let text = std::str::from_utf8(text).map_err(|e| (1, format!("it is not UTF-8 ({e})")))?;
    let mut boxes = Vec::new();
    for (line, words) in (1..).zip(text.lines()) {
        let words: Vec<&str> = words.split_ascii_whitespace().collect();
        let Some((class, rest)) = words.split_first() else { continue };
        let wrong = || {
            let shown = words.join(" ");
            (
                line,
                format!(
                    "\"{shown}\" is not the number of a class with a box (its centre, width and height) or a polygon"
                ),
            )
        };
        // Some exports write 0.0.
        let class = class
            .strip_suffix(".0")
            .unwrap_or(class)
            .parse()
            .ok()
            .filter(|class: &u32| *class < 1 << 20)
            .ok_or_else(wrong)?;
        let numbers: Option<Vec<f64>> = rest.iter().map(|word| text::number(word)).collect();
        let numbers = numbers.ok_or_else(wrong)?;
        let bounding_box = match numbers[..] {
            // The fifth is a detector's confidence.
            [x, y, width, height] | [x, y, width, height, _] => {
                BoundingBox { x: x - width / 2.0, y: y - height / 2.0, width, height }
            }
            [x, y, width, height, ..] if keypoints => {
                BoundingBox { x: x - width / 2.0, y: y - height / 2.0, width, height }
            }
            _ if numbers.len() >= 6 => {
                let points: Vec<[f64; 2]> =
                    numbers.chunks_exact(2).map(|pair| [pair[0], pair[1]]).collect();
                around(&points).ok_or_else(wrong)?
            }
            _ => return Err(wrong()),
        };
        boxes.push(Line { line, class, bounding_box });
    }
    Ok(boxes)
}

/// The configuration beside the labels.
#[derive(Default)]
struct Config {
    files: Vec<usize>,
    names: Vec<String>,
    /// The file that names the classes.
    named: Option<Name>,
    keypoints: bool,
    /// Ends of paths of folders or pictures, and their splits.
    splits: Vec<(Vec<u8>, Split)>,
}

impl Config {
    fn find(archive: &Archive) -> Result<Self, SourceError> {
        let mut config = Self::default();
        for file in files(archive, &[".yaml", ".yml"]) {
            let bytes = archive.read(file, TABLE_LIMIT)?;
            let text = String::from_utf8_lossy(&text::plain(&bytes)).into_owned();
            let yaml = Yaml::parse(&text);
            if yaml.names.is_empty() {
                continue;
            }
            if config.named.is_some() {
                return Err(SourceError::table(
                    archive,
                    &archive.names()[file].to_string(),
                    format!(
                        "{} names the classes already; remove one",
                        archive.names()[config.files[0]]
                    ),
                ));
            }
            config.files.push(file);
            config.named = Some(archive.names()[file].clone());
            (config.names, config.keypoints) = (yaml.names, yaml.keypoints);
            for (split, path) in yaml.splits {
                config.add_part(archive, split, &path)?;
            }
        }
        let lists = NAMES.iter().filter_map(|name| {
            archive
                .root_of(name)
                .ok()
                .and_then(|root| archive.find(&[&root[..], name.as_bytes()].concat()))
        });
        if let (None, Some(file)) = (&config.named, lists.into_iter().next()) {
            config.files.push(file);
            config.named = Some(archive.names()[file].clone());
            config.names = lines(&archive.read(file, TABLE_LIMIT)?);
        }
        Ok(config)
    }

    /// A folder of pictures, or a list of them.
    fn add_part(&mut self, archive: &Archive, split: Split, path: &str) -> Result<(), SourceError> {
        let path = cleaned(path.as_bytes());
        if !path.ends_with(b".txt") {
            self.splits.push(([&path[..], b"/"].concat(), split));
            return Ok(());
        }
        let ends_so = |name: &&Name| {
            name.0 == path
                || name.0.ends_with(&[b"/", &path[..]].concat())
                || base_of(&name.0) == base_of(&path)
        };
        let list =
            archive.names().iter().filter(ends_so).max_by_key(|name| name.0.ends_with(&path));
        let Some(list) = list.and_then(|name| archive.find(&name.0)) else { return Ok(()) };
        self.files.push(list);
        let bytes = archive.read(list, TABLE_LIMIT)?;
        let lines = lines(&text::plain(&bytes));
        self.splits.extend(lines.iter().map(|line| (cleaned(line.as_bytes()), split)));
        Ok(())
    }

    /// The split of a picture: by its folders, else by the configuration.
    fn part(&self, name: &[u8], root: usize) -> Option<Split> {
        let said = || {
            let path = [b"/", name].concat();
            let is_of = |end: &[u8]| match end.strip_suffix(b"/") {
                Some(folder) => folder_of(&path)
                    .windows(folder.len() + 2)
                    .any(|window| window == [b"/", folder, b"/"].concat()),
                None => path.ends_with(&[b"/", end].concat()) || base_of(end) == base_of(&path),
            };
            self.splits.iter().find(|(end, _)| is_of(end)).map(|(_, split)| *split)
        };
        split_folders::of_path(&name[root.min(name.len())..])
            .or_else(|| split_folders::of_path(&name[above(&name[..root]).len()..]))
            .or_else(said)
    }
}

/// The members of a `data.yaml` that are read.
#[derive(Default, Debug, PartialEq)]
struct Yaml {
    names: Vec<String>,
    keypoints: bool,
    splits: Vec<(Split, String)>,
}

impl Yaml {
    /// Reads the few forms of YAML that occur: lists and maps in brackets, or one item per line.
    fn parse(text: &str) -> Self {
        let mut yaml = Self::default();
        let mut lines =
            text.lines().map(without_comment).filter(|line| !line.trim().is_empty()).peekable();
        while let Some(line) = lines.next() {
            // Indented lines belong to a member that is not read.
            let Some((key, value)) =
                line.split_once(':').filter(|_| !line.starts_with([' ', '\t', '-']))
            else {
                continue;
            };
            let mut value = value.trim().to_owned();
            let mut items = Vec::new();
            if value.starts_with(['[', '{']) {
                while !value.ends_with([']', '}']) {
                    let Some(more) = lines.next() else { break };
                    value += " ";
                    value += more.trim();
                }
                items = inner(&value);
            } else if value.is_empty() {
                let belongs = |line: &&str| line.starts_with([' ', '\t', '-']);
                while let Some(line) = lines.next_if(belongs) {
                    let line = line.trim();
                    items.push(line.strip_prefix('-').unwrap_or(line).trim().to_owned());
                }
            }
            match key.trim() {
                "names" => yaml.names = names(&items),
                "kpt_shape" => yaml.keypoints = true,
                key => {
                    if let Some(split) = Split::named(key) {
                        let paths = if items.is_empty() { vec![value] } else { items };
                        yaml.splits.extend(
                            paths
                                .iter()
                                .map(|path| (split, unquoted(path)))
                                .filter(|(_, path)| !path.is_empty()),
                        );
                    }
                }
            }
        }
        yaml
    }
}

/// A line without its comment: from a `#` outside quotes on.
fn without_comment(line: &str) -> &str {
    let mut quote = None;
    let mut before = ' ';
    for (at, c) in line.char_indices() {
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if c == '\'' || c == '"' => quote = Some(c),
            None if c == '#' && before.is_whitespace() => return &line[..at],
            None => {}
        }
        before = c;
    }
    line
}

/// The items between brackets, separated by commas outside quotes.
fn inner(value: &str) -> Vec<String> {
    let inside = value.trim_start_matches(['[', '{']).trim_end_matches([']', '}']);
    let (mut items, mut item, mut quote) = (Vec::new(), String::new(), None);
    for c in inside.chars() {
        match quote {
            Some(open) if c == open => quote = None,
            None if c == '\'' || c == '"' => quote = Some(c),
            None if c == ',' => {
                items.push(std::mem::take(&mut item));
                continue;
            }
            _ => {}
        }
        item.push(c);
    }
    items.push(item);
    items.into_iter().map(|item| item.trim().to_owned()).filter(|item| !item.is_empty()).collect()
}

/// Names from items, which may be preceded by their numbers. A class whose number is missing is
/// named by it.
fn names(items: &[String]) -> Vec<String> {
    let numbered = |item: &String| {
        let (number, name) = item.split_once(':')?;
        Some((
            unquoted(number).parse::<usize>().ok().filter(|number| *number < 1 << 20)?,
            unquoted(name),
        ))
    };
    let all: Option<Vec<(usize, String)>> = items.iter().map(numbered).collect();
    let Some(all) = all.filter(|all| !all.is_empty()) else {
        return items.iter().map(|item| unquoted(item)).collect();
    };
    let count = all.iter().map(|(number, _)| number + 1).max().unwrap_or(0);
    let mut names: Vec<String> = (0..count).map(|number| number.to_string()).collect();
    for (number, name) in all {
        names[number] = name;
    }
    names
}

fn unquoted(text: &str) -> String {
    let text = text.trim();
    let inside = |quote: char| text.strip_prefix(quote)?.strip_suffix(quote);
    inside('"').or_else(|| inside('\'')).unwrap_or(text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn class_names_are_read_in_every_form_of_a_yaml() {
        for text in [
            "train: ../train/images\nnc: 2\nnames: ['sea gull', \"owl, barn\"]\n",
            "train: ../train/images # here\nnames:\n  - sea gull\n  - 'owl, barn'\n",
            "names:\n- sea gull\n- owl, barn\ntrain: ../train/images\n",
            "names:\n  0: sea gull\n  1: \"owl, barn\"\nroboflow:\n  names: no\ntrain: ../train/images",
            "train: '../train/images'\nnames: {1: 'owl, barn',\n  0: sea gull}\n",
        ] {
            let yaml = Yaml::parse(text);
            assert_eq!(yaml.names, ["sea gull", "owl, barn"], "{text}");
            assert_eq!(yaml.splits, [(Split::Train, "../train/images".to_owned())], "{text}");
        }
        assert_eq!(names(&["2: c".into()]), ["0", "1", "c"]);
        assert!(Yaml::parse("kpt_shape: [17, 3]\n").keypoints);
    }

    #[test]
    fn labels_lie_beside_images_or_beside_the_picture() {
        assert_eq!(in_labels(b"train/images/a/1.txt"), Some(b"train/labels/a/1.txt".to_vec()));
        assert_eq!(in_labels(b"images/images/1.txt"), Some(b"images/labels/1.txt".to_vec()));
        assert_eq!(in_labels(b"pictures/images.txt"), None);
    }
}
