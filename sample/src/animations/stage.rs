//! Renders frames on the calling thread while another packs the previous ones, with only a few
//! chunks in memory. Each [`Sink`] is a format.

use std::collections::BTreeMap;
use std::io::BufWriter;
use std::path::Path;

use anyhow::{Result, bail};
use rayon::prelude::*;
use shared::cli::Ending;
use shared::fs::{AtomicFile, FsError};
use shared::log::Progress;
use shared::picture::Picture;
use shared::signal::Stop;
use shared::threads;

use super::frames::Frames;

/// Maximum frames rendered together: a batch of the generator.
const CHUNK: usize = 16;
/// Maximum pictures generated together, for frames of several pictures.
const PICTURES: usize = 256;
/// Maximum bytes of pixels of a chunk with more than one frame, scaled.
const CHUNK_BYTES: usize = 64 << 20;
/// Maximum bytes of pixels of the frames rendered ahead; if they have more, none is kept.
const KEPT_BYTES: usize = 256 << 20;

/// Consumes the frames of an animation.
pub trait Sink: Send {
    /// Packs the next frames, all of the same extent and channels.
    ///
    /// # Errors
    /// When they cannot be packed or written.
    fn push(&mut self, frames: Vec<Picture>) -> Result<()>;

    /// Completes the output and returns its bytes. Without this call nothing is left.
    ///
    /// # Errors
    /// When the rest cannot be written.
    fn finish(self: Box<Self>) -> Result<u64>;
}

/// Flushes the buffer, commits the file and returns its bytes.
///
/// # Errors
/// When the system refuses.
pub fn commit(buffered: BufWriter<AtomicFile>, path: &Path) -> Result<u64> {
    let failed = |source| FsError { operation: "write", path: path.to_owned(), source };
    // `into_inner` flushes; dropping the buffer would swallow the error.
    let mut file = buffered.into_inner().map_err(|e| failed(e.into_error()))?;
    let bytes = std::io::Seek::seek(&mut file, std::io::SeekFrom::End(0)).map_err(failed)?;
    file.commit()?;
    Ok(bytes)
}

/// Frames in order, some of them rendered ahead.
pub struct FrameSource<'a> {
    frames: &'a dyn Frames,
    kept: BTreeMap<usize, Picture>,
    extent: (u32, u32, u32),
}

impl<'a> FrameSource<'a> {
    /// The frames, none of them rendered yet.
    ///
    /// # Errors
    /// When there are none, or their extent is unknown.
    pub fn new(frames: &'a dyn Frames) -> Result<Self> {
        if frames.count() == 0 {
            bail!("an animation needs at least one frame");
        }
        Ok(Self { frames, kept: BTreeMap::new(), extent: frames.extent()? })
    }

    /// Renders `count` evenly spread frames ahead, including the first, and passes each to `see`;
    /// fewer after a signal. They are kept if they fit memory, and rendered again otherwise.
    ///
    /// # Errors
    /// When one cannot be rendered.
    pub fn look_ahead(
        &mut self,
        count: usize,
        stop: &Stop,
        mut see: impl FnMut(&Picture),
    ) -> Result<()> {
        let count = count.clamp(1, self.count());
        let indices: Vec<usize> = (0..count).map(|i| i * self.count() / count).collect();
        let keeps = self.bytes(1).saturating_mul(count) <= KEPT_BYTES;
        for indices in indices.chunks(self.at_once(1)) {
            if stop.exit_code().is_none() {
                let frames = self.made(indices)?;
                frames.iter().for_each(&mut see);
                if keeps {
                    self.kept.extend(indices.iter().copied().zip(frames));
                }
            }
        }
        Ok(())
    }

    /// Bytes of a frame's pixels, scaled by `scale`.
    fn bytes(&self, scale: u32) -> usize {
        let (width, height, channels) = self.extent;
        [height, channels, scale, scale]
            .into_iter()
            .fold(width as usize, |bytes, n| bytes.saturating_mul(n as usize))
    }

