//! The layout of Pascal VOC: one XML file per picture (`Annotations/*.xml` beside `JPEGImages/` or
//! `images/`, or XML files beside the pictures), and lists of stems in `ImageSets/Main` for the
//! splits.
//!
//! **Coordinates.** VOC counts pixels from 1, and `xmax` and `ymax` are the last pixels inside
//! (VOC2012 development kit, "Annotations"): a box starts at `xmin − 1` and is `xmax − xmin + 1`
//! wide.
//! Many later tools, such as LabelImg, write the same elements counted from 0.
//! Nothing in the file tells them apart, so their boxes are read as VOC's: a pixel further left and
//! up, and a pixel larger.
//!
//! Objects marked `difficult` or `truncated` are taken like all others.
//! A picture without XML file in a folder of annotated pictures is listed without objects.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use rayon::prelude::*;
use roxmltree::{Document, Error as XmlError, Node, ParsingOptions};
use shared::archive::{Archive, Name};

use crate::crop::placement;
use crate::crop::{BoundingBox, Object};
use crate::source::classes::{Classes, common_label};
use crate::source::lookup::{Lookup, Misses, add_unnamed, files, folded, root_of};
use crate::source::path::{above, base_of, folder_of, stem_of};
use crate::source::{Content, Entry, Format, Listing, SourceError, Split, TABLE_LIMIT, text};

/// Largest XML file, in bytes.
const XML_LIMIT: u64 = 16 << 20;
/// Largest number of elements and texts of an XML file: some 50,000 objects.
const XML_NODES: u32 = 1 << 20;
/// Number of XML files examined to detect the layout, which bounds the cost of a folder of other
/// XML files.
const DETECT_FILES: usize = 64;
/// The folder of the lists of the splits.
const LISTS: &str = "ImageSets/Main/";

/// Returns whether the archive holds XML files with the root `annotation`.
#[must_use]
pub fn detect(archive: &Archive) -> bool {
    let annotates = |xml| archive.read(xml, XML_LIMIT).is_ok_and(|bytes| is_annotation(&bytes));
    files(archive, &[".xml"]).take(DETECT_FILES).any(annotates)
}

/// Reads all XML files with the root `annotation`, and the lists of the splits if there are any.
/// The pictures and the classes are sorted by name.
///
/// # Errors
/// When there is no such file, one is malformed or lacks a number, or its picture is ambiguous.
pub fn read(archive: &Archive) -> Result<Listing, SourceError> {
    let lookup = Lookup::new(archive);
    let splits = ImageSets::read(archive)?;
    let mut classes = Classes::default();
    let mut tables: Vec<usize> = splits.files.clone();
    // Sorted by picture.
    let mut found: BTreeMap<Vec<u8>, Annotated> = BTreeMap::new();
    let mut folders = BTreeSet::new();
    let mut misses = Misses::default();
    let mut annotations = annotations(archive)?;
    as_fractions(&mut annotations);
    for (xml, annotation) in annotations {
        let picture = annotation.picture(archive, &lookup, xml)?;
        if archive.find(&picture).is_some() {
            folders.insert(folder_of(&picture).to_vec());
        } else {
            misses.add(base_of(&picture));
        }
        let mut object = |(class, bounding_box): &(String, _)| Object {
            bounding_box: *bounding_box,
            label: Some(classes.number(class)),
        };
        let objects = annotation.objects.iter().map(&mut object).collect();
        tables.push(xml);
        let shown = Name(picture.clone());
        if let Some(Some((first, ..))) =
            found.insert(picture, Some((xml, objects, annotation.size)))
        {
            let first = &archive.names()[first];
            return Err(bad(
                archive,
                xml,
                format!(
                    "its picture {shown} has an annotation already, {first}; remove one, or correct its filename"
                ),
            ));
        }
    }
    if found.is_empty() {
        return Err(SourceError::usage(
            archive,
            "there is no XML file whose root is <annotation>; another --format reads other layouts",
        ));
    }
    if let Some(first) = tables.get(splits.files.len()) {
        misses.report(archive, Format::Voc.name(), &archive.names()[*first], found.len());
    }
    add_unnamed(archive, &folders, &mut found);
    let root = root_of(archive, &tables, found.keys());
    let below = |name: &[u8]| Name(name[root.len()..].to_vec());
    let xmls = tables[splits.files.len()..].to_vec();
    tables.sort_unstable();
    let tables = tables.iter().map(|&i| below(&archive.names()[i].0)).collect();
    let entry = |(id, (picture, annotation)): (u32, (Vec<u8>, Annotated))| {
        let xml = annotation.as_ref().map(|(xml, ..)| &archive.names()[*xml].0[..]);
        let split = splits.of(&picture, xml);
        let (objects, drawn_on) =
            annotation.map(|(_, objects, size)| (objects, size)).unwrap_or_default();
        let label = common_label(&objects);
        Entry {
            id,
            content: Content::File(below(&picture)),
            partner: None,
            label,
            split,
            objects,
            drawn_on,
        }
    };
    let mut pictures: Vec<Entry> = (0..).zip(found).map(entry).collect();
    splits.report(archive, &pictures, &xmls);
    let classes = classes.into_sorted(&mut pictures);
    Ok(Listing { tables, classes, ..Listing::of(Format::Voc, root, pictures) })
}

