//! Assembling a data set from prepared pictures.
//!
//! Decisions that depend on all pictures are made here: near-duplicates, and keeping them out of
//! different splits.
//! Then the shards, the lists, the preview and the manifest are written.
//! Everything is written to a folder beside the final one, which is renamed at the end:
//! at every moment and after every crash there is either the old data set or the new one.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use rayon::prelude::*;
use shared::cli::DataError;
use shared::dataset::{FileSummary, MANIFEST, Manifest, SplitManifest};
use shared::fs::{self, AtomicFolder};
use shared::log::Progress;
use shared::picture::Picture;
use shared::shard::Layout;
use shared::signal::Stop;

use super::error::BuildError;
use super::record::{CropRecord, PictureRecord};
use super::work::{WorkFolder, WorkManifest};
use crate::dataset::files::{PREVIEW, REJECT_SHARDS, REJECTS};
use crate::dataset::fingerprint::{self, FileHash, hex};
use crate::dataset::rejects::{self, Fault, Reason, Reject};
use crate::dataset::split_writer::SplitWriter;
use crate::filter::near_duplicates::{Groups, PerceptualHash, USUAL_BITS};
use crate::sheets;
use crate::source::Split;

/// Remarks on a data set that its manifest does not hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notes {
    /// Pictures whose file equals an earlier one, byte for byte.
    pub identical: u64,
    /// Near-duplicates of a picture of another split, if the source gives the splits.
    pub straddling: u64,
    /// Pictures with a colour profile.
    pub profiles: u64,
}

/// The result of assembling a data set.
#[derive(Debug)]
pub struct Assembled {
    /// The data set's manifest.
    pub manifest: Manifest,
    /// Pictures looked at, rejected ones included.
    pub pictures: u64,
    /// Remarks beside it.
    pub notes: Notes,
}

/// Writes the data set from the chunks of all `parts`, which together hold every picture. `None`
/// after a signal.
///
/// # Errors
/// When a chunk cannot be read, nothing is left for training, or writing fails; `out` is then as it
/// was.
pub fn assemble(
    parts: &[WorkFolder],
    out: &Path,
    stop: &Stop,
) -> Result<Option<Assembled>, BuildError> {
    let work = &parts[0].work;
    let mut assembler = Assembler::new(work, out)?;
    let progress = Progress::new("prep merge", work.pictures);
    for (folder, chunk) in chunks(parts) {
        if stop.exit_code().is_some() {
            return Ok(None);
        }
        let chunk = folder.read(chunk)?;
        assembler.push(&chunk.records, &mut chunk.pixels(&work.manifest))?;
        progress.add(chunk.records.len() as u64);
    }
    drop(progress);
    assembler.finish(parts, stop)
}

/// Every chunk with the folder it is in, in the order of the plan.
fn chunks(parts: &[WorkFolder]) -> impl Iterator<Item = (&WorkFolder, u64)> {
    parts
        .iter()
        .flat_map(|folder| (folder.work.first..folder.work.end).map(move |chunk| (folder, chunk)))
}

/// A crop that waits for later pictures.
struct Waiting {
    number: u64,
    /// The first of its crops is the one that waits; a second one only shows that there are
    /// several.
    record: PictureRecord,
    pixels: Option<Vec<u8>>,
}

/// Largest number of bytes of crops that wait in memory.
const WAITING_BYTES: usize = 16 << 20;

/// A data set that is being written, not yet visible under its name.
pub struct Assembler {
    staged: AtomicFolder,
    manifest: Manifest,
    pictures: u64,
    numbered: bool,
    splits: [SplitWriter; 3],
    rejected: SplitWriter,
    rejects: Vec<Reject>,
    files: Vec<(Vec<u8>, FileHash)>,
    survey: Survey,
    /// Waiting crops; `None` once there are too many, then the chunks are read again.
    waiting: Option<Vec<Waiting>>,
    /// Crops so far that passed their own filters.
    number: u64,
    /// Near-duplicates are left out.
    distinct: bool,
    /// The splits are random.
    drawn: bool,
}

