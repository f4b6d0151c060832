//! Pictures of a source before and after: boxes and what is cut out drawn, the results beside them.

use shared::picture::{self, Picture, Window};

use crate::build::BuildError;
use crate::build::plan::Plan;
use crate::build::prepare::Preparer;
use crate::policy;
use crate::resample::{self, Method};
use crate::sheet::{captioned, spread};
use crate::source::Object;

/// Height and width that a picture of the source is shrunk to fit into, in pixels.
const SHOWN: u32 = 192;
/// Results shown beside it, at most.
const RESULTS: u32 = 2;
/// Results are enlarged to no more than this, in pixels.
const RESULT: u32 = 96;
const BOX_COLOR: [u8; 3] = [230, 40, 40];
const WINDOW_COLOR: [u8; 3] = [20, 190, 60];

/// A sheet of `count` pictures of the plan, spread evenly over it.
///
/// # Errors
/// When the sheet cannot be made; a picture that cannot be used is shown with the reason.
pub fn sheet(plan: &Plan, preparer: &Preparer<'_>, count: usize, columns: usize) -> Result<Picture, BuildError> {
    let cells: Vec<Picture> = spread(plan.pictures.len(), count).map(|place| cell(plan, preparer, place)).collect();
    Ok(picture::grid(&cells, columns, 4))
}

fn cell(plan: &Plan, preparer: &Preparer<'_>, place: usize) -> Picture {
    let planned = &plan.pictures[place];
    let layout = plan.manifest.layout();
    let prepared = preparer.prepare(place);
    let mut caption = planned.entry.shown();
    if let Some(fault) = prepared.record.cuts.iter().find_map(|cut| cut.fault.as_ref()) {
        caption = format!("{} ({})\n{caption}", fault.reason.name(), fault.value);
    }
    // Results are shown in whole multiples of their pixels, one below the other.
    let factor = (RESULT / layout.height).max(1);
    let side = layout.height * factor;
    let mut canvas = Picture::filled(SHOWN + 4 + layout.width * factor, SHOWN.max(2 * side + 4), 3, 255);
    if let Ok((whole, objects)) = preparer.whole(place) {
        canvas.paste(&before(plan, place, &whole, &objects), 0, 0);
    }
    let pixels = prepared.pixels.chunks_exact(layout.pixel_bytes());
    let taken = pixels.zip(prepared.record.cuts.iter().filter(|cut| cut.pixels)).filter(|(_, cut)| cut.fault.is_none());
    for (i, (pixels, _)) in (0..RESULTS).zip(taken) {
        let result = Picture { width: layout.width, height: layout.height, channels: layout.channels, pixels: pixels.to_vec() };
        canvas.paste(&result.enlarge(factor), SHOWN + 4, i * (side + 4));
    }
    captioned(&canvas, &caption, 2, 0)
}

/// The picture shrunk, with the boxes of its objects and the windows that are cut out.
fn before(plan: &Plan, place: usize, whole: &Picture, objects: &[Object]) -> Picture {
    let entry = &plan.pictures[place].entry;
    let longer = whole.width.max(whole.height);
    let scale = f64::from(SHOWN) / f64::from(longer);
    let extent = |side: u32| ((f64::from(side) * scale).round() as u32).max(1);
    let (width, height) = (extent(whole.width), extent(whole.height));
    let pixels = resample::cut_and_scale(whole, Window::whole(whole.width, whole.height), width, height, Method::Area);
    let mut shrunk = Picture { width, height, channels: whole.channels, pixels };
    for object in objects {
        let b = object.bounding_box;
        outline(&mut shrunk, [b.x, b.y, b.x + b.width, b.y + b.height].map(|v| v * scale), BOX_COLOR);
    }
    for cut in policy::cuts(&plan.policy, whole.width, whole.height, objects, entry.label).into_iter().flatten() {
        let w = cut.window;
        let edges = [w.left, w.top, w.left + w.width, w.top + w.height].map(|v| f64::from(v) * scale);
        outline(&mut shrunk, edges, WINDOW_COLOR);
    }
    shrunk
}

/// Draws the edges left, top, right, bottom, one pixel wide, as far as they lie in the picture.
fn outline(picture: &mut Picture, edges: [f64; 4], color: [u8; 3]) {
    let (w, h) = (f64::from(picture.width) - 1.0, f64::from(picture.height) - 1.0);
    let [left, top, right, bottom] = edges;
    let column = |x: f64| x.clamp(0.0, w) as usize;
    let row = |y: f64| y.clamp(0.0, h) as usize;
    let (left, right, top, bottom) = (column(left), column(right - 1.0), row(top), row(bottom - 1.0));
    let stride = picture.stride();
    let n = picture.channels as usize;
    let mut dot = |x: usize, y: usize| {
        let at = y * stride + x * n;
        picture.pixels[at..at + n.min(3)].copy_from_slice(&color[..n.min(3)]);
    };
    for x in left..=right.max(left) {
        dot(x, top);
        dot(x, bottom);
    }
    for y in top..=bottom.max(top) {
        dot(left, y);
        dot(right, y);
    }
}