/// The XML file of a picture, its objects, and the size of the picture; `None` for a picture
/// without XML file.
type Annotated = Option<(usize, Vec<Object>, Option<[f64; 2]>)>;

/// Boxes that all lie within 0 to 1 are fractions; their corners are not pixels counted from 1.
fn as_fractions(annotations: &mut [(usize, Annotation)]) {
    let as_written = |b: &BoundingBox| BoundingBox {
        x: b.x + 1.0,
        y: b.y + 1.0,
        width: b.width - 1.0,
        height: b.height - 1.0,
    };
    let objects = || annotations.iter().flat_map(|(_, annotation)| &annotation.objects);
    let written: Vec<BoundingBox> =
        objects().map(|(_, bounding_box)| as_written(bounding_box)).collect();
    if placement::are_fractions(&written) {
        for (_, annotation) in annotations {
            annotation
                .objects
                .iter_mut()
                .for_each(|(_, bounding_box)| *bounding_box = as_written(bounding_box));
            annotation.size = Some([1.0, 1.0]);
        }
    }
}

/// Returns whether the root of an XML file seems to be `annotation`, without parsing it, so that a
/// truncated file is reported.
fn is_annotation(bytes: &[u8]) -> bool {
    let text = text::plain(bytes);
    let mut rest = text.trim_ascii_start();
    let after = |text: &[u8], end: &[u8]| {
        text.windows(end.len()).position(|w| w == end).map(|at| at + end.len())
    };
    loop {
        if rest.starts_with(b"<!DOCTYPE annotation") {
            return true;
        }
        let end: &[u8] = match rest {
            [b'<', b'?', ..] => b"?>",
            [b'<', b'!', b'-', b'-', ..] => b"-->",
            [b'<', b'!', ..] => b">",
            _ => break,
        };
        let Some(length) = after(rest, end) else { return false };
        rest = rest[length..].trim_ascii_start();
    }
    let tail = rest.strip_prefix(b"<annotation").and_then(<[u8]>::first);
    tail.is_some_and(|&b| b.is_ascii_whitespace() || b == b'>' || b == b'/')
}

fn bad(archive: &Archive, entry: usize, what: String) -> SourceError {
    SourceError::table(archive, &archive.names()[entry].to_string(), what)
}