impl Assembler {
    /// Starts a data set that will be named `out`.
    ///
    /// # Errors
    /// When the folder beside it cannot be created.
    pub fn new(work: &WorkManifest, out: &Path) -> Result<Self, BuildError> {
        let staged = AtomicFolder::create(out)?;
        let writer = |name, layout| SplitWriter::new(staged.path(), name, layout, work.shard_bytes);
        let of_split = |split: Split| writer(split.name(), work.manifest.layout_of(split.name()));
        let (splits, rejected) =
            (Split::ALL.map(of_split), writer(REJECT_SHARDS, work.manifest.layout()));
        Ok(Self {
            manifest: work.manifest.clone(),
            pictures: work.pictures,
            numbered: work.numbered,
            splits,
            rejected,
            rejects: Vec::new(),
            files: work.tables.iter().map(|(name, hash)| (unhex(name), *hash)).collect(),
            survey: Survey::default(),
            waiting: Some(Vec::new()),
            number: 0,
            distinct: work.near_duplicates.is_some(),
            drawn: work.drawn,
            staged,
        })
    }

    /// Returns whether taking a crop depends on later pictures.
    fn waits(&self, record: &PictureRecord, crop: &CropRecord) -> bool {
        crop.fault.is_none()
            && (self.distinct || (self.drawn && record.split != Some(Split::Train as u8)))
    }

    /// Adds pictures, in the order of the plan; `pixels` are those of their crops. Crops that
    /// depend on later pictures wait.
    ///
    /// # Errors
    /// When writing fails.
    pub fn push<'a>(
        &mut self,
        records: &[PictureRecord],
        pixels: &mut impl Iterator<Item = &'a [u8]>,
    ) -> Result<(), BuildError> {
        for record in records {
            self.survey.add(record);
            if record.listed {
                let source = self.numbered.then_some(record.source);
                self.files
                    .push((fingerprint::name(source, record.shown.as_bytes()), record.content));
            }
            for crop in &record.crops {
                let pixels = if crop.pixels { pixels.next() } else { None };
                if self.waits(record, crop) {
                    self.hold(record, crop, pixels);
                } else {
                    self.settle(record, crop, crop.fault.clone(), pixels)?;
                }
                self.number += u64::from(crop.fault.is_none());
            }
        }
        Ok(())
    }

    /// Keeps a waiting crop, unless there are too many.
    fn hold(&mut self, record: &PictureRecord, crop: &CropRecord, pixels: Option<&[u8]>) {
        let most = WAITING_BYTES / self.manifest.layout().pixel_bytes();
        let Some(waiting) = self.waiting.as_mut().filter(|waiting| waiting.len() < most) else {
            self.waiting = None;
            return;
        };
        let record = PictureRecord {
            crops: vec![crop.clone(); record.crops.len().min(2)],
            ..record.clone()
        };
        waiting.push(Waiting { number: self.number, record, pixels: pixels.map(<[u8]>::to_vec) });
    }

    /// Writes a crop to its split, or to the rejects with the reason.
    fn settle(
        &mut self,
        record: &PictureRecord,
        crop: &CropRecord,
        fault: Option<Fault>,
        pixels: Option<&[u8]>,
    ) -> Result<(), BuildError> {
        let number = number_of(record, crop);
        let fault = match (fault, pixels, record.split) {
            (None, Some(pixels), Some(split)) => {
                self.splits[usize::from(split)].push(pixels, crop.label, number)?;
                return Ok(());
            }
            (fault, ..) => fault.unwrap_or_else(|| Fault::new(Reason::NoSplit, record.number)),
        };
        let layout = record.layout(&self.manifest);
        let picture = match pixels {
            Some(pixels) => {
                let pixels = framed(pixels, layout, self.manifest.layout());
                Some(self.rejected.push(&pixels, None, number)?)
            }
            None => None,
        };
        self.rejects.push(Reject {
            file: record.shown.clone(),
            reason: fault.reason.name().to_owned(),
            value: fault.value,
            object: crop.object.filter(|_| record.crops.len() > 1),
            picture,
        });
        Ok(())
    }

    /// Writes the crops that waited, now that all pictures are known.
    fn push_waiting(&mut self, parts: &[WorkFolder]) -> Result<(), BuildError> {
        let mut faults = self.survey.faults(parts)?;
        if let Some(waiting) = self.waiting.take() {
            for Waiting { number, record, pixels } in waiting {
                self.settle(&record, &record.crops[0], faults.remove(&number), pixels.as_deref())?;
            }
            return Ok(());
        }
        let mut number = 0;
        for (folder, chunk) in chunks(parts) {
            let records = folder.records(chunk)?;
            if !records
                .iter()
                .any(|record| record.crops.iter().any(|crop| self.waits(record, crop)))
            {
                number += records
                    .iter()
                    .flat_map(|record| &record.crops)
                    .filter(|crop| crop.fault.is_none())
                    .count() as u64;
                continue;
            }
            let chunk = folder.read(chunk)?;
            let manifest = self.manifest.clone();
            let mut pixels = chunk.pixels(&manifest);
            for (record, crop) in chunk
                .records
                .iter()
                .flat_map(|record| record.crops.iter().map(move |crop| (record, crop)))
            {
                let pixels = if crop.pixels { pixels.next() } else { None };
                if self.waits(record, crop) {
                    self.settle(record, crop, faults.remove(&number), pixels)?;
                }
                number += u64::from(crop.fault.is_none());
            }
        }
        Ok(())
    }

    /// Writes the crops that waited, from the chunks of all `parts`, and the lists, and renames the
    /// folder; `None` after a signal.
    ///
    /// # Errors
    /// When nothing is left for training, or writing fails; the old data set is then as it was.
    pub fn finish(
        mut self,
        parts: &[WorkFolder],
        stop: &Stop,
    ) -> Result<Option<Assembled>, BuildError> {
        self.push_waiting(parts)?;
        let Self {
            staged, mut manifest, pictures, splits, rejected, rejects, files, survey, ..
        } = self;
        // Waiting for the disk takes longest here.
        let (splits, left_out) = rayon::join(
            || splits.into_par_iter().map(SplitWriter::finish).collect::<Result<_, _>>(),
            || rejected.finish(),
        );
        manifest.splits = splits?;
        // There is a third split only if the source has one.
        manifest.splits.retain(|split| split.records > 0 || split.name != Split::Test.name());
        manifest.fingerprint = hex(&fingerprint::of_files(files));
        manifest.rejects = rejects::count(&rejects);
        if manifest.splits[Split::Train as usize].records == 0 {
            return Err(nothing_left(&manifest, &rejects));
        }
        write_lists(&staged, &mut manifest, &rejects, left_out?)?;
        if stop.exit_code().is_some() {
            return Ok(None);
        }
        staged.commit()?;
        Ok(Some(Assembled { manifest, pictures, notes: survey.notes }))
    }
}

