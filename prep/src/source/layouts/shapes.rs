//! Hand-drawn shapes in JSON: the files of labelme and Supervisely, one for each picture, and those
//! of the VGG Image Annotator (VIA), one for all.
//!
//! labelme has `shapes` with `label` and `points`, and names the picture in `imagePath`.
//! Supervisely has `objects` with `classTitle` and `points.exterior`, in a file named after the
//! picture (`a.jpg.json`, in a folder `ann` beside `img`).
//! VIA has a member for each picture with `filename` and `regions`.
//! An object's box is that around its shape; pictures beside them without a file are listed without
//! objects.

use std::collections::BTreeMap;

use rayon::prelude::*;
use serde_json::Value;
use shared::archive::{Archive, Name};

use crate::crop::{BoundingBox, Object};
use crate::source::classes::{Classes, common_label};
use crate::source::lookup::{Lookup, Misses, add_unnamed, ambiguous, files, root_of};
use crate::source::path::{above, base_of, folder_of, stem_of};
use crate::source::{Content, Entry, Format, Listing, SourceError, TABLE_LIMIT, text};

/// Number of JSON files examined to detect the layout.
const DETECT_FILES: usize = 16;

/// Returns whether a JSON file holds shapes.
#[must_use]
pub fn detect(archive: &Archive) -> bool {
    files(archive, &[".json"]).take(DETECT_FILES).any(|file| is_one(archive, file))
}

/// Returns whether the JSON file of that index holds shapes.
#[must_use]
pub fn is_one(archive: &Archive, file: usize) -> bool {
    let parsed = archive
        .read(file, TABLE_LIMIT)
        .ok()
        .and_then(|bytes| serde_json::from_slice(&text::json(&bytes)).ok());
    parsed.is_some_and(|value: Value| Drawing::all_of(&value).is_some())
}

/// The objects of a picture, and the size of the picture that they were drawn on.
type Drawn = (Vec<Object>, Option<[f64; 2]>);

/// Reads all JSON files that hold shapes. The pictures and the classes are sorted by name.
///
/// # Errors
/// When there is no such file, one is truncated, or its picture is ambiguous.
pub fn read(archive: &Archive) -> Result<Listing, SourceError> {
    let lookup = Lookup::new(archive);
    let mut classes = Classes::default();
    let (mut tables, mut misses) = (Vec::new(), Misses::default());
    // Sorted by picture.
    let mut found: BTreeMap<Vec<u8>, Drawn> = BTreeMap::new();
    for (file, drawings) in drawings(archive)? {
        let name = &archive.names()[file].0;
        tables.push(file);
        for drawing in drawings {
            let (named, picture) = drawing.picture(archive, &lookup, name)?;
            if archive.find(&picture).is_none() {
                misses.add(&named);
            }
            let objects = drawing.shapes.into_iter().map(|(class, bounding_box)| Object {
                bounding_box,
                label: class.map(|class| classes.number(&class)),
            });
            let (all, drawn_on) = found.entry(picture).or_default();
            all.extend(objects);
            *drawn_on = drawn_on.or(drawing.drawn_on);
        }
    }
    let Some(first) = tables.first().map(|&i| archive.names()[i].clone()) else {
        return Err(SourceError::usage(
            archive,
            "there is no JSON file of labelme, Supervisely or the VGG Image Annotator; another --format reads other layouts",
        ));
    };
    misses.report(archive, Format::Shapes.name(), &first, found.len());
    let folders = found
        .keys()
        .filter(|picture| archive.find(picture).is_some())
        .map(|picture| folder_of(picture).to_vec())
        .collect();
    add_unnamed(archive, &folders, &mut found);
    let root = root_of(archive, &tables, found.keys());
    let below = |name: &[u8]| Name(name[root.len()..].to_vec());
    let tables = tables.iter().map(|&i| below(&archive.names()[i].0)).collect();
    let entry = |(id, (picture, (objects, drawn_on))): (u32, (Vec<u8>, Drawn))| Entry {
        label: common_label(&objects),
        objects,
        drawn_on,
        ..Entry::of(id, Content::File(below(&picture)))
    };
    let mut pictures: Vec<Entry> = (0..).zip(found).map(entry).collect();
    let classes = classes.into_sorted(&mut pictures);
    Ok(Listing { tables, classes, ..Listing::of(Format::Shapes, root, pictures) })
}