/// All annotations, sorted by name. They are read on all cores; of several malformed ones, the
/// first is reported.
fn annotations(archive: &Archive) -> Result<Vec<(usize, Annotation)>, SourceError> {
    let files: Vec<usize> = files(archive, &[".xml"]).collect();
    let read = |xml: usize| -> Result<Option<(usize, Annotation)>, SourceError> {
        let bytes = archive.read(xml, XML_LIMIT)?;
        if !is_annotation(&bytes) {
            return Ok(None);
        }
        let annotation = Annotation::parse(&bytes).map_err(|what| bad(archive, xml, what))?;
        Ok(Some((xml, annotation)))
    };
    let read: Vec<_> = files.into_par_iter().map(read).collect();
    read.into_iter().filter_map(Result::transpose).collect()
}

/// The contents of one XML file.
struct Annotation {
    folder: Option<String>,
    filename: Option<String>,
    objects: Vec<(String, BoundingBox)>,
    /// Width and height of the picture, if both are given and positive.
    size: Option<[f64; 2]>,
}

impl Annotation {
    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let bytes = text::plain(bytes);
        let text = str::from_utf8(&bytes)
            .map_err(|e| format!("it is not UTF-8 ({e}); save it as UTF-8"))?;
        let options = ParsingOptions {
            allow_dtd: false,
            nodes_limit: XML_NODES,
            ..ParsingOptions::default()
        };
        let document = Document::parse_with_options(text, options).map_err(|e| match e {
            XmlError::DtdDetected => {
                "it has a document type (<!DOCTYPE …>), which is not read; remove it".into()
            }
            XmlError::NodesLimitReached => {
                format!("it has more than {XML_NODES} elements and texts")
            }
            XmlError::UnexpectedEndOfStream | XmlError::UnclosedRootNode => {
                format!("it is truncated in line {}", text.lines().count())
            }
            e => format!("it is no sound XML, line {}: {e}", e.pos().row),
        })?;
        let root = document.root_element();
        let objects = (1..).zip(root.children().filter(|node| node.has_tag_name("object")));
        let objects = objects
            .map(|(number, node)| object(node).map_err(|what| format!("object {number} {what}")));
        Ok(Self {
            folder: text_of(root, "folder"),
            filename: text_of(root, "filename"),
            objects: objects.collect::<Result<_, _>>()?,
            size: child(root, "size").and_then(size),
        })
    }

    /// The picture of an annotation; a name that is not in the archive if it is missing.
    fn picture(
        &self,
        archive: &Archive,
        lookup: &Lookup<'_>,
        xml: usize,
    ) -> Result<Vec<u8>, SourceError> {
        let xml_path = &archive.names()[xml].0;
        let (own, stem) = (folder_of(xml_path), stem_of(base_of(xml_path)));
        // Some tools write whole paths of their machine, even into `filename`.
        let last = |path: &'_ String| {
            path.rsplit(['/', '\\']).next().unwrap_or_default().as_bytes().to_vec()
        };
        let filename = self.filename.as_ref().map(last);
        let named = self.folder.as_ref().map(last);
        let mut folders = Vec::new();
        for start in [above(own), own] {
            let usual = [b"JPEGImages".as_slice(), b"images"].into_iter().chain(named.as_deref());
            folders.extend(usual.map(|folder| [start, folder, b"/"].concat()));
        }
        folders.push(own.to_vec());
        let one_of = |found: &mut dyn Iterator<Item = usize>| match (found.next(), found.next()) {
            (Some(first), Some(second)) => {
                let [first, second] = [first, second].map(|i| &archive.names()[i]);
                Err(bad(
                    archive,
                    xml,
                    format!(
                        "it may be of {first} or of {second}; say in <filename> which, or remove one"
                    ),
                ))
            }
            (first, _) => Ok(first.map(|i| archive.names()[i].0.clone())),
        };
        if let Some(filename) = &filename {
            let mut paths = folders.iter().map(|folder| [folder.as_slice(), filename].concat());
            if let Some(path) = paths.find(|path| archive.find(path).is_some()) {
                return Ok(path);
            }
        }
        for folder in &folders {
            let path = [folder.as_slice(), stem].concat();
            let mut same =
                lookup.by_stem(&path).filter(|&i| stem_of(&archive.names()[i].0) == path);
            if let Some(path) = one_of(&mut same)? {
                return Ok(path);
            }
        }
        // Elsewhere: the more parent folders agree, the better (Annotations/a/1.xml and
        // pictures/a/1.jpg).
        let by_filename = filename.as_ref().map(|filename| [own, filename].concat());
        for path in by_filename.iter().flat_map(|path| ends(path)) {
            if let Some(path) = one_of(&mut lookup.by_path(path))? {
                return Ok(path);
            }
        }
        for path in ends(&[own, stem].concat()) {
            if let Some(path) = one_of(&mut lookup.by_stem(path))? {
                return Ok(path);
            }
        }
        let names = [self.filename.as_deref().map(str::as_bytes), Some(stem)];
        for name in names.into_iter().flatten() {
            let mut found = lookup.find(&[own], name, None).into_iter();
            if let Some(path) = one_of(&mut found)? {
                return Ok(path);
            }
        }
        let holds_files = |folder: &&Vec<u8>| {
            let names = archive.names();
            names
                .get(names.partition_point(|name| name.0 < **folder))
                .is_some_and(|name| name.0.starts_with(folder))
        };
        let folder = folders.iter().find(holds_files).map_or(own, Vec::as_slice);
        Ok([folder, &filename.unwrap_or_else(|| [stem, b".jpg"].concat())].concat())
    }
}

