//! The classes of annotations: numbered as they appear, sorted at the end.

use std::collections::HashMap;

use super::listing::Entry;
use crate::crop::Object;

/// The names so far, numbered as they appear.
#[derive(Debug, Default)]
pub(crate) struct Classes {
    names: Vec<String>,
    numbers: HashMap<String, u32>,
}

impl Classes {
    /// The number of a name; a new name gets the next number.
    pub(crate) fn number(&mut self, name: &str) -> u32 {
        if let Some(&number) = self.numbers.get(name) {
            return number;
        }
        let number = self.names.len() as u32;
        self.names.push(name.to_owned());
        self.numbers.insert(name.to_owned(), number);
        number
    }

    /// The names in order of appearance.
    pub(crate) fn into_names(self) -> Vec<String> {
        self.names
    }

    /// The sorted names; the labels of the pictures are renumbered accordingly.
    /// If all names are numbers, they are sorted by value: class 10 follows class 9.
    pub(crate) fn into_sorted(self, pictures: &mut [Entry]) -> Vec<String> {
        let values: Option<Vec<u64>> = self.names.iter().map(|name| name.parse().ok()).collect();
        let mut order: Vec<usize> = (0..self.names.len()).collect();
        order.sort_by_key(|&i| (values.as_ref().map(|v| v[i]), &self.names[i]));
        let mut sorted_numbers = vec![0; order.len()];
        for (new, &old) in (0..).zip(&order) {
            sorted_numbers[old] = new;
        }
        for entry in pictures {
            let labels =
                entry.objects.iter_mut().map(|object| &mut object.label).chain([&mut entry.label]);
            for label in labels.flatten() {
                *label = sorted_numbers[*label as usize];
            }
        }
        order.iter().map(|&i| self.names[i].clone()).collect()
    }
}

/// The class of a picture: that of its objects, if they all have the same.
pub(crate) fn common_label(objects: &[Object]) -> Option<u32> {
    let first = objects.first()?.label;
    if objects.iter().all(|object| object.label == first) { first } else { None }
}
