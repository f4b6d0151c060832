//! One picture: read, looked at, cut, scaled, filtered. Nothing here knows of other pictures.

use std::borrow::Cow;
use std::sync::Mutex;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use shared::archive::Name;
use shared::picture::{Canvas, Picture, PictureFile, Window};

use super::options::{Options, Side};
use super::plan::{Plan, Planned};
use super::queue::{Budget, Share};
use crate::crop::BoundingBox;
use crate::drawn::{self, Reading};
use crate::filter::{Filters, Measures, luma};
use crate::fingerprint::{self, FileHash};
use crate::policy::{self, Cut};
use crate::reject::{Fault, Reason};
use crate::resample::{self, Method};
use crate::similar::{self, Hash};
use crate::source::{Content, Object, RawPixels};

/// A file above this is read by one thread at a time, and only when there is memory for it; those that are not counted before they
/// are decoded stay small beside what decoding takes.
const LARGE_FILE: u64 = 16 << 20;

/// What became of one picture, as it is kept until all are done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Its place in the plan.
    pub place: u64,
    /// The source that it is in.
    pub source: u32,
    /// Its name to show.
    pub shown: String,
    /// Its number in the data set's sources.
    pub number: u64,
    /// The split, as [`super::Split`] numbers them.
    pub split: Option<u8>,
    /// The listing names it.
    pub listed: bool,
    /// SHA-256 of its file.
    pub content: FileHash,
    /// It has a colour profile, which is not applied.
    pub profile: bool,
    /// What was cut from it, or why not.
    pub cuts: Vec<CutRecord>,
}

/// What became of one cut.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CutRecord {
    /// The object of the picture; `None` for the picture as a whole that was left out.
    pub object: Option<u32>,
    /// Its class.
    pub label: Option<u32>,
    /// The hash by which near-duplicates are found; 0 where it was left out.
    pub hash: Hash,
    /// Why it was left out.
    pub fault: Option<Fault>,
    /// There are pixels of it.
    pub pixels: bool,
}

/// A picture with its pixels.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What is noted.
    pub record: Record,
    /// The pixels of the cuts that have some, one after the other.
    pub pixels: Vec<u8>,
    /// What the filters look at, of every cut that has pixels and was not at fault before.
    pub measures: Vec<Measures>,
}

/// What the threads share while pictures are prepared.
pub struct Preparer<'a> {
    plan: &'a Plan,
    filters: Filters,
    method: Method,
    canvas: Canvas,
    side: Option<Side>,
    read_limit: u64,
    budget: Budget,
    large: Mutex<()>,
    /// All measures are taken, also those that no filter asks for.
    measure_all: bool,
}

/// The files of a picture: one, or two of a pair.
pub type Files = Vec<Vec<u8>>;

/// Reads the bytes of a picture.
///
/// # Errors
/// What is missing or cannot be read.
pub fn read(plan: &Plan, planned: &Planned, limit: u64) -> Result<Files, Fault> {
    let source = &plan.sources[planned.source];
    let find = |name: &Name| source.find(name).ok_or_else(|| source.missing(name, planned.entry.id));
    match &planned.entry.content {
        Content::File(name) => {
            let names = std::iter::once(name).chain(&planned.entry.partner);
            names.map(|name| Ok(source.archive.read(find(name)?, limit)?)).collect()
        }
        Content::Raw(raw) => Ok(vec![raw.unpacked(source.archive.read_range(find(&raw.file)?, raw.offset, raw.stored())?)]),
    }
}

/// Bytes that [`read`] gives, as far as the archive says.
#[must_use]
pub fn length(plan: &Plan, planned: &Planned) -> u64 {
    let source = &plan.sources[planned.source];
    match &planned.entry.content {
        Content::File(name) => {
            let names = std::iter::once(name).chain(&planned.entry.partner);
            names.filter_map(|name| source.find(name)).map(|at| source.archive.length(at)).sum()
        }
        Content::Raw(raw) => raw.stored(),
    }
}

/// SHA-256 of a picture's file, or of the two of a pair together.
#[must_use]
pub fn content_hash(files: &Files) -> [u8; 32] {
    match &files[..] {
        [one] => fingerprint::sha256(one),
        several => {
            let mut hash = Sha256::new();
            several.iter().for_each(|bytes| hash.update(fingerprint::sha256(bytes)));
            hash.finalize().into()
        }
    }
}

