//! Animations, written and decoded by other libraries and programs.

mod film;
mod folder;
mod peers;

use std::io::Cursor;
use std::path::Path;

use image::AnimationDecoder;
use image::codecs::{gif::GifDecoder, png::PngDecoder, webp::WebPDecoder};
use sample::animations::gif::GifFile;
use sample::animations::palette::{Palette, Samples};
use sample::animations::quantize::{Dither, Quantizer};
use sample::animations::rate::Rate;
use sample::animations::stage::Sink;
use sample::animations::timing::Timing;
use sample::animations::{apng::ApngFile, webp::WebPFile};
use shared::cli::Ending;
use shared::fs;
use shared::picture::{Limits, Picture};
use shared::signal::Stop;
use shared::testing::Scratch;

use crate::common::names;
use crate::drawn::{Drawn, flags, noise, one_pixel_more, still, waves};

/// RGB pixels and delay in milliseconds of each displayed frame.
fn decoded(path: &Path) -> Vec<(Vec<u8>, f64)> {
    let bytes = Cursor::new(fs::read(path).unwrap());
    let frames = match path.extension().unwrap().to_str().unwrap() {
        "gif" => GifDecoder::new(bytes).unwrap().into_frames(),
        "webp" => WebPDecoder::new(bytes).unwrap().into_frames(),
        _ => PngDecoder::new(bytes).unwrap().apng().unwrap().into_frames(),
    };
    let seen = |frame: image::Frame| {
        let (above, below) = frame.delay().numer_denom_ms();
        let rgb = frame.buffer().pixels().flat_map(|p| p.0[..3].to_vec()).collect();
        (rgb, f64::from(above) / f64::from(below))
    };
    frames.collect_frames().unwrap().into_iter().map(seen).collect()
}

fn rgb(frame: &Picture) -> Vec<u8> {
    frame
        .pixels
        .chunks_exact(frame.channels as usize)
        .flat_map(|p| if p.len() < 3 { [p[0]; 3] } else { [p[0], p[1], p[2]] })
        .collect()
}

/// Windows (left, top, width, height), delays and repetitions of a GIF.
fn gif(path: &Path) -> (Vec<[u16; 4]>, Vec<u16>, gif::Repeat) {
    let bytes = fs::read(path).unwrap();
    let mut decoder = gif::DecodeOptions::new().read_info(&bytes[..]).unwrap();
    let (mut windows, mut delays) = (Vec::new(), Vec::new());
    while let Some(frame) = decoder.read_next_frame().unwrap() {
        windows.push([frame.left, frame.top, frame.width, frame.height]);
        delays.push(frame.delay);
    }
    (windows, delays, decoder.repeat())
}

/// Root-mean-square difference of decoded frames from the originals, in levels.
fn rms(frames: &[Picture], seen: &[(Vec<u8>, f64)]) -> f64 {
    assert_eq!(frames.len(), seen.len(), "frames");
    let (mut sum, mut count) = (0.0, 0);
    for (frame, (pixels, _)) in frames.iter().zip(seen) {
        let wanted = rgb(frame);
        assert_eq!(wanted.len(), pixels.len(), "pixels of a frame");
        sum +=
            wanted.iter().zip(pixels).map(|(a, b)| f64::from(a.abs_diff(*b)).powi(2)).sum::<f64>();
        count += wanted.len();
    }
    (sum / f64::from(u32::try_from(count).unwrap())).sqrt()
}

/// Checks that the animation at `path` shows `frames`: all grey would be several times as far off.
fn assert_shows(path: &Path, frames: &[Picture]) {
    let grey: Vec<(Vec<u8>, f64)> =
        frames.iter().map(|frame| (vec![128; rgb(frame).len()], 0.0)).collect();
    let (error, error_of_grey) = (rms(frames, &decoded(path)), rms(frames, &grey));
    assert!(error < error_of_grey / 3.0, "{error} levels; grey would be {error_of_grey} off");
}

/// The palette of these frames.
fn learned<'a>(frames: impl IntoIterator<Item = &'a Picture>, limit: usize) -> Palette {
    let frames: Vec<&Picture> = frames.into_iter().collect();
    let mut samples =
        Samples::new(frames.iter().map(|f| f.width as usize * f.height as usize).sum());
    frames.into_iter().for_each(|frame| samples.add(frame));
    Palette::learn(samples, limit)
}

