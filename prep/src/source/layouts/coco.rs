//! The layout of COCO: JSON files with `images`, `annotations` and `categories` (the "data format"
//! of cocodataset.org, object detection).
//!
//! COCO itself has `annotations/instances_train2017.json` and a folder `train2017`; Roboflow
//! exports `train/_annotations.coco.json` beside the pictures.
//!
//! Boxes are x, y, width and height, counted from 0.
//! Annotations with `iscrowd` are left out, because their boxes are around many objects.
//! So are annotations without a box, and those of an image or a category that the file does not
//! list, which are counted.
//! A box that is not finite leaves out only its object.
//! Ids are keys of any type.
//! The split of a picture is named by its JSON file or a folder of it.
//! COCO's ids of pictures repeat from file to file: here pictures are numbered from 0, sorted by
//! the name of the JSON file, then by COCO's id.

mod document;

use std::collections::HashMap;

use serde::Deserialize;
use serde::de::{self, IgnoredAny};
use serde_json::error::Category as JsonError;
use shared::archive::{Archive, Name};

use document::{Annotation, Category, Document, Flag, Id, Image, Many};

use crate::crop::Object;
use crate::crop::placement;
use crate::source::classes::{Classes, common_label};
use crate::source::lookup::{Lookup, Misses, ambiguous, files};
use crate::source::path::{above, base_of, common_folder, folder_of, stem_of};
use crate::source::{
    Content, Entry, Format, Listing, SourceError, Split, TABLE_LIMIT, split_folders, text,
};

/// The name of Roboflow's files.
const ROBOFLOW: &[u8] = b"_annotations.coco.json";
/// The start of the names of COCO's files of boxes; captions and keypoints of the same pictures lie
/// beside them.
const INSTANCES: &[u8] = b"instances_";
/// Number of JSON files of other names examined to detect the layout.
const DETECT_FILES: usize = 16;

/// Returns whether there are files with COCO's or Roboflow's names, or any JSON file with `images`
/// and `annotations`.
#[must_use]
pub fn detect(archive: &Archive) -> bool {
    !known(archive).is_empty()
        || files(archive, &[".json"]).take(DETECT_FILES).any(|file| is_one(archive, file))
}

/// Returns whether the JSON file of that index has the members of COCO.
pub(in crate::source) fn is_one(archive: &Archive, file: usize) -> bool {
    archive.read(file, TABLE_LIMIT).is_ok_and(|bytes| outline(&bytes).is_ok())
}

/// Reads the files with COCO's or Roboflow's names; if there are none, every JSON file with
/// `images` and `annotations`.
/// Classes are sorted by id; tables that differ from file to file are joined by name.
///
/// # Errors
/// When there is no such file, one is malformed, or the picture of an image is ambiguous.
pub fn read(archive: &Archive) -> Result<Listing, SourceError> {
    let mut chosen = known(archive);
    if chosen.is_empty() {
        chosen = outlined(archive)?;
    } else {
        let others = files(archive, &[".json"]).filter(|file| !chosen.contains(file)).count();
        if others > 0 {
            tracing::info!(
                "{others} other JSON files than instances_*.json and _annotations.coco.json are ignored"
            );
        }
    }
    if chosen.is_empty() {
        return Err(SourceError::usage(
            archive,
            "there is no JSON file with images and annotations; another --format reads other layouts",
        ));
    }
    let top = common_folder(archive.names().iter().map(|name| name.0.as_slice()));
    let mut reader = Reader {
        archive,
        lookup: Lookup::new(archive),
        top,
        classes: Classes::default(),
        places: HashMap::new(),
        pictures: Vec::new(),
    };
    for &file in &chosen {
        reader.add(file)?;
    }
    let (mut pictures, places) = (reader.pictures, reader.places);
    let tables = || chosen.iter().map(|&i| archive.names()[i].0.as_slice());
    let root = common_folder(tables().chain(places.keys().map(|name| name.0.as_slice()))).to_vec();
    let below = |name: &[u8]| Name(name[root.len()..].to_vec());
    for entry in &mut pictures {
        if let Content::File(name) = &mut entry.content {
            name.0.drain(..root.len());
        }
    }
    let tables = tables().map(below).collect();
    Ok(Listing {
        tables,
        classes: reader.classes.into_names(),
        ..Listing::of(Format::Coco, root, pictures)
    })
}

/// The files that are recognized by name.
fn known(archive: &Archive) -> Vec<usize> {
    let is_known = |name: &[u8]| name == ROBOFLOW || name.starts_with(INSTANCES);
    files(archive, &[".json"]).filter(|&i| is_known(base_of(&archive.names()[i].0))).collect()
}

/// The files with the members of COCO. A truncated file is an error, because it may be one of them.
fn outlined(archive: &Archive) -> Result<Vec<usize>, SourceError> {
    let mut found = Vec::new();
    for file in files(archive, &[".json"]) {
        match outline(&archive.read(file, TABLE_LIMIT)?) {
            Ok(()) => found.push(file),
            Err(e) if e.classify() == JsonError::Data => {}
            Err(e) => return Err(malformed(archive, file, &e)),
        }
    }
    Ok(found)
}

