//! What people have their pictures in: which pictures a source lists, with boxes, classes and splits; not the pictures
//! themselves. One file a layout; each has `detect` (is this archive in that layout?) and `read`.

pub mod celeba;
pub mod cifar;
mod cifar_python;
mod classes;
pub mod coco;
pub mod cub;
pub mod cvat;
pub mod folder;
pub mod idx;
mod lookup;
pub mod npz;
pub mod pairs;
mod parts;
mod path;
mod pickle;
mod records;
pub mod shapes;
pub mod stylegan;
pub mod table;
mod text;
pub mod unread;
pub mod voc;
pub mod yolo;

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use shared::archive::{Archive, ArchiveError, Name};
use shared::cli::{DataError, UsageError};
use thiserror::Error;

pub(crate) use self::path::common_folder;
use crate::crop::BoundingBox;

/// A table or annotation file larger than this is refused; a COCO file of a million boxes stays below.
pub const TABLE_LIMIT: u64 = 1 << 30;

/// Layouts of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Caltech-UCSD Birds or NABirds: images.txt, bounding_boxes.txt and so on beside a folder images.
    Cub,
    /// Pictures in folders called like their classes, below train, val and test if there are such.
    Folder,
    /// MNIST's files: train-images-idx3-ubyte and so on; EMNIST and QMNIST too.
    Idx,
    /// Arrays of NumPy, .npz or .npy: arr_0 or images, with arr_1 or labels.
    Npz,
    /// CIFAR-10 or CIFAR-100, the binary or the Python version.
    Cifar,
    /// Pictures beside a dataset.json of labels.
    Stylegan,
    /// Two folders A and B of partners, or files of two halves, left and right.
    Pairs,
    /// Pascal VOC: an XML file for each picture.
    Voc,
    /// COCO: JSON files with images, annotations and categories.
    Coco,
    /// YOLO: a text file for each picture with classes and boxes, called by data.yaml or classes.txt.
    Yolo,
    #[value(name = "labelme")]
    /// labelme, Supervisely (a JSON file for each picture) or the VGG Image Annotator (one for all).
    Shapes,
    /// CVAT for images: annotations.xml.
    Cvat,
    /// CelebA's lists: list_bbox_celeba.txt, identity_CelebA.txt and so on.
    Celeba,
    /// A table of the pictures, CSV or JSON lines: manifest.csv, metadata.jsonl, labels.csv and the like.
    #[value(name = "csv")]
    Table,
}

impl Format {
    /// The name in files and flags.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Cub => "cub",
            Self::Folder => "folder",
            Self::Idx => "idx",
            Self::Npz => "npz",
            Self::Cifar => "cifar",
            Self::Stylegan => "stylegan",
            Self::Pairs => "pairs",
            Self::Voc => "voc",
            Self::Coco => "coco",
            Self::Yolo => "yolo",
            Self::Shapes => "labelme",
            Self::Cvat => "cvat",
            Self::Celeba => "celeba",
            Self::Table => "csv",
        }
    }
}

/// The part of a source that a picture belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// For training.
    Train,
    /// For measuring while training; what a source with two parts calls testing.
    Val,
    /// For measuring at the end, where the source has three parts.
    Test,
}

impl Part {
    /// The part that annotations call so, in lower or upper case: train, training, val, valid, validation, dev, test, testing or eval.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        parts::word(word.as_bytes())
    }
}

/// An object in a picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Object {
    /// Around the object, in pixels of the picture that it was drawn on ([`Entry::drawn_on`]).
    pub bounding_box: BoundingBox,
    /// Its class, an index into [`Listing::classes`].
    pub label: Option<u32>,
}

/// Where the pixels of a picture are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// A picture file.
    File(Name),
    /// Bytes of pixels within a file of many (IDX, CIFAR).
    Raw(RawPixels),
}

impl Content {
    /// The file that they are in.
    #[must_use]
    pub fn file(&self) -> &Name {
        match self {
            Self::File(name) => name,
            Self::Raw(raw) => &raw.file,
        }
    }
}

/// Pixels as they are, one byte a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawPixels {
    /// The file; where it is gzipped, the offset is that of the unpacked bytes.
    pub file: Name,
    /// The first byte of the picture.
    pub offset: u64,
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// 1 grey, 3 RGB.
    pub channels: u32,
    /// One colour after the other instead of pixel by pixel.
    pub planar: bool,
    /// One column after the other instead of row by row, as EMNIST has them.
    pub transposed: bool,
    /// Bytes of the picture in the file where they stand there as text in UTF-8, as Python 3 repacks CIFAR's files for Python 2.
    pub text: Option<u64>,
}

