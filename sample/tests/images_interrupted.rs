//! `kill -9` at any moment, Ctrl-C and full disks: the same command resumes, and files with final
//! names are intact at all times.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Instant;

use shared::fs::{self, TEMPORARY_SUFFIX};
use shared::testing::{SIGHUP, SIGINT, SIGTERM, send, torture, wait_until};

use crate::common::{contents, names, run_of, skipped};

/// Enough to spend most of the time on pictures.
const PICTURES: &str = "3000";

fn command(run: &Path, out: &Path, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sample"));
    command.args(["images", "-n", PICTURES, "--out"]).arg(out).arg(run).args(more);
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

fn finish(child: Child) -> (Output, String) {
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    (output, text)
}

/// All files with final names.
fn lasting(path: &Path) -> BTreeMap<String, Vec<u8>> {
    contents(path).into_iter().filter(|(name, _)| !name.ends_with(TEMPORARY_SUFFIX)).collect()
}

fn kill_at_any_moment(name: &str, more: &[&str]) {
    let (scratch, run) =
        run_of(&format!("killed-{name}"), &["cond=embedding+projection"], &["a", "b"]);
    let (whole, out) = (scratch.join(format!("whole{name}")), scratch.join(format!("out{name}")));
    let started = Instant::now();
    let (output, text) = finish(command(&run, &whole, more).spawn().unwrap());
    assert!(output.status.success(), "{text}");
    let usual = started.elapsed();
    let sound = lasting(&whole);
    let mut draw = shared::rng::stream(1, name, 0);
    let (mut killed, mut went_on) = (0, 0);
    while killed < torture(8, 60) {
        let mut usual = usual;
        loop {
            let mut child = command(&run, &out, more).spawn().unwrap();
            std::thread::sleep(usual.mul_f64(0.1 + 1.2 * draw.uniform()));
            child.kill().unwrap();
            let (output, text) = finish(child);
            let there = lasting(&out);
            assert!(
                there.iter().all(|(name, bytes)| sound.get(name) == Some(bytes)),
                "{:?}",
                there.keys()
            );
            if output.status.success() {
                went_on += usize::from(!text.contains(&format!("{PICTURES} made now")));
                break;
            }
            assert_eq!(output.status.code(), None, "ended by itself: {text}");
            killed += 1;
            // It may take longer on a busy machine; without more time it might never finish.
            usual = usual.mul_f64(1.1);
            if out.is_file() {
                // Killed after its last step.
                break;
            }
        }
        assert!(lasting(&out) == sound, "{name}");
        if out.is_file() {
            // A kill at the very last moment may leave a lock file, which the next command removes.
            fs::remove(&out).unwrap();
            assert!(finish(command(&run, &out, more).spawn().unwrap()).0.status.success());
        }
        assert_eq!(names(&scratch), [format!("out{name}"), "run".into(), format!("whole{name}")]);
        fs::remove(&out).unwrap();
    }
    assert!(went_on > 0, "no call went on from what another had left");
    println!("{name}: {killed} kills");
}

#[test]
fn a_killed_folder_fills_up_to_the_same_bytes() {
    kill_at_any_moment("", &[]);
}

#[test]
fn a_killed_zip_goes_on_to_the_same_bytes() {
    kill_at_any_moment(".zip", &[]);
}

#[test]
fn killed_pictures_for_stylegan_go_on_to_the_same_bytes() {
    kill_at_any_moment(".stylegan", &["--stylegan"]);
    kill_at_any_moment(".stylegan.zip", &["--stylegan"]);
}

/// Sends a signal to commands until one is interrupted: a command may finish before the signal, and
/// its output is then removed.
fn interrupted(run: &Path, out: &Path, signal: i32) -> (Output, String) {
    // The first pictures exist: more files in the folder, or a growing temporary file.
    let grows = || match out.extension() {
        None => out.exists() && names(out).len() > 100,
        Some(_) => fs::leftovers_of(out)
            .unwrap()
            .iter()
            .any(|p| std::fs::metadata(p).is_ok_and(|m| m.len() > 50_000)),
    };
    for _ in 0..20 {
        let mut child = command(run, out, &[]).spawn().unwrap();
        let mut ended = false;
        let ends = |child: &mut Child, ended: &mut bool| {
            *ended = child.try_wait().unwrap().is_some();
            *ended
        };
        assert!(wait_until(|| grows() || ends(&mut child, &mut ended)), "no picture is ever made");
        // The id of a process that was waited for may be reused.
        if !ended {
            send(&child, signal).unwrap();
        }
        let (output, text) = finish(child);
        if !output.status.success() {
            return (output, text);
        }
        fs::remove(out).unwrap();
    }
    panic!("20 calls were faster than a signal");
}

#[test]
fn ctrl_c_says_how_many_are_kept_and_the_same_command_goes_on_with_the_others() {
    let (scratch, run) = run_of("ctrl-c", &[], &[]);
    for (name, signal, code) in
        [("out", SIGINT, 130), ("out.zip", SIGHUP, 129), ("again.zip", SIGTERM, 143)]
    {
        let out = scratch.join(name);
        let (output, text) = interrupted(&run, &out, signal);
        assert_eq!(output.status.code(), Some(code), "{text}");
        let kept =
            text.split_once(" of 3000 pictures are kept").unwrap_or_else(|| panic!("{text}")).0;
        let kept: u64 = kept.rsplit(' ').next().unwrap().parse().unwrap();
        assert!(kept > 0 && kept < 3000, "{text}");
        let (output, text) = finish(command(&run, &out, &[]).spawn().unwrap());
        assert!(
            output.status.success() && text.contains(&format!("{} made now", 3000 - kept)),
            "{kept} were kept: {text}"
        );
        let whole = scratch.join(format!("whole-{name}"));
        assert!(finish(command(&run, &whole, &[]).spawn().unwrap()).0.status.success());
        assert!(lasting(&out) == lasting(&whole));
        fs::remove(&whole).unwrap();
    }
    assert_eq!(names(&scratch), ["again.zip", "out", "out.zip", "run"]);
}

/// A small file system, mounted until it goes out of scope.
#[cfg(target_os = "linux")]
struct Disk<'a>(&'a Path);

