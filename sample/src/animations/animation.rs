//! The flags of an animation, and writing its frames to a file.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::Result;
use clap::Args;
use shared::cli::{Ending, UsageError};
use shared::fs::Claim;
use shared::signal::Stop;

use super::format::AnimationFormat;
use super::frames::Frames;
use super::palette::{Palette, Samples};
use super::quantize::{Dither, Quantizer};
use super::rate::Rate;
use super::stage::{self, FrameSource, Sink};
use super::timing::Timing;
use super::{apng, folder, gif, video, webp};
use crate::output;

/// Default frames per second.
const FPS: f64 = 20.0;
/// Minimum frames per second that every format supports: a minute per frame.
const SLOWEST: f64 = 1.0 / 60.0;
/// Maximum hold in seconds: with the slowest frame it fits a GIF's 65,535 hundredths.
const LONGEST_HOLD: f64 = 590.0;
/// `--scale auto` scales frames until their longer side has this many pixels.
const COMFORTABLE: u32 = 256;
/// Maximum scale.
const LARGEST_SCALE: u32 = 64;
/// Frames to learn a palette from; more do not change it.
const PALETTE_FRAMES: usize = 16;
/// Default tolerance relative to the palette's mean error: the file is a third smaller, for a loss
/// below the palette's.
const TOLERANCE: f64 = 1.4;
/// Maximum default tolerance in levels.
const TOLERANCE_LIMIT: f64 = 10.0;
/// Default budget of a GIF in bits per pixel: 120 frames of 398×398 have under 8 MB.
const BITS_OF_PIXEL: f64 = 3.35;
/// Minimum default budget of a GIF in bytes.
const SMALL: f64 = 1e6;

/// Flags of commands that write an animation.
#[derive(Args, Clone, Debug, Default)]
pub struct AnimationArgs {
    /// Frames per second: up to 50 for GIF, 90 for APNG and WebP, 240 for video [default: 20]
    #[arg(long, value_name = "N")]
    pub fps: Option<f64>,
    /// Scale frames by the integer N; auto scales the longer side to at least 256 pixels
    #[arg(long, default_value = "auto", value_name = "N|auto")]
    pub scale: Scale,
    /// Plays of GIF, APNG and WebP; 0 loops forever [default: 0]
    #[arg(long = "loop", value_name = "N")]
    pub plays: Option<u16>,
    /// Additional seconds of the last frame [default: 0, timelapse 2]
    #[arg(long, value_name = "SECONDS")]
    pub hold: Option<f64>,
    /// Colours of a GIF, 2 to 255 [default: 255]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(2..=gif::COLORS as i64))]
    pub colors: Option<u16>,
    /// Dithering of a GIF [default: none]
    #[arg(long, value_name = "HOW")]
    pub dither: Option<Dither>,
    /// Tolerance of a GIF in levels of 255: colours may be worse than the palette's best by this
    /// much, for a smaller file [default: 1.4 times the palette's error (0.7 with diffusion), at
    /// most 10]
    #[arg(long, value_name = "LEVELS")]
    pub tolerance: Option<f64>,
    /// Raise the tolerance of a GIF to keep it below this size; 0 disables it [default: 3.35 bits
    /// per pixel, at least 1 MB; disabled with --tolerance]
    #[arg(long, value_name = "MB")]
    pub max_size: Option<f64>,
}

/// The scale of frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scale {
    /// Until the longer side has at least 256 pixels.
    #[default]
    Auto,
    /// By this factor.
    Times(u32),
}

impl FromStr for Scale {
    type Err = UsageError;

    fn from_str(text: &str) -> Result<Self, UsageError> {
        match (text, text.parse()) {
            ("auto", _) => Ok(Self::Auto),
            (_, Ok(times)) if (1..=LARGEST_SCALE).contains(&times) => Ok(Self::Times(times)),
            _ => Err(UsageError(format!("--scale {text}: expected auto or 1 to {LARGEST_SCALE}"))),
        }
    }
}

impl Scale {
    /// The factor for frames of this extent.
    #[must_use]
    pub fn factor(self, width: u32, height: u32) -> u32 {
        match self {
            Self::Times(times) => times,
            Self::Auto => COMFORTABLE.div_ceil(width.max(height).max(1)).min(LARGEST_SCALE),
        }
    }
}

