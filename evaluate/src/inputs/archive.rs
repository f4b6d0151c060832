//! Pictures in files.

use std::collections::HashMap;
use std::path::Path;

use anyhow::Result;
use rayon::prelude::*;
use shared::archive::arrays::{self, PictureArray};
use shared::archive::{Archive, Name, stylegan};
use shared::cli::{DataError, one_line};
use shared::metrics::resize::RgbPicture;
use shared::metrics::source::{Labels, PictureSource, SourceError};
use shared::picture::{Limits, Picture};

use crate::protocols::Protocol;

/// Maximum bytes of a picture's file.
const FILE_LIMIT: u64 = 256 << 20;
/// Maximum bytes of a `dataset.json`.
const TABLE_LIMIT: u64 = 1 << 30;

/// The picture files in a folder and its subfolders, or in a zip or tar file, sorted by name. Grey
/// and palettes become RGB; alpha is dropped.
#[derive(Debug)]
pub struct ArchivePictures {
    archive: Archive,
    entries: Vec<usize>,
    /// Arrays of pictures, used if there are no picture files.
    arrays: Vec<PictureArray>,
}

impl ArchivePictures {
    /// Lists the pictures at `path`.
    ///
    /// # Errors
    /// When it is neither a folder nor a zip or tar file, or cannot be read.
    pub fn open(path: &Path) -> Result<Self> {
        let archive = Archive::open(path)?;
        let entries: Vec<usize> = archive.pictures().collect();
        let arrays = if entries.is_empty() {
            arrays::read(&archive)
                .map_err(|e| DataError(format!("{}: {}", path.display(), one_line(&e))))?
        } else {
            Vec::new()
        };
        Ok(Self { archive, entries, arrays })
    }

    /// The array that holds picture `i`, and its index in the array.
    fn in_array(&self, mut i: usize) -> Option<(&PictureArray, usize)> {
        for array in &self.arrays {
            if i < array.count {
                return Some((array, i));
            }
            i -= array.count;
        }
        None
    }

    fn picture(&self, i: usize) -> Result<RgbPicture, SourceError> {
        let Some((array, at)) = self.in_array(i) else { return self.decode(self.entries[i]) };
        let read = array.read(&self.archive, at);
        Ok(read.map_err(|e| SourceError { origin: self.origin(), cause: Box::new(e) })?.into())
    }

    /// Warns of skipped files.
    ///
    /// # Errors
    /// When a protocol's library would measure a file that is skipped here.
    pub fn account(&self, protocols: &[&'static Protocol]) -> Result<()> {
        super::account::tell(&self.archive, &self.entries, protocols)
    }

    fn decode(&self, entry: usize) -> Result<RgbPicture, SourceError> {
        let failed = |cause| SourceError { origin: self.origin(), cause };
        let bytes = self.archive.read(entry, FILE_LIMIT).map_err(|e| failed(Box::new(e)))?;
        let picture = Picture::decode_opaque(&bytes, &Limits::default()).map_err(|e| {
            failed(Box::new(DataError(format!(
                "{}: {}",
                self.archive.names()[entry],
                one_line(&e)
            ))))
        })?;
        Ok(picture.into())
    }
}

impl PictureSource for ArchivePictures {
    fn origin(&self) -> String {
        self.archive.path().display().to_string()
    }

    fn len(&self) -> usize {
        self.entries.len() + self.arrays.iter().map(|array| array.count).sum::<usize>()
    }

    fn read(&self, indices: &[usize]) -> Result<Vec<RgbPicture>, SourceError> {
        indices.par_iter().map(|&i| self.picture(i)).collect()
    }

    /// The path in the folder or archive; for arrays, with the index in the array.
    fn name(&self, i: usize) -> String {
        if let Some((array, at)) = self.in_array(i) {
            return format!("{}#{at}", self.archive.names()[array.entry]);
        }
        self.archive.names()[self.entries[i]].to_string()
    }

    /// From a StyleGAN `dataset.json` with a label for every picture; otherwise from class folders
    /// below the common folder of all pictures, unless they only number the pictures.
    fn labels(&self) -> Option<Labels> {
        if !self.arrays.is_empty() {
            return self.array_labels();
        }
        let names: Vec<&Name> =
            self.entries.iter().map(|&entry| &self.archive.names()[entry]).collect();
        self.listed(&names).or_else(|| class_folders(&names))
    }
}

impl ArchivePictures {
    /// From arrays of classes, if every array of pictures has one and there are at least two
    /// classes.
    fn array_labels(&self) -> Option<Labels> {
        let all: Option<Vec<&[u32]>> = self
            .arrays
            .iter()
            .map(|array| array.labels.as_ref().map(|(_, labels)| &labels[..]))
            .collect();
        let of = all?.concat();
        let most = of.iter().max().filter(|most| **most > 0)?;
        Some(Labels { names: (0..=*most).map(|number| number.to_string()).collect(), of })
    }

