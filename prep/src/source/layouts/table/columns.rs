//! The meaning of columns, by their names and by the fields of the first lines.

use super::row::{self, Boxed};
use crate::crop::BoundingBox;
use crate::source::text;

/// Names that always mean a column of paths.
const PATH: [&str; 5] = ["path", "file", "filename", "image", "file_name"];
/// Names that may mean a column of paths; the first that names pictures counts.
const OTHER_PATH: [&str; 26] = [
    "image_path",
    "img_path",
    "filepath",
    "file_path",
    "filepaths",
    "filenames",
    "image_file",
    "image_filename",
    "image_name",
    "img_name",
    "img_file",
    "imagefile",
    "imagename",
    "imagepath",
    "fname",
    "img",
    "images",
    "picture",
    "photo",
    "image_id",
    "imageid",
    "img_id",
    "id_code",
    "id",
    "uuid",
    "key",
];
/// The number of those, from the start, that mean nothing but paths.
const SURE_PATH: usize = 17;
const LABEL: [&str; 28] = [
    "label",
    "class",
    "category",
    "name",
    "labels",
    "class_name",
    "classname",
    "class_label",
    "category_name",
    "label_name",
    "labelname",
    "target",
    "breed",
    "species",
    "variety",
    "diagnosis",
    "dx",
    "disease",
    "emotion",
    "genre",
    "style",
    "tag",
    "class_id",
    "classid",
    "category_id",
    "label_id",
    "landmark_id",
    "ground_truth",
];
const SPLIT: [&str; 3] = ["split", "part", "subset"];
/// Names that mean a column of splits only if its fields name splits.
const OTHER_SPLIT: [&str; 7] =
    ["partition", "set", "data_set", "dataset", "usage", "phase", "train_test"];
/// The column in which 0, 1 and 2 mean train, val and test.
const NUMBERED_SPLIT: &str = "partition";

/// The names of the four numbers of a box in one notation.
type Names = [&'static [&'static str]; 4];
const SIZED: Names = [&["x"], &["y"], &["width", "w"], &["height", "h"]];
const CORNERS: Names = [&["xmin", "x1"], &["ymin", "y1"], &["xmax", "x2"], &["ymax", "y2"]];
/// Further notations, used only if all four are present.
const OTHER_CORNERS: [Names; 3] = [
    [
        &["x_min", "bbox_x1", "roi.x1", "xtl"],
        &["y_min", "bbox_y1", "roi.y1", "ytl"],
        &["x_max", "bbox_x2", "roi.x2", "xbr"],
        &["y_max", "bbox_y2", "roi.y2", "ybr"],
    ],
    [&["left"], &["top"], &["right"], &["bottom"]],
    [&["x_1"], &["y_1"], &["x_2"], &["y_2"]],
];
const OTHER_SIZED: [Names; 3] = [
    [&["x_1", "x1"], &["y_1", "y1"], &["width", "w"], &["height", "h"]],
    [&["left"], &["top"], &["width", "w"], &["height", "h"]],
    [&["bbox_x"], &["bbox_y"], &["bbox_width", "bbox_w"], &["bbox_height", "bbox_h"]],
];
const CENTRED: Names = [
    &["x_center", "xcenter", "cx"],
    &["y_center", "ycenter", "cy"],
    &["width", "w"],
    &["height", "h"],
];
/// Columns that hold a box as a list.
const LISTED: [&str; 2] = ["bbox", "box"];
/// The column of Kaggle's competitions that holds a sequence of classes and corners.
const PREDICTIONS: &str = "predictionstring";
/// The columns of the VGG Image Annotator that hold a box and a class as JSON.
const VIA: [&str; 2] = ["region_shape_attributes", "region_attributes"];

/// Names of the size of the picture; the first pair that is not part of a box counts.
const EXTENTS: [[&str; 2]; 3] =
    [["width", "height"], ["image_width", "image_height"], ["img_width", "img_height"]];

/// The fields that hold a box.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Bounds {
    /// x, y, width and height.
    Sized([usize; 4]),
    /// xmin, ymin, xmax and ymax.
    Corners([usize; 4]),
    /// Its centre, width and height.
    Centred([usize; 4]),
    /// x, y, width and height as a list in one field.
    Listed(usize),
    /// Any number of classes and corners.
    Predictions(usize),
    /// A shape and its attributes as JSON.
    Via([usize; 2]),
}

/// The source of a line's class.
#[derive(Clone, Debug, PartialEq)]
enum Label {
    Field(usize),
    /// One-hot: one column for each class.
    Hot(Vec<usize>),
}

/// The meaning of the fields, by their index in the line.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Columns {
    pub(super) path: usize,
    label: Option<Label>,
    split: Option<usize>,
    /// An unknown word for a split is an error.
    strict_split: bool,
    bounds: Option<Bounds>,
    /// Width and height of the picture.
    extents: Option<[usize; 2]>,
    names: Vec<String>,
}

