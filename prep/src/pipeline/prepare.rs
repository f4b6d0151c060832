//! Preparing one picture: reading, decoding, cropping, scaling and filtering it.
//!
//! Nothing here knows of other pictures but the memory that they share.

use std::sync::Mutex;

use shared::picture::{Canvas, Picture, Window};

use super::opened::Opened;
use super::options::{BuildOptions, PairSide};
use super::plan::Plan;
use super::planned::{PlannedPicture, content_hash, length, read};
use super::queue::{Budget, Share};
use super::record::{CropRecord, PictureRecord};
use crate::crop::{Crop, crops};
use crate::dataset::rejects::{Fault, Reason};
use crate::filter::{Filters, Measures, near_duplicates};
use crate::pixels::{self, Resampling, luma};
use crate::sheets::BeforeAfter;

/// Files above this size are read by one thread at a time, and only when there is memory for them.
/// Smaller ones are not counted before they are decoded: they are small beside what decoding takes.
const LARGE_FILE: u64 = 16 << 20;

/// A picture with the pixels of its crops.
#[derive(Clone, Debug)]
pub struct PreparedPicture {
    /// Its record.
    pub record: PictureRecord,
    /// The pixels of the crops that have some, one after the other.
    pub pixels: Vec<u8>,
    /// The measures of every crop that has pixels and was not at fault before.
    pub measures: Vec<Measures>,
}

/// Prepares the pictures of a plan; shared by all threads.
pub struct Preparer<'a> {
    plan: &'a Plan,
    filters: Filters,
    resampling: Resampling,
    canvas: Canvas,
    side: Option<PairSide>,
    read_limit: u64,
    budget: Budget,
    large: Mutex<()>,
    /// Take all measures, also those that no filter asks for.
    measure_all: bool,
}

impl<'a> Preparer<'a> {
    /// Gets ready to prepare the pictures of `plan`.
    #[must_use]
    pub fn new(plan: &'a Plan, options: &BuildOptions, measure_all: bool) -> Self {
        let bytes = options.memory_mb << 20;
        Self {
            plan,
            filters: options.filters.clone(),
            resampling: options.resampling,
            canvas: Canvas {
                channels: plan.manifest.channels,
                background: Some(options.background),
            },
            side: options.side,
            read_limit: bytes,
            budget: Budget::new(bytes),
            large: Mutex::new(()),
            measure_all,
        }
    }

    /// Prepares picture `place` of the plan.
    #[must_use]
    pub fn prepare(&self, place: usize) -> PreparedPicture {
        let planned = &self.plan.pictures[place];
        let record = PictureRecord {
            place: place as u64,
            source: planned.source as u32,
            shown: planned.entry.shown(),
            number: planned.number,
            split: None,
            listed: planned.unlisted.is_none(),
            content: None,
            profile: false,
            crops: Vec::new(),
        };
        let mut prepared = PreparedPicture { record, pixels: Vec::new(), measures: Vec::new() };
        if let Err(fault) = self.fill(planned, &mut prepared) {
            prepared.leave_out(None, None, fault, None);
        }
        prepared
    }

    /// Picture `place` of the plan with its boxes and windows, and its crops.
    #[must_use]
    pub fn before_after(&self, place: usize) -> BeforeAfter {
        let planned = &self.plan.pictures[place];
        let prepared = self.prepare(place);
        let layout = prepared.record.layout(&self.plan.manifest);
        let mut caption = planned.entry.shown();
        if let Some(fault) = prepared.record.crops.iter().find_map(|crop| crop.fault.as_ref()) {
            caption = format!("{} ({})\n{caption}", fault.reason.name(), fault.value);
        }
        let with_pixels = prepared.record.crops.iter().filter(|crop| crop.pixels);
        let taken = prepared.pixels.chunks_exact(layout.pixel_bytes()).zip(with_pixels);
        let after = taken
            .filter(|(_, crop)| crop.fault.is_none())
            .map(|(pixels, _)| pixels.to_vec())
            .collect();
        let (mut before, mut boxes, mut windows) = (None, Vec::new(), Vec::new());
        if let Ok((whole, objects)) = self.whole(planned) {
            let (width, height) = (whole.width, whole.height);
            let all = crops(&self.plan.policy, width, height, &objects, planned.entry.label);
            windows.extend(all.into_iter().flatten().map(|crop| crop.window));
            boxes.extend(objects.into_iter().map(|object| object.bounding_box));
            before = Some(whole);
        }
        BeforeAfter { caption, before, boxes, windows, layout, after }
    }