/// Returns whether the file has the members of COCO, even empty ones: a file of pictures for
/// testing has no annotations.
fn outline(bytes: &[u8]) -> Result<(), serde_json::Error> {
    #[derive(Deserialize)]
    struct Outline {
        #[serde(rename = "images")]
        _images: Many<IgnoredAny>,
        annotations: Option<Many<IgnoredAny>>,
        categories: Option<Many<IgnoredAny>>,
    }
    let outline: Outline = serde_json::from_slice(&text::json(bytes))?;
    let missing = outline.annotations.is_none() && outline.categories.is_none();
    if missing { Err(de::Error::missing_field("annotations")) } else { Ok(()) }
}

fn malformed(archive: &Archive, file: usize, error: &serde_json::Error) -> SourceError {
    // The error names line and column.
    bad(archive, file, format!("it is no sound COCO file: {error}"))
}

fn bad(archive: &Archive, file: usize, what: String) -> SourceError {
    SourceError::table(archive, &archive.names()[file].to_string(), what)
}

struct Reader<'a> {
    archive: &'a Archive,
    lookup: Lookup<'a>,
    /// The common folder of the archive; the names above it do not describe pictures.
    top: &'a [u8],
    classes: Classes,
    /// The JSON file that lists a picture, and the picture's id there.
    places: HashMap<Name, (usize, Id)>,
    pictures: Vec<Entry>,
}

impl Reader<'_> {
    /// Adds the pictures of one file.
    fn add(&mut self, file: usize) -> Result<(), SourceError> {
        let archive = self.archive;
        let bytes = archive.read(file, TABLE_LIMIT)?;
        let document: Document = serde_json::from_slice(&text::json(&bytes))
            .map_err(|e| malformed(archive, file, &e))?;
        drop(bytes);
        let Document {
            images: Many(mut images),
            annotations: Many(mut annotations),
            categories: Many(mut categories),
        } = document;
        // Ids are sorted; the order in files has no meaning.
        annotations.sort_by(|a, b| a.id.cmp(&b.id));
        images.sort_by_cached_key(Image::id);
        if let Some(pair) = images.windows(2).find(|pair| pair[0].id() == pair[1].id()) {
            let [first, second] = [&pair[0].file_name, &pair[1].file_name];
            return Err(bad(
                archive,
                file,
                format!("image {} is there twice, \"{first}\" and \"{second}\"", pair[0].id()),
            ));
        }
        categories.sort_by_cached_key(Category::id);
        if let Some(pair) = categories.windows(2).find(|pair| pair[0].id() == pair[1].id()) {
            let [first, second] = [&pair[0].name, &pair[1].name];
            return Err(bad(
                archive,
                file,
                format!("category {} is there twice, \"{first}\" and \"{second}\"", pair[0].id()),
            ));
        }
        let mut labels: HashMap<Id, u32> =
            categories.iter().map(|c| (c.id(), self.classes.number(&c.name))).collect();
        if categories.is_empty() {
            // Classes without a name are named by their ids.
            let mut ids: Vec<&Id> = annotations
                .iter()
                .filter_map(|annotation| annotation.category_id.as_ref())
                .collect();
            ids.sort_unstable();
            ids.dedup();
            labels.extend(
                ids.into_iter().map(|id| (id.clone(), self.classes.number(&id.to_string()))),
            );
        }
        let places: HashMap<Id, usize> =
            images.iter().enumerate().map(|(place, image)| (image.id(), place)).collect();
        let mut objects: Vec<Vec<Object>> = vec![Vec::new(); images.len()];
        let mut orphans = Orphans::default();
        for annotation in &annotations {
            let Some(&image) = places.get(&annotation.image_id) else {
                orphans.add(annotation, "image", &annotation.image_id);
                continue;
            };
            let label = match &annotation.category_id {
                Some(id) => match labels.get(id) {
                    Some(&label) => Some(label),
                    None => {
                        orphans.add(annotation, "category", id);
                        continue;
                    }
                },
                None => None,
            };
            if let Some(bounding_box) =
                annotation.bbox.0.filter(|_| !annotation.iscrowd.as_ref().is_some_and(Flag::is_set))
            {
                objects[image].push(Object { bounding_box, label });
            }
        }
        orphans.report(archive, file, annotations.len())?;
        let split = part_of(self.below_top(&archive.names()[file].0), true);
        let mut misses = Misses::default();
        let fractions =
            placement::are_fractions(objects.iter().flatten().map(|object| &object.bounding_box));
        for (image, objects) in images.iter().zip(objects) {
            let name = self.picture(file, split, image)?;
            if archive.find(&name.0).is_none() {
                misses.add(image.file_name.as_bytes());
            }
            if let Some((first, id)) = self.places.insert(name.clone(), (file, image.id())) {
                let first = &archive.names()[first];
                let what = format!(
                    "image {} is {name}, which is listed already, in {first} as image {id}; remove one",
                    image.id()
                );
                return Err(bad(archive, file, what));
            }
            let (id, label) = (self.pictures.len() as u32, common_label(&objects));
            let size = image.width.0.zip(image.height.0).map(|(width, height)| [width, height]);
            let drawn_on = if fractions { Some([1.0, 1.0]) } else { size };
            self.pictures.push(Entry {
                id,
                content: Content::File(name),
                partner: None,
                label,
                split,
                objects,
                drawn_on,
            });
        }
        misses.report(archive, Format::Coco.name(), &archive.names()[file], images.len());
        Ok(())
    }

    /// The picture of an image; a name that is not in the archive if it is missing.
    fn picture(
        &self,
        file: usize,
        split: Option<Split>,
        image: &Image,
    ) -> Result<Name, SourceError> {
        let (archive, own) = (self.archive, folder_of(&self.archive.names()[file].0));
        let path = relative(&image.file_name);
        for folder in [own, above(own), self.top] {
            let name = [folder, &path].concat();
            if archive.find(&name).is_some() {
                return Ok(Name(name));
            }
        }
        for end in [path.as_slice(), base_of(&path)] {
            // train2017/1.jpg is not the 1.jpg of instances_val2017.json.
            let part_at = |i: &usize| part_of(self.below_top(&archive.names()[*i].0), false);
            let mut found: Vec<usize> = self.lookup.by_path(end).collect();
            found.retain(|i| split.is_none() || part_at(i).is_none_or(|at| Some(at) == split));
            if found.len() > 1 && split.is_some() && found.iter().any(|i| part_at(i).is_some()) {
                found.retain(|i| part_at(i).is_some());
            }
            match found[..] {
                [] => {}
                [one] => return Ok(archive.names()[one].clone()),
                [first, second, ..] => {
                    let [first, second] = [first, second].map(|i| &archive.names()[i]);
                    let what = format!(
                        "image {}, \"{}\", may be {first} or {second}; write more of its path into file_name",
                        image.id(),
                        image.file_name
                    );
                    return Err(bad(archive, file, what));
                }
            }
        }
        let found =
            self.lookup.find(&[own, above(own), self.top], image.file_name.as_bytes(), split);
        if let Some(several) = ambiguous(archive, &found) {
            let what = format!(
                "image {}, \"{}\", {several}; write more of its path into file_name",
                image.id(),
                image.file_name
            );
            return Err(bad(archive, file, what));
        }
        Ok(found
            .first()
            .map_or_else(|| Name([own, &path].concat()), |&found| archive.names()[found].clone()))
    }

    fn below_top<'b>(&self, name: &'b [u8]) -> &'b [u8] {
        name.strip_prefix(self.top).unwrap_or(name)
    }
}