/// The first lines of a table.
pub(super) struct Sample<'a> {
    /// The trimmed fields of some lines.
    pub(super) rows: &'a [Vec<String>],
    /// Returns whether a text names an existing picture.
    pub(super) is_picture: &'a dyn Fn(&str) -> bool,
}

impl Sample<'_> {
    /// The non-empty fields of a column.
    fn column(&self, at: usize) -> impl Iterator<Item = &str> {
        self.rows
            .iter()
            .filter_map(move |row| row.get(at))
            .map(String::as_str)
            .filter(|text| !text.is_empty())
    }

    /// The number of fields of a column that name a picture.
    fn hits(&self, at: usize) -> usize {
        self.column(at).filter(|text| (self.is_picture)(text)).count()
    }

    /// Returns whether the column has fields and all of them satisfy `holds`.
    fn all(&self, at: usize, holds: impl Fn(&str) -> bool) -> bool {
        self.column(at).next().is_some() && self.column(at).all(holds)
    }
}

impl Columns {
    /// The columns of a table from its header, in lower case and trimmed.
    ///
    /// # Errors
    /// When there is no column of paths, or only some of the four numbers of a box.
    pub(super) fn new(names: Vec<String>, sample: &Sample<'_>) -> Result<Self, String> {
        let joined: Vec<String> = names.iter().map(|name| name.replace([' ', '-'], "_")).collect();
        let place = |known: &[&str]| {
            known.iter().find_map(|known| joined.iter().position(|name| name == known))
        };
        let path = Self::path_of(&joined, sample).ok_or_else(|| {
            let given = names.join(", ");
            format!(
                "there is no column path (or file, filename, image, file_name), and none whose fields name pictures that are there, only \
                 \"{given}\""
            )
        })?;
        let place = |known: &[&str]| place(known).filter(|&at| at != path);
        let bounds = Self::bounds_of(&place)?;
        let strict = place(&SPLIT);
        let speaks = |at: &usize| {
            let numbered = joined[*at] == NUMBERED_SPLIT;
            sample.all(*at, |text| row::part(text, numbered).is_some())
        };
        let loose = || OTHER_SPLIT.iter().filter_map(|name| place(&[name])).find(speaks);
        let split = strict.or_else(loose);
        let pair = |[width, height]: [&str; 2]| Some([place(&[width])?, place(&[height])?]);
        let own = |places: &[usize; 2]| !matches!(bounds, Some(Bounds::Sized(box_) | Bounds::Centred(box_)) if box_[2..] == places[..]);
        let extents = EXTENTS.into_iter().filter_map(pair).find(own).filter(|_| bounds.is_some());
        let mut columns = Self {
            path,
            label: None,
            split,
            strict_split: strict.is_some(),
            bounds,
            extents,
            names,
        };
        columns.label = place(&LABEL).map(Label::Field);
        if columns.label.is_none() {
            // Beside a path column of these names, an only other column is a remark.
            let remark = |label: &Label| {
                matches!(label, Label::Field(_)) && PATH.contains(&joined[path].as_str())
            };
            columns.label = columns.guessed_label(sample).filter(|label| !remark(label));
        }
        Ok(columns)
    }

    /// The columns of a table without header; `None` if no field of the first line names a picture.
    pub(super) fn without_header(sample: &Sample<'_>) -> Option<Self> {
        let first = sample.rows.first()?;
        let has_suffix = |at: usize| first[at].contains('.') || first[at].contains('/');
        let score = |at: usize| sample.hits(at) * 2 + usize::from(has_suffix(at));
        let path = (0..first.len())
            .rev()
            .filter(|&at| (sample.is_picture)(&first[at]))
            .max_by_key(|&at| score(at))?;
        let names = (1..=first.len()).map(|number| format!("column {number}")).collect();
        let mut columns = Self {
            path,
            label: None,
            split: None,
            strict_split: false,
            bounds: None,
            extents: None,
            names,
        };
        let is_number = |at: usize| sample.all(at, |text| text.parse::<f64>().is_ok());
        let others: Vec<usize> = (0..first.len()).filter(|&at| at != path).collect();
        columns.split = others
            .iter()
            .copied()
            .find(|&at| sample.all(at, |text| row::part(text, false).is_some()));
        if let Some(four) = others
            .windows(4)
            .find(|four| four[3] == four[0] + 3 && four.iter().all(|&at| is_number(at)))
        {
            // Four consecutive numbers are corners, as in RetinaNet's tables.
            columns.bounds = Some(Bounds::Corners([four[0], four[1], four[2], four[3]]));
        }
        columns.label = columns.guessed_label(sample).or_else(|| {
            let rest: Vec<usize> = columns.unused().collect();
            let texts = rest.iter().copied().find(|&at| !is_number(at));
            (columns.bounds.is_some() || rest.len() == 1)
                .then(|| texts.or(rest.first().copied()))?
                .map(Label::Field)
        });
        Some(columns)
    }