    /// The whole picture in colour, and its objects; no objects where their boxes cannot be placed.
    fn whole(
        &self,
        planned: &PlannedPicture,
    ) -> Result<(Picture, Vec<crate::crop::Object>), Fault> {
        let files = read(&self.plan.sources[planned.source], planned, self.read_limit)?;
        let pictures = Opened::all(planned, &files)?;
        let picture = &pictures[0];
        let (width, height) = picture.extents();
        let canvas = Canvas { channels: 3, ..self.canvas };
        let objects =
            picture.place(planned).map(|(objects, _)| objects.into_owned()).unwrap_or_default();
        Ok((self.decode(picture, Window::whole(width, height), 0, &canvas)?.0, objects))
    }

    fn fill(&self, planned: &PlannedPicture, prepared: &mut PreparedPicture) -> Result<(), Fault> {
        if let Some(fault) = &planned.unlisted {
            return Err(fault.clone());
        }
        let source = &self.plan.sources[planned.source];
        let length = length(source, planned);
        // The lock guards no data: a poisoned one is as good.
        let _turn = (length > LARGE_FILE).then(|| self.large.lock());
        // A file larger than the whole budget will not be read.
        let share = if length > LARGE_FILE { self.budget.take(length) } else { None };
        let held = if share.is_some() { length } else { 0 };
        let files = read(source, planned, self.read_limit)?;
        prepared.record.content = Some(content_hash(&files));
        let split = self.plan.split(planned, &prepared.record.content);
        prepared.record.split = split.map(|split| split as u8);
        if self.plan.needs_label(planned)
            && planned.entry.label.is_none()
            && planned.entry.objects.iter().all(|o| o.label.is_none())
        {
            return Err(Fault::new(Reason::NoLabel, planned.entry.id));
        }
        if split.is_none() {
            return Err(Fault::new(Reason::NoSplit, planned.entry.id));
        }
        let pictures = Opened::all(planned, &files)?;
        prepared.record.profile = pictures.iter().any(Opened::has_profile);
        if source.halves || planned.entry.partner.is_some() {
            return self.pair(planned, &pictures, held, prepared);
        }
        self.single(planned, &pictures[0], held, prepared)
    }

    /// The crops of one picture. `held` bytes of the budget were taken for its file.
    fn single(
        &self,
        planned: &PlannedPicture,
        picture: &Opened<'_>,
        held: u64,
        prepared: &mut PreparedPicture,
    ) -> Result<(), Fault> {
        let (width, height) = picture.extents();
        let entry = &planned.entry;
        let side = prepared.record.layout(&self.plan.manifest).height;
        let (objects, others) = picture.place(planned)?;
        let crops = crops(&self.plan.policy, width, height, &objects, entry.label);
        // One decoding serves all crops; of an object that cannot be cropped the whole picture is
        // kept.
        let wanted = crops
            .iter()
            .map(|crop| crop.as_ref().map_or(Window::whole(width, height), |crop| crop.window));
        let Some(all) = wanted.reduce(Window::around) else { return Ok(()) };
        let (decoded, _share) = self.decode(picture, all, held, &self.canvas)?;
        for crop in crops {
            let (crop, fault) = match crop {
                Ok(crop) => (crop, None),
                Err((object, fault)) => {
                    let window = Window::whole(width, height);
                    (
                        Crop { object, label: None, bounding_box: None, window, fit: false },
                        Some(fault),
                    )
                }
            };
            let pixels = self.resized(&decoded, crop.window.within(&all), crop.fit, side);
            if let Some(fault) = fault {
                // Without objects the fault is that of the whole picture.
                let object = (!objects.is_empty()).then_some(crop.object);
                prepared.leave_out(object, None, fault, Some(&pixels));
                continue;
            }
            let measures = Measures::of_crop(&crop, width, height, &objects, &others);
            self.keep_or_leave_out(prepared, &crop, measures, &pixels, side);
        }
        Ok(())
    }