    /// Number of frames rendered together, with the factor `scale`.
    fn at_once(&self, scale: u32) -> usize {
        let pictures = PICTURES / self.frames.pictures_in_one().max(1);
        pictures.min(CHUNK_BYTES / self.bytes(scale).max(1)).clamp(1, CHUNK)
    }

    /// Number of frames.
    #[must_use]
    pub fn count(&self) -> usize {
        self.frames.count()
    }

    /// Width, height and channels of a frame.
    #[must_use]
    pub fn extent(&self) -> (u32, u32, u32) {
        self.extent
    }

    /// Renders these frames.
    fn made(&self, indices: &[usize]) -> Result<Vec<Picture>> {
        let frames = self.frames.render(indices)?;
        if frames.len() != indices.len() {
            bail!("{} of {} frames were made", frames.len(), indices.len());
        }
        match frames.iter().find(|f| (f.width, f.height, f.channels) != self.extent) {
            None => Ok(frames),
            Some(f) => bail!(
                "the frames differ in extent: {}×{} and {}×{}; they come from sheets of different settings",
                self.extent.0,
                self.extent.1,
                f.width,
                f.height
            ),
        }
    }

    /// At most `limit` frames from `from`, including kept ones, which also grow when scaled.
    fn chunk(&mut self, from: usize, limit: usize) -> Result<Vec<Picture>> {
        let mut missing = Vec::new();
        let mut end = from;
        while end < self.count() && end - from < limit {
            if !self.kept.contains_key(&end) {
                missing.push(end);
            }
            end += 1;
        }
        let made = if missing.is_empty() { Vec::new() } else { self.made(&missing)? };
        self.kept.extend(missing.into_iter().zip(made));
        Ok((from..end).filter_map(|i| self.kept.remove(&i)).collect())
    }
}

/// Feeds all frames, scaled by `scale`, to `sink` and finishes it; returns the written bytes. After
/// a signal nothing is left.
///
/// # Errors
/// When a frame cannot be rendered or written; nothing is left then.
pub fn run(
    source: FrameSource<'_>,
    scale: u32,
    mut sink: Box<dyn Sink>,
    stop: &Stop,
) -> Result<(Ending, u64)> {
    let progress = Progress::new("frames", source.count() as u64);
    let pack = |frames: Vec<Picture>| -> Result<()> {
        let count = frames.len() as u64;
        let frames = if scale == 1 {
            frames
        } else {
            frames.par_iter().map(|frame| frame.enlarge(scale)).collect()
        };
        sink.push(frames)?;
        progress.add(count);
        Ok(())
    };
    // Rendered on this thread: the watch for an exhausted device must see its panics.
    let (fed, packed) = threads::beside("pack", 1, pack, |give| feed(source, scale, give, stop));
    match (stop.exit_code(), packed) {
        // ffmpeg also received the signal, so its error is ignored.
        (Some(code), _) => Ok((Ending::Stopped(code), 0)),
        // An error of packing ends the feeding, so it is reported first.
        (None, packed) => {
            packed?;
            fed?;
            sink.finish().map(|bytes| (Ending::Done, bytes))
        }
    }
}

