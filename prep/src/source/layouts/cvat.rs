//! The layout of CVAT for images: `annotations.xml` with an `<image>` for each picture, shapes in
//! it, and the split in `subset`.

use std::collections::HashMap;

use roxmltree::{Document, Error as XmlError, Node, ParsingOptions};
use shared::archive::{Archive, Name};

use super::shapes::around;
use crate::crop::{BoundingBox, Object};
use crate::source::classes::{Classes, common_label};
use crate::source::lookup::{Lookup, Misses, ambiguous, cleaned, files};
use crate::source::path::{above, base_of, common_folder, folder_of};
use crate::source::{Content, Entry, Format, Listing, SourceError, Split, TABLE_LIMIT, text};

/// Number of XML files examined to detect the layout.
const DETECT_FILES: usize = 16;
/// Largest number of elements and texts of a file: some million boxes.
const XML_NODES: u32 = 1 << 25;
/// The folder of the pictures in CVAT's archives.
const PICTURES: &[u8] = b"images/";

/// Returns whether there is an XML file with the root `annotations` and an `<image>` in it.
#[must_use]
pub fn detect(archive: &Archive) -> bool {
    files(archive, &[".xml"]).take(DETECT_FILES).any(|file| is_one(archive, file))
}

/// Returns whether a file seems to have the root `annotations` and an `<image>` in it, without
/// parsing it.
fn is_one(archive: &Archive, file: usize) -> bool {
    let Ok(bytes) = archive.read(file, TABLE_LIMIT) else { return false };
    let text = text::plain(&bytes);
    let find = |word: &[u8]| text.windows(word.len()).position(|window| window == word);
    let (Some(root), Some(image)) = (find(b"<annotations>"), find(b"<image ")) else {
        return false;
    };
    root < image
}

/// Reads all such files. The pictures are in the order of the files, the classes sorted by name.
///
/// # Errors
/// When there is no such file, one is malformed or lacks a number, or the picture of an image is
/// ambiguous.
pub fn read(archive: &Archive) -> Result<Listing, SourceError> {
    let tables: Vec<usize> =
        files(archive, &[".xml"]).filter(|&file| is_one(archive, file)).collect();
    if tables.is_empty() {
        return Err(SourceError::usage(
            archive,
            "there is no XML file whose root is <annotations> with <image> in it; another --format reads other layouts",
        ));
    }
    let lookup = Lookup::new(archive);
    let mut classes = Classes::default();
    let mut places: HashMap<Vec<u8>, usize> = HashMap::new();
    let mut pictures: Vec<Entry> = Vec::new();
    for &table in &tables {
        let name = &archive.names()[table];
        let bad = |what: String| SourceError::table(archive, &name.to_string(), what);
        let bytes = archive.read(table, TABLE_LIMIT)?;
        let xml = String::from_utf8_lossy(&text::plain(&bytes)).into_owned();
        let options = ParsingOptions {
            allow_dtd: false,
            nodes_limit: XML_NODES,
            ..ParsingOptions::default()
        };
        let document = Document::parse_with_options(&xml, options).map_err(|e| match e {
            XmlError::UnexpectedEndOfStream | XmlError::UnclosedRootNode => {
                bad(format!("it is truncated in line {}", xml.lines().count()))
            }
            e => bad(format!("it is no sound XML, line {}: {e}", e.pos().row)),
        })?;
        let (mut misses, mut count) = (Misses::default(), 0);
        for image in document.root_element().children().filter(|node| node.has_tag_name("image")) {
            let called = image
                .attribute("name")
                .ok_or_else(|| bad(format!("its image {} has no name", count + 1)))?;
            let objects = image.children().filter_map(|node| shape(node).transpose());
            let objects: Vec<(String, BoundingBox)> = objects
                .collect::<Result<_, _>>()
                .map_err(|what| bad(format!("image {called}: {what}")))?;
            let objects: Vec<Object> = objects
                .into_iter()
                .map(|(class, bounding_box)| Object {
                    bounding_box,
                    label: Some(classes.number(&class)),
                })
                .collect();
            let split = image.attribute("subset").and_then(Split::named);
            count += 1;
            let picture = picture(archive, &lookup, &name.0, called, split).map_err(&bad)?;
            if archive.find(&picture).is_none() {
                misses.add(called.as_bytes());
            }
            if let Some(&place) = places.get(&picture) {
                // Exporting a task repeats its jobs.
                pictures[place].objects.extend(objects);
                continue;
            }
            let extent = |name: &str| {
                image.attribute(name)?.parse().ok().filter(|extent: &f64| *extent > 0.0)
            };
            let drawn_on =
                extent("width").zip(extent("height")).map(|(width, height)| [width, height]);
            let id = pictures.len() as u32;
            places.insert(picture.clone(), pictures.len());
            pictures.push(Entry {
                split,
                objects,
                drawn_on,
                ..Entry::of(id, Content::File(Name(picture)))
            });
        }
        misses.report(archive, Format::Cvat.name(), name, count);
    }
    let used = tables
        .iter()
        .map(|&i| archive.names()[i].0.as_slice())
        .chain(places.keys().map(Vec::as_slice));
    let root = common_folder(used).to_vec();
    for entry in &mut pictures {
        entry.label = common_label(&entry.objects);
        if let Content::File(name) = &mut entry.content {
            name.0.drain(..root.len());
        }
    }
    let tables =
        tables.iter().map(|&i| Name(archive.names()[i].0[root.len()..].to_vec())).collect();
    let classes = classes.into_sorted(&mut pictures);
    Ok(Listing { tables, classes, ..Listing::of(Format::Cvat, root, pictures) })
}

