//! Sheets of pictures.

use super::Picture;

/// Lays pictures out in rows of `columns`, `padding` white pixels between and around them. The
/// cells have the size of the largest picture; the result is RGB if any picture is.
#[must_use]
pub fn grid(pictures: &[Picture], columns: usize, padding: u32) -> Picture {
    let largest = |side: fn(&Picture) -> u32| pictures.iter().map(side).max().unwrap_or(0);
    let (width, height) = (largest(|p| p.width), largest(|p| p.height));
    let columns = columns.clamp(1, pictures.len().max(1)) as u32;
    let rows = (pictures.len() as u32).div_ceil(columns);
    let (across, down) =
        (columns * (width + padding) + padding, rows * (height + padding) + padding);
    let mut sheet = Picture::filled(across, down, largest(|p| p.channels).max(1), 255);
    for (i, picture) in (0u32..).zip(pictures) {
        let (column, row) = (i % columns, i / columns);
        sheet.paste(
            picture,
            padding + column * (width + padding),
            padding + row * (height + padding),
        );
    }
    sheet
}