    /// The column of paths: one of the usual names that names a picture, another that does so in
    /// most lines, or one that can be nothing else.
    fn path_of(names: &[String], sample: &Sample<'_>) -> Option<usize> {
        let at = |known: &&str| names.iter().position(|name| name == known);
        let known = || PATH.iter().chain(&OTHER_PATH).filter_map(at);
        let hit = known().find(|&at| sample.hits(at) > 0);
        let most = || {
            let (hits, at) = (0..names.len())
                .rev()
                .map(|at| (sample.hits(at), at))
                .max_by_key(|(hits, _)| *hits)?;
            (hits > 0 && hits * 2 >= sample.rows.len()).then_some(at)
        };
        let sure = || PATH.iter().chain(&OTHER_PATH[..SURE_PATH]).find_map(&at);
        hit.or_else(most).or_else(sure)
    }

    fn bounds_of(place: &dyn Fn(&[&str]) -> Option<usize>) -> Result<Option<Bounds>, String> {
        let four = |names: &Names| {
            let places = names.map(place);
            if let [Some(a), Some(b), Some(c), Some(d)] = places {
                Some([a, b, c, d])
            } else {
                None
            }
        };
        let first = |all: &[Names]| all.iter().find_map(four);
        let found = four(&SIZED).map(Bounds::Sized);
        let found = found.or_else(|| four(&CORNERS).map(Bounds::Corners));
        let found = found.or_else(|| first(&OTHER_CORNERS).map(Bounds::Corners));
        let found = found.or_else(|| first(&OTHER_SIZED).map(Bounds::Sized));
        let found = found.or_else(|| four(&CENTRED).map(Bounds::Centred));
        let found = found.or_else(|| place(&LISTED).map(Bounds::Listed));
        let found = found.or_else(|| place(&[PREDICTIONS]).map(Bounds::Predictions));
        let found = found.or_else(|| Some(Bounds::Via([place(&VIA[..1])?, place(&VIA[1..])?])));
        // Width and height alone often mean the picture.
        let (sized, corners) = (SIZED.map(place), CORNERS.map(place));
        let some_sized = sized[0].is_some() || sized[1].is_some();
        if found.is_none() && (some_sized || corners.iter().any(Option::is_some)) {
            let (known, places) = if some_sized { (SIZED, sized) } else { (CORNERS, corners) };
            let missing: Vec<&str> = known
                .iter()
                .zip(places)
                .filter(|(_, place)| place.is_none())
                .map(|(k, _)| k[0])
                .collect();
            return Err(format!(
                "the columns of boxes lack {}; add them or remove the others",
                missing.join(", ")
            ));
        }
        Ok(found)
    }

    /// The class without a column of such a name: the only other column, if its words repeat, or
    /// one column for each class.
    fn guessed_label(&self, sample: &Sample<'_>) -> Option<Label> {
        let rest: Vec<usize> = self.unused().collect();
        if let [only] = rest[..] {
            let texts: Vec<&str> = sample.column(only).collect();
            let distinct: std::collections::HashSet<&str> = texts.iter().copied().collect();
            let measured =
                texts.iter().any(|text| text.contains('.') && text.parse::<f64>().is_ok());
            return (distinct.len() > 1 && distinct.len() < texts.len() && !measured)
                .then_some(Label::Field(only));
        }
        let is_hot = |text: &str| text::number(text) == Some(1.0);
        let binary =
            |at: &usize| sample.all(*at, |text| matches!(text::number(text), Some(0.0 | 1.0)));
        let one = |row: &Vec<String>| {
            rest.iter().filter(|&&at| row.get(at).is_some_and(|text| is_hot(text))).count() == 1
        };
        (rest.len() > 1 && rest.iter().all(binary) && sample.rows.iter().all(one))
            .then_some(Label::Hot(rest))
    }

    /// Returns whether one of the names may mean a column of paths.
    pub(super) fn names_path(names: &[String]) -> bool {
        let is_one = |name: &String| {
            let name = name.replace([' ', '-'], "_");
            PATH.contains(&name.as_str()) || OTHER_PATH.contains(&name.as_str())
        };
        names.iter().any(is_one)
    }

    /// The same columns under other names.
    pub(super) fn called(self, names: Vec<String>) -> Self {
        Self { names, ..self }
    }

