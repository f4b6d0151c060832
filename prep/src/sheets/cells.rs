//! The cells of a sheet: choosing the pictures, and captioning them.

use shared::picture::{CAPTION_HEIGHT, Picture, caption_width};

/// The numbers of `count` pictures spread evenly over `len`, because neighbours often have one
/// class.
pub fn spread(len: usize, count: usize) -> impl Iterator<Item = usize> {
    let count = count.min(len);
    (0..count).map(move |k| k * len / count)
}

/// A picture with text below it, wrapped to at most `lines` lines; the cell is at least `width`
/// pixels wide.
#[must_use]
pub(super) fn captioned(picture: &Picture, text: &str, lines: u32, width: u32) -> Picture {
    let width = width.max(picture.width);
    let line_height = CAPTION_HEIGHT + 2;
    let mut cell =
        Picture::filled(width, picture.height + lines * line_height, picture.channels, 255);
    cell.paste(picture, 0, 0);
    for (i, line) in (0..lines).zip(broken(text, width)) {
        cell.draw_text(&line, 0, picture.height + i * line_height + 2, 1, [0; 3]);
    }
    cell
}

/// Wraps text to lines of at most `width` pixels, preferably at spaces, underscores and slashes.
fn broken(text: &str, width: u32) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_inclusive([' ', '_', '/', '\n']) {
        let last = lines.last().map_or("", String::as_str);
        if !last.is_empty()
            && (caption_width(&format!("{last}{}", word.trim_end())) > width
                || last.ends_with('\n'))
        {
            lines.push(String::new());
        }
        for letter in word.chars() {
            if lines.last().is_some_and(|line| {
                caption_width(&format!("{line}{letter}")) > width && !letter.is_whitespace()
            }) {
                lines.push(String::new());
            }
            if let Some(line) = lines.last_mut() {
                line.push(letter);
            }
        }
    }
    lines.iter().map(|line| line.trim().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_broken_between_words_and_within_long_ones() {
        // Ten letters fit into 60 pixels.
        assert_eq!(
            broken("001.Black_footed_Albatross", 60),
            ["001.Black_", "footed_", "Albatross"]
        );
        assert_eq!(broken("abcdefghijklm no", 60), ["abcdefghij", "klm no"]);
        assert_eq!(broken("one\ntwo", 60), ["one", "two"]);
        assert_eq!(broken("", 60), [""]);
    }
}
