//! The file of a table: its kind by suffix, and its text.

use std::borrow::Cow;

use crate::source::text;

/// Longest line of a table, in bytes, which bounds the memory for parsing it.
pub(super) const LINE_LIMIT: usize = 16 << 20;

/// Suffixes of tables.
pub(super) const SUFFIXES: [&str; 3] = [".csv", ".tsv", ".jsonl"];
/// The suffix of lists with a path and a class in each line.
pub(super) const LIST: &str = ".txt";
/// Returns whether the name is that of a list.
pub(super) fn is_list(name: &[u8]) -> bool {
    name.to_ascii_lowercase().ends_with(LIST.as_bytes())
}

/// Returns whether a name is that of a table of JSON lines.
pub(super) fn is_jsonl(name: &[u8]) -> bool {
    name.to_ascii_lowercase().ends_with(b".jsonl")
}

/// The text of a table in UTF-8, without a byte order mark. In lists, a tab is put between path and
/// class.
pub(super) fn text_of<'a>(name: &[u8], bytes: &'a [u8]) -> Cow<'a, [u8]> {
    let text = text::plain(bytes);
    let first =
        text.split(|&b| b == b'\n').find(|line| !line.trim_ascii().is_empty()).unwrap_or_default();
    if !is_list(name) || first.iter().any(|b| matches!(b, b',' | b';' | b'\t' | b'|')) {
        return text;
    }
    let mut separated = Vec::with_capacity(text.len());
    for line in text.split(|&b| b == b'\n').map(<[u8]>::trim_ascii) {
        match line.iter().rposition(u8::is_ascii_whitespace) {
            Some(at) => {
                separated.extend([line[..at].trim_ascii_end(), b"\t", &line[at + 1..]].concat())
            }
            None => separated.extend(line),
        }
        separated.push(b'\n');
    }
    Cow::Owned(separated)
}
