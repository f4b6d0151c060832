//! The markers of a file: the frame, the colour space, and the positions of tables and scans. Every
//! segment is bounds-checked here; nothing is decoded.

use crate::bits::find_marker_byte;

/// Upper bound of scans, more than any encoder writes; each costs a pass over the whole picture.
const SCAN_LIMIT: usize = 64;
/// Upper bound of tables, more than 64 scans can use; each is kept until the file is decoded.
const TABLE_LIMIT: usize = 1024;
/// Upper bound of blocks per interleaved unit (ITU-T T.81, B.2.3).
const UNIT_LIMIT: u32 = 10;

/// One colour of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Component {
    /// Its identifier in scan headers.
    pub(super) id: u8,
    /// Horizontal sampling factor, relative to [`Frame::across`].
    pub(super) h: u32,
    /// Vertical sampling factor, relative to [`Frame::down`].
    pub(super) v: u32,
    /// The number of its quantisation table, 0 to 3.
    pub(super) quantisation: usize,
    /// Columns of samples that belong to the picture.
    pub(super) width: u32,
    /// Rows of samples that belong to the picture.
    pub(super) height: u32,
}

/// The frame header.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    pub(super) progressive: bool,
    pub(super) width: u32,
    pub(super) height: u32,
    /// 1, 3 or 4.
    pub(super) components: Vec<Component>,
    /// The largest horizontal sampling factor.
    pub(super) across: u32,
    /// The largest vertical sampling factor.
    pub(super) down: u32,
}

impl Frame {
    fn parse(marker: u8, body: &[u8]) -> Result<Self, String> {
        match marker {
            0xc0..=0xc2 => {}
            0xc3 => return Err("it is coded without loss, which is not read".into()),
            0xc5..=0xc7 => return Err("it is coded hierarchically, which is not read".into()),
            _ => return Err("it is coded arithmetically, which is not read".into()),
        }
        let &[precision, h1, h0, w1, w0, count, ref rest @ ..] = body else {
            return Err("its frame header is cut off".into());
        };
        if precision != 8 {
            return Err(format!("it has {precision} bits a sample, only 8 are read"));
        }
        let (width, height) =
            (u32::from(w1) << 8 | u32::from(w0), u32::from(h1) << 8 | u32::from(h0));
        if height == 0 && width != 0 {
            return Err(
                "its height is given only behind the pixels (DNL), which is not read".into()
            );
        }
        if width == 0 {
            return Err(format!("it claims {width}x{height} pixels"));
        }
        if !matches!(count, 1 | 3 | 4) {
            return Err(format!("it has {count} components, only 1, 3 and 4 are read"));
        }
        if rest.len() != 3 * usize::from(count) {
            return Err(format!(
                "its frame header has {} bytes for {count} components",
                rest.len()
            ));
        }
        let mut components = Vec::with_capacity(4);
        for component in rest.chunks_exact(3) {
            let (h, v, table) =
                (u32::from(component[1] >> 4), u32::from(component[1] & 15), component[2]);
            if !(1..=4).contains(&h) || !(1..=4).contains(&v) {
                return Err(format!("it claims sampling factors of {h}x{v}"));
            }
            if table > 3 {
                return Err(format!("it names quantisation table {table}, there are only 0 to 3"));
            }
            // The factors of a single component have no meaning.
            let (h, v) = if count == 1 { (1, 1) } else { (h, v) };
            components.push(Component {
                id: component[0],
                h,
                v,
                quantisation: usize::from(table),
                width,
                height,
            });
        }
        let across = components.iter().map(|c| c.h).max().unwrap_or(1);
        let down = components.iter().map(|c| c.v).max().unwrap_or(1);
        for c in &mut components {
            if !across.is_multiple_of(c.h) || !down.is_multiple_of(c.v) {
                return Err(format!(
                    "its sampling factors {}x{} and {across}x{down} have no whole ratio",
                    c.h, c.v
                ));
            }
            (c.width, c.height) = ((width * c.h).div_ceil(across), (height * c.v).div_ceil(down));
        }
        Ok(Self { progressive: marker == 0xc2, width, height, components, across, down })
    }

