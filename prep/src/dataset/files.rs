//! The names of the files in a data set's folder.

use shared::dataset::MANIFEST;

/// The sheet of pictures.
pub const PREVIEW: &str = "preview.png";
/// The list of the pictures that were left out.
pub const REJECTS: &str = "rejects.jsonl";
/// The shards of the pictures that were left out, without their number and suffix.
pub const REJECT_SHARDS: &str = "rejects";

/// Returns whether a file of that name is part of a data set or of a build in parts.
#[must_use]
pub fn is_ours(name: &str) -> bool {
    [MANIFEST, REJECTS, PREVIEW].contains(&name)
        || name.ends_with(".shard")
        || part_numbers(name).is_some()
}

/// The folder of part `part` of `of` (from 1) of a build in parts.
#[must_use]
pub fn part_name(part: u32, of: u32) -> String {
    format!("part-{part}-of-{of}")
}

/// The part and the number of parts, from the name of a part's folder.
#[must_use]
pub fn part_numbers(name: &str) -> Option<(u32, u32)> {
    let (part, of) = name.strip_prefix("part-")?.split_once("-of-")?;
    Some((part.parse().ok()?, of.parse().ok()?))
}