impl AnimationArgs {
    /// Checks the flags.
    ///
    /// # Errors
    /// When one is invalid, or not supported by the format of `out`.
    pub fn check(&self, out: &Path) -> Result<(), UsageError> {
        let format = AnimationFormat::of(out)?;
        let (fps, fastest) = (self.fps(), format.fastest());
        if !(SLOWEST..=fastest).contains(&fps) {
            return Err(UsageError(format!(
                "--fps {fps}: {} supports 1/60 to {fastest} frames per second",
                format.name()
            )));
        }
        if let Some(hold) = self.hold
            && !(0.0..=LONGEST_HOLD).contains(&hold)
        {
            return Err(UsageError(format!("--hold {hold}: expected 0 to {LONGEST_HOLD}")));
        }
        if let Some(levels) = self.tolerance
            && !(0.0..=255.0).contains(&levels)
        {
            return Err(UsageError(format!("--tolerance {levels}: expected 0 to 255")));
        }
        if let Some(size) = self.max_size
            && !(0.0..=1e5).contains(&size)
        {
            return Err(UsageError(format!("--max-size {size}: expected 0 to 100000")));
        }
        let (gif, folder, video) = (
            format == AnimationFormat::Gif,
            format == AnimationFormat::Folder,
            matches!(format, AnimationFormat::Video(_)),
        );
        let unsupported = [
            ("--fps", self.fps.is_some() && folder),
            ("--hold", self.hold.is_some() && folder),
            ("--loop", self.plays.is_some() && (folder || video)),
            ("--colors", self.colors.is_some() && !gif),
            ("--dither", self.dither.is_some() && !gif),
            ("--tolerance", self.tolerance.is_some() && !gif),
            ("--max-size", self.max_size.is_some() && !gif),
        ];
        if let Some((flag, _)) = unsupported.iter().find(|(_, unsupported)| *unsupported) {
            return Err(UsageError(format!(
                "{flag}: {} does not support it; remove it, or choose another suffix for --out",
                format.name()
            )));
        }
        match format {
            AnimationFormat::Folder => folder::FrameFolder::place(out).map(drop),
            AnimationFormat::Video(_) => {
                output::check_file("--out", out).and_then(|()| video::Film::check(out))
            }
            AnimationFormat::Gif | AnimationFormat::Apng | AnimationFormat::WebP => {
                output::check_file("--out", out)
            }
        }
    }

    /// Frames per second.
    #[must_use]
    pub fn fps(&self) -> f64 {
        self.fps.unwrap_or(FPS)
    }

    /// Writes `frames` to `out`, and prints its name and size. By default the last frame stays
    /// `hold` seconds longer.
    ///
    /// # Errors
    /// When a frame cannot be rendered, or the file cannot be written; nothing is left then.
    pub fn write(&self, out: &Path, frames: &dyn Frames, hold: f64, stop: &Stop) -> Result<Ending> {
        let format = AnimationFormat::of(out)?;
        let mut source = FrameSource::new(frames)?;
        let (width, height, channels) = source.extent();
        let scale = self.scale.factor(width, height);
        let extent = check_extent(out, format, (width, height), scale)?;
        let (_claim, place) = claim(out, format)?;
        let hold = self.hold.unwrap_or(hold);
        let timing =
            Timing { fps: self.fps(), hold, count: source.count(), plays: self.plays.unwrap_or(0) };
        let sink: Box<dyn Sink> = match format {
            AnimationFormat::Gif => {
                let (quantizer, tolerance) = self.quantizer(&mut source, stop)?;
                let rate = Rate::new(self.budget(extent, timing.count), timing.count, tolerance);
                Box::new(gif::GifFile::create(out, extent, quantizer, timing, rate)?)
            }
            AnimationFormat::Apng => Box::new(apng::ApngFile::create(out, timing)?),
            AnimationFormat::WebP => Box::new(webp::WebPFile::create(out, extent, timing)?),
            AnimationFormat::Folder => Box::new(folder::FrameFolder::create(&place)?),
            AnimationFormat::Video(container) => Box::new(video::Film::create(
                out,
                container,
                (extent.0, extent.1, channels),
                timing,
                None,
            )?),
        };
        let (ending, bytes) = stage::run(source, scale, sink, stop)?;
        if let Ending::Stopped(_) = ending {
            tracing::warn!("stopped by a signal: nothing of the animation is kept");
        }
        if ending == Ending::Done {
            let played = if format == AnimationFormat::Folder {
                String::new()
            } else {
                format!(", {:.1} s", timing.seconds())
            };
            if let Some(asked) =
                self.max_size.filter(|size| *size > 0.0 && bytes as f64 > size * 1e6)
            {
                tracing::warn!(
                    "it exceeds --max-size {asked} MB: use fewer --frames, a smaller --scale or fewer --colors"
                );
            }
            output::report(
                out,
                bytes,
                &format!("{} frames of {}×{}{played}", timing.count, extent.0, extent.1),
            );
        }
        Ok(ending)
    }

    /// Maximum bytes of a GIF.
    fn budget(&self, (width, height): (u32, u32), frames: usize) -> Option<u64> {
        let pixels = f64::from(width) * f64::from(height) * frames as f64;
        match (self.max_size, self.tolerance) {
            (Some(megabytes), _) => (megabytes > 0.0).then_some((megabytes * 1e6) as u64),
            (None, Some(_)) => None,
            (None, None) => Some((pixels * BITS_OF_PIXEL / 8.0).max(SMALL) as u64),
        }
    }

