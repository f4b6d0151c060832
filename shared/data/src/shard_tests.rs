use proptest::prelude::*;

use super::*;
use fledge_base::fs;
use fledge_base::testing::Scratch;

const LAYOUT: Layout = Layout { height: 2, width: 3, channels: 3 };

fn write_example(path: &Path, records: u64) -> ShardSummary {
    let mut writer = ShardWriter::create(path, LAYOUT).expect("create");
    for i in 0..records {
        let pixels: Vec<u8> = (0..LAYOUT.pixel_bytes()).map(|k| (k as u64 * 7 + i) as u8).collect();
        writer.push(&pixels, (i != 1).then_some(i as u32), 100 + i).expect("push");
    }
    writer.finish().expect("finish")
}

fn open_and_verify(path: &Path) -> Result<(), ShardError> {
    Shard::open(path)?.verify()
}

#[test]
fn what_was_written_is_read() {
    let folder = Scratch::new("roundtrip");
    let path = folder.join("a.shard");
    let summary = write_example(&path, 3);
    let shard = Shard::open(&path).expect("open");
    assert_eq!(
        (shard.len(), shard.layout(), shard.bytes(), shard.crc32()),
        (3, LAYOUT, summary.bytes, summary.crc32)
    );
    let record = shard.record(1).expect("record");
    assert_eq!(
        (record.pixels[0], record.label, record.source, shard.label(2)),
        (1, None, 101, Some(2))
    );
    assert!(shard.record(3).is_err());
}

#[test]
fn every_changed_byte_truncation_and_addition_is_refused_naming_the_file() {
    let folder = Scratch::new("damage");
    let path = folder.join("a.shard");
    write_example(&path, 3);
    let whole = fs::read(&path).expect("read");
    let refused = |bytes: &[u8], what: &str| {
        fs::write(&path, bytes).expect("write");
        let error = open_and_verify(&path).expect_err(what).to_string();
        assert!(error.contains("a.shard"), "{what}: {error}");
    };
    for i in 0..whole.len() {
        for mask in [1, 0x80, 0xff] {
            let mut damaged = whole.clone();
            damaged[i] ^= mask;
            refused(&damaged, &format!("byte {i} ^ {mask}"));
        }
        refused(&whole[..i], &format!("cut at {i}"));
    }
    refused(&[&whole[..], &[0]].concat(), "one byte appended");
}

#[test]
fn records_that_changed_places_are_found() {
    let folder = Scratch::new("swapped");
    let path = folder.join("a.shard");
    write_example(&path, 3);
    let mut bytes = fs::read(&path).expect("read");
    let first = bytes.len()
        - TRAILER
        - frame::encode(&Index { total: 3, labels: vec![0; 3] }).expect("index").len()
        - 3 * LAYOUT.stride();
    let (a, b) = bytes[first..].split_at_mut(LAYOUT.stride());
    a.swap_with_slice(&mut b[..LAYOUT.stride()]);
    fs::write(&path, &bytes).expect("write");
    assert!(open_and_verify(&path).is_err());
}

#[test]
fn an_unfinished_shard_leaves_nothing() {
    let folder = Scratch::new("unfinished");
    let mut writer = ShardWriter::create(folder.join("a.shard"), LAYOUT).expect("create");
    writer.push(&[0; 18], None, 0).expect("push");
    assert!(writer.push(&[0; 17], None, 1).is_err());
    drop(writer);
    assert_eq!(std::fs::read_dir(&folder).expect("list").count(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_bytes_between_the_magics_never_make_the_reader_fall(middle in proptest::collection::vec(any::<u8>(), 0..200), header in any::<bool>()) {
        let mut bytes = [&MAGIC[..], &VERSION.to_le_bytes()].concat();
        if header {
            bytes.extend(frame::encode(&Layout { height: u32::MAX, width: 1, channels: 3 }).expect("header"));
        }
        bytes.extend(&middle);
        bytes.extend(END_MAGIC);
        prop_assert!(structure(Path::new("x"), &bytes).is_err());
    }
}
