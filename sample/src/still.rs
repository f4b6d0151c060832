//! A picture as a file whose name says the format.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use shared::cli::UsageError;
use shared::fs::{self, Claim};
use shared::nn::checkpoint::Meta;
use shared::picture::Picture;

use crate::layout::{Layout, Words};
use crate::output;

/// Formats of one picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Without loss.
    Png,
    /// With loss, as small as the quality allows.
    Jpeg,
    /// Without loss, smaller than PNG.
    WebP,
}

/// Flags of what writes one picture.
#[derive(Args, Clone, Debug)]
pub struct StillArgs {
    /// Picture to write: .png, .jpg or .webp
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Enlarge each pixel this many times
    #[arg(long, default_value_t = 1)]
    pub scale: u32,
    /// Pixels between pictures
    #[arg(long, default_value_t = 2)]
    pub padding: u32,
    /// Of a JPEG, 1 to 100 [default: 92]
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=100))]
    pub quality: Option<u8>,
}

/// The most pixels of a picture; beyond that memory would be the limit.
pub const PIXEL_LIMIT: u64 = 1 << 28;
/// Of a JPEG unless a flag says otherwise.
const QUALITY: u8 = 92;
/// The most pixels between two pictures.
const PADDING_LIMIT: u32 = 1024;

impl Format {
    /// What the name of `path` asks for.
    ///
    /// # Errors
    /// When it asks for nothing that is written.
    pub fn of(path: &Path) -> Result<Self, UsageError> {
        let ending = path.extension().map(|e| e.to_string_lossy().to_lowercase()).unwrap_or_default();
        match ending.as_str() {
            "png" => Ok(Self::Png),
            "jpg" | "jpeg" => Ok(Self::Jpeg),
            "webp" => Ok(Self::WebP),
            _ => Err(UsageError(format!("--out {}: expected a name that ends in .png, .jpg or .webp", path.display()))),
        }
    }

    /// The longest side that it knows, in pixels, and what it is called.
    fn longest_side(self) -> (u64, &'static str) {
        match self {
            Self::Png => (i32::MAX as u64, "a PNG"),
            Self::Jpeg => (65_535, "a JPEG"),
            Self::WebP => (16_384, "a WebP"),
        }
    }
}

impl StillArgs {
    /// Checks the flags before anything is made of `run`, and makes this process the only one that writes the file, until the claim is
    /// dropped.
    ///
    /// # Errors
    /// When one of them cannot be carried out, the name asks for no format, there is no place for the file, or another process writes it.
    pub fn claim(&self, run: &Path) -> Result<Claim> {
        if !(1..=64).contains(&self.scale) {
            return Err(UsageError(format!("--scale {}: expected 1 to 64", self.scale)).into());
        }
        if self.padding > PADDING_LIMIT {
            return Err(UsageError(format!("--padding {}: at most {PADDING_LIMIT}", self.padding)).into());
        }
        if let (Some(quality), true) = (self.quality, Format::of(&self.out)? != Format::Jpeg) {
            return Err(
                UsageError(format!("--quality {quality}: only a JPEG has one; leave it out, or end --out in .jpg")).into()
            );
        }
        output::check("--out", &self.out, run)?;
        output::claim("--out", &self.out)
    }

    /// Says whether a sheet of `count` cells of the extent `cell` with `words` can be held in memory, and in a file of the format, before
    /// any is made.
    ///
    /// # Errors
    /// When it cannot; the text names the flags that make it smaller.
    pub fn check_room(&self, layout: &Layout, count: usize, cell: [u32; 2], words: &Words) -> Result<(), UsageError> {
        self.check_extent(layout.plan(count, cell, words).extent())
    }

    /// The same of a picture of this width and height.
    ///
    /// # Errors
    /// As [`Self::check_room`].
    pub fn check_extent(&self, [width, height]: [u64; 2]) -> Result<(), UsageError> {
        let mend = "use fewer pictures, a smaller --scale or --padding";
        if width.checked_mul(height).is_none_or(|pixels| pixels > PIXEL_LIMIT) {
            return Err(UsageError(format!("{width}×{height} pixels are more than the {PIXEL_LIMIT} allowed; {mend}")));
        }
        let (longest, name) = Format::of(&self.out)?.longest_side();
        if width.max(height) <= longest {
            return Ok(());
        }
        let text = format!("--out {}: {width}×{height} pixels, but {name} has sides of at most {longest}", self.out.display());
        Err(UsageError(format!("{text}; {mend}, or .png")))
    }

    /// Width and height of an enlarged picture of the run whose checkpoint says `meta`.
    #[must_use]
    pub fn cell(&self, meta: &Meta) -> [u32; 2] {
        [meta.config.data.size as u32 * self.scale; 2]
    }

    /// Writes `picture`, which needs the claim, and prints its name and size.
    ///
    /// # Errors
    /// When it has too many pixels for the format, or cannot be written.
    pub fn write(&self, picture: &Picture) -> Result<()> {
        let bytes = match Format::of(&self.out)? {
            Format::Png => picture.to_png(),
            Format::Jpeg => picture.to_jpeg(self.quality.unwrap_or(QUALITY)),
            Format::WebP => picture.to_webp(),
        }?;
        fs::write(&self.out, &bytes)?;
        output::report(&self.out, bytes.len() as u64, &format!("{}×{}", picture.width, picture.height));
        Ok(())
    }
}
