//! Pictures in NumPy arrays: `.npy` files, or the members of an `.npz`, of bytes and of the shape N
//! × H × W × 3, N × H × W × 1, N × H × W, N × 3 × H × W or N × 1 × H × W. ADM, DiT and EDM write
//! their samples in this form (`arr_0`, and classes in `arr_1`), MedMNIST and Keras their data
//! sets.
//!
//! The classes of `images`, `x` and `arr_0` are in `labels`, `y` and `arr_1`, with the same words
//! before or after; an array `labels` beside a single array of pictures belongs to it.
//!
//! ```
//! use fledge_archives::{Archive, arrays};
//!
//! fn first(path: &std::path::Path) -> Result<(), Box<dyn std::error::Error>> {
//!     let archive = Archive::open(path)?;
//!     for array in arrays::read(&archive)? {
//!         println!("{}x{}", array.width, array.height);
//!         let picture = array.read(&archive, 0)?;
//!         assert_eq!((picture.width, picture.height), (array.width, array.height));
//!     }
//!     Ok(())
//! }
//! ```

use thiserror::Error;

use super::{Archive, ArchiveError, Name};
use crate::npy::{self, Layout};
use fledge_pictures::Picture;

/// The suffix of the names of arrays.
const SUFFIX: &[u8] = b".npy";
/// Upper bound of pictures, more than any such array holds.
const COUNT_LIMIT: usize = 1 << 24;
/// Upper bound of class numbers.
const LABEL_LIMIT: u64 = 1 << 20;

/// The reason why arrays cannot be used as pictures.
#[derive(Debug, Error)]
pub enum ArrayError {
    /// The archive could not be read.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// An array is damaged or unusable.
    #[error("{name}: {what}")]
    Array {
        /// The array's file.
        name: Name,
        /// The defect, and what is expected.
        what: String,
    },
}

/// An array of pictures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PictureArray {
    /// Index of its entry in the archive.
    pub entry: usize,
    /// Offset of its first picture in bytes.
    pub start: u64,
    /// Pictures.
    pub count: usize,
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// 1 grey, 3 RGB.
    pub channels: u32,
    /// Whether the colours are stored one after the other instead of pixel by pixel.
    pub planar: bool,
    /// The entry with their classes, and the class of every picture.
    pub labels: Option<(usize, Vec<u32>)>,
}

impl PictureArray {
    /// The array of pictures that a header describes; `None` if it is none.
    #[must_use]
    pub fn of(entry: usize, layout: &Layout) -> Option<Self> {
        let (count, height, width, channels, planar) = match layout.shape[..] {
            [count, height, width, channels @ (1 | 3)] => (count, height, width, channels, false),
            [count, channels @ (1 | 3), height, width] => (count, height, width, channels, true),
            [count, height, width] => (count, height, width, 1, false),
            _ => return None,
        };
        let side =
            |side: usize| u32::try_from(side).ok().filter(|side| (1..=1 << 16).contains(side));
        let (width, height) = (side(width)?, side(height)?);
        let channels = channels as u32;
        Some(Self {
            entry,
            start: layout.start,
            count,
            width,
            height,
            channels,
            planar: planar && channels > 1,
            labels: None,
        })
    }

    /// Bytes per picture.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height) * u64::from(self.channels)
    }

    /// Reads picture `i`.
    ///
    /// # Errors
    /// If the archive cannot be read.
    pub fn read(&self, archive: &Archive, i: usize) -> Result<Picture, ArchiveError> {
        let bytes =
            archive.read_range(self.entry, self.start + i as u64 * self.bytes(), self.bytes())?;
        let (plane, channels) = ((self.width * self.height) as usize, self.channels as usize);
        let pixels = if self.planar {
            (0..plane)
                .flat_map(|at| (0..channels).map(move |c| c * plane + at))
                .map(|at| bytes[at])
                .collect()
        } else {
            bytes
        };
        Ok(Picture { width: self.width, height: self.height, channels: self.channels, pixels })
    }
}

/// Returns true if an array in the archive has the shape of pictures, of any type.
#[must_use]
pub fn detect(archive: &Archive) -> bool {
    arrays(archive).any(|at| {
        layout(archive, at)
            .is_ok_and(|layout| PictureArray::of(at, &layout).is_some_and(|a| a.height > 1))
    })
}

