//! Sources with annotations, given as names and texts, and their listings.

use std::path::{Path, PathBuf};

use prep::crop::BoundingBox;
use prep::source::{self, Content, Entry, Listing, SourceError};
use shared::archive::{Archive, Name};
use shared::fs;
use shared::testing::Scratch;

/// A folder with these files; pictures may be empty, because a listing does not open them.
pub(super) fn write(scratch: &Scratch, files: &[(&str, &str)]) -> PathBuf {
    for (name, text) in files {
        let path = scratch.path(name);
        fs::create_folder(path.parent().expect("parent")).expect("make folder");
        fs::write(path, text.as_bytes()).expect("write");
    }
    scratch.to_path_buf()
}

/// The same as a zip, with a folder around everything and the entries in reverse.
pub(super) fn zipped(folder: &Path, around: &str) -> PathBuf {
    let path = folder.with_extension("zip");
    let archive = Archive::open(folder).expect("open");
    fs::write_with(&path, |out| {
        let mut zip = zip::ZipWriter::new(out);
        for (i, name) in archive.names().iter().enumerate().rev() {
            zip.start_file(format!("{around}{name}"), zip::write::SimpleFileOptions::default())?;
            std::io::Write::write_all(&mut zip, &archive.read(i, 1 << 20).expect("read"))?;
        }
        zip.finish()?;
        Ok(())
    })
    .expect("write zip");
    path
}

pub(super) type Read = fn(&Archive) -> Result<Listing, SourceError>;

/// The listing, which must be the same from a zip with a folder around it, and detected without
/// naming the format.
pub(super) fn listing(name: &str, files: &[(&str, &str)], read: Read) -> Listing {
    let scratch = Scratch::new(name);
    let folder = write(&scratch, files);
    let found = read(&Archive::open(&folder).expect("open")).expect("read");
    let zip = zipped(&folder, "around/");
    let packed = read(&Archive::open(&zip).expect("open")).expect("read zip");
    assert_eq!(
        (&packed.pictures, &packed.classes, &packed.tables),
        (&found.pictures, &found.classes, &found.tables)
    );
    assert_eq!(packed.root, [b"around/", found.root.as_slice()].concat());
    for path in [&folder, &zip] {
        assert_eq!(
            source::open(path, None).expect("open").1.format,
            found.format,
            "{path:?} is taken for something else"
        );
    }
    fs::remove(&zip).expect("remove");
    assert!((0..).zip(&found.pictures).all(|(i, entry)| entry.id == i), "ids do not count from 0");
    found
}

/// The listing of a folder with these files, in the detected layout.
pub(super) fn detected(name: &str, files: &[(&str, &str)]) -> Listing {
    let scratch = Scratch::new(name);
    let folder = write(&scratch, files);
    source::open(&folder, None).unwrap_or_else(|e| panic!("{}", shared::cli::one_line(&e))).1
}

/// The unused files, with the reasons.
pub(super) fn unused(listing: &Listing) -> Vec<String> {
    listing.unused.iter().map(|unused| format!("{}: {}", unused.name, unused.why)).collect()
}

/// The error of reading the files, as one line with all causes.
pub(super) fn error(name: &str, files: &[(&str, &str)], read: Read) -> String {
    let scratch = Scratch::new(name);
    let folder = write(&scratch, files);
    let error = read(&Archive::open(&folder).expect("open")).expect_err("read");
    let cause =
        std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
    format!("{error}{cause}")
}

pub(super) fn assert_says(error: &str, parts: &[&str]) {
    assert!(parts.iter().all(|part| error.contains(part)), "{error}\nlacks one of {parts:?}");
}

pub(super) fn name(entry: &Entry) -> String {
    let Content::File(name) = &entry.content else { panic!("not a file") };
    name.to_string()
}

pub(super) fn names(listing: &Listing) -> Vec<String> {
    listing.pictures.iter().map(name).collect()
}

pub(super) fn tables(listing: &Listing) -> Vec<String> {
    listing.tables.iter().map(Name::to_string).collect()
}

/// Class names and boxes of a picture's objects.
pub(super) fn objects<'a>(listing: &'a Listing, entry: &Entry) -> Vec<(Option<&'a str>, [f64; 4])> {
    let class = |label: u32| listing.classes[label as usize].as_str();
    let numbers = |b: BoundingBox| [b.x, b.y, b.width, b.height];
    entry.objects.iter().map(|o| (o.label.map(class), numbers(o.bounding_box))).collect()
}

pub(super) fn label<'a>(listing: &'a Listing, entry: &Entry) -> Option<&'a str> {
    entry.label.map(|label| listing.classes[label as usize].as_str())
}

/// Checks that reading a damaged file ends with a listing or an error: it is truncated, and one
/// byte replaced, at many places.
pub(super) fn assert_survives_damage(
    test: &str,
    files: &[(&str, &str)],
    damaged: &str,
    read: Read,
) {
    let scratch = Scratch::new(test);
    let folder = write(&scratch, files);
    let text = files.iter().find(|(name, _)| *name == damaged).expect("file").1.as_bytes();
    let mut refused = 0;
    for at in (0..text.len()).step_by(3) {
        let replaced = [&text[..at], &[b"\xff<\"],\n-"[at % 6]], &text[at + 1..]].concat();
        for bytes in [&text[..at], &replaced] {
            fs::write(folder.join(damaged), bytes).expect("write");
            refused += usize::from(read(&Archive::open(&folder).expect("open")).is_err());
        }
    }
    assert!(
        refused > text.len() / 12,
        "{refused} of {} damaged files were refused",
        text.len() / 3 * 2
    );
}
