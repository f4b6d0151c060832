//! `sample images` on a full disk.

use std::path::Path;

use burn::tensor::Device;
use sample::collections::manifest::Maker;
use sample::collections::naming::Naming;
use sample::collections::seed_set::SeedSet;
use sample::collections::{self, Outcome, Request};
use sample::source::DrawArgs;
use shared::archive::zip_writer::read_leftover;
use shared::cli::one_line;
use shared::fs::{self, TEMPORARY_SUFFIX, fault};
use shared::nn::run::Which;
use shared::nn::sampler::{Sampler, Weights};
use shared::signal::Stop;
use shared::testing::Scratch;

use crate::alone;
use crate::common::{contents, run_of, succeed};

/// Intact pictures of the unfinished zip with most of them; `usize::MAX` for a finished zip.
fn pictures_left(out: &Path) -> usize {
    let leftovers = fs::leftovers_of(out).unwrap();
    let unfinished =
        leftovers.iter().map(|path| pictures_of(&fs::read(path).unwrap())).max().unwrap_or(0);
    if out.exists() { usize::MAX } else { unfinished }
}

/// Intact pictures at the beginning of the bytes of a zip.
fn pictures_of(zip: &[u8]) -> usize {
    let scratch = Scratch::new("counted");
    let path = scratch.path("a.zip");
    fs::write(&path, zip).unwrap();
    let mut pictures = 0;
    let count = |name: &str, _| {
        pictures += usize::from(name.ends_with(".png"));
        Ok::<_, fs::FsError>(true)
    };
    read_leftover(&path, 1 << 24, count).unwrap();
    pictures
}

#[test]
fn whatever_operation_fails_nothing_is_half_written_and_the_same_call_succeeds_afterwards() {
    let _alone = alone();
    let (scratch, run) = run_of("images", &["cond=embedding+projection"], &["a", "b"]);
    let (sampler, meta) = Sampler::open(&run, Which::Latest, &Device::flex()).unwrap();
    let draw = DrawArgs::default();
    let leftover = scratch.join(".out.zip.1-1.fledge-tmp");
    let mut operations = 0;
    for (name, naming, resumed) in [
        ("out", Naming::Seeds, false),
        ("out", Naming::Seeds, true),
        ("out", Naming::Stylegan, false),
        ("out", Naming::Stylegan, true),
        ("out.zip", Naming::Seeds, false),
        ("out.zip", Naming::Seeds, true),
        ("out.zip", Naming::Stylegan, true),
    ] {
        let maker = Maker::new(&sampler, &meta, Weights::Averaged, &draw, None, naming).unwrap();
        let request = |out: &str, n| {
            let seeds = SeedSet::from_start(0, n).unwrap();
            Request {
                out: scratch.join(out),
                seeds,
                latents: None,
                maker: maker.clone(),
                force: false,
            }
        };
        let write = |request: &Request| {
            collections::write(&sampler, request, &Stop::default())
                .map_err(|e| one_line(e.as_ref()))
        };
        let asked = request(name, 9);
        let whole = request(&format!("whole-{name}"), 9);
        write(&whole).unwrap();
        let sound = contents(&whole.out);
        // Leftovers of an earlier command.
        let prepare = || {
            fs::remove(&asked.out).unwrap();
            fs::remove(&leftover).unwrap();
            match (resumed, name) {
                (false, _) => {}
                (true, "out.zip") => {
                    fs::write(&leftover, &sound[""][..sound[""].len() / 2]).unwrap()
                }
                (true, _) => drop(write(&request(name, 4)).unwrap()),
            }
        };
        for (mode, fail) in [
            ("from", fault::fail_after as fn(i64)),
            ("only", fault::fail_once_after),
            ("half", fault::fail_short_after),
        ] {
            for n in 0.. {
                prepare();
                let before = contents(&asked.out);
                fail(n);
                let outcome = write(&asked);
                let left = fault::stop();
                let when = format!("{name}, {naming:?}, resumed {resumed}, {mode} operation {n}");
                let there = contents(&asked.out);
                assert!(
                    there.keys().all(|name| !name.ends_with(TEMPORARY_SUFFIX)),
                    "{when}: {:?}",
                    there.keys()
                );
                let is_sound = |(name, bytes): (&String, &Vec<u8>)| {
                    sound.get(name) == Some(bytes) || before.get(name) == Some(bytes)
                };
                assert!(there.iter().all(is_sound), "{when}: {:?}", there.keys());
                let Err(error) = outcome else {
                    assert!(left >= 0, "{when} failed and nobody noticed");
                    break;
                };
                assert!(left < 0, "{when}: failed without a fault: {error}");
                assert!(resumed || name == "out" || !asked.out.exists(), "{when}: {error}");
                assert!(!asked.out.is_dir() || !there.is_empty(), "{when}: an empty folder stayed");
                if name == "out.zip" && resumed {
                    // Existing pictures survive the failed command.
                    assert!(
                        pictures_left(&asked.out) >= pictures_of(&sound[""][..sound[""].len() / 2]),
                        "{when}: {error}"
                    );
                }
                let again = write(&asked).unwrap_or_else(|e| panic!("{when}, and again: {e}"));
                assert!(matches!(again, Outcome::Done { .. }));
                assert!(contents(&asked.out) == sound, "{when}");
                assert_eq!(std::fs::read_dir(&scratch).unwrap().count(), 3, "{when}");
                operations += 1;
            }
        }
        fs::remove(&whole.out).unwrap();
        fs::remove(&asked.out).unwrap();
    }
    println!("{operations} operations failed");
    assert!(operations > 200, "only {operations} operations were counted");
    // The program writes the same bytes.
    let (run, out) = (run.to_str().unwrap(), scratch.join("out.zip"));
    succeed(&["images", run, "--out", out.to_str().unwrap(), "-n", "9", "--stylegan"]);
}
