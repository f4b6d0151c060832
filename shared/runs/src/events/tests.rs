//! Event files read back by a small independent reader, and by TensorBoard if it is installed.

use std::path::PathBuf;

use serde_json::json;

use fledge_models::task::TaskName;

use super::*;

/// A temporary folder for one test, removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let folder =
            std::env::temp_dir().join(format!("fledge-events-{}-{name}", std::process::id()));
        fs::remove(&folder).expect("clear");
        fs::create_folder(&folder).expect("create");
        Self(folder)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove(&self.0);
    }
}

/// The messages of a file; `None` if a checksum fails.
fn records(mut bytes: &[u8]) -> Option<Vec<&[u8]>> {
    let mut list = Vec::new();
    while !bytes.is_empty() {
        let (length, rest) = bytes.split_at_checked(8)?;
        let (of_length, rest) = rest.split_at_checked(4)?;
        let (message, rest) =
            rest.split_at_checked(u64::from_le_bytes(length.try_into().ok()?) as usize)?;
        let (of_message, rest) = rest.split_at_checked(4)?;
        for (stored, bytes) in [(of_length, length), (of_message, message)] {
            if stored != crc32c::masked(bytes).to_le_bytes() {
                return None;
            }
        }
        list.push(message);
        bytes = rest;
    }
    Some(list)
}

/// A field's value.
#[derive(Debug, PartialEq)]
enum Field<'a> {
    Integer(u64),
    Double(f64),
    Float(f32),
    Bytes(&'a [u8]),
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..).step_by(7) {
        let (&byte, rest) = bytes.split_first().expect("a varint ends");
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            break;
        }
    }
    value
}

fn fields(mut bytes: &[u8]) -> Vec<(u64, Field<'_>)> {
    let mut list = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes);
        let length = match key & 7 {
            0 => {
                list.push((key >> 3, Field::Integer(varint(&mut bytes))));
                continue;
            }
            1 => 8,
            5 => 4,
            _ => varint(&mut bytes) as usize,
        };
        let (value, rest) = bytes.split_at(length);
        bytes = rest;
        let value = match key & 7 {
            1 => Field::Double(f64::from_le_bytes(value.try_into().expect("8 bytes"))),
            5 => Field::Float(f32::from_le_bytes(value.try_into().expect("4 bytes"))),
            _ => Field::Bytes(value),
        };
        list.push((key >> 3, value));
    }
    list
}

#[test]
fn what_is_written_is_read_back_and_every_changed_byte_is_found() {
    let scratch = Scratch::new("round-trip");
    let mut events = Events::open(&scratch.0, 299).expect("open");
    events.scalars(300, &[("loss/g", 0.5), ("loss/d", -2.0)]).expect("scalars");
    events.picture(300, "samples", 640, 480, b"not really a PNG").expect("picture");
    events.sync().expect("sync");
    let bytes = fs::read(events.path()).expect("read");
    let messages = records(&bytes).expect("sound");
    let without_time: Vec<_> = messages
        .iter()
        .map(|message| {
            let mut list = fields(message);
            assert!(matches!(list.remove(0), (1, Field::Double(time)) if time > 1e9));
            list
        })
        .collect();
    assert_eq!(without_time[0], [(3, Field::Bytes(b"brain.Event:2"))]);
    assert_eq!(without_time[1], [(2, Field::Integer(300)), (7, Field::Bytes(&[0x08, 0x01]))]);
    let [(2, Field::Integer(300)), (5, Field::Bytes(summary))] = &without_time[2][..] else {
        panic!("{without_time:?}")
    };
    let values: Vec<_> = fields(summary)
        .into_iter()
        .map(|(field, value)| match (field, value) {
            (1, Field::Bytes(value)) => fields(value),
            other => panic!("{other:?}"),
        })
        .collect();
    let scalar = |tag: &'static str, value| {
        vec![(1, Field::Bytes(tag.as_bytes())), (2, Field::Float(value))]
    };
    assert_eq!(values, [scalar("loss/g", 0.5), scalar("loss/d", -2.0)]);
    let [(2, Field::Integer(300)), (5, Field::Bytes(summary))] = &without_time[3][..] else {
        panic!("{without_time:?}")
    };
    let [(1, Field::Bytes(value))] = &fields(summary)[..] else { panic!("{summary:?}") };
    let [(1, Field::Bytes(b"samples")), (4, Field::Bytes(image))] = &fields(value)[..] else {
        panic!("{value:?}")
    };
    let expected = [
        (1, Field::Integer(480)),
        (2, Field::Integer(640)),
        (3, Field::Integer(3)),
        (4, Field::Bytes(b"not really a PNG")),
    ];
    assert_eq!(fields(image), expected);
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1;
        assert!(records(&damaged).is_none(), "byte {at}");
    }
}