impl<'a> Preparer<'a> {
    /// What is needed to prepare the pictures of `plan`.
    #[must_use]
    pub fn new(plan: &'a Plan, options: &Options, measure_all: bool) -> Self {
        let bytes = options.memory_mb << 20;
        Self {
            plan,
            filters: options.filters.clone(),
            method: options.method,
            canvas: Canvas { channels: plan.manifest.channels, background: Some(options.background) },
            side: options.side,
            read_limit: bytes,
            budget: Budget::new(bytes),
            large: Mutex::new(()),
            measure_all,
        }
    }

    /// Prepares picture `place` of the plan.
    #[must_use]
    pub fn prepare(&self, place: usize) -> Outcome {
        let planned = &self.plan.pictures[place];
        let record = Record {
            place: place as u64,
            source: planned.source as u32,
            shown: planned.entry.shown(),
            number: planned.number,
            split: None,
            listed: planned.unlisted.is_none(),
            content: None,
            profile: false,
            cuts: Vec::new(),
        };
        let mut outcome = Outcome { record, pixels: Vec::new(), measures: Vec::new() };
        if let Err(fault) = self.fill(planned, &mut outcome) {
            outcome.leave_out(None, None, fault, None);
        }
        outcome
    }

    /// The whole of picture `place` in colour, to be looked at, and its objects; none where their boxes cannot be placed.
    ///
    /// # Errors
    /// Why it cannot be decoded.
    pub fn whole(&self, place: usize) -> Result<(Picture, Vec<Object>), Fault> {
        let planned = &self.plan.pictures[place];
        let files = read(self.plan, planned, self.read_limit)?;
        let picture = match &planned.entry.content {
            Content::Raw(raw) => Opened::Raw(raw, &files[0]),
            Content::File(_) => Opened::File(PictureFile::open(&files[0])?, files[0].len()),
        };
        let (width, height) = picture.extents();
        let canvas = Canvas { channels: 3, ..self.canvas };
        let objects = picture.place(planned).map(|(objects, _)| objects.into_owned()).unwrap_or_default();
        Ok((self.decode(&picture, Window::whole(width, height), 0, &canvas)?.0, objects))
    }