    /// Interleaved units per row.
    pub(super) fn units_across(&self) -> u32 {
        self.width.div_ceil(8 * self.across)
    }

    /// Rows of interleaved units.
    pub(super) fn units_down(&self) -> u32 {
        self.height.div_ceil(8 * self.down)
    }
}

/// The colour space of the components.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Color {
    Grey,
    YCbCr,
    Rgb,
    Cmyk,
    /// CMY as YCbCr, K unchanged.
    Ycck,
}

/// A step of decoding, in the order of the file.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step<'a> {
    /// A segment of Huffman tables.
    Huffman(&'a [u8]),
    /// A segment of quantisation tables.
    Quantisation(&'a [u8]),
    /// Units between two restart markers from here on, 0 for none.
    Restart(u32),
    /// A scan's header, then its entropy-coded data.
    Scan(&'a [u8], &'a [u8]),
}

/// One component of a scan.
#[derive(Clone, Copy, Debug)]
pub(super) struct ScanComponent {
    /// Its index in the frame.
    pub(super) component: usize,
    /// The number of its DC table.
    pub(super) dc: usize,
    /// The number of its AC table.
    pub(super) ac: usize,
}

/// A scan's header.
#[derive(Clone, Debug)]
pub(super) struct ScanHeader {
    pub(super) components: Vec<ScanComponent>,
    /// The first coefficient, in zigzag order.
    pub(super) first: usize,
    /// The last coefficient.
    pub(super) last: usize,
    /// The bit above the lowest one known from earlier scans; 0 in a first scan.
    pub(super) high: u32,
    /// The lowest bit in this scan.
    pub(super) low: u32,
}

impl ScanHeader {
    pub(super) fn parse(frame: &Frame, body: &[u8]) -> Result<Self, String> {
        let cut_off = || "a scan header is cut off".to_owned();
        let (&count, rest) = body.split_first().ok_or_else(cut_off)?;
        let (named, &[first, last, bits]) = rest.split_last_chunk::<3>().ok_or_else(cut_off)?;
        if count == 0
            || usize::from(count) > frame.components.len()
            || named.len() != 2 * usize::from(count)
        {
            return Err(format!("a scan header has {} bytes for {count} components", body.len()));
        }
        let mut components: Vec<ScanComponent> = Vec::with_capacity(4);
        for name in named.chunks_exact(2) {
            let free = |&at: &usize| {
                frame.components[at].id == name[0] && components.iter().all(|c| c.component != at)
            };
            let component = (0..frame.components.len()).find(free);
            let component = component
                .ok_or_else(|| format!("a scan names component {}, which is not free", name[0]))?;
            let (dc, ac) = (usize::from(name[1] >> 4), usize::from(name[1] & 15));
            if dc > 3 || ac > 3 {
                return Err(format!(
                    "a scan names Huffman tables {dc} and {ac}, there are only 0 to 3"
                ));
            }
            components.push(ScanComponent { component, dc, ac });
        }
        let blocks: u32 = components
            .iter()
            .map(|c| frame.components[c.component].h * frame.components[c.component].v)
            .sum();
        if components.len() > 1 && blocks > UNIT_LIMIT {
            return Err(format!(
                "a scan interleaves {blocks} blocks, only {UNIT_LIMIT} are allowed"
            ));
        }
        let (first, last) = (usize::from(first), usize::from(last));
        let (high, low) = (u32::from(bits >> 4), u32::from(bits & 15));
        if !frame.progressive {
            // These fields have no meaning in a sequential file, and some encoders write nonsense.
            return Ok(Self { components, first: 0, last: 63, high: 0, low: 0 });
        }
        let band = if first == 0 { last == 0 } else { first <= last && last <= 63 && count == 1 };
        if !band || low > 13 || (high != 0 && high != low + 1) {
            return Err(format!(
                "a scan claims coefficients {first} to {last} of {count} components, bits {high} to {low}"
            ));
        }
        Ok(Self { components, first, last, high, low })
    }

    /// Number of blocks coded by the scan.
    fn blocks(&self, frame: &Frame) -> u64 {
        if let [only] = self.components[..] {
            let component = &frame.components[only.component];
            return u64::from(component.width.div_ceil(8))
                * u64::from(component.height.div_ceil(8));
        }
        let unit: u32 = self
            .components
            .iter()
            .map(|c| frame.components[c.component].h * frame.components[c.component].v)
            .sum();
        u64::from(frame.units_across()) * u64::from(frame.units_down()) * u64::from(unit)
    }
}

/// The result of a walk over all markers.
#[derive(Debug)]
pub(super) struct Header<'a> {
    pub(super) frame: Frame,
    pub(super) color: Color,
    /// The first EXIF block.
    pub(super) exif: Option<&'a [u8]>,
    pub(super) profile: bool,
    pub(super) steps: Vec<Step<'a>>,
    /// Whether the end-of-image marker is missing: only decoding all data shows whether they are
    /// complete.
    pub(super) unended: bool,
}