#[test]
fn the_file_of_a_later_start_has_a_later_name_even_if_the_clock_was_set_back() {
    let scratch = Scratch::new("starts");
    let first = Events::open(&scratch.0, 0).expect("open");
    let second = Events::open(&scratch.0, 10).expect("open");
    fs::write(scratch.0.join(format!("{PREFIX}4000000000.elsewhere.1.2")), b"").expect("write");
    let third = Events::open(&scratch.0, 10).expect("open");
    assert!(first.path() < second.path() && second.path() < third.path());
    assert!(third.path().to_string_lossy().contains(".4000000001."));
    assert_eq!(records(&fs::read(second.path()).expect("read")).expect("sound").len(), 2);
    let name = second.path().file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
    assert!(
        name.starts_with("events.out.tfevents.") && name.ends_with(&std::process::id().to_string()),
        "{name}"
    );
    assert!(!name.contains(char::is_whitespace), "{name}");
}

#[test]
fn scalars_of_a_line_leave_out_what_it_lacks() {
    let line = json!({"epoch": 3, "step": 30, "g_loss": 1.5, "kid": null, "kid_of": {"pictures": 3}, "aug_p": 0.25});
    assert_eq!(
        scalars_of(&line, TaskName::Adversarial),
        [("loss/g", 1.5), ("ada/p", 0.25), ("progress/epoch", 3.0)]
            .map(|(tag, value)| (tag.to_owned(), value))
    );
    assert!(scalars_of(&json!("no object"), TaskName::Adversarial).is_empty());
}

/// Runs `tools/check_events.py` on files as a run leaves them: killed, resumed from an earlier
/// step, killed again.
#[test]
fn tensorboards_own_reader_gives_back_what_was_written() {
    let Some(peers) = std::env::var_os("FLEDGE_PEERS") else {
        println!("skipped: FLEDGE_PEERS does not name a Python environment with tensorboard");
        return;
    };
    let python = Path::new(&peers).join("bin/python");
    let scratch = Scratch::new("tensorboard");
    let picture = fledge_pictures::Picture::filled(6, 4, 3, 77);
    let png = picture.to_png().expect("encode");
    let mut log =
        fledge_base::jsonl::JsonLines::open(scratch.0.join("stats.jsonl"), |_| true).expect("open");
    for (start, steps) in [(0, 1..=5), (3, 4..=8)] {
        let mut events = Events::open(&scratch.0, start).expect("open");
        for step in steps {
            let line = json!({
                "step": step, "epoch": step, "kimg": step as f64 * 0.1, "g_loss": start as f64 + step as f64 / 3.0, "d_loss": -1e-3,
                "real_acc": 1, "gen_acc": 0, "aug_p": 0.5, "kid": (step % 2 == 0).then_some(0.125),
            });
            events.scalars(step, &scalars_of(&line, TaskName::Adversarial)).expect("scalars");
            events.picture(step, "samples", picture.width, picture.height, &png).expect("picture");
            // The run's own log has each step once, as it does after a repair.
            if start > 0 || step <= 3 {
                log.push(&line).expect("push");
            }
        }
        // A torn record, as a kill leaves it.
        events.file.append(&record(b"torn")[..13]).expect("append");
    }
    let tool = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tools/check_events.py");
    let output =
        std::process::Command::new(&python).arg(tool).arg(&scratch.0).output().expect("run Python");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    // All keys of 8 lines, every second of which has a KID, and 8 pictures.
    assert_eq!(text.trim(), "equal: 60 scalars under 8 tags, 8 pictures");
}