    fn fill(&self, planned: &Planned, outcome: &mut Outcome) -> Result<(), Fault> {
        if let Some(fault) = &planned.unlisted {
            return Err(fault.clone());
        }
        let source = &self.plan.sources[planned.source];
        let length = length(self.plan, planned);
        // The lock guards no data: a poisoned one is as good.
        let _turn = (length > LARGE_FILE).then(|| self.large.lock());
        // What is larger than all there is will not be read.
        let share = if length > LARGE_FILE { self.budget.take(length) } else { None };
        let held = if share.is_some() { length } else { 0 };
        let files = read(self.plan, planned, self.read_limit)?;
        outcome.record.content = Some(content_hash(&files));
        let split = self.plan.split(planned, &outcome.record.content);
        outcome.record.split = split.map(|split| split as u8);
        if self.plan.needs_label(planned)
            && planned.entry.label.is_none()
            && planned.entry.objects.iter().all(|o| o.label.is_none())
        {
            return Err(Fault::new(Reason::NoLabel, planned.entry.id));
        }
        if split.is_none() {
            return Err(Fault::new(Reason::NoSplit, planned.entry.id));
        }
        let all = files.iter().map(Vec::len).sum();
        let pictures: Vec<Opened<'_>> = match &planned.entry.content {
            Content::Raw(raw) => files.iter().map(|bytes| Opened::Raw(raw, bytes)).collect(),
            Content::File(_) => {
                files.iter().map(|bytes| Ok(Opened::File(PictureFile::open(bytes)?, all))).collect::<Result<_, Fault>>()?
            }
        };
        outcome.record.profile = pictures.iter().any(Opened::has_profile);
        if source.halves || planned.entry.partner.is_some() {
            return self.pair(planned, &pictures, held, outcome);
        }
        self.single(planned, &pictures[0], held, outcome)
    }

    /// The cuts of one picture. `held`: what was taken of the memory for its file.
    fn single(&self, planned: &Planned, picture: &Opened<'_>, held: u64, outcome: &mut Outcome) -> Result<(), Fault> {
        let (width, height) = picture.extents();
        let entry = &planned.entry;
        let side = self.plan.manifest.stored;
        let (objects, others) = picture.place(planned)?;
        let cuts = policy::cuts(&self.plan.policy, width, height, &objects, entry.label);
        // One decoding serves all cuts; what cannot be cut is shown whole.
        let wanted = cuts.iter().map(|cut| cut.as_ref().map_or(Window::whole(width, height), |cut| cut.window));
        let Some(all) = wanted.reduce(Window::around) else { return Ok(()) };
        let (decoded, _share) = self.decode(picture, all, held, &self.canvas)?;
        for cut in cuts {
            let (cut, window) = match cut {
                Ok(cut) => (Ok(()), cut),
                Err((object, fault)) => {
                    let whole = Window::whole(width, height);
                    let shown = Cut { object, label: None, bounding_box: None, window: whole, fit: false };
                    (Err(fault), shown)
                }
            };
            let inner = window.window.within(&all);
            let pixels = self.scaled(&decoded, inner, window.fit, side);
            // What the source says to be none of the picture's objects is the picture's own fault.
            let object = (!objects.is_empty()).then_some(window.object);
            if let Err(fault) = cut {
                outcome.leave_out(object, None, fault, Some(&pixels));
                continue;
            }
            let measures = Measures::of_cut(&window, width, height, &objects, &others);
            self.keep_or_leave_out(outcome, &window, measures, &pixels, side);
        }
        Ok(())
    }

    /// Both pictures of a pair beside each other, or the one that was asked for.
    fn pair(&self, planned: &Planned, pictures: &[Opened<'_>], held: u64, outcome: &mut Outcome) -> Result<(), Fault> {
        let side = self.plan.manifest.stored;
        let mut halves = Vec::new();
        for (number, half) in [Side::A, Side::B].into_iter().enumerate() {
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
            let cuts = policy::cuts(&self.plan.policy, width, height, &[], planned.entry.label);
            let Some(Ok(cut)) = cuts.into_iter().next() else { return Ok(()) };
            let window = Window { left: cut.window.left + offset, ..cut.window };
            let (decoded, _share) = self.decode(picture, window, held, &self.canvas)?;
            let pixels = self.scaled(&decoded, Window::whole(window.width, window.height), cut.fit, side);
            halves.push((cut, (width, height), pixels));
        }
        let channels = self.canvas.channels as usize;
        let row = side as usize * channels;
        let rows = (0..side as usize).flat_map(|y| halves.iter().flat_map(move |(_, _, half)| &half[y * row..][..row]));
        let pixels: Vec<u8> = rows.copied().collect();
        if let Some((cut, (width, height), _)) = halves.first() {
            let measures = Measures::of_cut(cut, *width, *height, &[], &[]);
            self.keep_or_leave_out(outcome, cut, measures, &pixels, side * halves.len() as u32);
        }
        Ok(())
    }

    fn keep_or_leave_out(&self, outcome: &mut Outcome, cut: &Cut, measures: Measures, pixels: &[u8], width: u32) {
        let (width, channels) = (width as usize, self.canvas.channels as usize);
        let light = luma(pixels, channels);
        let measures = measures.with_luma(&light, width, &self.filters, self.measure_all);
        outcome.measures.push(measures);
        match self.filters.fault(&measures) {
            Some(fault) => outcome.leave_out(Some(cut.object), cut.label, fault, Some(pixels)),
            None => {
                let hash = similar::hash(&light, width);
                let (object, label) = (Some(cut.object), cut.label);
                outcome.record.cuts.push(CutRecord { object, label, hash, fault: None, pixels: true });
                outcome.pixels.extend_from_slice(pixels);
            }
        }
    }

    /// The pixels of `window`, and the memory that they take of what the threads share: to be held as long as they are. `held` was
    /// taken for the file before.
    fn decode(&self, picture: &Opened<'_>, window: Window, held: u64, canvas: &Canvas) -> Result<(Picture, Share<'_>), Fault> {
        let needed = picture.memory(window);
        let share = self.budget.take_beside(held, needed.saturating_sub(held));
        let mut share = share.ok_or_else(|| {
            let (width, height) = picture.extents();
            let (needed, limit) = (needed.div_ceil(1 << 20), self.read_limit >> 20);
            let what = format!("{width}x{height} pixels take {needed} MiB to decode, --memory-mb is {limit}");
            Fault::new(Reason::TooLarge, what)
        })?;
        let decoded = picture.decode(window, canvas)?;
        share.shrink(decoded.pixels.len() as u64);
        Ok((decoded, share))
    }

    /// `window` of decoded pixels in the stored size: stretched to fill it, or fitted between bars.
    fn scaled(&self, decoded: &Picture, window: Window, fit: bool, side: u32) -> Vec<u8> {
        if !fit {
            return resample::cut_and_scale(decoded, window, side, side, self.method);
        }
        let longer = window.width.max(window.height);
        let part =
            |extent: u32| ((u64::from(side) * u64::from(extent) + u64::from(longer) / 2) / u64::from(longer)).max(1) as u32;
        let (width, height) = (part(window.width), part(window.height));
        let channels = self.canvas.channels;
        let pixels = resample::cut_and_scale(decoded, window, width, height, self.method);
        let background = self.canvas.pixel();
        let bars = background.iter().copied().cycle().take((side * side * channels) as usize).collect();
        let mut square = Picture { width: side, height: side, channels, pixels: bars };
        square.paste(&Picture { width, height, channels, pixels }, (side - width) / 2, (side - height) / 2);
        square.pixels
    }
}

