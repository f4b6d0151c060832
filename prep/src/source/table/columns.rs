//! Which field of a line holds what, known by the names of the columns or members.

use super::row;
use crate::crop::BoundingBox;

const PATH: [&str; 5] = ["path", "file", "filename", "image", "file_name"];
const LABEL: [&str; 4] = ["label", "class", "category", "name"];
const SPLIT: [&str; 3] = ["split", "part", "subset"];
const SIZED: [&[&str]; 4] = [&["x"], &["y"], &["width", "w"], &["height", "h"]];
/// The size of the picture; the first pair only beside corners, else it is that of the box.
const EXTENTS: [[&str; 2]; 3] = [["width", "height"], ["image_width", "image_height"], ["img_width", "img_height"]];
const CORNERS: [&[&str]; 4] = [&["xmin", "x1"], &["ymin", "y1"], &["xmax", "x2"], &["ymax", "y2"]];

/// The fields that hold the numbers of a box.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Bounds {
    /// x, y, width and height.
    Sized([usize; 4]),
    /// xmin, ymin, xmax and ymax.
    Corners([usize; 4]),
}

/// The fields by their place in the line.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Columns {
    pub(super) path: usize,
    pub(super) label: Option<usize>,
    pub(super) split: Option<usize>,
    bounds: Option<Bounds>,
    /// Width and height of the picture.
    extents: Option<[usize; 2]>,
    names: Vec<String>,
}

impl Columns {
    /// `names` in lower case, without blanks around.
    ///
    /// # Errors
    /// When there is no path, or only some of the numbers of a box.
    pub(super) fn new(names: Vec<String>) -> Result<Self, String> {
        let place = |known: &[&str]| known.iter().find_map(|known| names.iter().position(|name| name == known));
        let path = place(&PATH).ok_or_else(|| {
            let given = names.join(", ");
            format!("there is no column path (or file, filename, image, file_name), only \"{given}\"")
        })?;
        let sized = SIZED.map(place);
        let corners = CORNERS.map(place);
        // Width and height alone are often those of the picture.
        let some_sized = sized[0].is_some() || sized[1].is_some();
        let bounds = if let [Some(x), Some(y), Some(width), Some(height)] = sized {
            Some(Bounds::Sized([x, y, width, height]))
        } else if let [Some(left), Some(top), Some(right), Some(bottom)] = corners {
            Some(Bounds::Corners([left, top, right, bottom]))
        } else if some_sized || corners.iter().any(Option::is_some) {
            let (known, places) = if some_sized { (SIZED, sized) } else { (CORNERS, corners) };
            let missing: Vec<&str> = known.iter().zip(places).filter(|(_, place)| place.is_none()).map(|(k, _)| k[0]).collect();
            return Err(format!("the columns of boxes lack {}; add them or remove the others", missing.join(", ")));
        } else {
            None
        };
        let pair = |[width, height]: [&str; 2]| Some([place(&[width])?, place(&[height])?]);
        let mut pairs = EXTENTS.into_iter().skip(usize::from(matches!(bounds, Some(Bounds::Sized(_)))));
        let extents = pairs.find_map(pair).filter(|_| bounds.is_some());
        Ok(Self { path, label: place(&LABEL), split: place(&SPLIT), bounds, extents, names })
    }

    /// Whether a line of these columns names a picture.
    pub(super) fn has_path(names: &[String]) -> bool {
        names.iter().any(|name| PATH.contains(&name.as_str()))
    }

    /// How many fields a line has.
    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether these are the columns of that name.
    pub(super) fn are<'a>(&self, names: impl Iterator<Item = &'a str>) -> bool {
        names.eq(self.names.iter().map(String::as_str))
    }

    /// The columns that are not used.
    pub(super) fn ignored(&self) -> impl Iterator<Item = &str> {
        let bounds = match self.bounds {
            Some(Bounds::Sized(places) | Bounds::Corners(places)) => places.map(Some),
            None => [None; 4],
        };
        let extents = self.extents.map_or([None; 2], |places| places.map(Some));
        let used = [bounds.as_slice(), &extents, &[Some(self.path), self.label, self.split]].concat();
        self.names.iter().enumerate().filter(move |(i, _)| !used.contains(&Some(*i))).map(|(_, name)| name.as_str())
    }

    /// The size of the picture that a line gives; `None` where one of the two is no number of pixels.
    pub(super) fn drawn_on<T: AsRef<str>>(&self, field: impl Fn(usize) -> T) -> Option<[f64; 2]> {
        let extent = |place| field(place).as_ref().parse().ok().filter(|extent: &f64| extent.is_finite() && *extent >= 1.0);
        let [width, height] = self.extents?;
        Some([extent(width)?, extent(height)?])
    }

    /// The box of a line, whose fields are texts without blanks around; `None` where all four are empty.
    ///
    /// # Errors
    /// When one of the four is not a finite number.
    pub(super) fn bounding_box<T: AsRef<str>>(&self, field: impl Fn(usize) -> T) -> Result<Option<BoundingBox>, String> {
        let Some(bounds) = self.bounds else { return Ok(None) };
        let (Bounds::Sized(places) | Bounds::Corners(places)) = bounds;
        if places.iter().all(|&place| field(place).as_ref().is_empty()) {
            return Ok(None);
        }
        let number = |i: usize| row::number(field(places[i]).as_ref(), &self.names[places[i]]);
        let [x, y, third, fourth] = [number(0)?, number(1)?, number(2)?, number(3)?];
        let (width, height) = match bounds {
            Bounds::Sized(_) => (third, fourth),
            Bounds::Corners(_) => (third - x, fourth - y),
        };
        Ok(Some(BoundingBox { x, y, width, height }))
    }
}
