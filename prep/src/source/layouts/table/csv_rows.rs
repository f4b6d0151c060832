//! The lines of a CSV table.

use csv::{ByteRecord, Reader, ReaderBuilder};
use shared::archive::Name;

use super::columns::{Columns, Sample};
use super::row::{LineError, Row, Rows};

/// Possible delimiters; the most frequent in the first line counts, of equally frequent ones the
/// first.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];
/// Excel's line before the header, followed by the delimiter.
const SEPARATOR: &[u8] = b"sep=";
/// Number of lines from which the meaning of columns is guessed.
pub(super) const SAMPLE: usize = 64;

/// The first lines and the meaning of the columns.
pub(super) struct Head {
    pub(super) columns: Columns,
    has_header: bool,
    delimiter: u8,
    /// Number of bytes before the first line.
    start: usize,
    /// The fields of the first lines, without the header.
    pub(super) rows: Vec<Vec<String>>,
}

impl Head {
    /// Reads the first lines.
    ///
    /// # Errors
    /// When there is no column of paths.
    pub(super) fn read(text: &[u8], is_picture: &dyn Fn(&str) -> bool) -> Result<Self, LineError> {
        let (start, delimiter) = delimiter(text);
        let mut reader = open(&text[start..], delimiter);
        let (mut record, mut rows) = (ByteRecord::new(), Vec::new());
        let mut lines = Lines { text, start, offset: 0, line: 1 };
        let mut first_line = 1;
        while rows.len() <= SAMPLE && next(&mut reader, &mut record, &mut lines)? {
            if rows.is_empty() {
                first_line = lines.line;
            }
            rows.push(fields(&record));
        }
        let bad = |what| LineError { line: first_line, what };
        let Some(first) = rows.first() else {
            return Err(bad(
                "there is no header line; the first line names the columns, path among them".into(),
            ));
        };
        let names: Vec<String> = first.iter().map(|name| name.to_lowercase()).collect();
        if !Columns::names_path(&names) {
            let sample = Sample { rows: &rows, is_picture };
            if let Some(columns) = Columns::without_header(&sample) {
                return Ok(Self { columns, has_header: false, delimiter, start, rows });
            }
        }
        rows.remove(0);
        let columns = Columns::new(names, &Sample { rows: &rows, is_picture }).map_err(bad)?;
        Ok(Self { columns, has_header: true, delimiter, start, rows })
    }
}

/// Reads all lines.
///
/// # Errors
/// When a line is malformed.
pub(super) fn parse(text: &[u8], head: &Head) -> Result<Rows, LineError> {
    let mut reader = open(&text[head.start..], head.delimiter);
    let mut record = ByteRecord::new();
    let mut lines = Lines { text, start: head.start, offset: 0, line: 1 };
    let columns = &head.columns;
    let owned = |name: &str| name.to_owned();
    let (ignored, used) =
        (columns.ignored().map(owned).collect(), columns.used().map(owned).collect());
    let mut rows = Rows { rows: Vec::new(), ignored, used };
    let mut skip = head.has_header;
    while next(&mut reader, &mut record, &mut lines)? {
        if std::mem::take(&mut skip) {
            continue;
        }
        let line = lines.line;
        let row = read_row(&record, columns, line, head.has_header)
            .map_err(|what| LineError { line, what })?;
        rows.rows.push(row);
    }
    Ok(rows)
}

/// The offset of the first line, and the delimiter.
fn delimiter(text: &[u8]) -> (usize, u8) {
    let mut start = 0;
    for line in text.split_inclusive(|&b| b == b'\n') {
        let trimmed = line.trim_ascii();
        if let Some(rest) = trimmed.strip_prefix(SEPARATOR)
            && rest.len() <= 1
        {
            let delimiter = rest.first().copied().unwrap_or(b'\t');
            return (start + line.len(), delimiter);
        }
        if !trimmed.is_empty() {
            let count = |delimiter: u8| trimmed.iter().filter(|&&b| b == delimiter).count();
            // `max_by_key` returns the last maximum, hence backwards.
            let most = DELIMITERS.into_iter().rev().max_by_key(|&d| count(d)).unwrap_or(b',');
            return (0, most);
        }
        start += line.len();
    }
    (0, b',')
}

fn open(text: &[u8], delimiter: u8) -> Reader<&[u8]> {
    ReaderBuilder::new().delimiter(delimiter).has_headers(false).flexible(true).from_reader(text)
}

fn fields(record: &ByteRecord) -> Vec<String> {
    record
        .iter()
        .map(|field| Name(field.trim_ascii().to_vec()).to_string().trim().to_owned())
        .collect()
}

/// Reads the next non-empty line.
fn next(
    reader: &mut Reader<&[u8]>,
    record: &mut ByteRecord,
    lines: &mut Lines<'_>,
) -> Result<bool, LineError> {
    loop {
        let more = reader
            .read_byte_record(record)
            .map_err(|e| LineError { line: lines.line, what: e.to_string() })?;
        lines.advance(record.position().map_or(0, csv::Position::byte));
        if !more || record.iter().any(|field| !field.trim_ascii().is_empty()) {
            return Ok(more);
        }
    }
}

fn read_row(
    record: &ByteRecord,
    columns: &Columns,
    line: usize,
    has_header: bool,
) -> Result<Row, String> {
    // Spreadsheets end lines with empty fields.
    let surplus = record.iter().skip(columns.len()).any(|field| !field.trim_ascii().is_empty());
    if record.len() < columns.len() || surplus {
        let (fields, expected) = (record.len(), columns.len());
        let first = if has_header { "header" } else { "first line" };
        return Err(format!(
            "it has {fields} fields, the {first} {expected}; a field that holds the delimiter needs quotes around it"
        ));
    }
    let bytes = |place: usize| record[place].trim_ascii();
    let text = |place: usize| Name(bytes(place).to_vec()).to_string();
    let label = Some(columns.label(text)).filter(|label| !label.is_empty());
    let split = columns.part(text)?;
    let path = bytes(columns.path).to_vec();
    if path.is_empty() {
        return Err("its path is empty".into());
    }
    Ok(Row {
        line,
        path,
        label,
        split,
        boxes: columns.boxes(text)?,
        drawn_on: columns.drawn_on(text),
    })
}

/// Counts lines along the text. The reader's own count is wrong for empty lines and lines that end
/// in two characters.
struct Lines<'a> {
    text: &'a [u8],
    /// The offset at which the reader begins.
    start: usize,
    offset: usize,
    line: usize,
}

impl Lines<'_> {
    /// Advances to the record that begins at `offset` of the reader, or after empty lines there.
    fn advance(&mut self, offset: u64) {
        let from = (self.start + offset as usize).min(self.text.len());
        let blank = self.text[from..].iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
        let end = (from + blank).max(self.offset);
        self.line += self.text[self.offset..end].iter().filter(|&&b| b == b'\n').count();
        self.offset = end;
    }
}
