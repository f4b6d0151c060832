//! Frames → an animation. Frames are rendered on demand while the previous ones are packed, so an
//! animation may be larger than memory.
//!
//! | module | holds |
//! |---|---|
//! | [`walk`], [`timelapse`] | the commands |
//! | [`animation`] | the flags of an animation, and writing it |
//! | [`format`](mod@format) | file name → format, with its limits |
//! | [`frames`], [`stage`] | frames on demand, rendered and packed concurrently |
//! | [`timing`] | delays in the units of a format |
//! | [`gif`], [`screen`], [`palette`], [`quantize`], [`lzw`], [`rate`] | GIF: changed windows, palette, dithering, lossy LZW, size bound |
//! | [`apng`], [`webp`] | lossless animations |
//! | [`folder`] | one PNG file per frame |
//! | [`video`] | videos by ffmpeg |
//! | [`area`], [`rgb`] | changed windows, colours of pixels |

pub mod animation;
pub mod apng;
pub mod area;
pub mod folder;
pub mod format;
pub mod frames;
pub mod gif;
pub mod lzw;
pub mod palette;
pub mod quantize;
pub mod rate;
pub mod rgb;
pub mod screen;
pub mod stage;
pub mod timelapse;
pub mod timing;
pub mod video;
pub mod walk;
pub mod webp;

pub use self::animation::AnimationArgs;
pub use self::frames::Frames;
