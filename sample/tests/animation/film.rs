//! Videos by ffmpeg, if it is installed, and by programs in its place.

use std::path::Path;
use std::process::Command;

use sample::animations::format::Container;
use sample::animations::stage::Sink;
use sample::animations::timing::Timing;
use sample::animations::video::Film;
use shared::cli::UsageError;
use shared::fs;
use shared::picture::Picture;
use shared::testing::Scratch;

use crate::common::{names, skipped};
use crate::drawn::{Drawn, waves};

/// A shell script in place of ffmpeg.
#[cfg(unix)]
fn program(scratch: &Scratch, text: &str) -> std::path::PathBuf {
    let path = scratch.join("program");
    shared::testing::write_program(&path, &format!("#!/bin/sh\n{text}\n")).unwrap();
    path
}

#[cfg(unix)]
#[test]
fn a_video_is_the_output_of_the_program_and_nothing_if_it_fails() {
    let scratch = Scratch::new("animation-film");
    let out = scratch.join("a.mp4");
    let timing = Timing { fps: 10.0, hold: 0.5, count: 4, plays: 0 };
    let frames = waves(4, 9, 7, 3);
    let film =
        |program: &Path| Film::create(&out, Container::Mp4, (9, 7, 3), timing, Some(program));
    // Copies the frames to its last argument, the output. One process, so that nothing writes on
    // when it is killed.
    let copies =
        "for last; do :; done; echo \"$@\" > \"${0%/*}/asked\"; exec cat > \"${last#file:}\"";
    let mut sink = Box::new(film(&program(&scratch, copies)).unwrap());
    sink.push(frames.clone()).unwrap();
    let bytes = sink.finish().unwrap();
    let expected = frames.iter().flat_map(|f| f.pixels.clone()).collect::<Vec<u8>>();
    assert!(fs::read(&out).unwrap() == expected && bytes == expected.len() as u64);
    let asked = String::from_utf8(fs::read(scratch.join("asked")).unwrap()).unwrap();
    for flag in [
        "-video_size 9x7",
        "-framerate 10 ",
        "-pix_fmt rgb24",
        "libx264",
        "-f mp4 file:",
        "pad=ceil(iw/2)*2",
        "stop_duration=0.5",
        "-colorspace bt709",
    ] {
        assert!(asked.contains(flag), "{flag}: {asked}");
    }
    fs::remove(&out).unwrap();
    fs::remove(scratch.join("asked")).unwrap();
    for text in
        ["echo no such codec >&2; exit 3", "cat > /dev/null; echo no such codec >&2; exit 3"]
    {
        let fails = program(&scratch, text);
        let mut sink = Box::new(film(&fails).unwrap());
        // Enough frames to fill the pipe, so that the first failure is noticed while writing
        // frames.
        let pushed = (0..2000).try_for_each(|_| sink.push(frames.clone()));
        let error = pushed.err().unwrap_or_else(|| sink.finish().unwrap_err());
        assert!(error.to_string().contains("no such codec"), "{error:#}");
        assert_eq!(names(&scratch), ["program"]);
    }
    // Dropped half way, as after a signal.
    let mut sink = Box::new(film(&program(&scratch, copies)).unwrap());
    sink.push(frames.clone()).unwrap();
    drop(sink);
    fs::remove(scratch.join("asked")).unwrap();
    assert_eq!(names(&scratch), ["program"]);
    let error = film(&scratch.join("missing")).err().unwrap().downcast::<UsageError>().unwrap().0;
    assert!(error.contains("ffmpeg.org") && error.contains(".webp"), "{error}");
    assert_eq!(names(&scratch), ["program"]);
}

#[test]
fn ffmpeg_encodes_videos_of_odd_extents() {
    let scratch = Scratch::new("animation-ffmpeg");
    if Film::check(Path::new("a.mp4")).is_err() {
        skipped("ffmpeg is not installed");
        return;
    }
    let frames = waves(12, 65, 43, 3);
    for name in ["a.mp4", "a.mkv", "a.webm"] {
        let out = scratch.join(name);
        Drawn::new(frames.clone()).write(&out, &["--fps", "25", "--hold", "0.2"]).unwrap();
        let decoded = out.with_extension("raw");
        let mut decode = Command::new("ffmpeg");
        decode
            .args(["-v", "error", "-nostdin", "-i"])
            .arg(&out)
            .args(["-f", "rawvideo", "-pix_fmt", "rgb24"])
            .arg(&decoded);
        assert!(decode.status().unwrap().success(), "{name}");
        let raw = fs::read(&decoded).unwrap();
        fs::remove(&decoded).unwrap();
        // Padded to even sides, with five held frames.
        assert_eq!(raw.len(), 66 * 44 * 3 * (12 + 5), "{name}");
        let picture =
            Picture { width: 66, height: 44, channels: 3, pixels: raw[..66 * 44 * 3].to_vec() };
        let shown = picture.cut(shared::picture::Window { left: 0, top: 0, width: 65, height: 43 });
        let apart: f64 = shown
            .pixels
            .iter()
            .zip(&frames[0].pixels)
            .map(|(a, b)| f64::from(a.abs_diff(*b)))
            .sum();
        // Most of it is due to colours at half the extent.
        let apart = apart / (65.0 * 43.0 * 3.0);
        assert!(apart < 12.0, "{name}: {apart} levels");
    }
}
