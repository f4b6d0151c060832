//! The pictures to translate, with the names of their results.
//!
//! They are decoded as `prep build` decodes them: upright by EXIF, over white, palettes looked up,
//! 16 bits rounded to 8, grey or colour as the network has it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::Result;
use shared::archive::Archive;
use shared::cli::{DataError, UsageError, one_line};
use shared::dataset::{Dataset, MANIFEST};
use shared::direction::Direction;
use shared::fs;
use shared::picture::{Canvas, Limits, Picture, PictureFile, is_read};

/// Maximum bytes of a file and of its pixels.
const LIMITS: Limits = Limits { bytes: 4 << 30 };
/// First bytes of a file, enough to tell a picture from a zip or tar file.
const FIRST: u64 = 64;
/// The split of a data set that is translated by default.
const SPLIT: &str = "val";

/// The pictures at a path.
#[derive(Debug)]
pub struct Inputs {
    content: Content,
    names: Vec<String>,
}

#[derive(Debug)]
enum Content {
    /// One picture's file.
    File(PathBuf),
    /// The pictures in a folder, zip or tar file, by their indices.
    Archive(Box<Archive>, Vec<usize>),
    /// The pictures of a split of a data set, or one side of its pairs.
    Split { dataset: Box<Dataset>, split: String, direction: Option<Direction> },
}

impl Inputs {
    /// Lists the pictures at `path`. Of a data set those of `split`, `val` by default; of pairs the
    /// sources of `direction`.
    ///
    /// # Errors
    /// When there are none, they cannot be listed, or `split` is given for anything but a data set.
    pub fn open(path: &Path, split: Option<&str>, direction: Direction) -> Result<Self> {
        if path.join(MANIFEST).is_file() {
            let dataset = Dataset::open(path)?;
            let direction = dataset.manifest().paired.then_some(direction);
            let split = split.unwrap_or(SPLIT).to_owned();
            let names = {
                let split = dataset.split(&split)?;
                let number =
                    |i| -> Result<u64> { Ok(split.record(i)?.source & u64::from(u32::MAX)) };
                (0..split.len()).map(number).collect::<Result<Vec<u64>>>()?
            };
            let names = names.into_iter().map(|number| format!("{number:06}")).collect();
            let content = Content::Split { dataset: Box::new(dataset), split, direction };
            return Self { content, names }.named(path);
        }
        if let Some(split) = split {
            let text = format!(
                "--split {split}: --input {} is no data set and has no splits",
                path.display()
            );
            return Err(UsageError(text).into());
        }
        if path.is_file() && is_read(&fs::read_start(path, FIRST)?) {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            return Self { content: Content::File(path.to_owned()), names: vec![name] }.named(path);
        }
        let archive = Archive::open(path)?;
        let entries: Vec<usize> = archive.pictures().collect();
        let names = entries.iter().map(|&i| archive.names()[i].to_string()).collect();
        Self { content: Content::Archive(Box::new(archive), entries), names }.named(path)
    }

    /// The names of the files become those of PNG files. Where two would have one name, both keep
    /// their suffix before it.
    fn named(mut self, path: &Path) -> Result<Self> {
        if self.names.is_empty() {
            let what = format!("--input {}: it contains no pictures", path.display());
            return Err(DataError(what).into());
        }
        let mut counts: HashMap<String, usize> = HashMap::new();
        self.names.iter().for_each(|name| *counts.entry(stem(name).to_owned()).or_default() += 1);
        let crops = matches!(self.content, Content::Split { .. });
        let mut taken: HashMap<String, usize> = HashMap::new();
        for name in &mut self.names {
            let stem = stem(name).to_owned();
            let alone = counts[&stem] == 1;
            let number = taken.entry(stem.clone()).and_modify(|n| *n += 1).or_insert(1);
            *name = match (alone, crops) {
                (true, _) => format!("{stem}.png"),
                // Several crops can come from one picture of a data set's source.
                (false, true) if *number == 1 => format!("{stem}.png"),
                (false, true) => format!("{stem}-{number}.png"),
                (false, false) => format!("{name}.png"),
            };
        }
        Ok(self)
    }

    /// Returns true if it is a single picture's file.
    #[must_use]
    pub fn is_file(&self) -> bool {
        matches!(self.content, Content::File(_))
    }

    /// Returns true if there is a target beside each picture: the data set holds pairs.
    #[must_use]
    pub fn has_targets(&self) -> bool {
        matches!(self.content, Content::Split { direction: Some(_), .. })
    }

    /// The name of each result, with the folders of its source.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Picture `i` with `channels`, 1 or 3, and its target if there is one.
    ///
    /// # Errors
    /// When it cannot be read or decoded.
    pub fn read(&self, i: usize, channels: u32) -> Result<(Picture, Option<Picture>)> {
        let canvas = Canvas { channels, ..Canvas::default() };
        match &self.content {
            Content::File(path) => {
                let bytes = fs::read_bounded(path, LIMITS.bytes)?;
                Ok((decoded(&bytes, &canvas, &path.display().to_string())?, None))
            }
            Content::Archive(archive, entries) => {
                let bytes = archive.read(entries[i], LIMITS.bytes)?;
                let name = format!("{}: {}", archive.path().display(), archive.names()[entries[i]]);
                Ok((decoded(&bytes, &canvas, &name)?, None))
            }
            Content::Split { dataset, split, direction } => {
                let split = dataset.split(split)?;
                let Some(direction) = direction else {
                    return Ok((canvas.paint(split.picture(i)?), None));
                };
                let pair = split.pair(i)?.map(|picture| canvas.paint(picture));
                let [a, b] = pair;
                Ok(match direction {
                    Direction::AToB => (a, Some(b)),
                    Direction::BToA => (b, Some(a)),
                })
            }
        }
    }
}

/// A name without its suffix.
fn stem(name: &str) -> &str {
    let file = name.rfind('/').map_or(0, |at| at + 1);
    // A name that begins with its only point has no suffix.
    match name[file..].rfind('.') {
        Some(at) if at > 0 => &name[..file + at],
        _ => name,
    }
}

fn decoded(bytes: &[u8], canvas: &Canvas, name: &str) -> Result<Picture> {
    let file = PictureFile::open(bytes).map_err(|e| unusable(name, &e))?;
    let needed = file.memory(file.whole()).saturating_add(bytes.len() as u64);
    if needed > LIMITS.bytes {
        let what = format!("{}x{} pixels are more than memory allows", file.width(), file.height());
        return Err(DataError(format!("{name}: {what}")).into());
    }
    Ok(file.decode(file.whole(), canvas).map_err(|e| unusable(name, &e))?)
}

fn unusable(name: &str, error: &(dyn std::error::Error + 'static)) -> DataError {
    DataError(format!("{name}: {}", one_line(error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suffix_is_what_follows_the_last_point_of_a_file_name() {
        for (name, expected) in
            [("a.png", "a"), ("b.c/a", "b.c/a"), ("x/a.b.jpg", "x/a.b"), (".a", ".a")]
        {
            assert_eq!(stem(name), expected);
        }
    }
}
