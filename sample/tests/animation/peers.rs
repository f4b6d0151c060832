//! Animations as seen by Pillow, and by Chromium if it is installed.

use std::path::Path;
use std::process::Command;

use shared::fs;
use shared::testing::Scratch;

use crate::common::skipped;
use crate::drawn::{Drawn, waves};

#[test]
fn pillow_and_chromium_see_the_frames_delays_and_repetitions() {
    let Some(peers) = std::env::var_os("FLEDGE_PEERS") else {
        skipped("FLEDGE_PEERS does not name a Python environment with Pillow");
        return;
    };
    let scratch = Scratch::new("animation-peers");
    let tool = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tools/check_animation.py");
    let frames = waves(25, 51, 33, 3);
    let raw = scratch.join("raw");
    fs::write(&raw, &frames.iter().flat_map(|f| f.pixels.clone()).collect::<Vec<u8>>()).unwrap();
    let mut chromium = true;
    for (name, plays) in [
        ("a.gif", "0"),
        ("b.gif", "3"),
        ("c.gif", "1"),
        ("a.png", "3"),
        ("b.png", "0"),
        ("a.webp", "0"),
        ("b.webp", "2"),
    ] {
        let out = scratch.join(name);
        Drawn::new(frames.clone())
            .write(&out, &["--fps", "12.5", "--hold", "0.75", "--loop", plays])
            .unwrap();
        let mut check = Command::new(Path::new(&peers).join("bin/python"));
        let output = check
            .arg(&tool)
            .arg(&out)
            .args(["25", "51", "33", "2750", plays])
            .arg(&raw)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success(),
            "{name}: {text}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let compared = if name.ends_with("gif") { "pixels: at most " } else { "pixels: equal" };
        assert!(text.contains(compared), "{name}: {text}");
        println!("{name}: {text}");
        chromium &= !text.contains("Chromium: not here");
    }
    if !chromium {
        skipped("Chromium is not installed; only Pillow checked");
    }
}
