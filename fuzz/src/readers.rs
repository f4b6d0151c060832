//! Every reader of foreign bytes as a function of bytes. None may panic, and none may take more
//! memory than its limits say.

use std::path::{Path, PathBuf};

use prep::pipeline::work::{self, WorkFolder};
use prep::source::{self, Format};
use shared::archive::Archive;
use shared::dataset::{self, Dataset, MANIFEST};
use shared::fs;
use shared::picture::{Canvas, Limits, Picture, PictureFile, Window};

/// A picture that would take more is not decoded: the limit is the caller's to keep.
const MEMORY_LIMIT: u64 = 48 << 20;

/// A picture's file: its header, a window of it, all of it.
pub fn picture(bytes: &[u8]) {
    if let Ok(file) = PictureFile::open(bytes) {
        let (width, height) = (file.width(), file.height());
        let middle = Window {
            left: width / 4,
            top: height / 4,
            width: (width / 2).max(1),
            height: (height / 2).max(1),
        };
        for (window, channels) in [(middle, 1), (Window::whole(width, height), 3)] {
            if file.memory(window) <= MEMORY_LIMIT
                && let Ok(picture) =
                    file.decode(window, &Canvas { channels, background: Some([9, 8, 7]) })
            {
                assert_eq!(
                    (picture.width, picture.height, picture.channels),
                    (window.width, window.height, channels)
                );
                assert_eq!(picture.pixels.len(), picture.stride() * picture.height as usize);
            }
        }
    }
    let _ = Picture::decode(bytes, &Limits { bytes: MEMORY_LIMIT });
}

/// A zip, tar or gzip file: its listing, and the first members.
pub fn archive(bytes: &[u8]) {
    let scratch = Scratch::new();
    let path = scratch.0.join("archive");
    if fs::write_unsynced(&path, &[bytes]).is_err() {
        return;
    }
    if let Ok(archive) = Archive::open(&path) {
        for index in 0..archive.names().len().min(8) {
            let _ = archive.read(index, 1 << 20);
            let _ = archive.read_range(index, 3, 1000);
        }
        let _ = source::open(&path, None);
    }
}

/// The annotation file `name` of a layout, beside a picture.
pub fn listing(format: Format, name: &str, bytes: &[u8]) {
    let scratch = Scratch::new();
    let file = scratch.0.join(name);
    let folders = [Some(scratch.0.join("images")), file.parent().map(Path::to_owned)];
    if folders.iter().flatten().any(|folder| fs::create_folder(folder).is_err()) {
        return;
    }
    let written = fs::write_unsynced(&file, &[bytes])
        .and_then(|()| fs::write_unsynced(scratch.0.join("images/a.png"), &[b"no picture"]));
    if written.is_ok()
        && let Ok((archive, listing)) = source::open(&scratch.0, Some(format))
    {
        let classes = listing.classes.len() as u32;
        for entry in &listing.pictures {
            assert!(entry.label.is_none_or(|label| label < classes));
            assert!(
                entry.objects.iter().all(|object| object.label.is_none_or(|label| label < classes))
            );
        }
        let _ = archive.stamp();
    }
}

/// The layouts whose annotations are read, each with the name of one of its files.
pub const ANNOTATIONS: [(Format, &str); 8] = [
    (Format::Cub, "images.txt"),
    (Format::Voc, "Annotations/a.xml"),
    (Format::Coco, "annotations.json"),
    (Format::Table, "metadata.csv"),
    (Format::Table, "metadata.jsonl"),
    (Format::Stylegan, "dataset.json"),
    (Format::Idx, "train-images-idx3-ubyte"),
    (Format::Cifar, "data_batch_1.bin"),
];

/// A shard and a manifest, as they are.
pub fn dataset(bytes: &[u8]) {
    let scratch = Scratch::new();
    let shard = scratch.0.join("train-00000.shard");
    if fs::write_unsynced(&shard, &[bytes]).is_ok()
        && let Ok(shard) = shared::shard::Shard::open(&shard)
    {
        let _ = shard.verify();
    }
    if fs::write_unsynced(scratch.0.join(MANIFEST), &[bytes]).is_ok() {
        let _ = dataset::read_manifest(&scratch.0);
        let _ = Dataset::open(&scratch.0);
    }
}

/// A chunk of a build under way, which belongs to the description `work` (bytes of a `work.json`).
pub fn chunk(work: &[u8], bytes: &[u8]) {
    let scratch = Scratch::new();
    let written = fs::write_unsynced(scratch.0.join(work::WORK), &[work]);
    if written.and_then(|()| fs::write_unsynced(scratch.0.join("chunk-000000"), &[bytes])).is_ok()
        && let Ok(folder) = WorkFolder::open(&scratch.0)
    {
        let records = folder.records(0);
        if let Ok(chunk) = folder.read(0) {
            // What is whole has the same records in both ways, and pixels for every crop that has
            // some.
            let crops = chunk
                .records
                .iter()
                .flat_map(|record| &record.crops)
                .filter(|crop| crop.pixels)
                .count();
            assert_eq!(chunk.pixels(&folder.work.manifest).count(), crops);
            assert_eq!(records.ok().as_ref(), Some(&chunk.records));
        }
        let _ = folder.missing().take(4).count();
    }
}

/// A description of a build under way.
pub fn work(bytes: &[u8]) {
    chunk(bytes, b"");
}

/// A folder of its own that goes at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static NUMBER: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let folder =
            std::env::temp_dir().join(format!("fledge-fuzz-{}-{number}", std::process::id()));
        let _ = fs::remove(&folder).and_then(|()| fs::create_folder(&folder));
        Self(folder)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove(&self.0);
    }
}
