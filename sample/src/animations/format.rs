//! File name → format of an animation, with its limits.

use std::path::Path;

use shared::cli::UsageError;

/// The format of an animation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnimationFormat {
    /// Few colours, supported everywhere.
    Gif,
    /// Lossless, in a PNG file.
    Apng,
    /// Lossless, in a WebP file.
    WebP,
    /// A lossy video.
    Video(Container),
    /// One PNG file per frame.
    Folder,
}

/// The container of a video.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Container {
    /// H.264 in MP4.
    Mp4,
    /// H.264 in Matroska.
    Matroska,
    /// VP9 in WebM.
    WebM,
}

impl AnimationFormat {
    /// The format of `out`: a folder if it is one, has no suffix, or ends in a slash; otherwise by
    /// its suffix.
    ///
    /// # Errors
    /// When the suffix is unknown.
    pub fn of(out: &Path) -> Result<Self, UsageError> {
        let is_folder = out.is_dir() || out.as_os_str().as_encoded_bytes().ends_with(b"/");
        let ending = match out.extension() {
            Some(ending) if !is_folder => ending.to_string_lossy().to_lowercase(),
            _ => return Ok(Self::Folder),
        };
        match ending.as_str() {
            "gif" => Ok(Self::Gif),
            "png" | "apng" => Ok(Self::Apng),
            "webp" => Ok(Self::WebP),
            "mp4" => Ok(Self::Video(Container::Mp4)),
            "mkv" => Ok(Self::Video(Container::Matroska)),
            "webm" => Ok(Self::Video(Container::WebM)),
            _ => Err(UsageError(format!(
                "--out {}: expected the suffix .gif, .png, .apng, .webp, .mp4, .mkv or .webm, or none for a folder \
                 of frames",
                out.display()
            ))),
        }
    }

    /// Its name, for messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Gif => "a GIF",
            Self::Apng => "an APNG",
            Self::WebP => "a WebP",
            Self::Video(_) => "a video",
            Self::Folder => "a folder of frames",
        }
    }

    /// Maximum side in pixels.
    #[must_use]
    pub fn longest_side(self) -> u32 {
        match self {
            Self::Gif => 65_535,
            Self::WebP | Self::Video(_) => 16_383,
            Self::Apng | Self::Folder => 1 << 24,
        }
    }

    /// Maximum pixels of a frame, to bound memory.
    #[must_use]
    pub fn most_pixels(self) -> u64 {
        match self {
            // The candidates of a pixel take many times the memory of its colour.
            Self::Gif => 1 << 25,
            _ => crate::stills::still::PIXEL_LIMIT,
        }
    }

    /// Maximum frames per second.
    #[must_use]
    pub fn fastest(self) -> f64 {
        match self {
            // Viewers slow down frames shorter than two hundredths of a second.
            Self::Gif => 50.0,
            // Browsers show frames of at most a hundredth of a second for a tenth.
            Self::Apng | Self::WebP => 90.0,
            Self::Video(_) | Self::Folder => 240.0,
        }
    }
}
