//! Parts that names of files and folders speak of, where annotations need them to tell pictures of the same name apart.

use super::Part;
use super::lookup::folder_of;

fn named(word: &[u8]) -> Option<Part> {
    std::str::from_utf8(word).ok().and_then(Part::named)
}

/// The part that a path belongs to by its folders: the nearest that is called like one, with or without a year (`train2017`).
pub(super) fn part_of_path(path: &[u8]) -> Option<Part> {
    let without_year = |folder: &[u8]| {
        let end = folder.iter().rposition(|b| !b.is_ascii_digit()).map_or(0, |last| last + 1);
        named(&folder[..end])
    };
    folder_of(path).split(|&b| b == b'/').rev().find_map(without_year)
}

/// The part that a file's own name speaks of: one of its words, `train` in `trainLabels.csv`, `my_train-2.csv` and `Train.csv`.
pub(super) fn part_of_name(stem: &[u8]) -> Option<Part> {
    let mut words = vec![Vec::new()];
    let mut before = b' ';
    for &b in stem {
        let begins = b.is_ascii_uppercase() && before.is_ascii_lowercase();
        if begins || !b.is_ascii_alphabetic() {
            words.push(Vec::new());
        }
        if let (true, Some(word)) = (b.is_ascii_alphabetic(), words.last_mut()) {
            word.push(b);
        }
        before = b;
    }
    words.iter().find_map(|word| named(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_words_of_names_and_whole_names_of_folders() {
        for name in ["trainLabels", "my_train-2", "Train", "TRAIN", "train2017"] {
            assert_eq!(part_of_name(name.as_bytes()), Some(Part::Train), "{name}");
        }
        for name in ["trains", "contest", "", "label"] {
            assert_eq!(part_of_name(name.as_bytes()), None, "{name}");
        }
        assert_eq!(part_of_path(b"a/Valid2017/b/1.jpg"), Some(Part::Val));
        assert_eq!(part_of_path(b"a/train.jpg"), None);
    }
}