    /// Both pictures of a pair side by side, or the one that was asked for.
    fn pair(
        &self,
        planned: &PlannedPicture,
        pictures: &[Opened<'_>],
        held: u64,
        prepared: &mut PreparedPicture,
    ) -> Result<(), Fault> {
        let side = prepared.record.layout(&self.plan.manifest).height;
        let (mut first, mut halves) = (None, Vec::new());
        for (number, half) in [PairSide::A, PairSide::B].into_iter().enumerate() {
            if self.side.is_some_and(|wanted| wanted != half) {
                continue;
            }
            let picture = &pictures[number.min(pictures.len() - 1)];
            let (width, height) = picture.extents();
            let offset = if pictures.len() > 1 { 0 } else { width - width / 2 } * number as u32;
            let width = if pictures.len() > 1 { width } else { width / 2 };
            if width == 0 {
                return Err(Fault::new(Reason::Damaged, "one column cannot be two pictures"));
            }
            let crops = crops(&self.plan.policy, width, height, &[], planned.entry.label);
            let Some(Ok(crop)) = crops.into_iter().next() else { return Ok(()) };
            let window = Window { left: crop.window.left + offset, ..crop.window };
            let (decoded, _share) = self.decode(picture, window, held, &self.canvas)?;
            halves.push(self.resized(
                &decoded,
                Window::whole(window.width, window.height),
                crop.fit,
                side,
            ));
            first.get_or_insert((crop, width, height));
        }
        if let Some((crop, width, height)) = first {
            let pixels = pixels::side_by_side(&halves, side, self.canvas.channels);
            let measures = Measures::of_crop(&crop, width, height, &[], &[]);
            self.keep_or_leave_out(prepared, &crop, measures, &pixels, side * halves.len() as u32);
        }
        Ok(())
    }

    fn keep_or_leave_out(
        &self,
        prepared: &mut PreparedPicture,
        crop: &Crop,
        measures: Measures,
        pixels: &[u8],
        width: u32,
    ) {
        let (width, channels) = (width as usize, self.canvas.channels as usize);
        let luma = luma::luma(pixels, channels);
        let measures = measures.with_luma(&luma, width, &self.filters, self.measure_all);
        prepared.measures.push(measures);
        match self.filters.fault(&measures) {
            Some(fault) => prepared.leave_out(Some(crop.object), crop.label, fault, Some(pixels)),
            None => {
                let hash = near_duplicates::hash(&luma, width);
                let (object, label) = (Some(crop.object), crop.label);
                prepared.record.crops.push(CropRecord {
                    object,
                    label,
                    hash,
                    fault: None,
                    pixels: true,
                });
                prepared.pixels.extend_from_slice(pixels);
            }
        }
    }

    /// The pixels of `window`, and their share of the budget, to be held as long as they are.
    /// `held` bytes were taken for the file before.
    fn decode(
        &self,
        picture: &Opened<'_>,
        window: Window,
        held: u64,
        canvas: &Canvas,
    ) -> Result<(Picture, Share<'_>), Fault> {
        let needed = picture.memory(window);
        let share = self.budget.take_beside(held, needed.saturating_sub(held));
        let mut share = share.ok_or_else(|| {
            let (width, height) = picture.extents();
            let (needed, limit) = (needed.div_ceil(1 << 20), self.read_limit >> 20);
            let what = format!(
                "{width}x{height} pixels take {needed} MiB to decode, --memory-mb is {limit}"
            );
            Fault::new(Reason::TooLarge, what)
        })?;
        let decoded = picture.decode(window, canvas)?;
        share.shrink(decoded.pixels.len() as u64);
        Ok((decoded, share))
    }

    /// `window` of decoded pixels in the stored size: stretched to fill it, or fitted between bars.
    fn resized(&self, decoded: &Picture, window: Window, fit: bool, side: u32) -> Vec<u8> {
        if fit {
            pixels::fit(decoded, window, side, self.resampling, &self.canvas)
        } else {
            pixels::crop_and_resize(decoded, window, side, side, self.resampling)
        }
    }
}

impl PreparedPicture {
    fn leave_out(
        &mut self,
        object: Option<u32>,
        label: Option<u32>,
        fault: Fault,
        pixels: Option<&[u8]>,
    ) {
        let record = CropRecord {
            object,
            label,
            hash: [0; 4],
            fault: Some(fault),
            pixels: pixels.is_some(),
        };
        self.record.crops.push(record);
        self.pixels.extend_from_slice(pixels.unwrap_or_default());
    }
}
