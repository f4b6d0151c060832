//! What a source lists: its layout, and every picture with its boxes, class and split.

use clap::ValueEnum;
use shared::archive::Name;

use super::split::Split;
use crate::crop::Object;

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
    pub split: Option<Split>,
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
        Self { id, content, partner: None, label: None, split: None, objects: Vec::new(), drawn_on: None }
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