impl RawPixels {
    /// Bytes of the picture.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height) * u64::from(self.channels)
    }

    /// Bytes that are read of the file.
    #[must_use]
    pub fn stored(&self) -> u64 {
        self.text.unwrap_or(self.bytes())
    }

    /// The bytes of the picture from those in the file.
    #[must_use]
    pub fn unpacked(&self, stored: Vec<u8>) -> Vec<u8> {
        if self.text.is_none() {
            return stored;
        }
        let mut bytes: Vec<u8> = String::from_utf8_lossy(&stored).chars().map(|c| u8::try_from(c).unwrap_or(0)).collect();
        bytes.resize(self.bytes() as usize, 0);
        bytes
    }
}

/// One picture of a listing.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its number in the source: what the source itself says, or its place in the listing from 0.
    pub id: u32,
    /// Where its pixels are; names are relative to [`Listing::root`].
    pub content: Content,
    /// The other picture of a pair that lies in two files.
    pub partner: Option<Name>,
    /// The class of the whole picture, an index into [`Listing::classes`].
    pub label: Option<u32>,
    /// What the source says of its part.
    pub part: Option<Part>,
    /// The objects with boxes, in the order of the source.
    pub objects: Vec<Object>,
    /// Width and height of the picture that the boxes were drawn on, as the annotation says; 1 × 1 where the boxes are fractions of
    /// the picture. `None`: it says nothing, and the boxes are in pixels of the upright picture.
    pub drawn_on: Option<[f64; 2]>,
}

impl Entry {
    /// A picture of which there is nothing to say but where it is.
    #[must_use]
    pub fn of(id: u32, content: Content) -> Self {
        Self { id, content, partner: None, label: None, part: None, objects: Vec::new(), drawn_on: None }
    }

    /// A picture that is in no listing.
    #[must_use]
    pub fn unlisted(shown: String) -> Self {
        Self::of(0, Content::File(Name(shown.into_bytes())))
    }

    /// The picture file, where it has one of its own.
    #[must_use]
    pub fn file(&self) -> Option<&Name> {
        match &self.content {
            Content::File(name) => Some(name),
            Content::Raw(_) => None,
        }
    }

    /// The name to show: the file, and where many pictures are in one, the picture's number.
    #[must_use]
    pub fn shown(&self) -> String {
        match &self.content {
            Content::File(name) => name.to_string(),
            Content::Raw(raw) => format!("{}#{}", raw.file, self.id),
        }
    }
}

/// What a source holds.
#[derive(Clone, Debug)]
pub struct Listing {
    /// The layout.
    pub format: Format,
    /// What stands before every name in the archive: empty or ending in `/`.
    pub root: Vec<u8>,
    /// The annotation files that were read, relative to the root.
    pub tables: Vec<Name>,
    /// The classes' names; a label is an index into them. Empty if there are none.
    pub classes: Vec<String>,
    /// The pictures: in the order of the source's own table, else sorted by name.
    pub pictures: Vec<Entry>,
    /// Every file holds two pictures, left and right.
    pub halves: bool,
    /// Files that the layout looked at and does not use.
    pub unused: Vec<Unused>,
    /// The columns of its tables that are used, where these have names.
    pub columns: Vec<String>,
}

impl Listing {
    /// These pictures, without tables, classes and anything unused.
    #[must_use]
    pub fn of(format: Format, root: Vec<u8>, pictures: Vec<Entry>) -> Self {
        let (tables, classes, unused, columns) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { format, root, tables, classes, pictures, halves: false, unused, columns }
    }
}

/// A file of a source that is not used although it may say something about the pictures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unused {
    /// Its name in the archive.
    pub name: Name,
    /// Why it is not used, and what uses it: one clause without a full stop.
    pub why: String,
}

/// Why a listing cannot be used.
#[derive(Debug, Error)]
pub enum SourceError {
    /// The archive could not be read, or is in no such layout.
    #[error("{0}")]
    Archive(#[from] ArchiveError),
    /// A file of annotations does not say what it should.
    #[error("{path}: {table}")]
    Table {
        /// The source.
        path: PathBuf,
        /// The file within it.
        table: String,
        /// What is wrong with it.
        source: DataError,
    },
    /// A line of a table does not say what it should.
    #[error("{path}: {table}, line {line}")]
    Line {
        /// The source.
        path: PathBuf,
        /// The table.
        table: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        source: DataError,
    },
    /// The source does not hold what was asked for.
    #[error("{path}")]
    Usage {
        /// The source.
        path: PathBuf,
        /// What is missing, and the flag that mends it.
        source: UsageError,
    },
}

impl SourceError {
    /// A line that does not say what it should.
    pub(crate) fn line(archive: &Archive, table: &str, line: usize, what: impl Into<String>) -> Self {
        Self::Line { path: archive.path().to_owned(), table: table.to_owned(), line, source: DataError(what.into()) }
    }

