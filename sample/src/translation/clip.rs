//! The frames of a video, one after the other, as the program `ffmpeg` decodes them.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, anyhow, bail};
use shared::cli::{DataError, UsageError};
use shared::picture::Picture;

/// The programs, looked up on the PATH: frames, and their rate.
const PROGRAMS: [&str; 2] = ["ffmpeg", "ffprobe"];
/// Suffixes of videos.
const SUFFIXES: [&str; 8] = ["mp4", "m4v", "mkv", "webm", "mov", "avi", "mpg", "mpeg"];
/// Maximum bytes of a line of a frame's header.
const LINE: u64 = 64;
/// Maximum side of a frame in pixels, that of the videos that are written.
const SIDE: u32 = 16_383;

/// A video that is being read.
pub struct Clip {
    path: PathBuf,
    ffmpeg: Child,
    frames: BufReader<ChildStdout>,
    /// Frames per second.
    fps: f64,
}

impl Clip {
    /// Returns true if `path` has the suffix of a video.
    #[must_use]
    pub fn is_one(path: &Path) -> bool {
        let ending = path.extension().map(|e| e.to_string_lossy().to_lowercase());
        !path.is_dir() && ending.is_some_and(|ending| SUFFIXES.contains(&&ending[..]))
    }

    /// Starts to read the video at `path`.
    ///
    /// # Errors
    /// When it does not exist, a program is missing, or the video's rate cannot be found.
    pub fn open(path: &Path) -> Result<Self> {
        if !path.is_file() {
            return Err(
                UsageError(format!("--input {}: there is no such file", path.display())).into()
            );
        }
        // Without the prefix, a name with a colon would be taken for a protocol.
        let mut source = OsString::from("file:");
        source.push(path);
        let [decode, probe] = PROGRAMS;
        let mut asked = Command::new(probe);
        asked.args(["-v", "error", "-select_streams", "v:0"]);
        asked.args(["-show_entries", "stream=avg_frame_rate", "-of", "csv=p=0"]).arg(&source);
        asked.stdin(Stdio::null()).stderr(Stdio::inherit());
        let said = asked.output().map_err(|error| missing(path, probe, error))?;
        let rate = String::from_utf8_lossy(&said.stdout).trim().to_owned();
        let fps = rate_of(&rate).filter(|_| said.status.success()).ok_or_else(|| {
            DataError(format!(
                "--input {}: {probe} finds no rate of frames ({rate})",
                path.display()
            ))
        })?;
        let mut command = Command::new(decode);
        command.args(["-v", "error", "-nostdin", "-i"]).arg(&source);
        command.args([
            "-map",
            "0:v:0",
            "-f",
            "image2pipe",
            "-c:v",
            "ppm",
            "-pix_fmt",
            "rgb24",
            "-",
        ]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut ffmpeg = command.spawn().map_err(|error| missing(path, decode, error))?;
        let frames = ffmpeg.stdout.take().context("ffmpeg has no output")?;
        Ok(Self { path: path.to_owned(), ffmpeg, frames: BufReader::new(frames), fps })
    }

    /// Frames per second.
    #[must_use]
    pub fn fps(&self) -> f64 {
        self.fps
    }

    /// The next frame; `None` behind the last.
    ///
    /// # Errors
    /// When the video is damaged: ffmpeg says why on stderr.
    pub fn next_frame(&mut self) -> Result<Option<Picture>> {
        if self.frames.fill_buf()?.is_empty() {
            let status = self.ffmpeg.wait().context("cannot wait for ffmpeg")?;
            if !status.success() {
                let what = format!("--input {}: ffmpeg failed ({status})", self.path.display());
                return Err(DataError(what).into());
            }
            return Ok(None);
        }
        let [magic, extent, most] = [self.line()?, self.line()?, self.line()?];
        let extent = extent.split_once(' ').and_then(|(width, height)| {
            Some((width.parse::<u32>().ok()?, height.parse::<u32>().ok()?))
        });
        let (width, height) = match (&magic[..], extent, &most[..]) {
            ("P6", Some((width, height)), "255")
                if (1..=SIDE).contains(&width) && (1..=SIDE).contains(&height) =>
            {
                (width, height)
            }
            _ => bail!("--input {}: ffmpeg gave something else than frames", self.path.display()),
        };
        let mut frame = Picture::filled(width, height, 3, 0);
        self.frames.read_exact(&mut frame.pixels).with_context(|| {
            format!("--input {}: ffmpeg ended within a frame", self.path.display())
        })?;
        Ok(Some(frame))
    }

    /// A line of a frame's header.
    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        (&mut self.frames).take(LINE).read_line(&mut line).context("cannot read from ffmpeg")?;
        Ok(line.trim_end().to_owned())
    }
}

impl Drop for Clip {
    fn drop(&mut self) {
        // Killing an ended process fails harmlessly.
        let _ = self.ffmpeg.kill();
        let _ = self.ffmpeg.wait();
    }
}

/// Frames per second of a fraction such as 30000/1001.
fn rate_of(text: &str) -> Option<f64> {
    let (above, below) = text.split_once('/').unwrap_or((text, "1"));
    let rate = above.trim().parse::<f64>().ok()? / below.trim().parse::<f64>().ok()?;
    (rate.is_finite() && rate > 0.0).then_some(rate)
}

fn missing(path: &Path, program: &str, error: std::io::Error) -> anyhow::Error {
    if error.kind() != ErrorKind::NotFound {
        return anyhow!(error).context(format!("cannot start {program}"));
    }
    UsageError(format!(
        "--input {}: videos need the program {program}, which is not on the PATH; install it (https://ffmpeg.org), or give a folder of frames",
        path.display()
    ))
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_fraction_or_a_number() {
        assert_eq!(rate_of("25/1"), Some(25.0));
        assert_eq!(rate_of("30000/1001"), Some(30000.0 / 1001.0));
        assert_eq!(rate_of("12.5"), Some(12.5));
        assert!(["0/0", "0/1", "", "N/A", "1/0"].iter().all(|text| rate_of(text).is_none()));
    }
}