#[cfg(target_os = "linux")]
impl<'a> Disk<'a> {
    /// Mounts it; `None`, with a message, without the permission.
    fn mount(folder: &'a Path, kib: u64) -> Option<Self> {
        fs::create_folder(folder).unwrap();
        let size = format!("size={kib}k");
        let output = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "fledge-test"])
            .arg(folder)
            .output();
        match output {
            Ok(output) if output.status.success() => Some(Self(folder)),
            other => {
                skipped(&format!("no file system can be mounted: {other:?}"));
                None
            }
        }
    }

    fn resize(&self, kib: u64) {
        let size = format!("remount,size={kib}k");
        assert!(Command::new("mount").args(["-o", &size]).arg(self.0).status().unwrap().success());
    }
}

#[cfg(target_os = "linux")]
impl Drop for Disk<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0).status();
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_an_error_and_with_more_room_the_same_command_succeeds() {
    let (scratch, run) = run_of("images-full", &[], &[]);
    let folder = scratch.join("disk");
    for name in ["out", "out.zip", "out.stylegan"] {
        let more: &[&str] = if name == "out.stylegan" { &["--stylegan"] } else { &[] };
        let Some(disk) = Disk::mount(&folder, 512) else { return };
        let out = folder.join(name);
        let whole = scratch.join(name);
        assert!(finish(command(&run, &whole, more).spawn().unwrap()).0.status.success());
        let (output, text) = finish(command(&run, &out, more).spawn().unwrap());
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(
            text.contains("No space left on device") && text.contains(&*out.to_string_lossy()),
            "{text}"
        );
        let (there, sound) = (lasting(&out), lasting(&whole));
        assert!(
            there.iter().all(|(name, bytes)| sound.get(name) == Some(bytes)),
            "{:?}",
            there.keys()
        );
        if out.is_dir() || out.extension().is_none() {
            disk.resize(64 << 10);
        } else {
            // The unfinished file is kept under its temporary name and resumed there: a second one
            // would have no room.
            let kept: u64 = fs::leftovers_of(&out)
                .unwrap()
                .iter()
                .map(|path| std::fs::metadata(path).unwrap().len())
                .sum();
            assert!(
                kept > 400 << 10 && names(&folder).len() == 1,
                "{kept} bytes, {:?}",
                names(&folder)
            );
            disk.resize((std::fs::metadata(&whole).unwrap().len() + kept / 2) >> 10);
            assert!(text.contains(" of 3000 pictures are kept"), "{text}");
        }
        let (output, text) = finish(command(&run, &out, more).spawn().unwrap());
        assert!(output.status.success() && !text.contains(" 3000 made now"), "{text}");
        assert!(lasting(&out) == sound);
        assert_eq!(names(&folder), [name]);
        drop(disk);
    }
}