/// Progress of the scans: the lowest bit known of every coefficient of every component.
struct Progress([[Option<u32>; 64]; 4]);

impl Progress {
    fn add(&mut self, scan: &ScanHeader) {
        for of in &scan.components {
            self.0[of.component][scan.first..=scan.last].fill(Some(scan.low));
        }
    }

    /// Returns true if the scans found are complete.
    fn is_complete(&self, frame: &Frame) -> bool {
        self.0[..frame.components.len()].iter().flatten().all(|low| *low == Some(0))
    }
}

impl<'a> Header<'a> {
    /// Walks from the start of the file to its end-of-image marker. As in libjpeg, bytes between
    /// segments that are not a marker are skipped, and the marker at the end may be missing if all
    /// scans are present.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, String> {
        let cut_off = |at: usize| {
            format!("it ends after {} bytes, inside the picture (at byte {at})", bytes.len())
        };
        if !bytes.starts_with(&[0xff, 0xd8]) {
            return Err("it does not begin as a JPEG file".into());
        }
        let (mut frame, mut steps, mut scans) = (None::<Frame>, Vec::new(), 0);
        let (mut jfif, mut adobe, mut exif, mut profile) = (false, None, None, false);
        let mut progress = Progress([[None; 64]; 4]);
        let mut at = 2;
        let unended = loop {
            let end = |frame: &Option<Frame>, progress: &Progress| {
                let complete = frame.as_ref().is_some_and(|frame| progress.is_complete(frame));
                if complete { Ok(true) } else { Err(cut_off(at)) }
            };
            let Some((marker, behind)) = next_marker(bytes, at) else {
                break end(&frame, &progress)?;
            };
            if marker == 0xd9 {
                break false;
            }
            if matches!(marker, 0x01 | 0xd0..=0xd8) {
                at = behind;
                continue;
            }
            let length =
                bytes.get(behind..behind + 2).map(|b| usize::from(b[0]) << 8 | usize::from(b[1]));
            let body = length.and_then(|length| bytes.get(behind + 2..behind + length.max(2)));
            let Some(body) = body else { break end(&frame, &progress)? };
            at = behind + 2 + body.len();
            match marker {
                0xc4 => steps.push(Step::Huffman(body)),
                0xdb => steps.push(Step::Quantisation(body)),
                0xcc => return Err("it is coded arithmetically, which is not read".into()),
                0xdc => {
                    return Err(
                        "its height is given only behind the pixels (DNL), which is not read"
                            .into(),
                    );
                }
                0xdd => match *body {
                    [high, low] => steps.push(Step::Restart(u32::from(high) << 8 | u32::from(low))),
                    _ => return Err(format!("its restart interval has {} bytes", body.len())),
                },
                0xc0..=0xcf => match frame {
                    None => frame = Some(Frame::parse(marker, body)?),
                    Some(_) => return Err("it has two frame headers".into()),
                },
                0xda => {
                    let frame = frame.as_ref().ok_or("it has a scan before its frame header")?;
                    let end = end_of_scan(bytes, at);
                    let scan = ScanHeader::parse(frame, body)?;
                    progress.add(&scan);
                    check_length(frame, &scan, scans == 0, end - at)?;
                    steps.push(Step::Scan(body, &bytes[at..end]));
                    (at, scans) = (end, scans + 1);
                }
                // The conditions of libjpeg for these two; after the first scan they would come too
                // late.
                0xe0 if scans == 0 => jfif |= body.len() >= 14 && body.starts_with(b"JFIF\0"),
                0xee if scans == 0 && body.len() >= 12 && body.starts_with(b"Adobe") => {
                    adobe = Some(body[11])
                }
                0xe1 if exif.is_none() => exif = body.strip_prefix(b"Exif\0\0"),
                0xe2 => profile |= body.starts_with(b"ICC_PROFILE\0"),
                _ => {}
            }
            if scans > SCAN_LIMIT {
                return Err(format!("it has more than the {SCAN_LIMIT} scans allowed"));
            }
            if steps.len() > TABLE_LIMIT {
                return Err(format!("it has more than the {TABLE_LIMIT} tables allowed"));
            }
        };
        let frame = frame.ok_or("it has no frame header")?;
        if scans == 0 {
            return Err("it has no pixels".into());
        }
        let color = color(&frame, jfif, adobe);
        Ok(Self { frame, color, exif, profile, steps, unended })
    }
}