/// The picture of an image; a name that is not in the archive if it is missing.
fn picture(
    archive: &Archive,
    lookup: &Lookup<'_>,
    table: &[u8],
    called: &str,
    split: Option<Split>,
) -> Result<Vec<u8>, String> {
    let own = folder_of(table);
    let usual = [[own, PICTURES].concat(), [above(own), PICTURES].concat()];
    let folders: Vec<&[u8]> = [own].into_iter().chain(usual.iter().map(Vec::as_slice)).collect();
    let found = lookup.find(&folders, called.as_bytes(), split);
    if let Some(several) = ambiguous(archive, &found) {
        return Err(format!("image {called} {several}; write more of its path into name"));
    }
    Ok(found.first().map_or_else(
        || [own, base_of(&cleaned(called.as_bytes()))].concat(),
        |&found| archive.names()[found].0.clone(),
    ))
}

/// Class and box of a shape; `None` for points, tags and attributes, which have no extent.
fn shape(node: Node<'_, '_>) -> Result<Option<(String, BoundingBox)>, String> {
    let class = node.attribute("label").unwrap_or_default();
    let number = |name: &str| {
        let text =
            node.attribute(name).ok_or_else(|| format!("a shape of {class} has no {name}"))?;
        text::number(text).ok_or_else(|| format!("{name} \"{text}\" is not a number"))
    };
    let bounding_box = match node.tag_name().name() {
        "box" => {
            let [left, top, right, bottom] =
                [number("xtl")?, number("ytl")?, number("xbr")?, number("ybr")?];
            Some(BoundingBox { x: left, y: top, width: right - left, height: bottom - top })
        }
        "ellipse" => {
            let [x, y, rx, ry] = [number("cx")?, number("cy")?, number("rx")?, number("ry")?];
            around(&[[x - rx, y - ry], [x + rx, y + ry]])
        }
        "polygon" | "polyline" => {
            let text = node.attribute("points").unwrap_or_default();
            let point = |pair: &str| {
                let (x, y) = pair.split_once(',')?;
                Some([text::number(x)?, text::number(y)?])
            };
            let points: Option<Vec<[f64; 2]>> = text.split(';').map(point).collect();
            around(&points.ok_or_else(|| format!("points \"{text}\" are not pairs of numbers"))?)
        }
        "mask" => {
            let [x, y, width, height] =
                [number("left")?, number("top")?, number("width")?, number("height")?];
            Some(BoundingBox { x, y, width, height })
        }
        _ => None,
    };
    Ok(bounding_box.map(|bounding_box| (class.to_owned(), bounding_box)))
}