/// Edge cases of animations.
fn kinds() -> Vec<(&'static str, Vec<Picture>)> {
    vec![
        ("one frame", waves(1, 31, 17, 3)),
        ("all equal", still(20)),
        ("one pixel more", one_pixel_more(40)),
        ("all pixels new", (0..18).map(|i| noise(i, 30, 22, 3)).collect()),
        ("1×1", (0..14).map(|i| noise(i, 1, 1, 3)).collect()),
        ("1×1, grey, equal", vec![noise(3, 1, 1, 1); 3]),
        ("grey", waves(33, 40, 24, 1)),
        ("odd", waves(35, 39, 27, 3)),
        ("a column", (0..5).map(|i| noise(i, 1, 64, 3)).collect()),
    ]
}

#[test]
fn lossless_formats_return_every_pixel() {
    let scratch = Scratch::new("animation-lossless");
    for (kind, frames) in kinds() {
        for name in ["a.png", "b.webp"] {
            let out = scratch.join(name);
            Drawn::new(frames.clone()).write(&out, &["--fps", "30", "--hold", "1.5"]).unwrap();
            let seen = decoded(&out);
            assert_eq!(seen.len(), frames.len(), "{kind}, {name}");
            for (i, (frame, (pixels, _))) in frames.iter().zip(&seen).enumerate() {
                assert!(*pixels == rgb(frame), "{kind}, {name}, frame {i}");
            }
            let total: f64 = seen.iter().map(|(_, ms)| ms).sum();
            let expected = frames.len() as f64 * 1000.0 / 30.0 + 1500.0;
            assert!(
                (total - expected).abs() < 1.0,
                "{kind}, {name}: {total} ms, expected {expected}"
            );
        }
        // Grey stays grey: a third of the bytes.
        if frames[0].channels == 1 {
            let png = fs::read(scratch.join("a.png")).unwrap();
            assert_eq!(png[25], 0, "{kind}");
        }
    }
}

#[test]
fn a_gif_of_few_colours_is_exact_and_one_of_many_is_near() {
    let scratch = Scratch::new("animation-gif");
    let out = scratch.join("a.gif");
    for (kind, frames) in kinds() {
        for extra in [
            &[][..],
            &["--tolerance", "0"],
            &["--dither", "ordered"],
            &["--dither", "diffusion"],
            &["--colors", "2"],
        ] {
            Drawn::new(frames.clone())
                .write(&out, &[&["--fps", "30", "--hold", "1.5"], extra].concat())
                .unwrap();
            let seen = decoded(&out);
            assert_eq!(seen.len(), frames.len(), "{kind}, {extra:?}");
            let wanted: Vec<Vec<u8>> = frames.iter().map(rgb).collect();
            let mut colors: Vec<&[u8]> =
                wanted.iter().flat_map(|pixels| pixels.chunks_exact(3)).collect();
            colors.sort_unstable();
            colors.dedup();
            let error = rms(&frames, &seen);
            match colors.len() {
                0..=2 => assert_eq!(error, 0.0, "{kind}, {extra:?}"),
                3..=255 if !extra.contains(&"--colors") => {
                    assert_eq!(error, 0.0, "{kind}, {extra:?}")
                }
                // Uniform noise in 255 cells: a cell is 40 levels wide.
                _ if extra.contains(&"--colors") => {
                    assert!(error < 90.0, "{kind}, {extra:?}: {error}")
                }
                _ => assert!(error < 27.0, "{kind}, {extra:?}: {error}"),
            }
        }
        let (_, delays, repeat) = gif(&out);
        let expected = (frames.len() as f64 * 100.0 / 30.0).round() as u32 + 150;
        assert_eq!(delays.iter().map(|d| u32::from(*d)).sum::<u32>(), expected, "{kind}");
        assert_eq!(repeat, gif::Repeat::Infinite);
    }
}