    /// The quantizer of a GIF with these frames, and its tolerance.
    fn quantizer(&self, source: &mut FrameSource<'_>, stop: &Stop) -> Result<(Quantizer, f64)> {
        let (width, height, _) = source.extent();
        let frames = PALETTE_FRAMES.min(source.count());
        let mut samples = Samples::new(frames * width as usize * height as usize);
        source.look_ahead(frames, stop, |frame| samples.add(frame))?;
        let palette = Palette::learn(samples, self.colors.map_or(gif::COLORS, usize::from));
        let dither = self.dither.unwrap_or_default();
        // Errors of tolerance are not diffused, and show as noise.
        let factor = if dither == Dither::Diffusion { TOLERANCE / 2.0 } else { TOLERANCE };
        let tolerance =
            self.tolerance.unwrap_or_else(|| (factor * palette.error()).min(TOLERANCE_LIMIT));
        Ok((Quantizer::new(palette, dither, tolerance), tolerance))
    }
}

/// Locks `out` for this process and removes leftovers of killed ones; returns the actual path.
fn claim(out: &Path, format: AnimationFormat) -> Result<(Claim, PathBuf)> {
    let place = || match format {
        AnimationFormat::Folder => folder::FrameFolder::place(out),
        _ => Ok(out.to_owned()),
    };
    let found = place()?;
    let claim = output::claim("--out", &found)?;
    // Again: the previous holder of the lock may have filled the folder.
    place()?;
    Ok((claim, found))
}

/// Width and height of frames scaled by `scale`, if the format and memory allow it.
fn check_extent(
    out: &Path,
    format: AnimationFormat,
    (width, height): (u32, u32),
    scale: u32,
) -> Result<(u32, u32), UsageError> {
    let (longest, most) = (format.longest_side(), format.most_pixels());
    let (width, height) =
        (u64::from(width) * u64::from(scale), u64::from(height) * u64::from(scale));
    let (what, other) = match (u32::try_from(width), u32::try_from(height)) {
        (Ok(width), Ok(height)) if width.max(height) <= longest => {
            match u64::from(width) * u64::from(height) <= most {
                true => return Ok((width, height)),
                false => (
                    format!("{} has at most {most} pixels", format.name()),
                    if format == AnimationFormat::Gif { ", or .webp" } else { "" },
                ),
            }
        }
        _ => (format!("{} has sides of at most {longest}", format.name()), ""),
    };
    let out = out.display();
    let mend = format!("a smaller --scale, fewer pictures in a frame or less --padding{other}");
    Err(UsageError(format!("--out {out}: frames of {width}×{height}, but {what}; use {mend}")))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Flags {
        #[command(flatten)]
        animation: AnimationArgs,
    }

    #[test]
    fn a_gif_of_six_by_six_walks_may_have_eight_megabytes() {
        let flags = |list: &[&str]| {
            Flags::try_parse_from([&["test"], list].concat()).expect("flags").animation
        };
        let budget = |list: &[&str]| flags(list).budget((398, 398), 120);
        let usual = budget(&[]).expect("a bound");
        assert!((7_900_000..8_000_000).contains(&usual), "{usual}");
        assert_eq!(
            (budget(&["--max-size", "0.5"]), budget(&["--max-size", "0"])),
            (Some(500_000), None)
        );
        assert_eq!(
            (budget(&["--tolerance", "3"]), flags(&[]).budget((10, 10), 1)),
            (None, Some(1_000_000))
        );
    }

    #[test]
    fn frames_too_large_for_memory_or_format_are_refused_with_a_remedy() {
        let of = |format, sides, scale| {
            check_extent(Path::new("a"), format, sides, scale).map_err(|error| error.0)
        };
        assert_eq!(of(AnimationFormat::Gif, (2896, 2896), 2), Ok((5792, 5792)));
        let beyond = of(AnimationFormat::Gif, (5793, 5793), 1).expect_err("too large");
        assert!(
            ["5793×5793", "33554432", "--scale", ".webp"].iter().all(|part| beyond.contains(part)),
            "{beyond}"
        );
        assert_eq!(of(AnimationFormat::WebP, (5793, 5793), 1), Ok((5793, 5793)));
        for format in [AnimationFormat::Apng, AnimationFormat::WebP, AnimationFormat::Folder] {
            let beyond = of(format, (u32::MAX, u32::MAX), 64).expect_err("too large");
            assert!(
                beyond.contains("274877906880×274877906880") && !beyond.contains(".webp"),
                "{beyond}"
            );
        }
    }
}
