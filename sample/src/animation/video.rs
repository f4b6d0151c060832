//! Frames → a film, by the program `ffmpeg`, which is given them as they are made.

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

/// The program, as it is found on the PATH.
const FFMPEG: &str = "ffmpeg";
/// Lines of what it says that an error repeats.
const LAST_LINES: usize = 4;

impl Container {
    /// What tells ffmpeg the container and a codec at a quality at which loss is hard to see.
    fn flags(self) -> &'static [&'static str] {
        match self {
            // The index first, so that a browser need not load all of it.
            Self::Mp4 => &["-c:v", "libx264", "-crf", "16", "-movflags", "+faststart", "-f", "mp4"],
            Self::Matroska => &["-c:v", "libx264", "-crf", "16", "-f", "matroska"],
            Self::WebM => &["-c:v", "libvpx-vp9", "-crf", "20", "-b:v", "0", "-row-mt", "1", "-f", "webm"],
        }
    }
}

/// What reads what ffmpeg says.
enum Said {
    /// A thread beside the frames.
    Read(JoinHandle<String>),
    /// Nothing until the end, where there is no thread.
    Unread(Box<dyn FnOnce() -> String + Send>),
}

/// A film being written.
pub struct Film {
    ffmpeg: Child,
    frames: Option<ChildStdin>,
    said: Option<Said>,
    file: Option<AtomicFile>,
}

impl Film {
    /// Whether ffmpeg is there.
    ///
    /// # Errors
    /// When it is not; the text says what can be done.
    pub fn check(out: &Path) -> Result<(), UsageError> {
        let mut asked = Command::new(FFMPEG);
        asked.arg("-version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        match asked.status() {
            Ok(_) => Ok(()),
            Err(_) => Err(missing(out)),
        }
    }

    /// Begins the film `out` of frames of `extent` (width, height, channels), which `program` makes, `ffmpeg` if it is not given.
    ///
    /// # Errors
    /// When the file cannot be created or the program not started.
    pub fn create(
        out: &Path,
        container: Container,
        extent: (u32, u32, u32),
        timing: Timing,
        program: Option<&Path>,
    ) -> Result<Self> {
        let (width, height, channels) = extent;
        let file = AtomicFile::create(out)?;
        let mut command = Command::new(program.map_or_else(|| PathBuf::from(FFMPEG), Path::to_owned));
        command.args(["-v", "error", "-nostdin", "-y", "-f", "rawvideo"]);
        command.args(["-pix_fmt", if channels == 1 { "gray" } else { "rgb24" }]);
        command.args(["-video_size", &format!("{width}x{height}"), "-framerate", &format!("{}", timing.fps), "-i", "-"]);
        // Colours are stored at half the extent, which must be whole. Which matrix they went through is said, because players would guess
        // it by the height.
        let filter = "pad=ceil(iw/2)*2:ceil(ih/2)*2,scale=out_color_matrix=bt709:out_range=tv";
        command.args(["-vf", &format!("tpad=stop_mode=clone:stop_duration={},{filter}", timing.hold), "-pix_fmt", "yuv420p"]);
        command.args(["-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709", "-color_range", "tv"]);
        // Without it a name with a colon would be the address of a protocol.
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
                // What can be read is all there is to say.
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
            // It closed the pipe because it failed: what it says is the reason.
            Err(failure) => failure,
            Ok(()) => anyhow!(error).context("cannot give frames to ffmpeg"),
        })
    }

    /// Waits until ffmpeg ended.
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
        let lines: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let last = lines[lines.len().saturating_sub(LAST_LINES)..].join("; ");
        Err(anyhow!("ffmpeg failed ({status}): {last}"))
    }
}

fn missing(out: &Path) -> UsageError {
    UsageError(format!(
        "--out {}: videos are made by the program ffmpeg, which is not found on the PATH; install it (https://ffmpeg.org), or choose \
         .gif, .png, .webp or a folder, which need no other program",
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
        // One that ended is not there to be killed; the file is removed only after its writer is gone.
        let _ = self.ffmpeg.kill();
        let _ = self.ffmpeg.wait();
    }
}