/// The arrays of pictures in the order of their names, with their classes.
///
/// # Errors
/// If there is none, an array in the shape of pictures does not hold bytes, or classes do not
/// match.
pub fn read(archive: &Archive) -> Result<Vec<PictureArray>, ArrayError> {
    let mut found = Vec::new();
    for at in arrays(archive) {
        let layout = layout(archive, at)?;
        let bad = |what: String| ArrayError::Array { name: archive.names()[at].clone(), what };
        // An array one row high is a table.
        let Some(array) = PictureArray::of(at, &layout).filter(|array| array.height > 1) else {
            continue;
        };
        if !matches!(layout.kind.as_str(), "|u1" | "u1" | "<u1") {
            let kind = type_name(&layout.kind);
            return Err(bad(format!(
                "its pictures are {kind}; save them as bytes from 0 to 255, .astype('uint8')"
            )));
        }
        if layout.columns_first {
            return Err(bad(
                "it is in the order of Fortran; save it with numpy.ascontiguousarray".into()
            ));
        }
        if array.count > COUNT_LIMIT {
            return Err(bad(format!(
                "{} pictures are more than the {COUNT_LIMIT} that one array may hold",
                array.count
            )));
        }
        let (there, needed) =
            (archive.unpacked_len(at)?, array.start + array.count as u64 * array.bytes());
        if there != needed {
            return Err(bad(format!(
                "it has {there} bytes, but its {} pictures take {needed}: it is cut off",
                array.count
            )));
        }
        found.push(array);
    }
    let single = found.len() == 1;
    for array in &mut found {
        if let Some(at) = labels_of(archive, array.entry, single) {
            array.labels = Some((at, read_labels(archive, at, array.count)?));
        }
    }
    Ok(found)
}

fn arrays(archive: &Archive) -> impl Iterator<Item = usize> + '_ {
    let is_array = |name: &Name| name.0.ends_with(SUFFIX) && !name.0.starts_with(b"__MACOSX/");
    archive.names().iter().enumerate().filter(move |(_, name)| is_array(name)).map(|(at, _)| at)
}

fn layout(archive: &Archive, at: usize) -> Result<Layout, ArrayError> {
    let most = npy::HEADER_LIMIT as u64 + 12;
    let bytes = archive.read_range(at, 0, archive.unpacked_len(at)?.min(most))?;
    npy::layout(&mut &bytes[..])
        .map_err(|what| ArrayError::Array { name: archive.names()[at].clone(), what })
}

/// A description of a type.
fn type_name(kind: &str) -> String {
    let (class, size) =
        kind.trim_start_matches(['<', '>', '|', '=']).split_at_checked(1).unwrap_or(("", ""));
    let bits = size.parse().unwrap_or(0u64) * 8;
    match class {
        "f" => format!("floating-point numbers of {bits} bits"),
        "i" | "u" => format!("integers of {bits} bits"),
        "b" => "truth values".into(),
        "O" => "Python objects".into(),
        _ => "no numbers".into(),
    }
}

/// The array with the classes of the pictures in another array.
fn labels_of(archive: &Archive, pictures: usize, single: bool) -> Option<usize> {
    let name = archive.names()[pictures].to_string();
    let folder = name.rfind('/').map_or(0, |at| at + 1);
    let stem = name[folder..].strip_suffix(".npy")?;
    let replaced = |word: &str, by: &str| {
        let mut parts: Vec<&str> = stem.split('_').collect();
        let part = parts.iter_mut().find(|part| **part == word)?;
        *part = by;
        Some(parts.join("_"))
    };
    let words = [
        ("images", "labels"),
        ("imgs", "labels"),
        ("samples", "labels"),
        ("data", "labels"),
        ("x", "y"),
        ("X", "Y"),
        ("X", "y"),
    ];
    let mut candidates: Vec<String> =
        words.iter().filter_map(|(word, by)| replaced(word, by)).collect();
    if stem == "arr_0" {
        candidates.push("arr_1".into());
    }
    if single {
        candidates.extend(["labels", "label", "y"].map(String::from));
    }
    candidates
        .iter()
        .find_map(|stem| archive.find(format!("{}{stem}.npy", &name[..folder]).as_bytes()))
        .filter(|at| *at != pictures)
}

/// The classes of `count` pictures.
fn read_labels(archive: &Archive, at: usize, count: usize) -> Result<Vec<u32>, ArrayError> {
    let bad = |what: String| ArrayError::Array { name: archive.names()[at].clone(), what };
    let layout = layout(archive, at)?;
    let length = match layout.shape[..] {
        [length] | [length, 1] => length,
        _ => return Err(bad("it should have one class for each picture, as a number".into())),
    };
    if length != count {
        return Err(bad(format!("it has {length} classes for {count} pictures")));
    }
    let (order, class) = (layout.kind.chars().next(), layout.kind.get(1..2));
    let size = layout.kind.get(2..).and_then(|size| size.parse::<usize>().ok());
    let (true, Some(size @ (1 | 2 | 4 | 8))) =
        (matches!(class, Some("i" | "u")) && order != Some('>'), size)
    else {
        return Err(bad(format!(
            "its classes are {}; save them with .astype('int64')",
            type_name(&layout.kind)
        )));
    };
    let bytes = archive.read_range(at, layout.start, (count * size) as u64)?;
    let number =
        |bytes: &[u8]| bytes.iter().rev().fold(0u64, |number, &byte| number << 8 | u64::from(byte));
    let label = |(i, bytes): (usize, &[u8])| {
        let label = number(bytes);
        // Negative numbers become large ones.
        u32::try_from(label).ok().filter(|_| label <= LABEL_LIMIT).ok_or_else(|| {
            bad(format!("the class of picture {i} is no number from 0 to {LABEL_LIMIT}"))
        })
    };
    bytes.chunks_exact(size).enumerate().map(label).collect()
}
