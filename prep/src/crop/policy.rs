//! The policies of `--crop`: the crops to take from a picture, given its boxes.
//!
//! docs/CONVENTIONS.md has them in words.

use std::fmt;
use std::str::FromStr;

use shared::picture::Window;

use super::bounding_box::{BoundingBox, Object};
use crate::dataset::rejects::{Fault, Reason};

/// Padding around a box.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Padding {
    /// A fraction of the box's longer side, half of it on each side.
    Fraction(f64),
    /// Pixels of the picture on each side.
    Pixels(f64),
}

impl FromStr for Padding {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (number, pixels) =
            text.strip_suffix("px").map_or((text, false), |number| (number, true));
        let value: f64 = number
            .trim()
            .parse()
            .map_err(|_| format!("\"{text}\" is neither a fraction (0.25) nor pixels (10px)"))?;
        let (limit, unit) = if pixels { (4096.0, "px") } else { (10.0, "") };
        if !(0.0..=limit).contains(&value) {
            return Err(format!("it must lie between 0 and {limit}{unit}"));
        }
        Ok(if pixels { Self::Pixels(value) } else { Self::Fraction(value) })
    }
}

impl fmt::Display for Padding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fraction(value) => write!(f, "{value}"),
            Self::Pixels(value) => write!(f, "{value}px"),
        }
    }
}

/// Cropping around boxes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BoxCrop {
    /// Padding around each box.
    pub padding: Padding,
    /// Take only the object with the largest box of each picture.
    pub largest: bool,
}

/// Making a whole picture square.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum WholeCrop {
    /// The square in its middle.
    Center,
    /// All of it, between bars of the background colour.
    Pad,
    /// All of it, squeezed.
    Stretch,
}

/// The parts of a picture to take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum CropPolicy {
    /// A padded square around each box.
    Bbox(BoxCrop),
    /// The whole picture if a single object fills at least `fill` of it, else the boxes.
    BboxOrWhole {
        /// Cropping around boxes.
        boxes: BoxCrop,
        /// The share of the picture's area that the box must fill.
        fill: f64,
        /// Making the whole picture square.
        whole: WholeCrop,
    },
    /// The boxes, and the whole picture as well.
    BboxPlusWhole {
        /// Cropping around boxes.
        boxes: BoxCrop,
        /// Making the whole picture square.
        whole: WholeCrop,
    },
    /// The whole picture.
    Whole(WholeCrop),
}

impl CropPolicy {
    /// Returns whether it requires boxes.
    #[must_use]
    pub fn needs_boxes(&self) -> bool {
        matches!(self, Self::Bbox(_))
    }
}

/// A part of a picture to take.
#[derive(Clone, Debug, PartialEq)]
pub struct Crop {
    /// The number of its object in the picture; that after the last object stands for the whole
    /// picture.
    pub object: u32,
    /// Its class.
    pub label: Option<u32>,
    /// The box it is made from.
    pub bounding_box: Option<BoundingBox>,
    /// The window to crop.
    pub window: Window,
    /// Scale it to fit into the square, between bars, instead of to fill the square.
    pub fit: bool,
}

/// The crops of a picture of `width` × `height` pixels; in place of objects that cannot be cropped,
/// their numbers and the reasons.
#[must_use]
pub fn crops(
    policy: &CropPolicy,
    width: u32,
    height: u32,
    objects: &[Object],
    label: Option<u32>,
) -> Vec<Result<Crop, (u32, Fault)>> {
    let whole = |whole: WholeCrop| {
        let window = match whole {
            WholeCrop::Center => center(Window::whole(width, height)),
            WholeCrop::Pad | WholeCrop::Stretch => Window::whole(width, height),
        };
        let object = objects.len() as u32;
        Ok(Crop { object, label, bounding_box: None, window, fit: whole == WholeCrop::Pad })
    };
    match policy {
        CropPolicy::Whole(how) => vec![whole(*how)],
        CropPolicy::Bbox(boxes) => boxed(boxes, width, height, objects),
        CropPolicy::BboxPlusWhole { boxes, whole: how } => {
            let mut all =
                if objects.is_empty() { Vec::new() } else { boxed(boxes, width, height, objects) };
            all.push(whole(*how));
            all
        }
        CropPolicy::BboxOrWhole { boxes, fill, whole: how } => {
            let area = f64::from(width) * f64::from(height);
            match objects {
                [] => vec![whole(*how)],
                [one] if one.bounding_box.area_within(width, height) >= fill * area => {
                    vec![whole(*how)]
                }
                _ => boxed(boxes, width, height, objects),
            }
        }
    }
}

/// The square in the middle of a window.
fn center(window: Window) -> Window {
    let side = window.width.min(window.height);
    Window {
        left: window.left + (window.width - side) / 2,
        top: window.top + (window.height - side) / 2,
        width: side,
        height: side,
    }
}

