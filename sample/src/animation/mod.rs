//! Frames → a file that moves. Frames are made when they are asked for, so that encoding goes on beside generation and an animation
//! may be larger than memory.
//!
//! | module | holds |
//! |---|---|
//! | [`format`](mod@format) | the name of a file → what frames become |
//! | [`timing`] | when each frame is shown, in the units of a format |
//! | [`stage`] | making frames and packing those before at the same time |
//! | [`gif`], [`screen`], [`palette`], [`quantize`], [`lzw`], [`rate`] | GIF: what changes, one palette, dithering, tolerance, long runs, a bound on bytes |
//! | [`apng`], [`webp`] | every pixel as it is |
//! | [`folder`] | a PNG file for each frame |
//! | [`video`] | films, by ffmpeg |
//! | [`area`], [`rgb`] | the part that changed, colours of pixels |

pub mod apng;
pub mod area;
pub mod folder;
pub mod format;
pub mod gif;
pub mod lzw;
pub mod palette;
pub mod quantize;
pub mod rate;
pub mod rgb;
pub mod screen;
pub mod stage;
pub mod timing;
pub mod video;
pub mod webp;

use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::Result;
use clap::Args;
use shared::cli::{Ending, UsageError};
use shared::fs::Claim;
use shared::picture::Picture;
use shared::signal::Stop;

use crate::output;
use format::Format;
use palette::{Palette, Samples};
use quantize::{Dither, Quantizer};
use rate::Rate;
use stage::{Sink, Source};
use timing::Timing;

/// The frames of an animation, each made when it is asked for, the same one every time.
pub trait Frames: Sync {
    /// How many there are.
    fn count(&self) -> usize;

    /// Width, height and channels (1 or 3) that each of them has; said before one is made, because they may be larger than memory.
    ///
    /// # Errors
    /// When they cannot be found out.
    fn extent(&self) -> Result<(u32, u32, u32)>;

    /// The frames of these indices, in their order.
    ///
    /// # Errors
    /// When one cannot be made.
    fn render(&self, indices: &[usize]) -> Result<Vec<Picture>>;

    /// Of how many generated pictures a frame consists: of many fewer frames are made at a time, so that a signal is heard.
    fn pictures_in_one(&self) -> usize {
        1
    }
}

/// Frames a second unless a flag says otherwise.
const FPS: f64 = 20.0;
/// The slowest that every format can say, in frames a second: a minute for each.
const SLOWEST: f64 = 1.0 / 60.0;
/// The longest hold, in seconds: with the slowest frame it fits the 65,535 hundredths that a GIF can say.
const LONGEST_HOLD: f64 = 590.0;
/// `--scale auto` enlarges frames whose longer side is below this many pixels, until it is not.
const COMFORTABLE: u32 = 256;
/// The largest factor that may be asked for.
const LARGEST_SCALE: u32 = 64;
/// Frames that a palette is learned from; more change it no further.
const PALETTE_FRAMES: usize = 16;
/// The default tolerance in units of the palette's own mean error: a file is a third smaller, for a loss less than the palette's.
const TOLERANCE: f64 = 1.4;
/// The most that the default tolerance is, in levels.
const TOLERANCE_LIMIT: f64 = 10.0;
/// Bits that a pixel of a GIF may have on the average unless a flag says otherwise: 120 frames of 398×398 then have under 8 MB.
const BITS_OF_PIXEL: f64 = 3.35;
/// A GIF of fewer bytes is small enough.
const SMALL: f64 = 1e6;

/// Flags of what writes an animation.
#[derive(Args, Clone, Debug)]
pub struct AnimationArgs {
    /// Frames a second: up to 50 in a GIF, 90 in APNG and WebP, 240 in a film [default: 20]
    #[arg(long, value_name = "N")]
    pub fps: Option<f64>,
    /// Enlarge each pixel N times; auto: until the longer side has at least 256 pixels
    #[arg(long, default_value = "auto", value_name = "N|auto")]
    pub scale: Scale,
    /// How often GIF, APNG and WebP are played; 0: for ever [default: 0]
    #[arg(long = "loop", value_name = "N")]
    pub plays: Option<u16>,
    /// Seconds that the last frame stays longer [default: 0, of a time-lapse 2]
    #[arg(long, value_name = "SECONDS")]
    pub hold: Option<f64>,
    /// Colours of a GIF, 2 to 255 [default: 255]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(2..=gif::COLORS as i64))]
    pub colors: Option<u16>,
    /// How a GIF mixes colours that its palette lacks [default: none]
    #[arg(long, value_name = "HOW")]
    pub dither: Option<Dither>,
    /// By how many levels of 255 a GIF's colours may be worse than the best of the palette, for a smaller file; 0: by none
    /// [default: 1.4 times the palette's own error (0.7 with diffusion), at most 10]
    #[arg(long, value_name = "LEVELS")]
    pub tolerance: Option<f64>,
    /// Make a GIF's frames more tolerant where it would grow beyond so many MB; 0: never [default: 3.35 bits a pixel, at least 1 MB, and
    /// with --tolerance never]
    #[arg(long, value_name = "MB")]
    pub max_size: Option<f64>,
}

