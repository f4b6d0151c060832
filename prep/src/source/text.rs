//! Annotation files as text, in the encodings that editors and spreadsheets write.

use std::borrow::Cow;

/// The text without its byte order mark.
/// UTF-16, which Excel calls "Unicode text", is recognized by its mark and converted to UTF-8;
/// other bytes are unchanged.
pub(crate) fn plain(bytes: &[u8]) -> Cow<'_, [u8]> {
    let utf16 = |rest: &[u8], unit: fn([u8; 2]) -> u16| {
        let units = rest.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
        let text: String =
            char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
        Cow::Owned(text.into_bytes())
    };
    match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => Cow::Borrowed(rest),
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        _ => Cow::Borrowed(bytes),
    }
}

/// JSON as Python writes it: NaN, Infinity and -Infinity, which JSON lacks, become null.
pub(crate) fn json(bytes: &[u8]) -> Cow<'_, [u8]> {
    const WORDS: [&[u8]; 3] = [b"-Infinity", b"Infinity", b"NaN"];
    let text = plain(bytes);
    if !WORDS[1..].iter().any(|word| text.windows(word.len()).any(|window| window == *word)) {
        return text;
    }
    let mut nulled = Vec::with_capacity(text.len());
    let (mut rest, mut quoted) = (&text[..], false);
    while let [first, after @ ..] = rest {
        let word = if quoted { None } else { WORDS.iter().find(|word| rest.starts_with(word)) };
        if let Some(word) = word {
            nulled.extend(b"null");
            rest = &rest[word.len()..];
            continue;
        }
        nulled.push(*first);
        rest = after;
        match (first, after) {
            (b'"', _) => quoted = !quoted,
            (b'\\', [escaped, after @ ..]) if quoted => {
                nulled.push(*escaped);
                rest = after;
            }
            _ => {}
        }
    }
    Cow::Owned(nulled)
}

/// A number, with blanks around it or a decimal comma.
/// NaN for an empty field, for its usual substitutes (`nan`, `null`, `none`, `na`, `n/a`), and for
/// an infinite number.
pub(crate) fn number(text: &str) -> Option<f64> {
    let text = text.trim();
    let nothing = ["", "nan", "null", "none", "na", "n/a", "<na>"]
        .iter()
        .any(|word| text.eq_ignore_ascii_case(word));
    if nothing {
        return Some(f64::NAN);
    }
    let decimal_comma =
        || Some(text.replacen(',', ".", 1)).filter(|t| !text.contains('.') && !t.contains(','));
    let value: f64 = text.parse().ok().or_else(|| decimal_comma()?.parse().ok())?;
    Some(if value.is_finite() { value } else { f64::NAN })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utf16_of_both_orders_and_marks_become_plain_text() {
        let units: Vec<u16> = "\u{feff}pfad\té\u{1f426}\r\n".encode_utf16().collect();
        let little: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        let big: Vec<u8> = units.iter().flat_map(|unit| unit.to_be_bytes()).collect();
        for bytes in [
            &little[..],
            &big,
            "\u{feff}pfad\té\u{1f426}\r\n".as_bytes(),
            "pfad\té\u{1f426}\r\n".as_bytes(),
        ] {
            assert_eq!(&*plain(bytes), "pfad\té\u{1f426}\r\n".as_bytes());
        }
        assert_eq!(&*plain(b"\xffno text"), b"\xffno text");
    }

    #[test]
    fn pythons_nan_becomes_null_but_not_within_texts() {
        let text = br#"{"NaN \" NaN": [NaN, -Infinity, Infinity, "\\", 1, "Infinity"]}"#;
        assert_eq!(&*json(text), br#"{"NaN \" NaN": [null, null, null, "\\", 1, "Infinity"]}"#);
        assert!(matches!(json(b"{\"a\": 1}"), Cow::Borrowed(_)));
    }

    #[test]
    fn numbers_are_read_as_people_write_them() {
        assert_eq!(
            (number(" 1.5 "), number("1,5"), number("1e3")),
            (Some(1.5), Some(1.5), Some(1000.0))
        );
        assert_eq!((number("1,234.5"), number("1,2,3"), number("x2")), (None, None, None));
        for nothing in ["", "NaN", "null", "N/A", "inf", "-inf"] {
            assert!(number(nothing).is_some_and(f64::is_nan), "{nothing}");
        }
    }
}
