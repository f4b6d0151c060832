//! Drawn animations, and writing them.

use std::path::Path;

use anyhow::{Result, bail};
use clap::Parser;
use sample::animations::{AnimationArgs, Frames};
use shared::cli::Ending;
use shared::picture::Picture;
use shared::signal::Stop;

#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    animation: AnimationArgs,
}

/// The flags of an animation, as parsed from a command line.
pub(crate) fn flags(list: &[&str]) -> AnimationArgs {
    Flags::try_parse_from([&["test"], list].concat()).expect("flags").animation
}

/// Given frames, with a failure or a signal at one of them.
#[derive(Default)]
pub(crate) struct Drawn {
    pub(crate) frames: Vec<Picture>,
    /// The index at which rendering fails.
    pub(crate) fails_at: Option<usize>,
    /// The index at which a signal arrives.
    pub(crate) stops_at: Option<(usize, Stop)>,
}

impl Drawn {
    pub(crate) fn new(frames: Vec<Picture>) -> Self {
        Self { frames, ..Self::default() }
    }

    /// Writes the frames with the flags `list`, by default unscaled.
    pub(crate) fn write(&self, out: &Path, list: &[&str]) -> Result<Ending> {
        let scaled = list.contains(&"--scale");
        let args = flags(&[if scaled { &[][..] } else { &["--scale", "1"] }, list].concat());
        args.check(out)?;
        args.write(
            out,
            self,
            0.0,
            &self.stops_at.as_ref().map_or_else(Stop::default, |(_, stop)| stop.clone()),
        )
    }
}

impl Frames for Drawn {
    fn count(&self) -> usize {
        self.frames.len()
    }

    fn extent(&self) -> Result<(u32, u32, u32)> {
        Ok((self.frames[0].width, self.frames[0].height, self.frames[0].channels))
    }

    fn render(&self, indices: &[usize]) -> Result<Vec<Picture>> {
        if indices.iter().any(|i| Some(*i) == self.fails_at) {
            bail!("this frame cannot be rendered");
        }
        if let Some((at, stop)) = &self.stops_at
            && indices.contains(at)
        {
            stop.request(2);
        }
        Ok(indices.iter().map(|&i| self.frames[i].clone()).collect())
    }
}

/// Equal frames of many colours.
pub(crate) fn still(count: usize) -> Vec<Picture> {
    vec![noise(7, 33, 21, 3); count]
}

/// Noise.
pub(crate) fn noise(seed: u64, width: u32, height: u32, channels: u32) -> Picture {
    let mut rng = shared::rng::stream(seed, "drawn", 0);
    Picture {
        width,
        height,
        channels,
        pixels: (0..width * height * channels).map(|_| rng.below(256) as u8).collect(),
    }
}

/// A moving smooth colour field with `channels` bytes per pixel.
pub(crate) fn waves(count: usize, width: u32, height: u32, channels: u32) -> Vec<Picture> {
    let value = |t: usize, x: u32, y: u32, c: u32| {
        let at = f64::from(x) / 9.0 + f64::from(y * (c + 1)) / 13.0 + t as f64 / 5.0;
        (127.5 + 120.0 * (at + f64::from(c)).sin()) as u8
    };
    let frame = |t| {
        let places = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        let pixels =
            places.flat_map(|(x, y)| (0..channels).map(move |c| value(t, x, y, c))).collect();
        Picture { width, height, channels, pixels }
    };
    (0..count).map(frame).collect()
}

/// A frame of few colours in which one more pixel is set each time.
pub(crate) fn one_pixel_more(count: usize) -> Vec<Picture> {
    let mut frame = Picture::filled(33, 21, 3, 40);
    let mut frames = Vec::new();
    for i in 0..count {
        frames.push(frame.clone());
        frame.paste(&Picture::filled(1, 1, 1, 250), (i as u32 * 7) % 33, (i as u32 * 5) % 21);
    }
    frames
}
