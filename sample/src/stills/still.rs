//! A still picture as a file; its suffix gives the format.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use shared::cli::UsageError;
use shared::fs::{self, Claim};
use shared::nn::checkpoint::Meta;
use shared::picture::Picture;

use crate::output;
use crate::stills::layout::{Layout, Words};

/// The format of a still picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StillFormat {
    /// Lossless.
    Png,
    /// Lossy, with a quality.
    Jpeg,
    /// Lossless, smaller than PNG.
    WebP,
}

/// Flags of commands that write a still picture.
#[derive(Args, Clone, Debug)]
pub struct StillArgs {
    /// Picture to write: .png, .jpg or .webp
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Scale pictures by this integer factor
    #[arg(long, default_value_t = 1)]
    pub scale: u32,
    /// Pixels between pictures
    #[arg(long, default_value_t = 2)]
    pub padding: u32,
    /// JPEG quality, 1 to 100 [default: 92]
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=100))]
    pub quality: Option<u8>,
}

/// Maximum pixels of a picture, to bound memory.
pub const PIXEL_LIMIT: u64 = 1 << 28;
/// Default quality of a JPEG.
const QUALITY: u8 = 92;
/// Maximum pixels between two pictures.
const PADDING_LIMIT: u32 = 1024;

impl StillFormat {
    /// The format of the suffix of `path`.
    ///
    /// # Errors
    /// When the suffix is unknown.
    pub fn of(path: &Path) -> Result<Self, UsageError> {
        let ending =
            path.extension().map(|e| e.to_string_lossy().to_lowercase()).unwrap_or_default();
        match ending.as_str() {
            "png" => Ok(Self::Png),
            "jpg" | "jpeg" => Ok(Self::Jpeg),
            "webp" => Ok(Self::WebP),
            _ => Err(UsageError(format!(
                "--out {}: expected the suffix .png, .jpg or .webp",
                path.display()
            ))),
        }
    }

    /// Maximum side in pixels, and a name for errors.
    fn longest_side(self) -> (u64, &'static str) {
        match self {
            Self::Png => (i32::MAX as u64, "a PNG"),
            Self::Jpeg => (65_535, "a JPEG"),
            Self::WebP => (16_384, "a WebP"),
        }
    }
}

impl StillArgs {
    /// Checks the flags, and locks the file for this process until the claim is dropped.
    ///
    /// # Errors
    /// When a flag is invalid, the suffix is unknown, the file would be a part of `run` or has no
    /// place, or another process writes it.
    pub fn claim(&self, run: &Path) -> Result<Claim> {
        if !(1..=64).contains(&self.scale) {
            return Err(UsageError(format!("--scale {}: expected 1 to 64", self.scale)).into());
        }
        if self.padding > PADDING_LIMIT {
            return Err(
                UsageError(format!("--padding {}: at most {PADDING_LIMIT}", self.padding)).into()
            );
        }
        if let (Some(quality), true) =
            (self.quality, StillFormat::of(&self.out)? != StillFormat::Jpeg)
        {
            return Err(UsageError(format!(
                "--quality {quality}: only for JPEG; remove it, or use the suffix .jpg for --out"
            ))
            .into());
        }
        output::check("--out", &self.out, run)?;
        output::claim("--out", &self.out)
    }

    /// Checks that a sheet of `count` cells of the extent `cell` with `words` fits memory and the
    /// format.
    ///
    /// # Errors
    /// When it does not; the text names the flags that make it smaller.
    pub fn check_room(
        &self,
        layout: &Layout,
        count: usize,
        cell: [u32; 2],
        words: &Words,
    ) -> Result<(), UsageError> {
        self.check_extent(layout.geometry(count, cell, words).extent())
    }

    /// Like [`Self::check_room`] for a picture of this width and height.
    ///
    /// # Errors
    /// Those of [`Self::check_room`].
    pub fn check_extent(&self, [width, height]: [u64; 2]) -> Result<(), UsageError> {
        let mend = "use fewer pictures, a smaller --scale or --padding";
        if width.checked_mul(height).is_none_or(|pixels| pixels > PIXEL_LIMIT) {
            return Err(UsageError(format!(
                "{width}×{height} pixels are more than the {PIXEL_LIMIT} allowed; {mend}"
            )));
        }
        let (longest, name) = StillFormat::of(&self.out)?.longest_side();
        if width.max(height) <= longest {
            return Ok(());
        }
        let text = format!(
            "--out {}: {width}×{height} pixels, but {name} has sides of at most {longest}",
            self.out.display()
        );
        Err(UsageError(format!("{text}; {mend}, or .png")))
    }

    /// Width and height of a scaled picture of the run with `meta`.
    #[must_use]
    pub fn cell(&self, meta: &Meta) -> [u32; 2] {
        [meta.config.data.size as u32 * self.scale; 2]
    }

    /// Writes `picture`, which requires the claim, and prints its name and size.
    ///
    /// # Errors
    /// When it has too many pixels for the format, or cannot be written.
    pub fn write(&self, picture: &Picture) -> Result<()> {
        let bytes = match StillFormat::of(&self.out)? {
            StillFormat::Png => picture.to_png(),
            StillFormat::Jpeg => picture.to_jpeg(self.quality.unwrap_or(QUALITY)),
            StillFormat::WebP => picture.to_webp(),
        }?;
        fs::write(&self.out, &bytes)?;
        output::report(
            &self.out,
            bytes.len() as u64,
            &format!("{}×{}", picture.width, picture.height),
        );
        Ok(())
    }
}
