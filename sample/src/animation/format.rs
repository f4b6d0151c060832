//! Which kind of animation the name of a file asks for.

use std::path::Path;

use shared::cli::UsageError;

/// What frames become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A few colours, understood everywhere.
    Gif,
    /// Every pixel as it is, in a PNG file.
    Apng,
    /// Every pixel as it is, in a WebP file.
    WebP,
    /// A film, with loss.
    Video(Container),
    /// A PNG file for each.
    Folder,
}

/// What a film is packed into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Container {
    /// H.264 in MP4.
    Mp4,
    /// H.264 in Matroska.
    Matroska,
    /// VP9 in WebM.
    WebM,
}

impl Format {
    /// What the name of `out` asks for: a folder if there is one, or the name has no ending or ends in a slash.
    ///
    /// # Errors
    /// When its ending is none of those known.
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
                "--out {}: expected a name that ends in .gif, .png or .apng, .webp, .mp4, .mkv or .webm, or one without an ending \
                 for a folder of frames",
                out.display()
            ))),
        }
    }

    /// As people call it.
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

    /// The longest side, in pixels.
    #[must_use]
    pub fn longest_side(self) -> u32 {
        match self {
            Self::Gif => 65_535,
            Self::WebP | Self::Video(_) => 16_383,
            Self::Apng | Self::Folder => 1 << 24,
        }
    }

    /// The most pixels of a frame; beyond that memory would be the limit.
    #[must_use]
    pub fn most_pixels(self) -> u64 {
        match self {
            // What each of them may become takes many times the memory of its colour.
            Self::Gif => 1 << 25,
            _ => crate::still::PIXEL_LIMIT,
        }
    }

    /// The most frames a second; where it counts them at all.
    #[must_use]
    pub fn fastest(self) -> f64 {
        match self {
            // Viewers slow down what stays less than two hundredths.
            Self::Gif => 50.0,
            // Browsers show for a tenth of a second what stays at most a hundredth.
            Self::Apng | Self::WebP => 90.0,
            Self::Video(_) | Self::Folder => 240.0,
        }
    }
}
