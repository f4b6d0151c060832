//! Films, by ffmpeg where it is there and by programs that stand for it.

use std::path::Path;
use std::process::Command;

use sample::animation::format::Container;
use sample::animation::stage::Sink;
use sample::animation::timing::Timing;
use sample::animation::video::Film;
use shared::cli::UsageError;
use shared::fs;
use shared::picture::Picture;

use crate::drawn::{Drawn, Scratch, waves};

/// A program that stands for ffmpeg: a shell script.
#[cfg(unix)]
fn program(scratch: &Scratch, text: &str) -> std::path::PathBuf {
    let path = scratch.0.join("program");
    shared::testing::write_program(&path, &format!("#!/bin/sh\n{text}\n")).unwrap();
    path
}

#[cfg(unix)]
#[test]
fn a_film_is_what_the_program_makes_of_all_frames_and_nothing_where_it_fails() {
    let scratch = Scratch::new("film");
    let out = scratch.0.join("a.mp4");
    let timing = Timing { fps: 10.0, hold: 0.5, count: 4, plays: 0 };
    let frames = waves(4, 9, 7, 3);
    let film = |program: &Path| Film::create(&out, Container::Mp4, (9, 7, 3), timing, Some(program));
    // Its last argument is where the film goes; here the frames themselves. One process, so that nobody writes on when it is killed.
    let copies = "for last; do :; done; echo \"$@\" > \"${0%/*}/asked\"; exec cat > \"${last#file:}\"";
    let mut sink = Box::new(film(&program(&scratch, copies)).unwrap());
    sink.push(frames.clone()).unwrap();
    let bytes = sink.finish().unwrap();
    let expected = frames.iter().flat_map(|f| f.pixels.clone()).collect::<Vec<u8>>();
    assert!(fs::read(&out).unwrap() == expected && bytes == expected.len() as u64);
    let asked = String::from_utf8(fs::read(scratch.0.join("asked")).unwrap()).unwrap();
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
    fs::remove(scratch.0.join("asked")).unwrap();
    for text in ["echo no such codec >&2; exit 3", "cat > /dev/null; echo no such codec >&2; exit 3"] {
        let fails = program(&scratch, text);
        let mut sink = Box::new(film(&fails).unwrap());
        // Enough frames to fill the pipe, so that the first of the two is noticed while frames are written.
        let pushed = (0..2000).try_for_each(|_| sink.push(frames.clone()));
        let error = pushed.err().unwrap_or_else(|| sink.finish().unwrap_err());
        assert!(error.to_string().contains("no such codec"), "{error:#}");
        assert_eq!(scratch.names(), ["program"]);
    }
    // Left in the middle, as after a signal.
    let mut sink = Box::new(film(&program(&scratch, copies)).unwrap());
    sink.push(frames.clone()).unwrap();
    drop(sink);
    fs::remove(scratch.0.join("asked")).unwrap();
    assert_eq!(scratch.names(), ["program"]);
    let error = film(&scratch.0.join("missing")).err().unwrap().downcast::<UsageError>().unwrap().0;
    assert!(error.contains("ffmpeg.org") && error.contains(".webp"), "{error}");
    assert_eq!(scratch.names(), ["program"]);
}

#[test]
fn ffmpeg_itself_makes_films_of_odd_extents() {
    let scratch = Scratch::new("ffmpeg");
    if Film::check(Path::new("a.mp4")).is_err() {
        println!("skipped: there is no ffmpeg");
        return;
    }
    let frames = waves(12, 65, 43, 3);
    for name in ["a.mp4", "a.mkv", "a.webm"] {
        let out = scratch.0.join(name);
        Drawn::new(frames.clone()).write(&out, &["--fps", "25", "--hold", "0.2"]).unwrap();
        let decoded = out.with_extension("raw");
        let mut decode = Command::new("ffmpeg");
        decode.args(["-v", "error", "-nostdin", "-i"]).arg(&out).args(["-f", "rawvideo", "-pix_fmt", "rgb24"]).arg(&decoded);
        assert!(decode.status().unwrap().success(), "{name}");
        let raw = fs::read(&decoded).unwrap();
        fs::remove(&decoded).unwrap();
        // Padded to even, and five frames held.
        assert_eq!(raw.len(), 66 * 44 * 3 * (12 + 5), "{name}");
        let picture = Picture { width: 66, height: 44, channels: 3, pixels: raw[..66 * 44 * 3].to_vec() };
        let shown = picture.cut(shared::picture::Window { left: 0, top: 0, width: 65, height: 43 });
        let apart: f64 = shown.pixels.iter().zip(&frames[0].pixels).map(|(a, b)| f64::from(a.abs_diff(*b))).sum();
        // Colours at half the extent cost most of it.
        let apart = apart / (65.0 * 43.0 * 3.0);
        assert!(apart < 12.0, "{name}: {apart} levels");
    }
}
