//! Sources of bare files, packed in four ways: as a folder, a zip, a tar and a gzipped tar.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use prep::source::{self, Content, Entry, Format, Listing};
use shared::archive::Archive;
use shared::cli::one_line;
use shared::fs;
use shared::testing::Scratch;

/// Files of a source by name.
pub(super) struct Drawn(Vec<(String, Vec<u8>)>);

impl Drawn {
    /// Files of a few bytes, because layouts do not decode pictures.
    pub(super) fn named(names: &[&str]) -> Self {
        Self(names.iter().map(|name| ((*name).to_owned(), name.as_bytes().to_vec())).collect())
    }

    pub(super) fn with(mut self, name: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.0.retain(|(old, _)| old != name);
        self.0.push((name.to_owned(), bytes.into()));
        self
    }

    pub(super) fn without(mut self, name: &str) -> Self {
        self.0.retain(|(old, _)| old != name);
        self
    }

    pub(super) fn tar(&self) -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        for (name, bytes) in self.0.iter().rev() {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            tar.append_data(&mut header, format!("./{name}"), &bytes[..]).expect("append");
        }
        tar.into_inner().expect("finish")
    }

    fn zip(&self) -> Vec<u8> {
        let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        for (name, bytes) in &self.0 {
            zip.start_file(name, zip::write::SimpleFileOptions::default()).expect("start");
            zip.write_all(bytes).expect("write");
        }
        zip.finish().expect("finish").into_inner()
    }

    pub(super) fn tar_path(&self, scratch: &Scratch) -> PathBuf {
        let path = scratch.path("source.tar");
        fs::write(&path, &self.tar()).expect("write");
        path
    }

    /// Lists the source in all four forms, which must be equal.
    pub(super) fn listed(&self, scratch: &Scratch, format: Option<Format>) -> Listing {
        let folder = scratch.path("source");
        fs::remove(&folder).expect("clear");
        for (name, bytes) in &self.0 {
            fs::create_folder(folder.join(name).parent().expect("parent")).expect("make folder");
            fs::write(folder.join(name), bytes).expect("write");
        }
        fs::write(scratch.path("source.zip"), &self.zip()).expect("write");
        fs::write(scratch.path("source.tar.gz"), &gz(&self.tar())).expect("write");
        self.tar_path(scratch);
        let (archive, first) = open(&folder, format);
        for packed in ["source.zip", "source.tar", "source.tar.gz"] {
            let (packed, listing) = open(&scratch.path(packed), format);
            let facts = |l: &Listing| {
                (l.format, l.root.clone(), l.tables.clone(), l.classes.clone(), l.halves)
            };
            assert_eq!(facts(&listing), facts(&first));
            assert_eq!(listing.pictures, first.pictures);
            for entry in &first.pictures {
                assert_eq!(bytes_of(&packed, &listing, entry), bytes_of(&archive, &first, entry));
            }
        }
        first
    }

    /// The error in one line; it must name the source.
    pub(super) fn refused(&self, scratch: &Scratch, format: Option<Format>) -> String {
        let error = one_line(&source::open(&self.tar_path(scratch), format).expect_err("listed"));
        assert!(error.contains("source.tar"), "{error}");
        error
    }
}

pub(super) fn open(path: &Path, format: Option<Format>) -> (Archive, Listing) {
    source::open(path, format).unwrap_or_else(|e| panic!("{}", one_line(&e)))
}

/// The bytes of an entry; `None` if the file is missing.
pub(super) fn bytes_of(archive: &Archive, listing: &Listing, entry: &Entry) -> Option<Vec<u8>> {
    let at = |name: &shared::archive::Name| archive.find(&[&listing.root[..], &name.0].concat());
    match &entry.content {
        Content::File(name) => Some(archive.read(at(name)?, 1 << 20).expect("read")),
        Content::Raw(raw) => {
            Some(raw.unpacked(
                archive.read_range(at(&raw.file)?, raw.offset, raw.stored()).expect("read"),
            ))
        }
    }
}

pub(super) fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), Compression::fast());
    out.write_all(bytes).expect("pack");
    out.finish().expect("pack")
}
