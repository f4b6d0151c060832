//! Filters that look at one crop: their measures and thresholds.
//!
//! Near-duplicates concern all pictures together: [`super::near_duplicates`].

use super::near_duplicates::USUAL_BITS;
use crate::crop::{BoundingBox, Crop, Object};
use crate::dataset::rejects::{Fault, Reason};
use crate::pixels::luma;

/// The threshold of each filter; `None`: the filter is off.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filters {
    /// Smallest and largest height / width, of the box or, without a box, of the picture.
    pub aspect: Option<(f64, f64)>,
    /// Smallest side of the window before scaling, in pixels.
    pub min_side: Option<f64>,
    /// Smallest share of the picture's area that the box must fill.
    pub min_box_area: Option<f64>,
    /// Largest share of the window that the box of an object of another class may cover.
    pub max_intruder: Option<f64>,
    /// Smallest difference between the lightest and the darkest pixel of the stored picture
    /// (0–255).
    pub min_contrast: Option<f64>,
    /// Smallest variance of the Laplacian of the stored picture.
    pub min_sharpness: Option<f64>,
    /// Largest number of bits in which the hashes of near-duplicates differ
    /// ([`super::near_duplicates`]).
    pub near_duplicates: Option<u32>,
}

impl Filters {
    /// Usual thresholds: `--dry-run` tries them for filters that are off.
    #[must_use]
    pub fn usual(size: u32) -> Self {
        Self {
            aspect: Some((0.2, 4.0)),
            min_side: Some(f64::from(size) / 2.0),
            min_box_area: Some(0.02),
            max_intruder: Some(0.1),
            min_contrast: Some(4.0),
            min_sharpness: Some(20.0),
            near_duplicates: Some(USUAL_BITS),
        }
    }

    /// The first filter that leaves a crop out, with the value at fault.
    #[must_use]
    pub fn fault(&self, measured: &Measures) -> Option<Fault> {
        self.faults(measured).into_iter().next()
    }

    /// All filters that would leave a crop out.
    #[must_use]
    pub fn faults(&self, measured: &Measures) -> Vec<Fault> {
        let mut faults = Vec::new();
        let mut add = |reason, value: f64, threshold: String| {
            faults.push(Fault::new(reason, format!("{}, {threshold}", shown(value))))
        };
        if let Some((low, high)) = self.aspect
            && !(low..=high).contains(&measured.aspect)
        {
            add(Reason::Aspect, measured.aspect, format!("outside {low} to {high}"));
        }
        let least = [
            (Reason::SmallSide, self.min_side, Some(measured.side)),
            (Reason::SmallBox, self.min_box_area, measured.box_area),
            (Reason::Blank, self.min_contrast, measured.contrast),
            (Reason::Blurred, self.min_sharpness, measured.sharpness),
        ];
        for (reason, threshold, value) in least {
            if let (Some(threshold), Some(value)) = (threshold, value)
                && value < threshold
            {
                add(reason, value, format!("below {threshold}"));
            }
        }
        if let Some(threshold) = self.max_intruder
            && measured.intruder > threshold
        {
            add(Reason::Intruder, measured.intruder, format!("above {threshold}"));
        }
        faults
    }
}

/// At most four decimals, which are the same on every machine.
fn shown(value: f64) -> String {
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The measures that the filters compare with their thresholds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Measures {
    /// Height / width of the box, or of the picture.
    pub aspect: f64,
    /// The shorter side of the window, in pixels.
    pub side: f64,
    /// The box's share of the picture's area; `None` without a box.
    pub box_area: Option<f64>,
    /// The largest share of the window that the box of an object of another class covers.
    pub intruder: f64,
    /// Lightest minus darkest pixel; `None` before there are pixels.
    pub contrast: Option<f64>,
    /// Variance of the Laplacian; `None` before there are pixels.
    pub sharpness: Option<f64>,
}

impl Measures {
    /// The measures of a crop of a picture of `width` × `height` pixels that need no pixels;
    /// `others` are boxes of classes that are not selected.
    #[must_use]
    pub fn of_crop(
        crop: &Crop,
        width: u32,
        height: u32,
        objects: &[Object],
        others: &[BoundingBox],
    ) -> Self {
        let (w, h) = (f64::from(width), f64::from(height));
        let window = crop.window;
        let seen = BoundingBox {
            x: f64::from(window.left),
            y: f64::from(window.top),
            width: f64::from(window.width),
            height: f64::from(window.height),
        };
        let foreign =
            objects.iter().filter(|o| o.label != crop.label).map(|o| &o.bounding_box).chain(others);
        let part = |other: &BoundingBox| seen.overlap(other) / (seen.width * seen.height);
        Self {
            aspect: crop.bounding_box.map_or(h / w, |b| b.height / b.width),
            side: f64::from(window.width.min(window.height)),
            box_area: crop.bounding_box.map(|b| b.area_within(width, height) / (w * h)),
            intruder: foreign.map(part).fold(0.0, f64::max),
            contrast: None,
            sharpness: None,
        }
    }

    /// Adds the measures of the luma of the stored picture, `width` pixels wide, that `filters`
    /// need; all of them if `all`.
    #[must_use]
    pub fn with_luma(self, light: &[u8], width: usize, filters: &Filters, all: bool) -> Self {
        let contrast = || {
            let (low, high) =
                light.iter().fold((u8::MAX, u8::MIN), |(low, high), &v| (low.min(v), high.max(v)));
            f64::from(high) - f64::from(low)
        };
        Self {
            contrast: (all || filters.min_contrast.is_some()).then(contrast),
            sharpness: (all || filters.min_sharpness.is_some())
                .then(|| luma::laplacian_variance(light, width)),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::picture::Window;

    fn object(x: f64, label: u32) -> Object {
        Object {
            bounding_box: BoundingBox { x, y: 0.0, width: 10.0, height: 20.0 },
            label: Some(label),
        }
    }

    #[test]
    fn a_cut_is_measured_by_its_box() {
        let objects = [object(0.0, 0), object(5.0, 1), object(8.0, 0)];
        let window = Window { left: 0, top: 0, width: 20, height: 20 };
        let crop = Crop {
            object: 0,
            label: Some(0),
            bounding_box: Some(objects[0].bounding_box),
            window,
            fit: false,
        };
        let measured = Measures::of_crop(&crop, 40, 40, &objects, &[]);
        assert_eq!((measured.aspect, measured.side, measured.box_area), (2.0, 20.0, Some(0.125)));
        // Only the object of another class is an intruder: 10 of 20 columns.
        assert_eq!(measured.intruder, 0.5);
        let others = [BoundingBox { x: 0.0, y: 0.0, width: 100.0, height: 15.0 }];
        assert_eq!(Measures::of_crop(&crop, 40, 40, &objects, &others).intruder, 0.75);
    }

    #[test]
    fn each_filter_names_its_reason_and_value() {
        let measured = Measures {
            aspect: 5.0,
            side: 9.0,
            box_area: Some(0.001),
            intruder: 0.4,
            contrast: Some(0.0),
            sharpness: Some(1.5),
        };
        let faults = Filters::usual(64).faults(&measured);
        let reasons: Vec<_> = faults.iter().map(|f| f.reason.name()).collect();
        assert_eq!(reasons, ["aspect", "small_side", "small_box", "blank", "blurred", "intruder"]);
        assert_eq!(faults[0].value, "5, outside 0.2 to 4");
        assert_eq!(faults[4].value, "1.5, below 20");
        assert!(Filters::default().faults(&measured).is_empty());
    }
}