/// Annotations whose image or category the file does not list.
#[derive(Default)]
struct Orphans {
    count: usize,
    first: String,
}

impl Orphans {
    fn add(&mut self, annotation: &Annotation, what: &str, of: &Id) {
        if self.count == 0 {
            let shown = annotation
                .id
                .as_ref()
                .map_or("an annotation".into(), |id| format!("annotation {id}"));
            self.first = format!("{shown} is of {what} {of}");
        }
        self.count += 1;
    }

    /// Warns how many there are.
    ///
    /// # Errors
    /// When there are no others: then the ids belong to another file.
    fn report(self, archive: &Archive, file: usize, all: usize) -> Result<(), SourceError> {
        let Self { count, first } = self;
        if count == 0 {
            return Ok(());
        }
        if count == all {
            return Err(bad(
                archive,
                file,
                format!(
                    "none of its {all} annotations is of an image and a category that it lists: {first}"
                ),
            ));
        }
        let name = &archive.names()[file];
        tracing::warn!(
            "{name}: {count} of {all} annotations are left out, which are of an image or a category that it does not list; the first: {first}"
        );
        Ok(())
    }
}

/// A file name as a relative path. Of a path that leads elsewhere (on the machine where it was
/// made) only the last component counts.
fn relative(file_name: &str) -> Vec<u8> {
    let path = file_name.replace('\\', "/");
    let absolute =
        path.starts_with('/') || path.split('/').next().is_some_and(|first| first.ends_with(':'));
    if absolute || path.split('/').any(|split| split == "..") {
        return base_of(path.as_bytes()).to_vec();
    }
    let splits: Vec<&str> =
        path.split('/').filter(|split| !split.is_empty() && *split != ".").collect();
    splits.join("/").into_bytes()
}

/// The split named by a path: by a word of the file's name (if `by_name`), else by the nearest
/// folder above.
fn part_of(path: &[u8], by_name: bool) -> Option<Split> {
    let by_stem = if by_name { split_folders::of_name(stem_of(base_of(path))) } else { None };
    by_stem.or_else(|| split_folders::of_path(path))
}