    /// From a `dataset.json`.
    fn listed(&self, names: &[&Name]) -> Option<Labels> {
        let root = self.archive.root_of(stylegan::LABELS).ok()?;
        let at = self.archive.find(&[&root[..], stylegan::LABELS.as_bytes()].concat())?;
        let table =
            match self.archive.read(at, TABLE_LIMIT).map(|bytes| stylegan::Table::parse(&bytes)) {
                Ok(Ok(table)) => table,
                // A damaged file, or one of another program: without labels no number is affected.
                Ok(Err(error)) => return self.unread(&error),
                Err(error) => return self.unread(&error),
            };
        if table.labels.is_empty() {
            return None;
        }
        let mut labels: HashMap<&[u8], u32> = HashMap::new();
        for (name, label) in &table.labels {
            if labels.insert(name.as_bytes(), *label).is_some() {
                return self.unread(&DataError(format!("{name} has two labels")));
            }
        }
        let mut of = Vec::with_capacity(names.len());
        for name in names {
            match name.0.strip_prefix(&root[..]).and_then(|below| labels.get(below)) {
                Some(label) => of.push(*label),
                None => return self.unread(&DataError(format!("it has no label for {name}"))),
            }
        }
        (table.classes.len() > 1).then_some(Labels { names: table.classes, of })
    }

    fn unread(&self, error: &(dyn std::error::Error + 'static)) -> Option<Labels> {
        tracing::warn!("{}: {} is skipped: {}", self.origin(), stylegan::LABELS, one_line(error));
        None
    }
}

/// The first folder level at which names differ, if every picture lies in such a folder.
fn class_folders(names: &[&Name]) -> Option<Labels> {
    if names.iter().all(|name| stylegan::is_numbered(&name.to_string())) {
        return None;
    }
    let mut folders: Vec<Vec<&[u8]>> =
        names.iter().map(|name| name.0.split(|&b| b == b'/').collect()).collect();
    // The last part is the file's name.
    folders.iter_mut().for_each(|parts| parts.truncate(parts.len() - 1));
    let depth = (0..).find(|&depth| {
        let mut at = folders.iter().map(|parts| parts.get(depth));
        let first = at.next().flatten();
        first.is_none() || at.any(|part| part != first)
    })?;
    let of: Vec<&[u8]> =
        folders.iter().map(|parts| parts.get(depth).copied()).collect::<Option<_>>()?;
    let mut classes = of.clone();
    classes.sort_unstable();
    classes.dedup();
    let index = |class: &&[u8]| classes.binary_search(class).unwrap_or_default() as u32;
    let labels = of.iter().map(index).collect();
    let names = classes.iter().map(|class| Name(class.to_vec()).to_string()).collect();
    (classes.len() > 1).then_some(Labels { names, of: labels })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(names: &[&str]) -> Option<(Vec<String>, Vec<u32>)> {
        let names: Vec<Name> = names.iter().map(|name| Name(name.as_bytes().to_vec())).collect();
        class_folders(&names.iter().collect::<Vec<_>>()).map(|labels| (labels.names, labels.of))
    }

    #[test]
    fn pictures_in_class_folders_have_labels() {
        let two = Some((vec!["cat".to_owned(), "dog".to_owned()], vec![0, 0, 1]));
        assert_eq!(labels(&["cat/1.png", "cat/b/2.png", "dog/1.png"]), two);
        assert_eq!(
            labels(&["all/train/cat/1.png", "all/train/cat/2.png", "all/train/dog/1.png"]),
            two
        );
    }

    #[test]
    fn pictures_outside_class_folders_have_none() {
        for names in [
            &["1.png", "2.png"][..],
            &["cat/1.png", "cat/2.png"],
            &["cat/1.png", "dog/1.png", "z.png"],
            &["all/1.png", "all/cat/1.png"],
            &["00000/img00000999.png", "00001/img00001000.png"],
            &[],
        ] {
            assert_eq!(labels(names), None, "{names:?}");
        }
    }
}