/// Refuses a scan with more blocks than its bytes can hold, before anything is allocated for them:
/// a block takes a DC code and an AC code of at least a bit each; in a progressive file the first
/// scan has a DC code for each.
fn check_length(
    frame: &Frame,
    scan: &ScanHeader,
    is_first: bool,
    bytes: usize,
) -> Result<(), String> {
    let bits = match (frame.progressive, is_first) {
        (false, _) => 2,
        (true, true) if scan.first == 0 => 1,
        (true, true) => return Err("its first scan has no DC coefficients".into()),
        (true, false) => return Ok(()),
    };
    let blocks = scan.blocks(frame);
    if blocks * bits > bytes as u64 * 8 {
        let (width, height) = (frame.width, frame.height);
        return Err(format!(
            "it claims {width}x{height} pixels, but the {bytes} bytes of a scan cannot hold its {blocks} blocks"
        ));
    }
    Ok(())
}

/// The colour space as libjpeg infers it: from the JFIF or Adobe marker, else from the components'
/// identifiers.
fn color(frame: &Frame, jfif: bool, adobe: Option<u8>) -> Color {
    let ids = frame.components.iter().map(|c| c.id);
    match (frame.components.len(), adobe) {
        (1, _) => Color::Grey,
        (4, None | Some(0)) => Color::Cmyk,
        (4, Some(_)) => Color::Ycck,
        _ if jfif => Color::YCbCr,
        (_, Some(0)) => Color::Rgb,
        (_, None) if ids.eq(*b"RGB") => Color::Rgb,
        _ => Color::YCbCr,
    }
}

/// The next marker and its end. Bytes before it that are not a marker, including 0xff followed by
/// zero, are skipped, as are fill bytes.
fn next_marker(bytes: &[u8], mut at: usize) -> Option<(u8, usize)> {
    loop {
        at = find_marker_byte(bytes, at);
        match *bytes.get(at + 1)? {
            0x00 => at += 2,
            0xff => at += 1,
            marker => return Some((marker, at + 2)),
        }
    }
}

/// The position of the next marker after entropy-coded data: 0xff followed by neither a stuffed
/// zero nor a restart; the end of the file if there is none.
fn end_of_scan(bytes: &[u8], start: usize) -> usize {
    let mut at = start;
    loop {
        at = find_marker_byte(bytes, at);
        match bytes.get(at + 1) {
            Some(0x00 | 0xd0..=0xd7) => at += 2,
            Some(0xff) => at += 1,
            Some(_) => return at,
            None => return bytes.len(),
        }
    }
}
