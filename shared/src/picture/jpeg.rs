//! A walk over the markers of a JPEG file, before its decoder is trusted with it: how large it claims to be, how it is coded,
//! whether it is whole. The decoder fills a file that was cut off with grey and calls it a picture.

/// What the markers say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Survey {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) components: u32,
    /// Coefficients of all scans are kept until the end, in 16 bits each.
    pub(super) progressive: bool,
    pub(super) scans: u32,
    /// An EXIF segment is there and may turn the picture.
    pub(super) exif: bool,
}

/// Walks from the start to the end-of-image marker.
///
/// # Errors
/// What does not hold, as a text.
pub(super) fn survey(bytes: &[u8]) -> Result<Survey, String> {
    let cut_off = |at: usize| format!("it ends after {} bytes, inside the picture (at byte {at})", bytes.len());
    let mut survey = Survey::default();
    let mut at = 2;
    loop {
        // Any number of fill bytes may stand before a marker.
        let marker = loop {
            match (bytes.get(at), bytes.get(at + 1)) {
                (Some(0xff), Some(0xff)) => at += 1,
                (Some(0xff), Some(&marker)) => break marker,
                (Some(&other), Some(_)) => return Err(format!("byte {at} is {other:#04x} where a marker is expected")),
                _ => return Err(cut_off(at)),
            }
        };
        at += 2;
        if marker == 0xd9 {
            return Ok(survey);
        }
        if matches!(marker, 0x01 | 0xd0..=0xd8) {
            continue;
        }
        let length = bytes.get(at..at + 2).map(|b| usize::from(b[0]) << 8 | usize::from(b[1])).ok_or_else(|| cut_off(at))?;
        let body = bytes.get(at + 2..at + length.max(2)).ok_or_else(|| cut_off(at))?;
        at += length.max(2);
        match marker {
            // Frame headers; c4, c8 and cc are tables.
            0xc0..=0xcf if !matches!(marker, 0xc4 | 0xc8 | 0xcc) => {
                let &[_, h1, h0, w1, w0, components, ..] = body else { return Err("its frame header is cut off".into()) };
                survey.height = u32::from(h1) << 8 | u32::from(h0);
                survey.width = u32::from(w1) << 8 | u32::from(w0);
                survey.components = u32::from(components);
                survey.progressive = matches!(marker, 0xc2 | 0xc6 | 0xca | 0xce);
            }
            0xe1 => survey.exif |= body.starts_with(b"Exif"),
            0xda => {
                survey.scans += 1;
                at = end_of_scan(bytes, at).ok_or_else(|| cut_off(bytes.len()))?;
            }
            _ => {}
        }
    }
}

/// Where the next marker after entropy-coded data stands: 0xff that is followed by neither a stuffed zero nor a restart.
fn end_of_scan(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start;
    loop {
        at += bytes.get(at..)?.iter().position(|&b| b == 0xff)?;
        match bytes.get(at + 1)? {
            0x00 | 0xd0..=0xd7 => at += 2,
            0xff => at += 1,
            _ => return Some(at),
        }
    }
}