    /// The number of columns.
    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    /// Returns whether the columns have these names.
    pub(super) fn are<'a>(&self, names: impl Iterator<Item = &'a str>) -> bool {
        names.eq(self.names.iter().map(String::as_str))
    }

    /// Returns whether lines describe pictures, or consist of nothing but a name.
    pub(super) fn tell(&self) -> bool {
        self.label.is_some()
            || self.split.is_some()
            || self.bounds.is_some()
            || self.names.len() == 1
    }

    /// The names of the columns, to show.
    pub(super) fn shown(&self) -> String {
        self.names.join(", ")
    }

    fn unused(&self) -> impl Iterator<Item = usize> {
        let mut used = vec![Some(self.path), self.split];
        match &self.label {
            Some(Label::Field(place)) => used.push(Some(*place)),
            Some(Label::Hot(places)) => used.extend(places.iter().copied().map(Some)),
            None => {}
        }
        match self.bounds {
            Some(Bounds::Sized(places) | Bounds::Corners(places) | Bounds::Centred(places)) => {
                used.extend(places.map(Some))
            }
            Some(Bounds::Listed(place) | Bounds::Predictions(place)) => used.push(Some(place)),
            Some(Bounds::Via(places)) => used.extend(places.map(Some)),
            None => {}
        }
        used.extend(self.extents.into_iter().flatten().map(Some));
        (0..self.names.len()).filter(move |at| !used.contains(&Some(*at)))
    }

    /// The columns that are not used.
    pub(super) fn ignored(&self) -> impl Iterator<Item = &str> {
        self.unused().map(|at| self.names[at].as_str())
    }

    /// The columns that are used.
    pub(super) fn used(&self) -> impl Iterator<Item = &str> {
        let unused: Vec<usize> = self.unused().collect();
        (0..self.names.len())
            .filter(move |at| !unused.contains(at))
            .map(|at| self.names[at].as_str())
    }

    /// The class of a line; empty if it has none.
    pub(super) fn label<T: AsRef<str>>(&self, field: impl Fn(usize) -> T) -> String {
        match &self.label {
            Some(Label::Field(place)) => field(*place).as_ref().to_owned(),
            Some(Label::Hot(places)) => {
                let hot =
                    places.iter().find(|&&place| text::number(field(place).as_ref()) == Some(1.0));
                hot.map(|&place| self.names[place].clone()).unwrap_or_default()
            }
            None => String::new(),
        }
    }

    /// The split of a line.
    ///
    /// # Errors
    /// When a column that can mean nothing else holds another word.
    pub(super) fn part<T: AsRef<str>>(
        &self,
        field: impl Fn(usize) -> T,
    ) -> Result<Option<crate::source::Split>, String> {
        let Some(place) = self.split else { return Ok(None) };
        let text = field(place);
        if self.strict_split {
            row::split(text.as_ref())
        } else {
            Ok(row::part(text.as_ref(), self.names[place] == NUMBERED_SPLIT))
        }
    }

    /// The size of the picture in a line; `None` unless both are numbers of pixels.
    pub(super) fn drawn_on<T: AsRef<str>>(&self, field: impl Fn(usize) -> T) -> Option<[f64; 2]> {
        let extent = |place| {
            field(place)
                .as_ref()
                .parse()
                .ok()
                .filter(|extent: &f64| extent.is_finite() && *extent >= 1.0)
        };
        let [width, height] = self.extents?;
        Some([extent(width)?, extent(height)?])
    }

    /// The boxes of a line, with their own classes; `field` returns trimmed text. None if all four
    /// numbers are empty.
    ///
    /// # Errors
    /// When a field is neither a number nor one of the substitutes for a missing one.
    pub(super) fn boxes<T: AsRef<str>>(
        &self,
        field: impl Fn(usize) -> T,
    ) -> Result<Vec<Boxed>, String> {
        let four = |places: [usize; 4]| -> Result<Option<[f64; 4]>, String> {
            if places.iter().all(|&place| field(place).as_ref().is_empty()) {
                return Ok(None);
            }
            let number = |i: usize| row::number(field(places[i]).as_ref(), &self.names[places[i]]);
            Ok(Some([number(0)?, number(1)?, number(2)?, number(3)?]))
        };
        let bounding_box = match self.bounds {
            None => None,
            Some(Bounds::Sized(places)) => {
                four(places)?.map(|[x, y, width, height]| BoundingBox { x, y, width, height })
            }
            Some(Bounds::Corners(places)) => four(places)?.map(row::corners),
            Some(Bounds::Centred(places)) => four(places)?.map(row::centred),
            Some(Bounds::Listed(place)) => row::listed(field(place).as_ref(), &self.names[place])?,
            Some(Bounds::Predictions(place)) => return row::predictions(field(place).as_ref()),
            Some(Bounds::Via([shape, attributes])) => {
                return row::via(field(shape).as_ref(), field(attributes).as_ref())
                    .map(|boxed| boxed.into_iter().collect());
            }
        };
        Ok(bounding_box
            .map(|bounding_box| Boxed { bounding_box, label: None })
            .into_iter()
            .collect())
    }
}