impl Outcome {
    fn leave_out(&mut self, object: Option<u32>, label: Option<u32>, fault: Fault, pixels: Option<&[u8]>) {
        let record = CutRecord { object, label, hash: [0; 4], fault: Some(fault), pixels: pixels.is_some() };
        self.record.cuts.push(record);
        self.pixels.extend_from_slice(pixels.unwrap_or_default());
    }
}

/// The objects of a picture, and the boxes of other classes.
type Placed<'p> = (Cow<'p, [Object]>, Cow<'p, [BoundingBox]>);

/// A picture of which the extents are known; the number: bytes of the file, and of its partner.
enum Opened<'a> {
    File(PictureFile<'a>, usize),
    Raw(&'a RawPixels, &'a [u8]),
}

impl Opened<'_> {
    fn extents(&self) -> (u32, u32) {
        match self {
            Self::File(file, _) => (file.width(), file.height()),
            Self::Raw(raw, _) => (raw.width, raw.height),
        }
    }

    /// The objects of the picture, and the boxes of other classes, in pixels of the upright picture.
    fn place<'p>(&self, planned: &'p Planned) -> Result<Placed<'p>, Fault> {
        let (entry, others) = (&planned.entry, &planned.others);
        let boxes = || entry.objects.iter().map(|object| &object.bounding_box).chain(others);
        let (upright, stored) = match self {
            Self::File(file, _) => ((file.width(), file.height()), file.stored_extents()),
            Self::Raw(..) => (self.extents(), self.extents()),
        };
        if boxes().next().is_none() {
            return Ok((Cow::Borrowed(&entry.objects), Cow::Borrowed(others)));
        }
        if entry.drawn_on.is_none() && upright > (1, 1) && drawn::are_fractions(boxes()) {
            let what = "its boxes are fractions of the picture (0 to 1), those of other pictures are in pixels";
            return Err(Fault::new(Reason::SizeMismatch, what));
        }
        let reading = drawn::reading(entry.drawn_on, upright, stored)?;
        if reading == Reading::Same {
            return Ok((Cow::Borrowed(&entry.objects), Cow::Borrowed(others)));
        }
        let place = |drawn: &BoundingBox| match self {
            Self::File(file, _) => reading.place(*drawn, |point| file.upright(point)),
            Self::Raw(..) => reading.place(*drawn, |point| point),
        };
        let placed = |object: &Object| Object { bounding_box: place(&object.bounding_box), ..object.clone() };
        Ok((entry.objects.iter().map(placed).collect(), others.iter().map(place).collect()))
    }

    fn has_profile(&self) -> bool {
        matches!(self, Self::File(file, _) if file.has_profile())
    }

    /// Bytes that the file and decoding it take.
    fn memory(&self, window: Window) -> u64 {
        match self {
            Self::File(file, length) => file.memory(window) + *length as u64,
            Self::Raw(raw, _) => 2 * raw.bytes(),
        }
    }

    fn decode(&self, window: Window, canvas: &Canvas) -> Result<Picture, Fault> {
        match self {
            Self::File(file, _) => Ok(file.decode(window, canvas)?),
            Self::Raw(raw, bytes) => {
                let (plane, channels) = ((raw.width * raw.height) as usize, raw.channels as usize);
                let pixels = if raw.planar {
                    (0..plane).flat_map(|i| (0..channels).map(move |c| bytes[c * plane + i])).collect()
                } else {
                    bytes.to_vec()
                };
                let pixels = if raw.transposed { transposed(&pixels, raw) } else { pixels };
                let whole = Picture { width: raw.width, height: raw.height, channels: raw.channels, pixels };
                Ok(canvas.paint(whole.cut(window)))
            }
        }
    }
}

/// Row by row what is there column by column.
fn transposed(pixels: &[u8], raw: &RawPixels) -> Vec<u8> {
    let (width, height, channels) = (raw.width as usize, raw.height as usize, raw.channels as usize);
    let pixel = |y: usize, x: usize| &pixels[(x * height + y) * channels..][..channels];
    (0..height).flat_map(|y| (0..width).flat_map(move |x| pixel(y, x))).copied().collect()
}