/// All files that hold shapes, sorted by name. A truncated file among sound ones is an error,
/// because it may be one of them.
fn drawings(archive: &Archive) -> Result<Vec<(usize, Vec<Drawing>)>, SourceError> {
    let files: Vec<usize> = files(archive, &[".json"]).collect();
    let read = |file: usize| -> Result<Option<(usize, Vec<Drawing>)>, SourceError> {
        let bytes = archive.read(file, TABLE_LIMIT)?;
        let value: Value = serde_json::from_slice(&text::json(&bytes)).map_err(|e| {
            SourceError::table(
                archive,
                &archive.names()[file].to_string(),
                format!("it is no sound JSON: {e}"),
            )
        })?;
        Ok(Drawing::all_of(&value).map(|drawings| (file, drawings)))
    };
    let read: Vec<_> = files.into_par_iter().map(read).collect();
    read.into_iter().filter_map(Result::transpose).collect()
}

/// The shapes of one picture.
struct Drawing {
    /// The picture; by default named after the file.
    file_name: Option<String>,
    shapes: Vec<(Option<String>, BoundingBox)>,
    drawn_on: Option<[f64; 2]>,
}

impl Drawing {
    /// The contents of a file; `None` if it is of another kind.
    fn all_of(value: &Value) -> Option<Vec<Self>> {
        Self::labelme(value)
            .or_else(|| Self::supervisely(value))
            .map(|one| vec![one])
            .or_else(|| Self::via(value))
    }

    fn labelme(value: &Value) -> Option<Self> {
        let shapes = value.get("shapes")?.as_array()?;
        let name = value.get("imagePath").and_then(Value::as_str).filter(|name| !name.is_empty());
        if name.is_none()
            && value.get("imageHeight").is_none()
            && !shapes.iter().all(|shape| shape.get("points").is_some())
        {
            return None;
        }
        let boxed = |shape: &Value| {
            let points = points(shape.get("points")?);
            let around = match (shape.get("shape_type").and_then(Value::as_str), &points[..]) {
                // A point has no extent.
                (Some("point"), _) => return None,
                (Some("circle"), &[[x, y], [edge_x, edge_y]]) => {
                    let radius = (edge_x - x).hypot(edge_y - y);
                    around(&[[x - radius, y - radius], [x + radius, y + radius]])
                }
                _ => around(&points),
            };
            Some((text_of(shape, "label"), around?))
        };
        let shapes = shapes.iter().filter_map(boxed).collect();
        let drawn_on = extents(value, "imageWidth", "imageHeight");
        Some(Self { file_name: name.map(str::to_owned), shapes, drawn_on })
    }

    fn supervisely(value: &Value) -> Option<Self> {
        let (objects, size) = (value.get("objects")?.as_array()?, value.get("size")?);
        let drawn_on = extents(size, "width", "height")?;
        let boxed = |object: &Value| {
            let points = points(object.get("points")?.get("exterior")?);
            Some((text_of(object, "classTitle"), around(&points)?))
        };
        Some(Self {
            file_name: None,
            shapes: objects.iter().filter_map(boxed).collect(),
            drawn_on: Some(drawn_on),
        })
    }

    fn via(value: &Value) -> Option<Vec<Self>> {
        let all = value.get("_via_img_metadata").unwrap_or(value).as_object()?;
        let drawing = |picture: &Value| {
            let file_name = picture.get("filename")?.as_str()?.to_owned();
            let regions: Vec<&Value> = match picture.get("regions")? {
                Value::Array(list) => list.iter().collect(),
                // The first version of VIA numbered them.
                Value::Object(map) => map.values().collect(),
                _ => return None,
            };
            let boxed = |region: &Value| {
                let class = region.get("region_attributes").and_then(via_class);
                Some((class, via_shape(region.get("shape_attributes")?)?))
            };
            let shapes = regions.into_iter().filter_map(boxed).collect();
            Some(Self { file_name: Some(file_name), shapes, drawn_on: None })
        };
        if all.is_empty() { None } else { all.values().map(drawing).collect() }
    }

