//! Opening a source: detecting its layout, and reading its listing.

use std::path::{Path, PathBuf};

use shared::archive::{Archive, Name};

use super::error::SourceError;
use super::layouts::{
    celeba, cifar, coco, cub, cvat, folder, idx, npz, pairs, shapes, stylegan, table, voc, yolo,
};
use super::listing::{Format, Listing};
use super::split_folders;

/// Opens a source and lists its pictures.
///
/// A source is a folder, an archive, or a table (.csv, .tsv, .jsonl, .json) whose pictures lie
/// beside or below it.
/// `format` forces a layout; otherwise the layout is detected.
///
/// # Errors
/// When it cannot be read, is in no known layout, or an annotation is malformed.
pub fn open(path: &Path, format: Option<Format>) -> Result<(Archive, Listing), SourceError> {
    open_without(path, format, &[])
}

/// [`open`] without the folders of these real paths, where the data set is written.
///
/// # Errors
/// As [`open`].
pub fn open_without(
    path: &Path,
    format: Option<Format>,
    without: &[PathBuf],
) -> Result<(Archive, Listing), SourceError> {
    let (archive, mut listing) = open_as_it_says(path, format, without)?;
    split_folders::from_folders(&archive, &mut listing);
    Ok((archive, listing))
}

/// The listing by the rules of the layout alone.
fn open_as_it_says(
    path: &Path,
    format: Option<Format>,
    without: &[PathBuf],
) -> Result<(Archive, Listing), SourceError> {
    let suffix = path.extension().map(|suffix| suffix.to_ascii_lowercase()).unwrap_or_default();
    let is_table = TABLE_SUFFIXES.iter().any(|table| suffix == *table) && path.is_file();
    if let (true, Some(name)) = (is_table, path.file_name()) {
        let folder =
            path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let archive = Archive::open_without(folder, without)?;
        let name = Name(name.as_encoded_bytes().to_vec());
        let listing = match format {
            None if suffix == "json" => json(&archive, &name)?,
            None => table::read(&archive, Some(&name))?,
            Some(Format::Table) => table::read(&archive, Some(&name))?,
            Some(format) => read(&archive, format)?,
        };
        return Ok((archive, listing));
    }
    let archive = Archive::open_without(path, without)?;
    let mut listing = read(&archive, format.unwrap_or_else(|| detect(&archive)))?;
    if listing.format != Format::Table {
        let used: Vec<usize> = listing
            .tables
            .iter()
            .filter_map(|name| archive.find(&[&listing.root[..], &name.0].concat()))
            .collect();
        listing.unused.extend(table::passed_over(&archive, &used));
    }
    Ok((archive, listing))
}

/// Reads a JSON file of annotations that was named.
fn json(archive: &Archive, name: &Name) -> Result<Listing, SourceError> {
    match archive.find(&name.0) {
        Some(file) if !coco::is_one(archive, file) && shapes::is_one(archive, file) => {
            shapes::read(archive)
        }
        _ => coco::read(archive),
    }
}

/// Suffixes of tables that may be named instead of their folder.
const TABLE_SUFFIXES: [&str; 4] = ["csv", "tsv", "jsonl", "json"];

fn read(archive: &Archive, format: Format) -> Result<Listing, SourceError> {
    match format {
        Format::Cub => cub::read(archive),
        Format::Folder => folder::read(archive),
        Format::Idx => idx::read(archive),
        Format::Npz => npz::read(archive),
        Format::Cifar => cifar::read(archive),
        Format::Stylegan => stylegan::read(archive),
        Format::Pairs => pairs::read(archive),
        Format::Voc => voc::read(archive),
        Format::Coco => coco::read(archive),
        Format::Yolo => yolo::read(archive),
        Format::Shapes => shapes::read(archive),
        Format::Cvat => cvat::read(archive),
        Format::Celeba => celeba::read(archive),
        Format::Table => table::read(archive, None),
    }
}

/// A layout's `detect`.
type Detect = fn(&Archive) -> bool;

/// The first layout that fits; pictures in folders are the last resort, whose error says what was
/// searched for.
fn detect(archive: &Archive) -> Format {
    let chain: [(Detect, Format); 14] = [
        (stylegan::detect, Format::Stylegan),
        (cub::detect, Format::Cub),
        (coco::detect, Format::Coco),
        (celeba::detect, Format::Celeba),
        (table::detect, Format::Table),
        (cvat::detect, Format::Cvat),
        (voc::detect, Format::Voc),
        (idx::detect, Format::Idx),
        (cifar::detect, Format::Cifar),
        (yolo::detect, Format::Yolo),
        (shapes::detect, Format::Shapes),
        (table::detect_anywhere, Format::Table),
        (npz::detect, Format::Npz),
        (pairs::detect, Format::Pairs),
    ];
    chain
        .into_iter()
        .find(|(detect, _)| detect(archive))
        .map_or(Format::Folder, |(_, format)| format)
}
