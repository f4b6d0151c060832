//! The listing of a source: its layout, and every picture with its boxes, class and split.

use clap::ValueEnum;
use shared::archive::Name;

use super::split::Split;
use crate::crop::Object;

/// Largest table or annotation file, in bytes; a COCO file of a million boxes is smaller.
pub const TABLE_LIMIT: u64 = 1 << 30;

/// Layouts of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Caltech-UCSD Birds or NABirds: images.txt, bounding_boxes.txt and so on beside a folder
    /// named images.
    Cub,
    /// Pictures in folders named after their classes, optionally below train, val and test.
    Folder,
    /// MNIST, EMNIST and QMNIST: train-images-idx3-ubyte and so on.
    Idx,
    /// NumPy arrays, .npz or .npy: arr_0 or images, with arr_1 or labels.
    Npz,
    /// CIFAR-10 or CIFAR-100, the binary or the Python version.
    Cifar,
    /// StyleGAN: pictures beside a dataset.json of labels.
    Stylegan,
    /// Pairs: folders A and B of partners, or files of two halves, left and right.
    Pairs,
    /// Pascal VOC: an XML file for each picture.
    Voc,
    /// COCO: JSON files with images, annotations and categories.
    Coco,
    /// YOLO: a text file of classes and boxes for each picture; class names in data.yaml or
    /// classes.txt.
    Yolo,
    #[value(name = "labelme")]
    /// labelme, Supervisely (a JSON file for each picture) or the VGG Image Annotator (one for
    /// all).
    Shapes,
    /// CVAT for images: annotations.xml.
    Cvat,
    /// CelebA: list_bbox_celeba.txt, identity_CelebA.txt and so on.
    Celeba,
    /// A table of the pictures, CSV or JSON lines: manifest.csv, metadata.jsonl, labels.csv and the
    /// like.
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

/// The place of a picture's pixels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// A picture file.
    File(Name),
    /// Bare pixels within a file of many pictures (IDX, CIFAR, NumPy).
    Raw(RawPixels),
}

impl Content {
    /// The file that holds them.
    #[must_use]
    pub fn file(&self) -> &Name {
        match self {
            Self::File(name) => name,
            Self::Raw(raw) => &raw.file,
        }
    }
}

/// Bare pixels, one byte per value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawPixels {
    /// The file; if it is gzipped, the offset counts unpacked bytes.
    pub file: Name,
    /// Offset of the first byte of the picture.
    pub offset: u64,
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// 1 grey, 3 RGB.
    pub channels: u32,
    /// One channel after the other instead of interleaved.
    pub planar: bool,
    /// Column by column instead of row by row, as in EMNIST.
    pub transposed: bool,
    /// Bytes of the picture in the file, if they are encoded as UTF-8 text, as when Python 3
    /// repacks CIFAR's files for Python 2.
    pub text: Option<u64>,
}

impl RawPixels {
    /// Number of bytes of the picture.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height) * u64::from(self.channels)
    }

    /// Number of bytes in the file.
    #[must_use]
    pub fn stored(&self) -> u64 {
        self.text.unwrap_or(self.bytes())
    }

    /// Decodes the bytes of the picture from those in the file.
    #[must_use]
    pub fn unpacked(&self, stored: Vec<u8>) -> Vec<u8> {
        if self.text.is_none() {
            return stored;
        }
        let mut bytes: Vec<u8> = String::from_utf8_lossy(&stored)
            .chars()
            .map(|c| u8::try_from(c).unwrap_or(0))
            .collect();
        bytes.resize(self.bytes() as usize, 0);
        bytes
    }
}

/// One picture of a listing.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its number in the source: the source's own, or its place in the listing, from 0.
    pub id: u32,
    /// Its pixels; names are relative to [`Listing::root`].
    pub content: Content,
    /// The other picture of a pair of files.
    pub partner: Option<Name>,
    /// The class of the whole picture, an index into [`Listing::classes`].
    pub label: Option<u32>,
    /// Its split, if the source gives one.
    pub split: Option<Split>,
    /// The objects with boxes, in the order of the source.
    pub objects: Vec<Object>,
    /// Width and height of the picture that the boxes were drawn on, according to the annotation; 1
    /// × 1 if the boxes are fractions of the picture.
    /// `None`: not given; the boxes are in pixels of the upright picture.
    pub drawn_on: Option<[f64; 2]>,
}

impl Entry {
    /// A picture without annotations.
    #[must_use]
    pub fn of(id: u32, content: Content) -> Self {
        Self {
            id,
            content,
            partner: None,
            label: None,
            split: None,
            objects: Vec::new(),
            drawn_on: None,
        }
    }

    /// A picture that no listing names.
    #[must_use]
    pub fn unlisted(shown: String) -> Self {
        Self::of(0, Content::File(Name(shown.into_bytes())))
    }

    /// The picture file; `None` for bare pixels.
    #[must_use]
    pub fn file(&self) -> Option<&Name> {
        match &self.content {
            Content::File(name) => Some(name),
            Content::Raw(_) => None,
        }
    }

    /// The name to show: the file; for bare pixels, with the number of the picture.
    #[must_use]
    pub fn shown(&self) -> String {
        match &self.content {
            Content::File(name) => name.to_string(),
            Content::Raw(raw) => format!("{}#{}", raw.file, self.id),
        }
    }
}

/// The listing of a source.
#[derive(Clone, Debug)]
pub struct Listing {
    /// The layout.
    pub format: Format,
    /// The prefix of every listed name in the archive: empty or ending in `/`.
    pub root: Vec<u8>,
    /// The annotation files used, relative to the root.
    pub tables: Vec<Name>,
    /// The names of the classes; a label is an index into them.
    pub classes: Vec<String>,
    /// The pictures: in the order of the source's own table, else sorted by name.
    pub pictures: Vec<Entry>,
    /// Every file holds two pictures, left and right.
    pub halves: bool,
    /// Files that the layout considered and does not use.
    pub unused: Vec<Unused>,
    /// The names of the table columns used, if they have names.
    pub columns: Vec<String>,
}

impl Listing {
    /// A listing of these pictures without tables, classes and unused files.
    #[must_use]
    pub fn of(format: Format, root: Vec<u8>, pictures: Vec<Entry>) -> Self {
        let (tables, classes, unused, columns) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { format, root, tables, classes, pictures, halves: false, unused, columns }
    }
}

/// A file that is not used although it may describe pictures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unused {
    /// Its name in the archive.
    pub name: Name,
    /// The reason that it is not used, and how to use it: one clause without a full stop.
    pub why: String,
}