#[test]
fn only_what_changed_is_stored() {
    let scratch = Scratch::new("animation-windows");
    let out = scratch.join("a.gif");
    Drawn::new(still(20)).write(&out, &[]).unwrap();
    let (windows, ..) = gif(&out);
    assert_eq!(windows[0], [0, 0, 33, 21]);
    assert!(windows[1..].iter().all(|w| w[2..] == [1, 1]), "{windows:?}");
    Drawn::new(one_pixel_more(20)).write(&out, &[]).unwrap();
    let (windows, ..) = gif(&out);
    let expected = |i: u16| [i * 7 % 33, i * 5 % 21, 1, 1];
    assert!(windows[1..].iter().zip(0..).all(|(w, i)| *w == expected(i)), "{windows:?}");
    // A larger tolerance lets more pixels stay.
    let size = |frames: &[Picture], list: &[&str]| {
        Drawn::new(frames.to_vec()).write(&out, list).unwrap();
        fs::read(&out).unwrap().len()
    };
    let slow: Vec<Picture> = waves(200, 64, 48, 3).into_iter().take(24).collect();
    let (none, some, more) = (
        size(&slow, &["--tolerance", "0"]),
        size(&slow, &["--tolerance", "5"]),
        size(&slow, &["--tolerance", "12"]),
    );
    assert!(some < none && more < some, "{none}, {some}, {more}");
}

#[test]
fn no_pixel_exceeds_the_tolerance() {
    let scratch = Scratch::new("animation-tolerance");
    let out = scratch.join("a.gif");
    let frames = waves(30, 48, 32, 3);
    let learned = learned((0..16).map(|i| &frames[i * 30 / 16]), 255);
    Drawn::new(frames.clone()).write(&out, &["--tolerance", "6"]).unwrap();
    for (frame, (seen, _)) in frames.iter().zip(decoded(&out)) {
        for (wanted, got) in rgb(frame).chunks_exact(3).zip(seen.chunks_exact(3)) {
            let apart = |a: &[u8], b: &[u8]| {
                a.iter().zip(b).map(|(a, b)| u32::from(a.abs_diff(*b)).pow(2)).sum::<u32>()
            };
            let best = learned.colors().iter().map(|color| apart(color, wanted)).min().unwrap();
            assert!(apart(got, wanted) <= best + 3 * 36, "{wanted:?} became {got:?}");
        }
    }
}

/// Frames in which every pixel changes slightly: the worst case of compression.
fn grainy(count: usize, width: u32, height: u32) -> Vec<Picture> {
    let mut frames = waves(count, width, height, 3);
    for (i, frame) in (0..).zip(&mut frames) {
        let mut rng = shared::rng::stream(i, "grain", 0);
        frame.pixels.iter_mut().for_each(|v| *v = v.saturating_add(rng.below(24) as u8));
    }
    frames
}

#[test]
fn a_gif_ends_below_the_requested_size_and_still_shows_its_frames() {
    let scratch = Scratch::new("animation-budget");
    let out = scratch.join("a.gif");
    let frames = grainy(64, 80, 64);
    let size = |list: &[&str]| {
        Drawn::new(frames.clone()).write(&out, list).unwrap();
        assert_shows(&out, &frames);
        std::fs::metadata(&out).unwrap().len()
    };
    let free = size(&["--max-size", "0"]);
    let bound = free * 3 / 5;
    let bounded = size(&["--max-size", &format!("{}", bound as f64 / 1e6)]);
    assert!(bounded <= bound, "{bounded} of {bound}, without a bound {free}");
    // Small files are not bounded.
    assert_eq!(size(&[]), free);
}

#[test]
fn a_noisy_gif_ends_below_the_default_size_and_still_shows_its_frames() {
    let scratch = Scratch::new("animation-default-budget");
    let drawn = Drawn::new(grainy(56, 256, 224));
    let size = |name: &str, list: &[&str]| {
        let out = scratch.join(name);
        drawn.write(&out, list).unwrap();
        assert_shows(&out, &drawn.frames);
        std::fs::metadata(&out).unwrap().len()
    };
    // The default in docs/SAMPLING.md: 3.35 bits per pixel.
    let bound = 56 * 256 * 224 * 335 / 800;
    let (bounded, free) = (size("bounded.gif", &[]), size("free.gif", &["--max-size", "0"]));
    assert!(bounded <= bound && bound < free, "{bounded} of {bound}, without a bound {free}");
}

