//! Frames → a video, by the program `ffmpeg`, which receives raw frames through a pipe.

use std::ffi::OsString;
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread::JoinHandle;

use anyhow::{Context, Result, anyhow};
use shared::cli::UsageError;
use shared::fs::AtomicFile;
use shared::picture::Picture;
use shared::threads;

use super::format::Container;
use super::stage::Sink;
use super::timing::Timing;

/// The program, looked up on the PATH.
const FFMPEG: &str = "ffmpeg";
/// Lines of its output in an error.
const LAST_LINES: usize = 4;

impl Container {
    /// The flags of container and codec, with a visually lossless quality.
    fn flags(self) -> &'static [&'static str] {
        match self {
            // The index first, so that browsers can stream it.
            Self::Mp4 => &["-c:v", "libx264", "-crf", "16", "-movflags", "+faststart", "-f", "mp4"],
            Self::Matroska => &["-c:v", "libx264", "-crf", "16", "-f", "matroska"],
            Self::WebM => {
                &["-c:v", "libvpx-vp9", "-crf", "20", "-b:v", "0", "-row-mt", "1", "-f", "webm"]
            }
        }
    }
}

/// The reader of ffmpeg's output.
enum Said {
    /// A concurrent thread.
    Read(JoinHandle<String>),
    /// Read at the end, if there is no thread.
    Unread(Box<dyn FnOnce() -> String + Send>),
}

/// A video in progress.
pub struct Film {
    ffmpeg: Child,
    frames: Option<ChildStdin>,
    said: Option<Said>,
    file: Option<AtomicFile>,
}

impl Film {
    /// Checks that ffmpeg is installed.
    ///
    /// # Errors
    /// When it is not; the text names a remedy.
    pub fn check(out: &Path) -> Result<(), UsageError> {
        let mut asked = Command::new(FFMPEG);
        asked.arg("-version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        match asked.status() {
            Ok(_) => Ok(()),
            Err(_) => Err(missing(out)),
        }
    }

    /// Creates the video `out` of frames of `extent` (width, height, channels), encoded by
    /// `program`, by default `ffmpeg`.
    ///
    /// # Errors
    /// When the file cannot be created or the program cannot be started.
    pub fn create(
        out: &Path,
        container: Container,
        extent: (u32, u32, u32),
        timing: Timing,
        program: Option<&Path>,
    ) -> Result<Self> {
        let (width, height, channels) = extent;
        let file = AtomicFile::create(out)?;
        let mut command =
            Command::new(program.map_or_else(|| PathBuf::from(FFMPEG), Path::to_owned));
        command.args(["-v", "error", "-nostdin", "-y", "-f", "rawvideo"]);
        command.args(["-pix_fmt", if channels == 1 { "gray" } else { "rgb24" }]);
        command.args([
            "-video_size",
            &format!("{width}x{height}"),
            "-framerate",
            &format!("{}", timing.fps),
            "-i",
            "-",
        ]);
        // Colours are stored at half the extent, which must be an integer. The colour matrix is
        // tagged, because players would guess it from the height.
        let filter = "pad=ceil(iw/2)*2:ceil(ih/2)*2,scale=out_color_matrix=bt709:out_range=tv";
        command.args([
            "-vf",
            &format!("tpad=stop_mode=clone:stop_duration={},{filter}", timing.hold),
            "-pix_fmt",
            "yuv420p",
        ]);
        command.args([
            "-colorspace",
            "bt709",
            "-color_primaries",
            "bt709",
            "-color_trc",
            "bt709",
            "-color_range",
            "tv",
        ]);
        // Without the prefix, a name with a colon would be taken for a protocol.
        let mut target = OsString::from("file:");
        target.push(file.path());
        command.args(container.flags()).arg(target);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut ffmpeg = command.spawn().map_err(|error| match error.kind() {
            ErrorKind::NotFound => missing(out).into(),
            _ => anyhow!(error).context("cannot start ffmpeg"),
        })?;
        let said = ffmpeg.stderr.take().map(|mut stderr| {
            let read: Box<dyn FnOnce() -> String + Send> = Box::new(move || {
                let mut text = Vec::new();
                // Whatever can be read is reported.
                let _ = stderr.read_to_end(&mut text);
                String::from_utf8_lossy(&text).into_owned()
            });
            threads::spawn("ffmpeg", read).map_or_else(Said::Unread, Said::Read)
        });
        let frames = ffmpeg.stdin.take();
        Ok(Self { ffmpeg, frames, said, file: Some(file) })
    }

    fn show(&mut self, frame: &Picture) -> Result<()> {
        let written = self.frames.as_mut().map_or(Ok(()), |frames| frames.write_all(&frame.pixels));
        written.map_err(|error| match self.end() {
            // It closed the pipe because it failed; its output gives the reason.
            Err(failure) => failure,
            Ok(()) => anyhow!(error).context("cannot write frames to ffmpeg"),
        })
    }

    /// Waits for ffmpeg to end.
    fn end(&mut self) -> Result<()> {
        drop(self.frames.take());
        let said = match self.said.take() {
            Some(Said::Read(thread)) => thread.join().unwrap_or_default(),
            Some(Said::Unread(read)) => read(),
            None => String::new(),
        };
        let status = self.ffmpeg.wait().context("cannot wait for ffmpeg")?;
        if status.success() {
            return Ok(());
        }
        let lines: Vec<&str> =
            said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let last = lines[lines.len().saturating_sub(LAST_LINES)..].join("; ");
        Err(anyhow!("ffmpeg failed ({status}): {last}"))
    }
}

fn missing(out: &Path) -> UsageError {
    UsageError(format!(
        "--out {}: videos need the program ffmpeg, which is not on the PATH; install it (https://ffmpeg.org), or use .gif, \
         .png, .webp or a folder",
        out.display()
    ))
}

impl Sink for Film {
    fn push(&mut self, frames: Vec<Picture>) -> Result<()> {
        frames.iter().try_for_each(|frame| self.show(frame))
    }

    fn finish(mut self: Box<Self>) -> Result<u64> {
        self.end()?;
        let Some(file) = self.file.take() else { return Ok(0) };
        let bytes = std::fs::metadata(file.path()).map_or(0, |found| found.len());
        file.commit()?;
        Ok(bytes)
    }
}

impl Drop for Film {
    fn drop(&mut self) {
        // Killing an ended process fails harmlessly; the file is removed only after its writer is
        // gone.
        let _ = self.ffmpeg.kill();
        let _ = self.ffmpeg.wait();
    }
}
