//! How NVIDIA's StyleGAN trainers have a data set: `00000/img00000000.png` beside the labels in `dataset.json`, as `dataset_tool.py`
//! of StyleGAN2-ADA and StyleGAN3 writes it. The trainers take every picture in the order of its name.

use serde::Serialize;

/// Where the trainers look for labels.
pub const LABELS: &str = "dataset.json";

/// The name of picture `number`.
#[must_use]
pub fn name_of(number: u64) -> String {
    let digits = format!("{number:08}");
    format!("{}/img{digits}.png", &digits[..5])
}

/// Whether `name` ends as [`name_of`] some number does: then its folder is no class.
#[must_use]
pub fn is_numbered(name: &str) -> bool {
    let number = || name.rsplit_once("/img")?.1.strip_suffix(".png")?.parse().ok();
    number().is_some_and(|number| {
        let own = name_of(number);
        name.strip_suffix(&own).is_some_and(|before| before.is_empty() || before.ends_with('/'))
    })
}

/// What `dataset.json` says. The trainers look at `labels` only.
#[derive(Clone, Debug, Serialize)]
pub struct Index<'a> {
    /// Name and class of every picture; null unless all have one.
    labels: Option<Vec<(String, u32)>>,
    /// The names of the classes.
    classes: &'a [String],
    /// The split of every picture by its name, where there are splits.
    #[serde(skip_serializing_if = "Option::is_none")]
    splits: Option<serde_json::Map<String, serde_json::Value>>,
}

impl<'a> Index<'a> {
    /// Of no pictures yet; labels are given only where there are classes.
    #[must_use]
    pub fn new(classes: &'a [String]) -> Self {
        let labels = if classes.is_empty() { None } else { Some(Vec::new()) };
        Self { labels, classes, splits: None }
    }

    /// Notes the next picture, of [`name_of`] its number.
    pub fn add(&mut self, name: &str, label: Option<u32>) {
        match (&mut self.labels, label) {
            (Some(labels), Some(label)) => labels.push((name.to_owned(), label)),
            (labels, _) => *labels = None,
        }
    }

    /// Notes to which split a picture belongs.
    pub fn add_split(&mut self, name: &str, split: &str) {
        self.splits.get_or_insert_default().insert(name.to_owned(), split.into());
    }

    /// The content of the file.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::json!(self).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_own_names_are_told_from_those_of_classes() {
        for name in ["00000/img00000000.png", "00123/img00123456.png", "fakes/00001/img00001000.png", "123456789/img"] {
            assert_eq!(is_numbered(name), name.ends_with(".png"), "{name}");
        }
        for name in ["00000/img00001000.png", "00000/1.png", "x00000/img00000000.png", "img00000000.png", "cat/img00000000.png"] {
            assert!(!is_numbered(name), "{name}");
        }
    }
}