#[test]
fn one_palette_is_better_than_a_cube_of_colours() {
    let frames = waves(16, 64, 48, 3);
    let learned = learned(&frames, 216);
    let cube = Palette::of((0..216u8).map(|i| [i / 36 * 51, i / 6 % 6 * 51, i % 6 * 51]).collect());
    let error = |palette: &Palette| -> u64 {
        let apart = |p: &[u8]| {
            let color = palette.colors()[usize::from(palette.nearest([p[0], p[1], p[2]]))];
            p.iter().zip(color).map(|(a, b)| u64::from(a.abs_diff(b)).pow(2)).sum::<u64>()
        };
        frames.iter().flat_map(|f| f.pixels.chunks_exact(3)).map(apart).sum()
    };
    assert!(error(&learned) * 4 < error(&cube), "{} of {}", error(&learned), error(&cube));
    // `nearest` equals an exhaustive search.
    let apart = |a: [u8; 3], b: [u8; 3]| {
        a.iter().zip(b).map(|(a, b)| u32::from(a.abs_diff(b)).pow(2)).sum::<u32>()
    };
    for color in noise(1, 100, 50, 3).pixels.chunks_exact(3).map(|p| [p[0], p[1], p[2]]) {
        let least = learned.colors().iter().map(|&c| apart(c, color)).min().unwrap();
        assert_eq!(apart(learned.colors()[usize::from(learned.nearest(color))], color), least);
    }
}

#[test]
fn frames_are_scaled_automatically_or_as_requested() {
    let scratch = Scratch::new("animation-scale");
    let out = scratch.join("a.png");
    for (extent, list, expected) in [
        ((64, 64), &["--scale", "auto"][..], (256, 256)),
        ((300, 20), &["--scale", "auto"], (300, 20)),
        ((20, 30), &["--scale", "3"], (60, 90)),
        ((100, 130), &["--scale", "auto"], (200, 260)),
    ] {
        Drawn::new(vec![noise(1, extent.0, extent.1, 3); 2]).write(&out, list).unwrap();
        let png = Picture::decode(&fs::read(&out).unwrap(), &Limits::default()).unwrap();
        assert_eq!((png.width, png.height), expected);
    }
}

#[test]
fn a_file_stores_the_number_of_plays() {
    let scratch = Scratch::new("animation-loop");
    let (gif_path, png, webp) =
        (scratch.join("a.gif"), scratch.join("a.apng"), scratch.join("a.webp"));
    let drawn = Drawn::new(waves(3, 8, 8, 3));
    for plays in [0u16, 1, 3] {
        for out in [&gif_path, &png, &webp] {
            drawn.write(out, &["--loop", &plays.to_string()]).unwrap();
        }
        let expected = [
            gif::Repeat::Infinite,
            gif::Repeat::Finite(0),
            gif::Repeat::Infinite,
            gif::Repeat::Finite(2),
        ][usize::from(plays)];
        assert_eq!(gif(&gif_path).2, expected);
        let after =
            |bytes: &[u8], name: &[u8]| bytes.windows(4).position(|w| w == name).unwrap() + 4;
        let bytes = fs::read(&png).unwrap();
        let at = after(&bytes, b"acTL");
        assert_eq!(bytes[at..at + 8], [0, 0, 0, 3, 0, 0, 0, plays as u8]);
        let bytes = fs::read(&webp).unwrap();
        let at = after(&bytes, b"ANIM") + 4;
        assert_eq!(bytes[at + 4..at + 6], plays.to_le_bytes());
    }
}

#[test]
fn a_stop_or_a_frame_that_fails_leaves_nothing() {
    let scratch = Scratch::new("animation-stop");
    for name in ["a.gif", "a.png", "a.webp", "frames"] {
        let out = scratch.join(name);
        let stop = Stop::default();
        let stopped = Drawn { stops_at: Some((37, stop)), ..Drawn::new(waves(200, 16, 16, 3)) };
        assert_eq!(stopped.write(&out, &[]).unwrap(), Ending::Stopped(130), "{name}");
        assert_eq!(names(&scratch), [""; 0], "{name}");
        let failing = Drawn { fails_at: Some(38), ..Drawn::new(waves(200, 16, 16, 3)) };
        assert!(failing.write(&out, &[]).unwrap_err().to_string().contains("cannot be rendered"));
        assert_eq!(names(&scratch), [""; 0], "{name}");
        let mut mixed = waves(40, 16, 16, 3);
        mixed[39] = noise(1, 16, 17, 3);
        assert!(
            Drawn::new(mixed)
                .write(&out, &[])
                .unwrap_err()
                .to_string()
                .contains("differ in extent")
        );
        assert!(Drawn::new(Vec::new()).write(&out, &[]).is_err());
        assert_eq!(names(&scratch), [""; 0], "{name}");
    }
}