/// How much frames are enlarged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scale {
    /// Until they can be seen well.
    #[default]
    Auto,
    /// This many times.
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
    /// Checks the flags before anything is made.
    ///
    /// # Errors
    /// When one of them cannot be carried out.
    pub fn check(&self, out: &Path) -> Result<(), UsageError> {
        let format = Format::of(out)?;
        let (fps, fastest) = (self.fps(), format.fastest());
        if !(SLOWEST..=fastest).contains(&fps) {
            return Err(UsageError(format!("--fps {fps}: {} shows 1/60 to {fastest} a second", format.name())));
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
        let (gif, folder, video) = (format == Format::Gif, format == Format::Folder, matches!(format, Format::Video(_)));
        let unheard = [
            ("--fps", self.fps.is_some() && folder),
            ("--hold", self.hold.is_some() && folder),
            ("--loop", self.plays.is_some() && (folder || video)),
            ("--colors", self.colors.is_some() && !gif),
            ("--dither", self.dither.is_some() && !gif),
            ("--tolerance", self.tolerance.is_some() && !gif),
            ("--max-size", self.max_size.is_some() && !gif),
        ];
        if let Some((flag, _)) = unheard.iter().find(|(_, unheard)| *unheard) {
            return Err(UsageError(format!(
                "{flag}: {} has none; leave it out or choose another ending for --out",
                format.name()
            )));
        }
        match format {
            Format::Folder => folder::FrameFolder::place(out).map(drop),
            Format::Video(_) => output::check_file("--out", out).and_then(|()| video::Film::check(out)),
            Format::Gif | Format::Apng | Format::WebP => output::check_file("--out", out),
        }
    }

    /// Frames a second.
    #[must_use]
    pub fn fps(&self) -> f64 {
        self.fps.unwrap_or(FPS)
    }

    /// Writes `frames` to `out`, and prints its name and size; the last frame stays `hold` seconds longer unless a flag says
    /// otherwise.
    ///
    /// # Errors
    /// When a frame cannot be made, or the file cannot be written; nothing is left then.
    pub fn write(&self, out: &Path, frames: &dyn Frames, hold: f64, stop: &Stop) -> Result<Ending> {
        let format = Format::of(out)?;
        let mut source = Source::new(frames)?;
        let (width, height, channels) = source.extent();
        let scale = self.scale.factor(width, height);
        let extent = check_extent(out, format, (width, height), scale)?;
        let (_claim, place) = claim(out, format)?;
        let hold = self.hold.unwrap_or(hold);
        let timing = Timing { fps: self.fps(), hold, count: source.count(), plays: self.plays.unwrap_or(0) };
        let sink: Box<dyn Sink> = match format {
            Format::Gif => {
                let (quantizer, tolerance) = self.quantizer(&mut source, stop)?;
                let rate = Rate::new(self.budget(extent, timing.count), timing.count, tolerance);
                Box::new(gif::GifFile::create(out, extent, quantizer, timing, rate)?)
            }
            Format::Apng => Box::new(apng::ApngFile::create(out, timing)?),
            Format::WebP => Box::new(webp::WebPFile::create(out, extent, timing)?),
            Format::Folder => Box::new(folder::FrameFolder::create(&place)?),
            Format::Video(container) => {
                Box::new(video::Film::create(out, container, (extent.0, extent.1, channels), timing, None)?)
            }
        };
        let (ending, bytes) = stage::run(source, scale, sink, stop)?;
        if let Ending::Stopped(_) = ending {
            tracing::warn!("stopped by a signal: of an animation nothing is kept");
        }
        if ending == Ending::Done {
            let played = if format == Format::Folder { String::new() } else { format!(", {:.1} s", timing.seconds()) };
            if let Some(asked) = self.max_size.filter(|size| *size > 0.0 && bytes as f64 > size * 1e6) {
                tracing::warn!(
                    "it has more than --max-size {asked} MB: fewer --frames, a smaller --scale or fewer --colors are needed"
                );
            }
            output::report(out, bytes, &format!("{} frames of {}×{}{played}", timing.count, extent.0, extent.1));
        }
        Ok(ending)
    }

    /// Bytes that a GIF may have.
    fn budget(&self, (width, height): (u32, u32), frames: usize) -> Option<u64> {
        let pixels = f64::from(width) * f64::from(height) * frames as f64;
        match (self.max_size, self.tolerance) {
            (Some(megabytes), _) => (megabytes > 0.0).then_some((megabytes * 1e6) as u64),
            (None, Some(_)) => None,
            (None, None) => Some((pixels * BITS_OF_PIXEL / 8.0).max(SMALL) as u64),
        }
    }

    /// What makes a GIF's symbols of the colours of such frames, and its tolerance.
    fn quantizer(&self, source: &mut Source<'_>, stop: &Stop) -> Result<(Quantizer, f64)> {
        let (width, height, _) = source.extent();
        let frames = PALETTE_FRAMES.min(source.count());
        let mut samples = Samples::new(frames * width as usize * height as usize);
        source.look_ahead(frames, stop, |frame| samples.add(frame))?;
        let palette = Palette::learn(samples, self.colors.map_or(gif::COLORS, usize::from));
        let dither = self.dither.unwrap_or_default();
        // What tolerance changes is not diffused, and shows as noise.
        let factor = if dither == Dither::Diffusion { TOLERANCE / 2.0 } else { TOLERANCE };
        let tolerance = self.tolerance.unwrap_or_else(|| (factor * palette.error()).min(TOLERANCE_LIMIT));
        Ok((Quantizer::new(palette, dither, tolerance), tolerance))
    }
}

