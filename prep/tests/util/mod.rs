//! The harness of all test programs: drawn sources, the real binary, comparing folders.
#![allow(
    dead_code,
    clippy::allow_attributes,
    reason = "each test program uses its own part of the harness"
)]

pub(crate) mod drawn;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};

use shared::fs;
use shared::picture::Picture;
use shared::testing::wait_until;

pub(crate) fn prep() -> Command {
    Command::new(env!("CARGO_BIN_EXE_prep"))
}

/// Runs `prep` with words and paths.
pub(crate) fn run<A: AsRef<std::ffi::OsStr>>(words: impl IntoIterator<Item = A>) -> Output {
    prep().args(words).output().expect("run prep")
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// `prep build SOURCE --out OUT` with more words, at 16×16 by default; asserts the exit code.
pub(crate) fn build(source: &Path, out: &Path, more: &[&str], code: i32) -> Output {
    let size: &[&str] = if more.contains(&"--size") { &[] } else { &["--size", "16"] };
    let output = prep()
        .arg("build")
        .arg(source)
        .arg("--out")
        .arg(out)
        .args(size)
        .args(more)
        .output()
        .expect("run prep");
    assert_eq!(output.status.code(), Some(code), "{}{}", stdout(&output), stderr(&output));
    output
}

/// A drawn source of `count` pictures.
pub(crate) fn synth(out: &Path, count: usize) {
    let output = prep()
        .args(["synth", "-n", &count.to_string(), "--out"])
        .arg(out)
        .output()
        .expect("run prep");
    assert!(output.status.success(), "{}", stderr(&output));
}

/// Repeats the build of `out` until `catch` gets hold of one while its pictures are being prepared.
///
/// `catch` returns `None` if the build was faster, which happens on a busy machine; its output is
/// then removed.
pub(crate) fn caught<T>(build: &mut Command, out: &Path, catch: impl Fn(Child) -> Option<T>) -> T {
    let name = out.file_name().expect("name").to_string_lossy();
    // It exists as soon as pictures are being prepared.
    let work = out.with_file_name(format!(".{name}.work.fledge-tmp"));
    for _ in 0..20 {
        let (mut child, mut ended) = (build.spawn().expect("start prep"), false);
        let mut ends = || {
            ended = child.try_wait().expect("wait").is_some();
            ended
        };
        assert!(wait_until(|| work.exists() || ends()), "no picture is ever prepared");
        // The process id of one that was waited for may be reused.
        if !ended && let Some(caught) = catch(child) {
            return caught;
        }
        fs::remove(out).expect("remove");
    }
    panic!("20 builds were faster than a signal");
}

/// A collection of real pictures: in `../shared/data` beside the workspace, or in the folder in
/// `FLEDGE_TEST_DATA`.
/// Says so where it is missing and the test is skipped.
pub(crate) fn real_data(name: &str) -> Option<PathBuf> {
    let usual = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let path = std::env::var_os("FLEDGE_TEST_DATA").map_or_else(usual, PathBuf::from).join(name);
    if path.exists() {
        return Some(path);
    }
    skipped(&format!("{} is missing", path.display()));
    None
}

/// Says on the real stderr, which the test runner does not capture, that a test is skipped.
pub(crate) fn skipped(why: &str) {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    let _ = writeln!(std::io::stderr(), "SKIPPED {test}: {why}");
}

/// Names and bytes of all files at and below a folder.
pub(crate) fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).expect("list") {
        let path = entry.expect("entry").path();
        if path.is_dir() {
            found.extend(contents(&path));
        } else {
            found.insert(path.clone(), fs::read(&path).expect("read"));
        }
    }
    found
}

/// The contents by relative name, for comparing two folders.
pub(crate) fn bytes_of(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    contents(folder)
        .into_iter()
        .map(|(path, bytes)| (path.strip_prefix(folder).expect("below").to_owned(), bytes))
        .collect()
}

pub(crate) fn assert_same(a: &Path, b: &Path) {
    let (a, b) = (bytes_of(a), bytes_of(b));
    assert_eq!(a.keys().collect::<Vec<_>>(), b.keys().collect::<Vec<_>>());
    let differing: Vec<_> =
        a.iter().filter(|(name, bytes)| b[*name] != **bytes).map(|(name, _)| name).collect();
    let first = differing.first().map(|name| {
        let [a, b] =
            [&a[*name], &b[*name]].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        a.lines().zip(b.lines()).find(|(a, b)| a != b).map(|(a, b)| format!("{a} and {b}"))
    });
    assert!(differing.is_empty(), "{differing:?} differ: {}", first.flatten().unwrap_or_default());
}