/// Writes the preview, the list of rejects and the manifest.
fn write_lists(
    staged: &AtomicFolder,
    manifest: &mut Manifest,
    rejects: &[Reject],
    left_out: SplitManifest,
) -> Result<(), BuildError> {
    let preview =
        sheets::preview(staged.path(), &manifest.splits[Split::Train as usize], manifest.size)?
            .to_png_quickly()?;
    let lines: String =
        rejects.iter().map(|reject| serde_json::json!(reject).to_string() + "\n").collect();
    for (name, bytes) in [(PREVIEW, &preview[..]), (REJECTS, lines.as_bytes())] {
        fs::write(staged.path().join(name), bytes)?;
        manifest.files.push(FileSummary::of(name, bytes));
    }
    manifest.files.extend(left_out.shards);
    Ok(shared::sealed::write(&staged.path().join(MANIFEST), manifest)?)
}

/// The number of a crop in a shard: that of its picture in the source, and that of its object in
/// the upper 32 bits.
fn number_of(record: &PictureRecord, crop: &CropRecord) -> u64 {
    record.number | u64::from(crop.object.unwrap_or(0)) << 32
}

/// Pixels of one size in the middle of a grey picture of another, so that one shard holds the
/// pictures left out of all splits.
fn framed(pixels: &[u8], from: Layout, to: Layout) -> Cow<'_, [u8]> {
    if from == to {
        return Cow::Borrowed(pixels);
    }
    let Layout { height, width, channels } = from;
    let mut frame = Picture::filled(to.width, to.height, channels, 128);
    let small = Picture { width, height, channels, pixels: pixels.to_vec() };
    frame.paste(&small, (to.width - width) / 2, (to.height - height) / 2);
    Cow::Owned(frame.pixels)
}

fn unhex(digits: &str) -> Vec<u8> {
    let byte = |pair: &[u8]| {
        std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok())
    };
    digits.as_bytes().chunks(2).filter_map(byte).collect()
}

