//! A small drawn source for trying things out, in the layout of Caltech-UCSD Birds.
//!
//! It shows birds, fish, flowers, butterflies and mushrooms on soft backgrounds, with boxes.
//! The same seed gives the same bytes everywhere.

mod draw;
mod scene;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use image::ExtendedColorType;
use image::ImageEncoder as _;
use image::codecs::jpeg::JpegEncoder;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use shared::fs::{self, AtomicFolder, FsError};
use shared::log::Progress;
use shared::rng;
use shared::sealed::{self, SealedError};
use shared::signal::Stop;
use shared::threads::Pool;
use thiserror::Error;

use crate::crop::BoundingBox;
use crate::dataset::folder::{self, OutputError};
use crate::source::layouts::cub;
use crate::source::unused::SYNTH_RECORD;

/// Changes whenever the pictures do.
const VERSION: u32 = 1;
/// One of so many pictures is for testing.
const TEST_EVERY: usize = 5;
/// High enough that no block artefacts show at 64×64.
const JPEG_QUALITY: u8 = 92;
const MEND: &str = "draw it again with `prep synth --force`";

/// Options of a drawn source.
#[derive(Clone, Debug)]
pub struct SynthOptions {
    /// Folder to write.
    pub out: PathBuf,
    /// Number of pictures.
    pub count: usize,
    /// Seed of the pictures.
    pub seed: u64,
    /// Threads.
    pub jobs: usize,
    /// Replace pictures drawn with other options.
    pub force: bool,
}

/// Errors of drawing.
#[derive(Debug, Error)]
pub enum SynthError {
    /// The folder must not be written.
    #[error("{0}")]
    Output(#[from] OutputError),
    /// Writing failed.
    #[error("{0}")]
    File(#[from] FsError),
    /// Writing the record failed.
    #[error("{0}")]
    SynthRecord(#[from] SealedError),
    /// A picture could not be encoded.
    #[error("cannot encode picture {id}")]
    Encode {
        /// Its number.
        id: usize,
        /// The encoder's error.
        source: image::ImageError,
    },
}

/// The outcome of drawing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SynthOutcome {
    /// The same pictures are there already.
    UpToDate,
    /// All are drawn.
    Drawn,
    /// Stopped by a signal, to end with this exit code; nothing is changed.
    Stopped(u8),
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SynthRecord {
    version: u32,
    count: usize,
    seed: u64,
}

/// Draws the source into its folder.
///
/// # Errors
/// When the folder holds something else, or writing fails; it is then as it was.
pub fn synth(options: &SynthOptions, stop: &Stop) -> Result<SynthOutcome, SynthError> {
    let record = SynthRecord { version: VERSION, count: options.count, seed: options.seed };
    let out = folder::resolve(&options.out)?;
    let is_ours = |name: &str| name == SYNTH_RECORD || name == "images" || TABLES.contains(&name);
    folder::holds_only(&out, is_ours)?;
    if !options.force && !folder::is_free(&out)? {
        return match sealed::read::<SynthRecord>(&out.join(SYNTH_RECORD), MEND) {
            Ok(found) if found == record => Ok(SynthOutcome::UpToDate),
            _ => Err(folder::refused(
                &options.out,
                "it holds other pictures; --force replaces them".into(),
            )
            .into()),
        };
    }
    let threads = Pool::new(options.jobs);
    let staged = AtomicFolder::create(&out)?;
    for class in scene::Class::ALL {
        fs::create_folder(staged.path().join("images").join(class.folder()))?;
    }
    let progress = Progress::new("prep synth", options.count as u64);
    let drawn: Result<Vec<Option<BoundingBox>>, SynthError> = threads.install(|| {
        let draw = |i| {
            if stop.exit_code().is_some() {
                Ok(None)
            } else {
                picture(&staged, options, i, &progress).map(Some)
            }
        };
        (0..options.count).into_par_iter().map(draw).collect()
    });
    drop(progress);
    let boxes: Option<Vec<BoundingBox>> = drawn?.into_iter().collect();
    let (Some(boxes), None) = (boxes, stop.exit_code()) else {
        return Ok(SynthOutcome::Stopped(stop.exit_code().unwrap_or(130)));
    };
    for (name, text) in TABLES.into_iter().zip(tables(options.count, &boxes)) {
        fs::write(staged.path().join(name), text.as_bytes())?;
    }
    sealed::write(&staged.path().join(SYNTH_RECORD), &record)?;
    staged.commit()?;
    Ok(SynthOutcome::Drawn)
}

/// The class of picture `i`: as in the original, pictures are sorted by class.
fn class_of(i: usize, count: usize) -> scene::Class {
    scene::Class::ALL[i * scene::Class::ALL.len() / count]
}

fn file_of(i: usize, count: usize) -> String {
    let class = class_of(i, count);
    format!("{}/{}_{:05}.jpg", class.folder(), class.name(), i + 1)
}

/// Draws and writes one picture, and returns the box around its object.
fn picture(
    staged: &AtomicFolder,
    options: &SynthOptions,
    i: usize,
    progress: &Progress,
) -> Result<BoundingBox, SynthError> {
    let scene = scene::Scene::draw(
        class_of(i, options.count),
        &mut rng::stream(options.seed, "prep synth", i as u64),
    );
    let (picture, bounding_box) = draw::render(&scene);
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, JPEG_QUALITY)
        .write_image(&picture.pixels, picture.width, picture.height, ExtendedColorType::Rgb8)
        .map_err(|source| SynthError::Encode { id: i + 1, source })?;
    staged.write_unsynced(Path::new("images").join(file_of(i, options.count)), &jpeg)?;
    progress.add(1);
    Ok(bounding_box)
}

const TABLES: [&str; 5] = [cub::IMAGES, cub::BOXES, cub::SPLIT, cub::LABELS, cub::CLASSES];

/// The five tables, in the order of [`TABLES`].
fn tables(count: usize, boxes: &[BoundingBox]) -> [String; 5] {
    let [mut images, mut places, mut split, mut labels, mut classes] = [const { String::new() }; 5];
    for (i, b) in boxes.iter().enumerate() {
        let (id, class) = (i + 1, class_of(i, count) as usize + 1);
        // Writing to a String cannot fail.
        let _ = writeln!(images, "{id} {}", file_of(i, count));
        let _ = writeln!(places, "{id} {:.1} {:.1} {:.1} {:.1}", b.x, b.y, b.width, b.height);
        let _ = writeln!(split, "{id} {}", u8::from(i % TEST_EVERY != 0));
        let _ = writeln!(labels, "{id} {class}");
    }
    for (i, class) in scene::Class::ALL.iter().enumerate() {
        let _ = writeln!(classes, "{} {}", i + 1, class.folder());
    }
    [images, places, split, labels, classes]
}