pub(crate) fn gradient(width: u32, height: u32) -> Picture {
    let pixels = (0..height)
        .flat_map(|y| (0..width).flat_map(move |x| [(x * 5) as u8, (y * 7) as u8, (x + y) as u8]))
        .collect();
    Picture { width, height, channels: 3, pixels }
}

/// A source in the layout of Caltech-UCSD Birds with files of any bytes and boxes of any text.
#[derive(Default)]
pub(crate) struct Source {
    pub(crate) files: Vec<(Vec<u8>, Vec<u8>)>,
    pub(crate) boxes: BTreeMap<usize, String>,
}

impl Source {
    /// Adds a file; its id is its number from 1.
    pub(crate) fn add(&mut self, name: impl AsRef<[u8]>, bytes: Vec<u8>) -> usize {
        self.files.push((name.as_ref().to_vec(), bytes));
        self.files.len()
    }

    /// Adds a sound picture with a box.
    pub(crate) fn add_boxed(&mut self, name: &str, bounding_box: &str) -> usize {
        let id = self.add(name, gradient(40, 30).to_png().expect("encode"));
        self.boxes.insert(id, bounding_box.to_owned());
        id
    }

    #[cfg(unix)]
    pub(crate) fn write(&self, folder: &Path) {
        use std::os::unix::ffi::OsStrExt as _;
        fs::create_folder(folder.join("images")).expect("make folder");
        let (mut images, mut boxes, mut split, mut labels) =
            (Vec::new(), String::new(), String::new(), String::new());
        for (id, (name, bytes)) in (1..).zip(&self.files) {
            images.extend([format!("{id} ").as_bytes(), name, b"\n"].concat());
            let default = "2 2 10 10".to_owned();
            let text = self.boxes.get(&id).unwrap_or(&default);
            if !text.is_empty() {
                boxes += &format!("{id} {text}\n");
            }
            split += &format!("{id} 1\n");
            labels += &format!("{id} 1\n");
            if !bytes.is_empty() {
                fs::write(folder.join("images").join(std::ffi::OsStr::from_bytes(name)), bytes)
                    .expect("write");
            }
        }
        let tables = [
            ("images.txt", &images[..]),
            ("bounding_boxes.txt", boxes.as_bytes()),
            ("classes.txt", b"1 001.Some\n"),
        ];
        for (name, text) in tables.into_iter().chain([
            ("train_test_split.txt", split.as_bytes()),
            ("image_class_labels.txt", labels.as_bytes()),
        ]) {
            fs::write(folder.join(name), text).expect("write");
        }
    }
}

/// Reason and value by file name, from `rejects.jsonl`.
pub(crate) fn rejects(out: &Path) -> BTreeMap<String, (String, String)> {
    let lines = shared::jsonl::read(&out.join("rejects.jsonl")).expect("read");
    let text = |v: &serde_json::Value, key: &str| v[key].as_str().unwrap_or_default().to_owned();
    lines.iter().map(|v| (text(v, "file"), (text(v, "reason"), text(v, "value")))).collect()
}

/// The byte at column x, row y, channel c of a picture drawn by `tools/golden_crop.py` and
/// `golden_resample.py`.
pub(crate) fn drawn_byte(kind: &str, seed: u32, [x, y, c]: [u32; 3]) -> u8 {
    let mut h =
        x.wrapping_mul(73_856_093) ^ y.wrapping_mul(19_349_663) ^ c.wrapping_mul(83_492_791);
    h ^= seed.wrapping_mul(2_654_435_761);
    h ^= h >> 13;
    h = h.wrapping_mul(0x5bd1_e995);
    h ^= h >> 15;
    match kind {
        "ramp" => (x * 3 + y * 5 + c * 40 + seed) as u8,
        "stripes" if h as u8 >= 128 => 255,
        "stripes" => 0,
        _ => h as u8,
    }
}

/// A picture drawn by those scripts.
pub(crate) fn drawn(kind: &str, seed: u32, width: u32, height: u32, channels: u32) -> Picture {
    let places = (0..height)
        .flat_map(|y| (0..width).flat_map(move |x| (0..channels).map(move |c| [x, y, c])));
    Picture {
        width,
        height,
        channels,
        pixels: places.map(|place| drawn_byte(kind, seed, place)).collect(),
    }
}