fn boxed(
    boxes: &BoxCrop,
    width: u32,
    height: u32,
    objects: &[Object],
) -> Vec<Result<Crop, (u32, Fault)>> {
    if objects.is_empty() {
        return vec![Err((0, Fault::new(Reason::NoBox, "the source has no box for it")))];
    }
    let crop = |(number, object): (u32, &Object)| {
        let given = object.bounding_box;
        let shown = || format!("box {} {} {} {}", given.x, given.y, given.width, given.height);
        if !given.has_area() {
            return Err((number, Fault::new(Reason::EmptyBox, shown())));
        }
        let outside = || {
            (
                number,
                Fault::new(
                    Reason::BoxOutside,
                    format!("{} in a picture of {width}x{height}", shown()),
                ),
            )
        };
        let window = match boxes.padding {
            Padding::Fraction(fraction) => given.window(fraction, width, height),
            Padding::Pixels(pixels) => given.grown(pixels).window(0.0, width, height),
        };
        let window = window.ok_or_else(outside)?;
        Ok(Crop {
            object: number,
            label: object.label,
            bounding_box: Some(given),
            window,
            fit: false,
        })
    };
    if boxes.largest {
        // The first among equals, so that the order of the source decides.
        let mut best = 0;
        for (i, object) in objects.iter().enumerate() {
            if object.bounding_box.area_within(width, height)
                > objects[best].bounding_box.area_within(width, height)
            {
                best = i;
            }
        }
        return vec![crop((best as u32, &objects[best]))];
    }
    (0..).zip(objects).map(crop).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(x: f64, y: f64, width: f64, height: f64) -> Object {
        Object { bounding_box: BoundingBox { x, y, width, height }, label: Some(1) }
    }

    fn boxes(padding: &str, largest: bool) -> BoxCrop {
        BoxCrop { padding: padding.parse().expect("padding"), largest }
    }

    fn windows(policy: &CropPolicy, objects: &[Object]) -> Vec<(u32, Window)> {
        let crops = crops(policy, 100, 60, objects, None);
        crops.into_iter().map(|crop| crop.map(|c| (c.object, c.window)).expect("a crop")).collect()
    }

    fn at(left: u32, top: u32, width: u32, height: u32) -> Window {
        Window { left, top, width, height }
    }

    #[test]
    fn every_object_or_the_largest_is_taken() {
        let objects = [object(10.0, 10.0, 10.0, 10.0), object(40.0, 20.0, 20.0, 20.0)];
        let all = windows(&CropPolicy::Bbox(boxes("0", false)), &objects);
        assert_eq!(all, [(0, at(10, 10, 10, 10)), (1, at(40, 20, 20, 20))]);
        assert_eq!(
            windows(&CropPolicy::Bbox(boxes("0", true)), &objects),
            [(1, at(40, 20, 20, 20))]
        );
    }

    #[test]
    fn padding_is_a_fraction_of_the_longer_side_or_pixels_on_each_side() {
        let objects = [object(40.0, 20.0, 20.0, 10.0)];
        assert_eq!(
            windows(&CropPolicy::Bbox(boxes("0.5", false)), &objects),
            [(0, at(35, 10, 30, 30))]
        );
        assert_eq!(
            windows(&CropPolicy::Bbox(boxes("10px", false)), &objects),
            [(0, at(30, 5, 40, 40))]
        );
        assert!(
            "10pt".parse::<Padding>().is_err()
                && "-1".parse::<Padding>().is_err()
                && "nan".parse::<Padding>().is_err()
        );
    }

    #[test]
    fn the_whole_is_taken_where_one_object_fills_it() {
        let policy = CropPolicy::BboxOrWhole {
            boxes: boxes("0", false),
            fill: 0.75,
            whole: WholeCrop::Stretch,
        };
        assert_eq!(windows(&policy, &[object(0.0, 0.0, 100.0, 45.0)]), [(1, at(0, 0, 100, 60))]);
        assert_eq!(windows(&policy, &[object(0.0, 0.0, 100.0, 44.0)]), [(0, at(0, 0, 100, 44))]);
        // Several objects, one of which fills it: boxes.
        assert_eq!(
            windows(&policy, &[object(0.0, 0.0, 100.0, 60.0), object(1.0, 1.0, 9.0, 9.0)]).len(),
            2
        );
        assert_eq!(windows(&policy, &[]), [(0, at(0, 0, 100, 60))]);
    }

    #[test]
    fn boxes_plus_whole_takes_both() {
        let policy =
            CropPolicy::BboxPlusWhole { boxes: boxes("0", false), whole: WholeCrop::Center };
        let objects = [object(10.0, 10.0, 10.0, 10.0)];
        assert_eq!(windows(&policy, &objects), [(0, at(10, 10, 10, 10)), (1, at(20, 0, 60, 60))]);
        assert_eq!(windows(&policy, &[]), [(0, at(20, 0, 60, 60))]);
    }

    #[test]
    fn an_object_that_cannot_be_cut_does_not_hide_the_others() {
        let objects = [object(500.0, 10.0, 10.0, 10.0), object(10.0, 10.0, 10.0, 10.0)];
        let crops = crops(&CropPolicy::Bbox(boxes("0", false)), 100, 60, &objects, None);
        assert_eq!(crops[0].as_ref().expect_err("outside").1.reason, Reason::BoxOutside);
        assert!(crops[1].is_ok());
    }
}