#[test]
fn wrong_flags_are_named_before_anything_is_made() {
    let refused = |out: &str, list: &[&str]| flags(list).check(Path::new(out)).unwrap_err().0;
    for (out, list, named) in [
        ("a.jpg", &[][..], ".webm"),
        ("a.gif", &["--fps", "51"], "50"),
        ("a.gif", &["--fps", "0"], "--fps"),
        ("a.webp", &["--fps", "NaN"], "--fps"),
        ("a.webp", &["--fps", "91"], "90"),
        ("a.png", &["--fps", "91"], "90"),
        ("a.mp4", &["--fps", "241"], "240"),
        ("a.gif", &["--hold=-1"], "--hold"),
        ("a.gif", &["--tolerance", "300"], "--tolerance"),
        ("a.png", &["--dither", "ordered"], "--dither"),
        ("a.webp", &["--colors", "20"], "--colors"),
        ("frames", &["--loop", "2"], "--loop"),
        ("frames", &["--fps", "2"], "--fps"),
    ] {
        let text = refused(out, list);
        assert!(text.contains(named), "{out} {list:?}: {text}");
    }
    flags(&["--fps", "50"]).check(Path::new("a.gif")).unwrap();
    flags(&["--fps", "90"]).check(Path::new("a.webp")).unwrap();
    let scratch = Scratch::new("animation-extent");
    for (name, width, side) in [("a.gif", 40_000u32, "65535"), ("a.webp", 9000, "16383")] {
        // Its first frame fails, but is never rendered.
        let wide =
            Drawn { fails_at: Some(0), ..Drawn::new(vec![Picture::filled(width, 1, 1, 9); 2]) };
        let text = wide.write(&scratch.join(name), &["--scale", "2"]).unwrap_err().to_string();
        assert!(text.contains(side) && text.contains("--scale"), "{text}");
    }
    assert_eq!(names(&scratch), [""; 0]);
}

#[test]
fn the_bytes_do_not_depend_on_the_number_of_threads() {
    let scratch = Scratch::new("animation-threads");
    let frames = waves(20, 70, 50, 3);
    let timing = Timing { fps: 20.0, hold: 0.0, count: frames.len(), plays: 0 };
    let written = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let quantizer = |dither| Quantizer::new(learned(&frames, 60), dither, 3.0);
            let gif = |name: &str, dither| {
                // A budget so small that the tolerance rises on the way.
                let rate = Rate::new(Some(10_000), frames.len(), 3.0);
                Box::new(
                    GifFile::create(&scratch.join(name), (70, 50), quantizer(dither), timing, rate)
                        .unwrap(),
                )
            };
            let sinks: [(&str, Box<dyn Sink>); 5] = [
                ("a.gif", gif("a.gif", Dither::None)),
                ("b.gif", gif("b.gif", Dither::Ordered)),
                ("c.gif", gif("c.gif", Dither::Diffusion)),
                ("d.png", Box::new(ApngFile::create(&scratch.join("d.png"), timing).unwrap())),
                (
                    "e.webp",
                    Box::new(WebPFile::create(&scratch.join("e.webp"), (70, 50), timing).unwrap()),
                ),
            ];
            sinks.map(|(name, mut sink)| {
                frames.chunks(7).for_each(|chunk| sink.push(chunk.to_vec()).unwrap());
                let bytes = sink.finish().unwrap();
                let file = fs::read(scratch.join(name)).unwrap();
                assert_eq!(file.len() as u64, bytes, "{name}");
                file
            })
        })
    };
    let one = written(1);
    assert!(one == written(2) && one == written(5));
}