    /// A file of annotations that does not say what it should.
    pub(crate) fn table(archive: &Archive, table: &str, what: impl Into<String>) -> Self {
        Self::Table { path: archive.path().to_owned(), table: table.to_owned(), source: DataError(what.into()) }
    }

    /// The source does not hold what was asked for.
    pub(crate) fn usage(archive: &Archive, what: impl Into<String>) -> Self {
        Self::Usage { path: archive.path().to_owned(), source: UsageError(what.into()) }
    }
}

/// Opens a source and lists what it holds: a folder, an archive, or a table (.csv, .tsv, .jsonl, .json) whose pictures lie beside or
/// below it. `format` forces a layout; otherwise the layout is found by what is there.
///
/// # Errors
/// When it cannot be read, is in no layout that is known, or an annotation is malformed.
pub fn open(path: &Path, format: Option<Format>) -> Result<(Archive, Listing), SourceError> {
    open_without(path, format, &[])
}

/// [`open`], but folders of these real paths are no part of the source: where the data set is written to.
///
/// # Errors
/// As [`open`].
pub fn open_without(path: &Path, format: Option<Format>, without: &[PathBuf]) -> Result<(Archive, Listing), SourceError> {
    let (archive, mut listing) = open_as_it_says(path, format, without)?;
    parts::from_folders(&archive, &mut listing);
    Ok((archive, listing))
}

/// What the layout itself says.
fn open_as_it_says(path: &Path, format: Option<Format>, without: &[PathBuf]) -> Result<(Archive, Listing), SourceError> {
    let suffix = path.extension().map(|suffix| suffix.to_ascii_lowercase()).unwrap_or_default();
    let is_table = TABLE_SUFFIXES.iter().any(|table| suffix == *table) && path.is_file();
    if let (true, Some(name)) = (is_table, path.file_name()) {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let archive = Archive::open_without(folder, without)?;
        let name = Name(name.as_encoded_bytes().to_vec());
        let listing = match format {
            None if suffix == "json" => json(&archive, &name)?,
            None => table::read(&archive, Some(&name))?,
            Some(Format::Table) => table::read(&archive, Some(&name))?,
            Some(format) => read(&archive, format)?,
        };
        return Ok((archive, listing));
    }
    let archive = Archive::open_without(path, without)?;
    let mut listing = read(&archive, format.unwrap_or_else(|| detect(&archive)))?;
    if listing.format != Format::Table {
        let used: Vec<usize> =
            listing.tables.iter().filter_map(|name| archive.find(&[&listing.root[..], &name.0].concat())).collect();
        listing.unused.extend(table::passed_over(&archive, &used));
    }
    Ok((archive, listing))
}

/// Reads a JSON file that was named: annotations in the layout that it is in.
fn json(archive: &Archive, name: &Name) -> Result<Listing, SourceError> {
    match archive.find(&name.0) {
        Some(file) if !coco::is_one(archive, file) && shapes::is_one(archive, file) => shapes::read(archive),
        _ => coco::read(archive),
    }
}

/// What the names of tables end in that may be named instead of their folder.
const TABLE_SUFFIXES: [&str; 4] = ["csv", "tsv", "jsonl", "json"];

fn read(archive: &Archive, format: Format) -> Result<Listing, SourceError> {
    match format {
        Format::Cub => cub::read(archive),
        Format::Folder => folder::read(archive),
        Format::Idx => idx::read(archive),
        Format::Npz => npz::read(archive),
        Format::Cifar => cifar::read(archive),
        Format::Stylegan => stylegan::read(archive),
        Format::Pairs => pairs::read(archive),
        Format::Voc => voc::read(archive),
        Format::Coco => coco::read(archive),
        Format::Yolo => yolo::read(archive),
        Format::Shapes => shapes::read(archive),
        Format::Cvat => cvat::read(archive),
        Format::Celeba => celeba::read(archive),
        Format::Table => table::read(archive, None),
    }
}

/// A layout's `detect`.
type Detect = fn(&Archive) -> bool;

/// The first layout that the archive is in; pictures in folders are the last resort, whose error tells what was looked for.
fn detect(archive: &Archive) -> Format {
    let chain: [(Detect, Format); 14] = [
        (stylegan::detect, Format::Stylegan),
        (cub::detect, Format::Cub),
        (coco::detect, Format::Coco),
        (celeba::detect, Format::Celeba),
        (table::detect, Format::Table),
        (cvat::detect, Format::Cvat),
        (voc::detect, Format::Voc),
        (idx::detect, Format::Idx),
        (cifar::detect, Format::Cifar),
        (yolo::detect, Format::Yolo),
        (shapes::detect, Format::Shapes),
        (table::detect_anywhere, Format::Table),
        (npz::detect, Format::Npz),
        (pairs::detect, Format::Pairs),
    ];
    chain.into_iter().find(|(detect, _)| detect(archive)).map_or(Format::Folder, |(_, format)| format)
}