    /// The name of a picture in its file, and in the archive; not in the archive if the picture is
    /// missing.
    fn picture(
        &self,
        archive: &Archive,
        lookup: &Lookup<'_>,
        file: &[u8],
    ) -> Result<(Vec<u8>, Vec<u8>), SourceError> {
        let (own, stem) = (folder_of(file), stem_of(base_of(file)));
        let images = [b"img/".as_slice(), b"images/"].map(|folder| [above(own), folder].concat());
        let folders: Vec<&[u8]> =
            [own].into_iter().chain(images.iter().map(Vec::as_slice)).collect();
        let names = [self.file_name.as_deref().map(str::as_bytes), Some(stem)];
        for name in names.into_iter().flatten() {
            let found = lookup.find(&folders, name, None);
            if let Some(several) = ambiguous(archive, &found) {
                let shown = Name(name.to_vec());
                let what =
                    format!("its picture {shown} {several}; write more of its path, or remove one");
                return Err(SourceError::table(archive, &Name(file.to_vec()).to_string(), what));
            }
            if let Some(&found) = found.first() {
                return Ok((name.to_vec(), archive.names()[found].0.clone()));
            }
        }
        let name = names.into_iter().flatten().next().unwrap_or(stem);
        Ok((name.to_vec(), [own, base_of(&crate::source::lookup::cleaned(name))].concat()))
    }
}

/// A string member, or a number as text.
fn text_of(value: &Value, name: &str) -> Option<String> {
    match value.get(name)? {
        Value::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn extents(value: &Value, width: &str, height: &str) -> Option<[f64; 2]> {
    let extent =
        |name: &str| value.get(name).and_then(Value::as_f64).filter(|extent| *extent > 0.0);
    Some([extent(width)?, extent(height)?])
}

/// A list of points; coordinates that are not numbers become NaN.
fn points(value: &Value) -> Vec<[f64; 2]> {
    let number = |value: Option<&Value>| value.and_then(Value::as_f64).unwrap_or(f64::NAN);
    value
        .as_array()
        .into_iter()
        .flatten()
        .map(|point| [number(point.get(0)), number(point.get(1))])
        .collect()
}

/// The box around points; `None` without points, NaN if a coordinate is NaN.
pub(super) fn around(points: &[[f64; 2]]) -> Option<BoundingBox> {
    let first = points.first()?;
    let nan = points.iter().flatten().any(|value| value.is_nan());
    let wider = |[left, top, right, bottom]: [f64; 4], [x, y]: &[f64; 2]| {
        [left.min(*x), top.min(*y), right.max(*x), bottom.max(*y)]
    };
    let [left, top, right, bottom] =
        points.iter().fold([first[0], first[1], first[0], first[1]], wider);
    let x = if nan { f64::NAN } else { left };
    Some(BoundingBox { x, y: top, width: right - left, height: bottom - top })
}

/// The box around a shape of VIA; `None` for a point or no shape.
pub(super) fn via_shape(shape: &Value) -> Option<BoundingBox> {
    let number = |name: &str| shape.get(name).and_then(Value::as_f64);
    let list = |name: &str| -> Option<Vec<f64>> {
        shape.get(name)?.as_array()?.iter().map(Value::as_f64).collect()
    };
    if let (Some(x), Some(y), Some(width), Some(height)) =
        (number("x"), number("y"), number("width"), number("height"))
    {
        return Some(BoundingBox { x, y, width, height });
    }
    if let (Some(xs), Some(ys)) = (list("all_points_x"), list("all_points_y")) {
        return around(&xs.into_iter().zip(ys).map(|(x, y)| [x, y]).collect::<Vec<_>>());
    }
    let (cx, cy) = (number("cx")?, number("cy")?);
    let (rx, ry) = (number("rx").or(number("r"))?, number("ry").or(number("r"))?);
    around(&[[cx - rx, cy - ry], [cx + rx, cy + ry]])
}

/// The class of a region of VIA: its only attribute, or the one named like a class. Of a choice,
/// the ticked option.
pub(super) fn via_class(attributes: &Value) -> Option<String> {
    let attributes = attributes.as_object()?;
    let called = ["class", "label", "name", "category", "type", "object", "species"]
        .iter()
        .find_map(|name| attributes.get(*name));
    let value = called.or_else(|| attributes.values().next().filter(|_| attributes.len() == 1))?;
    match value {
        Value::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        Value::Object(choices) => choices
            .iter()
            .find(|(_, ticked)| **ticked == Value::Bool(true))
            .map(|(name, _)| name.clone()),
        _ => None,
    }
}