fn feed(
    mut source: FrameSource<'_>,
    scale: u32,
    give: &mut dyn FnMut(Vec<Picture>) -> bool,
    stop: &Stop,
) -> Result<()> {
    let limit = source.at_once(scale);
    let mut next = 0;
    while next < source.count() && stop.exit_code().is_none() {
        let chunk = source.chunk(next, limit)?;
        next += chunk.len();
        if !give(chunk) {
            // Packing has failed and reports its error.
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
    use std::time::Duration;

    use super::*;

    /// A timeout that only a failing test reaches.
    const PATIENCE: Duration = Duration::from_secs(60);

    /// Frames that record requests, and signal the second chunk.
    struct Noted {
        count: usize,
        side: u32,
        asked: Mutex<Vec<usize>>,
        second: SyncSender<()>,
    }

    impl Frames for Noted {
        fn count(&self) -> usize {
            self.count
        }

        fn extent(&self) -> Result<(u32, u32, u32)> {
            Ok((self.side, self.side, 1))
        }

        fn render(&self, indices: &[usize]) -> Result<Vec<Picture>> {
            let mut asked = self.asked.lock().expect("lock");
            if asked.len() > CHUNK {
                let _ = self.second.try_send(());
            }
            asked.extend(indices);
            Ok(indices.iter().map(|&i| Picture::filled(self.side, self.side, 1, i as u8)).collect())
        }
    }

    /// Takes the first chunk only after the second was requested.
    struct Waiting {
        second: Option<Receiver<()>>,
        got: Vec<u8>,
        done: SyncSender<Vec<u8>>,
    }

    impl Sink for Waiting {
        fn push(&mut self, frames: Vec<Picture>) -> Result<()> {
            if let Some(second) = self.second.take() {
                second.recv_timeout(PATIENCE)?;
            }
            self.got.extend(frames.iter().map(|f| f.pixels[0]));
            Ok(())
        }

        fn finish(self: Box<Self>) -> Result<u64> {
            self.done.send(self.got)?;
            Ok(1)
        }
    }

    #[test]
    fn the_next_chunk_is_made_while_one_is_packed_and_no_frame_is_made_twice() {
        let ((second, told), (done, got)) = (sync_channel(1), sync_channel(1));
        let frames = Noted { count: 100, side: 2, asked: Mutex::default(), second };
        let mut source = FrameSource::new(&frames).expect("frames");
        let mut seen = Vec::new();
        source.look_ahead(5, &Stop::default(), |frame| seen.push(frame.pixels[0])).expect("frames");
        assert_eq!(seen, [0, 20, 40, 60, 80]);
        let sink = Box::new(Waiting { second: Some(told), got: Vec::new(), done });
        let (ending, bytes) = run(source, 1, sink, &Stop::default()).expect("run");
        assert_eq!((ending, bytes), (Ending::Done, 1));
        assert!(got.recv().expect("frames").into_iter().eq(0..100));
        let mut asked = frames.asked.into_inner().expect("lock");
        asked.sort_unstable();
        assert!(asked.into_iter().eq(0..100));
    }

    #[test]
    fn frames_too_large_to_keep_are_made_one_by_one_ahead_and_none_stays() {
        // Five of them exceed the bound of kept frames, two that of a chunk.
        let (second, _told) = sync_channel(1);
        let frames = Noted { count: 9, side: 7600, asked: Mutex::default(), second };
        let mut source = FrameSource::new(&frames).expect("frames");
        let mut seen = Vec::new();
        source.look_ahead(5, &Stop::default(), |frame| seen.push(frame.pixels[0])).expect("frames");
        assert_eq!((seen, source.kept.len(), source.at_once(1)), (vec![0, 1, 3, 5, 7], 0, 1));
        assert_eq!(source.chunk(1, 1).expect("frame")[0].pixels[0], 1);
    }

    #[test]
    fn nothing_is_made_after_the_packing_failed() {
        struct Full;
        impl Sink for Full {
            fn push(&mut self, _: Vec<Picture>) -> Result<()> {
                bail!("the disk is full")
            }
            fn finish(self: Box<Self>) -> Result<u64> {
                panic!("finished after a failure")
            }
        }
        let frames =
            Noted { count: 100_000, side: 2, asked: Mutex::default(), second: sync_channel(1).0 };
        let error =
            run(FrameSource::new(&frames).expect("frames"), 1, Box::new(Full), &Stop::default())
                .expect_err("full");
        assert_eq!(error.to_string(), "the disk is full");
        assert!(frames.asked.into_inner().expect("lock").len() <= 5 * CHUNK);
    }
}