/// The last four, three, two and one components of a path.
fn ends(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    let slashes =
        path.iter().enumerate().rev().filter(|(_, b)| **b == b'/').take(4).map(|(at, _)| at + 1);
    let mut starts: Vec<usize> = slashes.collect();
    if starts.len() < 4 {
        starts.push(0);
    }
    starts.into_iter().rev().map(|start| &path[start..])
}

fn child<'a, 'b>(node: Node<'a, 'b>, name: &str) -> Option<Node<'a, 'b>> {
    node.children().find(|child| child.has_tag_name(name))
}

/// The trimmed text of a child element; `None` if it is missing.
fn text_of(node: Node<'_, '_>, name: &str) -> Option<String> {
    let text = child(node, name)?.text()?.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// The width and height in `<size>`. Some tools leave zeros there.
fn size(node: Node<'_, '_>) -> Option<[f64; 2]> {
    let extent = |name| {
        text_of(node, name)?
            .parse()
            .ok()
            .filter(|extent: &f64| extent.is_finite() && *extent >= 1.0)
    };
    Some([extent("width")?, extent("height")?])
}

/// Class and box of one object.
fn object(node: Node<'_, '_>) -> Result<(String, BoundingBox), String> {
    let class = text_of(node, "name").ok_or("has no name")?;
    let corners = child(node, "bndbox").ok_or_else(|| format!("({class}) has no bndbox"))?;
    let number = |name: &str| {
        let text = text_of(corners, name)
            .ok_or_else(|| format!("({class}) has no {name} in its bndbox"))?;
        text::number(&text).ok_or_else(|| format!("({class}): {name} \"{text}\" is not a number"))
    };
    let [left, top, right, bottom] =
        [number("xmin")?, number("ymin")?, number("xmax")?, number("ymax")?];
    let bounding_box = BoundingBox {
        x: left - 1.0,
        y: top - 1.0,
        width: right - left + 1.0,
        height: bottom - top + 1.0,
    };
    Ok((class, bounding_box))
}

/// A split, and the list and the line that give it.
type ListedSplit = (Split, usize, usize);

/// Splits by the stems of the pictures, [`folded`].
type Stems = BTreeMap<Vec<u8>, ListedSplit>;

/// The lists in `ImageSets/Main`.
struct ImageSets {
    files: Vec<usize>,
    /// For each folder that holds `ImageSets`; the deepest first.
    sets: Vec<(Vec<u8>, Stems)>,
}

impl ImageSets {
    fn read(archive: &Archive) -> Result<Self, SourceError> {
        let mut roots = BTreeSet::new();
        for i in files(archive, &[".txt"]) {
            let folder = folder_of(&archive.names()[i].0);
            roots.extend(
                folder
                    .strip_suffix(LISTS.as_bytes())
                    .filter(|root| root.is_empty() || root.ends_with(b"/")),
            );
        }
        let mut splits = Self { files: Vec::new(), sets: Vec::new() };
        for root in roots.into_iter().rev() {
            let mut stems = Stems::new();
            let find = |list: &str| {
                archive.find(&[root, LISTS.as_bytes(), list.as_bytes(), b".txt"].concat())
            };
            let both = find("trainval").filter(|_| find("train").is_none());
            for (list, split) in [
                (find("train"), Split::Train),
                (find("val"), Split::Val),
                (find("test"), Split::Test),
            ] {
                splits.add(archive, &mut stems, list, split, false)?;
            }
            // It contains the pictures of val too, which stay in val.
            splits.add(archive, &mut stems, both, Split::Train, true)?;
            splits.sets.push((root.to_vec(), stems));
        }
        Ok(splits)
    }

    fn add(
        &mut self,
        archive: &Archive,
        stems: &mut Stems,
        list: Option<usize>,
        split: Split,
        keep: bool,
    ) -> Result<(), SourceError> {
        let Some(list) = list else { return Ok(()) };
        self.files.push(list);
        let text = archive.read(list, TABLE_LIMIT)?;
        let text = text::plain(&text);
        for (line, stem) in (1..).zip(text.split(|&b| b == b'\n').map(<[u8]>::trim_ascii)) {
            let id = folded(stem);
            match stems.get(&id) {
                _ if stem.is_empty() => {}
                Some((other, ..)) if *other == split || keep => {}
                Some((_, first, first_line)) => {
                    let (table, first) =
                        (archive.names()[list].to_string(), &archive.names()[*first]);
                    let shown = Name(stem.to_vec());
                    let what = format!(
                        "{shown} is in {first}, line {first_line}, too; a picture belongs to one part"
                    );
                    return Err(SourceError::line(archive, &table, line, what));
                }
                None => {
                    stems.insert(id, (split, list, line));
                }
            }
        }
        Ok(())
    }

    /// The split of a picture: the lists name the picture or its XML file.
    fn of(&self, picture: &[u8], xml: Option<&[u8]>) -> Option<Split> {
        let around = |name: &[u8]| {
            let stem = folded(stem_of(base_of(name)));
            self.sets
                .iter()
                .filter(|(root, _)| name.starts_with(root))
                .find_map(|(_, stems)| Some(stems.get(&stem)?.0))
        };
        around(picture).or_else(|| xml.and_then(around))
    }

    /// Warns of pictures in the lists that do not exist.
    fn report(&self, archive: &Archive, pictures: &[Entry], xmls: &[usize]) {
        let stem = |name: &[u8]| folded(stem_of(base_of(name)));
        let mut there: HashSet<Vec<u8>> =
            pictures.iter().filter_map(Entry::file).map(|name| stem(&name.0)).collect();
        there.extend(xmls.iter().map(|&xml| stem(&archive.names()[xml].0)));
        let mut misses: BTreeMap<usize, (Misses, usize)> = BTreeMap::new();
        for (_, stems) in &self.sets {
            for (id, (_, list, _)) in stems {
                let (misses, all) = misses.entry(*list).or_default();
                *all += 1;
                if !there.contains(id) {
                    misses.add(id);
                }
            }
        }
        for (list, (misses, all)) in misses {
            misses.report(archive, Format::Voc.name(), &archive.names()[list], all);
        }
    }
}
