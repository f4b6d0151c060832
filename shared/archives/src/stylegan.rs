//! Data sets of NVIDIA's StyleGAN trainers: `00000/img00000000.png` beside the labels in
//! `dataset.json`, as written by `dataset_tool.py` of StyleGAN2-ADA and StyleGAN3: `{"labels":
//! [["00000/img00000000.png", 6], …]}`, or `null` for no labels. The trainers read every picture in
//! the order of its name. fledge adds two more keys: `"classes": ["cat", …]` and `"splits":
//! {"00000/img00000000.png": "train", …}`.
//!
//! ```
//! use fledge_archives::stylegan;
//!
//! assert_eq!(stylegan::name_of(12_345_678), "12345/img12345678.png");
//! assert!(stylegan::is_numbered("00000/img00000007.png"));
//! assert!(!stylegan::is_numbered("cats/7.png"));
//! ```

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

/// The trainers' file of labels.
pub const LABELS: &str = "dataset.json";

/// The name of picture `number`.
#[must_use]
pub fn name_of(number: u64) -> String {
    let digits = format!("{number:08}");
    format!("{}/img{digits}.png", &digits[..5])
}

/// Returns true if `name` ends like [`name_of`] of a number: its folder is then not a class.
#[must_use]
pub fn is_numbered(name: &str) -> bool {
    let number = || name.rsplit_once("/img")?.1.strip_suffix(".png")?.parse().ok();
    number().is_some_and(|number| {
        let own = name_of(number);
        name.strip_suffix(&own).is_some_and(|before| before.is_empty() || before.ends_with('/'))
    })
}

/// The content of `dataset.json`. The trainers read `labels` only.
#[derive(Clone, Debug, Serialize)]
pub struct Index<'a> {
    /// Name and class of every picture; null unless all have one.
    labels: Option<Vec<(String, u32)>>,
    /// The names of the classes.
    classes: &'a [String],
    /// The split of every picture by its name, if there are splits.
    #[serde(skip_serializing_if = "Option::is_none")]
    splits: Option<serde_json::Map<String, Value>>,
}

impl<'a> Index<'a> {
    /// An empty index; it has labels only if there are classes.
    #[must_use]
    pub fn new(classes: &'a [String]) -> Self {
        let labels = if classes.is_empty() { None } else { Some(Vec::new()) };
        Self { labels, classes, splits: None }
    }

    /// Adds the next picture, called [`name_of`] its number.
    pub fn add(&mut self, name: &str, label: Option<u32>) {
        match (&mut self.labels, label) {
            (Some(labels), Some(label)) => labels.push((name.to_owned(), label)),
            (labels, _) => *labels = None,
        }
    }

    /// Adds the split of a picture.
    pub fn add_split(&mut self, name: &str, split: &str) {
        self.splits.get_or_insert_default().insert(name.to_owned(), split.into());
    }

    /// Serialises the file.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::json!(self).to_string()
    }
}

/// Class numbers from here on are regarded as a mistake: no set has as many classes.
const CLASS_LIMIT: u64 = 1 << 20;

/// A defect of a `dataset.json`.
#[derive(Debug, Error)]
pub enum TableError {
    /// It may be an unrelated program's file of that name.
    #[error("it does not say what StyleGAN's does ({0})")]
    Foreign(String),
    /// It has the right form but an impossible value.
    #[error("{0}")]
    Malformed(String),
}

/// The labels read from a `dataset.json`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// Name and class of pictures, in the file's order; empty if there are no labels.
    pub labels: Vec<(String, u32)>,
    /// The names of the classes, numbers if it has none; as many as the labels need.
    pub classes: Vec<String>,
    /// The splits of pictures by their names.
    pub splits: HashMap<String, String>,
}

#[derive(Deserialize)]
struct Json {
    labels: Option<Value>,
    classes: Option<Vec<String>>,
    splits: Option<HashMap<String, String>>,
}

impl Table {
    /// Parses the file.
    ///
    /// # Errors
    /// If it is not such a JSON file, a label is not a class number, or there are fewer names of
    /// classes than labels need.
    pub fn parse(bytes: &[u8]) -> Result<Self, TableError> {
        let json = serde_json::from_slice(bytes).map_err(|e| TableError::Foreign(e.to_string()))?;
        let Json { labels, classes, splits } = json;
        let labels: Vec<(String, u32)> = match &labels {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(pairs)) => pairs.iter().map(pair).collect::<Result<_, _>>()?,
            Some(Value::Object(map)) => map
                .iter()
                .map(|(name, label)| Ok((name.clone(), number(name, label)?)))
                .collect::<Result<_, _>>()?,
            Some(other) => return Err(TableError::Foreign(format!("\"labels\" is {other}"))),
        };
        let most = labels.iter().map(|(_, label)| label + 1).max().unwrap_or(0);
        let classes = match classes {
            _ if labels.is_empty() => Vec::new(),
            None => (0..most).map(|number| number.to_string()).collect(),
            Some(classes) if classes.len() < most as usize => {
                let text = format!(
                    "it names {} classes, but the labels go up to {}",
                    classes.len(),
                    most - 1
                );
                return Err(TableError::Malformed(text));
            }
            Some(classes) => classes,
        };
        Ok(Self { labels, classes, splits: splits.unwrap_or_default() })
    }
}

/// A name and its class number.
fn pair(value: &Value) -> Result<(String, u32), TableError> {
    match value.as_array().map(Vec::as_slice) {
        Some([Value::String(name), label]) => Ok((name.clone(), number(name, label)?)),
        _ => Err(TableError::Malformed(format!(
            "{value} in \"labels\" is not a name with a class number"
        ))),
    }
}

fn number(name: &str, label: &Value) -> Result<u32, TableError> {
    let number = label.as_u64().filter(|&number| number < CLASS_LIMIT);
    let wrong = || {
        TableError::Malformed(format!(
            "the label of {name} is {label}, not a class number from 0 on"
        ))
    };
    number.map(|number| number as u32).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_own_names_are_told_from_those_of_classes() {
        for name in [
            "00000/img00000000.png",
            "00123/img00123456.png",
            "fakes/00001/img00001000.png",
            "123456789/img",
        ] {
            assert_eq!(is_numbered(name), name.ends_with(".png"), "{name}");
        }
        for name in [
            "00000/img00001000.png",
            "00000/1.png",
            "x00000/img00000000.png",
            "img00000000.png",
            "cat/img00000000.png",
        ] {
            assert!(!is_numbered(name), "{name}");
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let classes = ["gull".to_owned(), "owl".to_owned()];
        let mut index = Index::new(&classes);
        index.add(&name_of(0), Some(1));
        index.add(&name_of(7), Some(0));
        index.add_split(&name_of(7), "val");
        let table = Table::parse(index.to_json().as_bytes()).expect("own file");
        let labels = vec![(name_of(0), 1), (name_of(7), 0)];
        assert_eq!(
            table,
            Table {
                labels,
                classes: classes.to_vec(),
                splits: [(name_of(7), "val".to_owned())].into()
            }
        );
        assert_eq!(
            Table::parse(Index::new(&[]).to_json().as_bytes()).expect("no labels"),
            Table::default()
        );
    }
}