fn nothing_left(manifest: &Manifest, rejects: &[Reject]) -> BuildError {
    let reasons =
        manifest.rejects.iter().filter(|(_, n)| **n > 0).map(|(reason, n)| format!("{reason} {n}"));
    let first =
        rejects.first().map_or(String::new(), |r| format!("; the first: {} ({})", r.file, r.value));
    let why = if rejects.is_empty() {
        "none was listed".into()
    } else {
        reasons.collect::<Vec<_>>().join(", ")
    };
    BuildError::NothingLeft { source: DataError(format!("{why}{first}")) }
}

/// A crop that passed its own filters: what matters for comparing it with others.
struct Kept {
    picture: u64,
    split: u8,
}

/// The reason that a crop is left out because of another one.
struct Near {
    reason: Reason,
    bits: u32,
    /// The picture of the other one.
    to: u64,
}

/// Facts about all pictures together.
#[derive(Default)]
struct Survey {
    kept: Vec<Kept>,
    hashes: Vec<PerceptualHash>,
    contents: HashSet<[u8; 32]>,
    notes: Notes,
}

impl Survey {
    fn add(&mut self, record: &PictureRecord) {
        self.notes.profiles += u64::from(record.profile);
        if let Some(content) = record.content {
            self.notes.identical += u64::from(!self.contents.insert(content));
        }
        for crop in record.crops.iter().filter(|crop| crop.fault.is_none()) {
            self.kept.push(Kept {
                picture: record.place,
                split: record.split.unwrap_or(Split::Train as u8),
            });
            self.hashes.push(crop.hash);
        }
    }

    /// The crops, by their number among those kept so far, that are left out because of another
    /// one.
    ///
    /// # Errors
    /// When a chunk cannot be read.
    fn faults(&mut self, parts: &[WorkFolder]) -> Result<BTreeMap<u64, Fault>, BuildError> {
        let work = &parts[0].work;
        let groups = Groups::within(&self.hashes, work.near_duplicates.unwrap_or(USUAL_BITS));
        let mut near: BTreeMap<u64, Near> = BTreeMap::new();
        if work.near_duplicates.is_some() {
            let pictures = self.kept.iter().map(|crop| crop.picture);
            let found = groups.duplicates(pictures).into_iter();
            near.extend(
                found.map(|(n, to, bits)| {
                    (n as u64, Near { reason: Reason::NearDuplicate, bits, to })
                }),
            );
        }
        // The picture for training stays: its near-duplicate in another split would flatter the
        // metrics.
        let mut learned: Vec<Option<u64>> = vec![None; groups.near.len()];
        for (n, crop) in
            self.kept.iter().enumerate().filter(|(n, _)| !near.contains_key(&(*n as u64)))
        {
            if crop.split == Split::Train as u8 {
                learned[groups.of[n] as usize].get_or_insert(crop.picture);
            }
        }
        for (n, _) in
            self.kept.iter().enumerate().filter(|(_, crop)| crop.split != Split::Train as u8)
        {
            let found =
                groups.around(n).find_map(|(group, bits)| learned[group].map(|to| (to, bits)));
            let Some((to, bits)) = found.filter(|_| !near.contains_key(&(n as u64))) else {
                continue;
            };
            if work.drawn {
                near.insert(n as u64, Near { reason: Reason::Straddles, bits, to });
            } else {
                self.notes.straddling += 1;
            }
        }
        let names = names(parts, &near.values().map(|near| near.to).collect())?;
        let fault = |near: Near| {
            let name = names.get(&near.to).map_or("", String::as_str);
            Fault::new(near.reason, format!("{} bits from {name}", near.bits))
        };
        Ok(near.into_iter().map(|(n, near)| (n, fault(near))).collect())
    }
}

/// The names of some pictures: keeping all names would take memory.
fn names(parts: &[WorkFolder], wanted: &HashSet<u64>) -> Result<HashMap<u64, String>, BuildError> {
    let mut names = HashMap::new();
    for (folder, chunk) in chunks(parts) {
        if folder.work.range(chunk).any(|place| wanted.contains(&place)) {
            let records = folder.records(chunk)?.into_iter().filter(|r| wanted.contains(&r.place));
            names.extend(records.map(|record| (record.place, record.shown)));
        }
    }
    Ok(names)
}