/// Makes this process the only one that writes `out`, and removes what those left that were killed while they did; says where `out` is.
fn claim(out: &Path, format: Format) -> Result<(Claim, PathBuf)> {
    let place = || match format {
        Format::Folder => folder::FrameFolder::place(out),
        _ => Ok(out.to_owned()),
    };
    let found = place()?;
    let claim = output::claim("--out", &found)?;
    // Again: who had it until now may have filled the folder.
    place()?;
    Ok((claim, found))
}

/// Width and height of frames enlarged `scale` times, if they can be worked on.
fn check_extent(out: &Path, format: Format, (width, height): (u32, u32), scale: u32) -> Result<(u32, u32), UsageError> {
    let (longest, most) = (format.longest_side(), format.most_pixels());
    let (width, height) = (u64::from(width) * u64::from(scale), u64::from(height) * u64::from(scale));
    let (what, other) = match (u32::try_from(width), u32::try_from(height)) {
        (Ok(width), Ok(height)) if width.max(height) <= longest => match u64::from(width) * u64::from(height) <= most {
            true => return Ok((width, height)),
            false => {
                (format!("{} has at most {most} pixels", format.name()), if format == Format::Gif { ", or .webp" } else { "" })
            }
        },
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
        let flags = |list: &[&str]| Flags::try_parse_from([&["test"], list].concat()).expect("flags").animation;
        let budget = |list: &[&str]| flags(list).budget((398, 398), 120);
        let usual = budget(&[]).expect("a bound");
        assert!((7_900_000..8_000_000).contains(&usual), "{usual}");
        assert_eq!((budget(&["--max-size", "0.5"]), budget(&["--max-size", "0"])), (Some(500_000), None));
        assert_eq!((budget(&["--tolerance", "3"]), flags(&[]).budget((10, 10), 1)), (None, Some(1_000_000)));
    }

    #[test]
    fn frames_that_memory_or_a_format_cannot_hold_are_refused_with_what_mends_it() {
        let of = |format, sides, scale| check_extent(Path::new("a"), format, sides, scale).map_err(|error| error.0);
        assert_eq!(of(Format::Gif, (2896, 2896), 2), Ok((5792, 5792)));
        let beyond = of(Format::Gif, (5793, 5793), 1).expect_err("too large");
        assert!(["5793×5793", "33554432", "--scale", ".webp"].iter().all(|part| beyond.contains(part)), "{beyond}");
        assert_eq!(of(Format::WebP, (5793, 5793), 1), Ok((5793, 5793)));
        for format in [Format::Apng, Format::WebP, Format::Folder] {
            let beyond = of(format, (u32::MAX, u32::MAX), 64).expect_err("too large");
            assert!(beyond.contains("274877906880×274877906880") && !beyond.contains(".webp"), "{beyond}");
        }
    }
}
