//! The lines of a CSV table.

use csv::{ByteRecord, Reader, ReaderBuilder};
use shared::archive::Name;

use super::columns::Columns;
use super::row::{self, Fault, Row, Rows};

/// What may stand between the fields; of several that occur equally often in the header, the first counts.
const DELIMITERS: [u8; 3] = [b',', b';', b'\t'];

/// Reads all lines.
///
/// # Errors
/// When there is no header with a path, or a line is malformed.
pub(super) fn parse(text: &[u8]) -> Result<Rows, Fault> {
    let mut reader = open(text);
    let mut record = ByteRecord::new();
    let mut lines = Lines { text, offset: 0, line: 1 };
    if !next(&mut reader, &mut record, &mut lines)? {
        return Err(Fault { line: 1, what: "there is no header line; the first line names the columns, path among them".into() });
    }
    let header_line = lines.line;
    let columns = Columns::new(names(&record)).map_err(|what| Fault { line: header_line, what })?;
    let mut rows = Rows { rows: Vec::new(), ignored: columns.ignored().map(str::to_owned).collect() };
    while next(&mut reader, &mut record, &mut lines)? {
        let line = lines.line;
        let row = read_row(&record, &columns, line).map_err(|what| Fault { line, what })?;
        rows.rows.push(row);
    }
    Ok(rows)
}

/// Whether the header has a column of paths.
pub(super) fn has_path(text: &[u8]) -> bool {
    let mut record = ByteRecord::new();
    matches!(open(text).read_byte_record(&mut record), Ok(true)) && Columns::has_path(&names(&record))
}

fn open(text: &[u8]) -> Reader<&[u8]> {
    let header = text.split(|&b| b == b'\n').find(|line| !line.trim_ascii().is_empty()).unwrap_or_default();
    let count = |delimiter: u8| header.iter().filter(|&&b| b == delimiter).count();
    // The last of the largest is taken, hence backwards.
    let delimiter = DELIMITERS.into_iter().rev().max_by_key(|&d| count(d)).unwrap_or(b',');
    ReaderBuilder::new().delimiter(delimiter).has_headers(false).flexible(true).from_reader(text)
}

fn names(header: &ByteRecord) -> Vec<String> {
    header.iter().map(|name| Name(name.to_ascii_lowercase()).to_string().trim().to_owned()).collect()
}

/// Reads the next line that holds something.
fn next(reader: &mut Reader<&[u8]>, record: &mut ByteRecord, lines: &mut Lines<'_>) -> Result<bool, Fault> {
    loop {
        let more = reader.read_byte_record(record).map_err(|e| Fault { line: lines.line, what: e.to_string() })?;
        lines.advance(record.position().map_or(0, csv::Position::byte));
        if !more || record.iter().any(|field| !field.trim_ascii().is_empty()) {
            return Ok(more);
        }
    }
}

fn read_row(record: &ByteRecord, columns: &Columns, line: usize) -> Result<Row, String> {
    if record.len() != columns.len() {
        let (fields, expected) = (record.len(), columns.len());
        return Err(format!(
            "it has {fields} fields, the header {expected}; a field that holds the delimiter needs quotes around it"
        ));
    }
    let bytes = |place: usize| record[place].trim_ascii();
    let text = |place: usize| Name(bytes(place).to_vec()).to_string();
    let label = columns.label.map(text).filter(|label| !label.is_empty());
    let split = row::split(&columns.split.map(text).unwrap_or_default())?;
    let path = row::path(bytes(columns.path), &text(columns.path))?;
    let boxes = columns.bounding_box(text)?.into_iter().collect();
    let drawn_on = columns.drawn_on(text);
    Ok(Row { line, path, label, split, boxes, drawn_on })
}

/// Lines counted along the text. The reader's own count is behind where lines end in two characters or are empty.
struct Lines<'a> {
    text: &'a [u8],
    offset: usize,
    line: usize,
}

impl Lines<'_> {
    /// Goes to the record that begins at `offset`, or after empty lines there.
    fn advance(&mut self, offset: u64) {
        let from = (offset as usize).min(self.text.len());
        let blank = self.text[from..].iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
        let end = (from + blank).max(self.offset);
        self.line += self.text[self.offset..end].iter().filter(|&&b| b == b'\n').count();
        self.offset = end;
    }
}
