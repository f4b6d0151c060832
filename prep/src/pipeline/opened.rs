//! A picture of which the header is read: its extents, its boxes, the memory that decoding takes,
//! its pixels.

use std::borrow::Cow;

use shared::picture::{Canvas, Picture, PictureFile, Window};

use super::planned::{Files, PlannedPicture};
use crate::crop::placement::{self, Reading};
use crate::crop::{BoundingBox, Object};
use crate::dataset::rejects::{Fault, Reason};
use crate::pixels;
use crate::source::{Content, RawPixels};

/// The objects of a picture, and the boxes of other classes.
pub(super) type PlacedBoxes<'p> = (Cow<'p, [Object]>, Cow<'p, [BoundingBox]>);

/// A picture of which the extents are known.
pub(super) enum Opened<'a> {
    /// A picture file; the number is the bytes of the file, and of its partner.
    File(PictureFile<'a>, usize),
    /// Bare pixels.
    Raw(&'a RawPixels, &'a [u8]),
}

impl<'a> Opened<'a> {
    /// Opens the files of a picture: one, or two of a pair.
    ///
    /// # Errors
    /// When a header cannot be read.
    pub(super) fn all(planned: &'a PlannedPicture, files: &'a Files) -> Result<Vec<Self>, Fault> {
        match &planned.entry.content {
            Content::Raw(raw) => Ok(files.iter().map(|bytes| Self::Raw(raw, bytes)).collect()),
            Content::File(_) => {
                let length = files.iter().map(Vec::len).sum();
                files
                    .iter()
                    .map(|bytes| Ok(Self::File(PictureFile::open(bytes)?, length)))
                    .collect()
            }
        }
    }

    /// Width and height of the upright picture.
    pub(super) fn extents(&self) -> (u32, u32) {
        match self {
            Self::File(file, _) => (file.width(), file.height()),
            Self::Raw(raw, _) => (raw.width, raw.height),
        }
    }

    /// The objects of the picture, and the boxes of other classes, in pixels of the upright
    /// picture.
    ///
    /// # Errors
    /// When the boxes belong to a picture of another shape.
    pub(super) fn place<'p>(&self, planned: &'p PlannedPicture) -> Result<PlacedBoxes<'p>, Fault> {
        let (entry, others) = (&planned.entry, &planned.others);
        let boxes = || entry.objects.iter().map(|object| &object.bounding_box).chain(others);
        let (upright, stored) = match self {
            Self::File(file, _) => ((file.width(), file.height()), file.stored_extents()),
            Self::Raw(..) => (self.extents(), self.extents()),
        };
        if boxes().next().is_none() {
            return Ok((Cow::Borrowed(&entry.objects), Cow::Borrowed(others)));
        }
        if entry.drawn_on.is_none() && upright > (1, 1) && placement::are_fractions(boxes()) {
            let what = "its boxes are fractions of the picture (0 to 1), those of other pictures are in pixels";
            return Err(Fault::new(Reason::SizeMismatch, what));
        }
        let reading = placement::reading(entry.drawn_on, upright, stored)?;
        if reading == Reading::Same {
            return Ok((Cow::Borrowed(&entry.objects), Cow::Borrowed(others)));
        }
        let place = |drawn: &BoundingBox| match self {
            Self::File(file, _) => reading.place(*drawn, |point| file.upright(point)),
            Self::Raw(..) => reading.place(*drawn, |point| point),
        };
        let placed = |object: &Object| Object {
            bounding_box: place(&object.bounding_box),
            ..object.clone()
        };
        Ok((entry.objects.iter().map(placed).collect(), others.iter().map(place).collect()))
    }

    /// Returns whether the file has a colour profile.
    pub(super) fn has_profile(&self) -> bool {
        matches!(self, Self::File(file, _) if file.has_profile())
    }

    /// Bytes that the file and its decoding take.
    pub(super) fn memory(&self, window: Window) -> u64 {
        match self {
            Self::File(file, length) => file.memory(window) + *length as u64,
            Self::Raw(raw, _) => 2 * raw.bytes(),
        }
    }

    /// The pixels of `window`.
    ///
    /// # Errors
    /// When the file is damaged.
    pub(super) fn decode(&self, window: Window, canvas: &Canvas) -> Result<Picture, Fault> {
        match self {
            Self::File(file, _) => Ok(file.decode(window, canvas)?),
            Self::Raw(raw, bytes) => Ok(canvas.paint(pixels::interleaved(raw, bytes).cut(window))),
        }
    }
}
