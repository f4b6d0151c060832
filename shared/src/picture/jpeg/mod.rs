//! A JPEG decoder of our own. It decodes a window of a picture, at the cost of little more than that window, to the very pixels
//! of libjpeg-turbo with its usual settings, which is what Pillow and TensorFlow give.
//!
//! Read are 8-bit Huffman-coded files, sequential or progressive, of 1, 3 or 4 components with any sampling factors. Bytes between
//! segments are passed over, and the marker at the end may be missing. A file that lacks data, or whose codes do not hold, is an
//! error. It is not responsible for turning the picture upright or for colour
//! profiles; it says that there are some.

mod bits;
mod color;
mod header;
mod huffman;
mod idct;
mod progressive;
mod runs;
mod scan;
mod upsample;

use image::metadata::Orientation;
use thiserror::Error;

use self::bits::Bits;
use self::header::{Color, Frame, Header, ScanHeader, Step};
use self::idct::Block;
use self::progressive::Coefficients;
use self::runs::{UNIT_BLOCKS, Unit};
use self::scan::{Coder, Restarts, Tables, decode_block};
use self::upsample::{Extent, Plane};
use super::{Picture, Window};

/// What does not hold in coded data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
enum Fault {
    #[error("invalid Huffman code")]
    BadCode,
    #[error("a block has more than 64 coefficients")]
    TooManyCoefficients,
    #[error("its data end early")]
    EndsEarly,
    #[error("a restart marker is missing")]
    NoRestart,
    #[error("a table is malformed")]
    BadTable,
    #[error("a scan names a table that is not there")]
    NoTable,
    #[error("a component has no scan")]
    NoScan,
}

impl From<Fault> for String {
    fn from(fault: Fault) -> Self {
        fault.to_string()
    }
}

/// A JPEG file whose markers have been read.
#[derive(Debug)]
pub(super) struct Jpeg<'a> {
    header: Header<'a>,
}

impl<'a> Jpeg<'a> {
    /// Walks the markers to the end of the image.
    ///
    /// # Errors
    /// When the file is cut off, is of a kind that is not read, or claims more blocks than its bytes can hold.
    pub(super) fn open(bytes: &'a [u8]) -> Result<Self, String> {
        Ok(Self { header: Header::read(bytes)? })
    }

    /// Columns, as stored.
    pub(super) fn width(&self) -> u32 {
        self.header.frame.width
    }

    /// Rows, as stored.
    pub(super) fn height(&self) -> u32 {
        self.header.frame.height
    }

    /// 1, 3 or 4.
    pub(super) fn components(&self) -> u32 {
        self.header.frame.components.len() as u32
    }

    /// How EXIF says the picture is to be turned; not at all where it says nothing valid.
    pub(super) fn orientation(&self) -> Orientation {
        self.header.orientation
    }

    /// Whether an ICC profile is embedded.
    pub(super) fn has_profile(&self) -> bool {
        self.header.profile
    }

    /// Bytes that decoding `window` allocates at its peak, result included.
    pub(super) fn memory(&self, window: Window) -> u64 {
        let plan = Plan::new(&self.header, window);
        let frame = &self.header.frame;
        let planes: u64 = frame.components.iter().zip(&plan.extents).map(|(c, extent)| extent.bytes(c, window)).sum();
        let coefficients = if plan.streams { 0 } else { progressive::bytes(frame, plan.coded_rows) };
        // The lists of a few components and steps.
        let lists = 4096;
        plan.result_bytes() + planes + coefficients + huffman::TABLES_BYTES + lists
    }

    /// The pixels of `window`, which lies within the stored picture: one channel of a grey file, else RGB.
    ///
    /// # Errors
    /// What does not hold in the part of the file that the window needs.
    pub(super) fn decode(&self, window: Window) -> Result<Picture, String> {
        let right = u64::from(window.left) + u64::from(window.width);
        let bottom = u64::from(window.top) + u64::from(window.height);
        if window.width == 0 || window.height == 0 || right > self.width().into() || bottom > self.height().into() {
            return Err(format!("{window:?} does not lie within its {}x{} pixels", self.width(), self.height()));
        }
        let plan = Plan::new(&self.header, window);
        #[cfg(target_arch = "x86_64")]
        if vectors() {
            // SAFETY: the features were found on this machine.
            return unsafe { self.decode_with_vectors(&plan) };
        }
        self.decode_plan::<false>(&plan)
    }

    /// The same code compiled for more registers and wider ones; its integers give the same pixels.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt")]
    fn decode_with_vectors(&self, plan: &Plan) -> Result<Picture, String> {
        self.decode_plan::<true>(plan)
    }

    #[inline(always)]
    fn decode_plan<const VECTORS: bool>(&self, plan: &Plan) -> Result<Picture, String> {
        let Header { frame, color, steps, .. } = &self.header;
        if !plan.streams {
            let coefficients = progressive::decode(frame, steps, plan.coded_rows)?;
            let mut canvas = Canvas::new(frame, *color, plan);
            canvas.fill::<VECTORS>(frame, plan, &coefficients)?;
            return Ok(canvas.picture);
        }
        let mut tables = Tables::default();
        for &step in steps {
            tables.take(step)?;
            if let Step::Scan(header, data) = step {
                let scan = ScanHeader::parse(frame, header)?;
                let mut canvas = Canvas::new(frame, *color, plan);
                canvas.stream::<VECTORS>(frame, plan, &scan, &tables, data)?;
                return Ok(canvas.picture);
            }
        }
        Err(Fault::NoScan.into())
    }
}

/// Whether the machine has what [`Jpeg::decode_with_vectors`] is compiled for.
#[cfg(target_arch = "x86_64")]
fn vectors() -> bool {
    is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("bmi2")
        && is_x86_feature_detected!("lzcnt")
}

/// What of a file a window needs.
struct Plan {
    window: Window,
    channels: u32,
    extents: Vec<Extent>,
    /// The first row of units that is needed, and the last.
    first_row: u32,
    last_row: u32,
    /// The first column of units that is needed, and the last.
    first_column: u32,
    last_column: u32,
    /// Rows of units that are decoded.
    coded_rows: u32,
    /// All units are decoded, needed or not: only that tells whether the file is whole.
    to_the_end: bool,
    /// The last row of the picture in a row of units needs the next row of units too.
    looks_down: bool,
    /// One scan holds everything: its blocks become pixels at once.
    streams: bool,
}

impl Plan {
    fn new(header: &Header<'_>, window: Window) -> Self {
        let frame = &header.frame;
        let extents: Vec<Extent> = frame.components.iter().map(|c| Extent::of(frame, c, window)).collect();
        let pairs = || frame.components.iter().zip(&extents);
        let first_row = pairs().map(|(c, e)| *e.unit_rows(c).start()).min().unwrap_or(0);
        let last_row = pairs().map(|(c, e)| *e.unit_rows(c).end()).max().unwrap_or(0);
        let first_column = pairs().map(|(c, e)| e.first_unit_column(c)).min().unwrap_or(0);
        let last_column = pairs().map(|(c, e)| e.last_unit_column(c)).max().unwrap_or(0);
        let first_scan = header.steps.iter().find_map(|step| match step {
            Step::Scan(body, _) => body.first(),
            _ => None,
        });
        let streams = !frame.progressive && first_scan.is_some_and(|&n| usize::from(n) == frame.components.len());
        let looks_down = extents.iter().any(Extent::looks_down);
        let coded_rows = if header.unended { frame.units_down() } else { last_row + 1 };
        Self {
            window,
            channels: header.color.channels(),
            extents,
            first_row,
            last_row,
            first_column,
            last_column,
            coded_rows,
            to_the_end: header.unended,
            looks_down,
            streams,
        }
    }

    fn result_bytes(&self) -> u64 {
        u64::from(self.window.width) * u64::from(self.window.height) * u64::from(self.channels)
    }
}

/// A block's place in a unit.
struct Spot {
    coder: usize,
    x: u32,
    y: u32,
    /// Blocks of the component across a unit, and down.
    across: u32,
    down: u32,
}

impl Spot {
    /// Those of a component, in their order.
    fn all(coder: usize, of: &Coder, frame: &Frame) -> impl Iterator<Item = Self> {
        let (across, down) = (frame.components[of.component].h, frame.components[of.component].v);
        (0..down).flat_map(move |y| (0..across).map(move |x| Self { coder, x, y, across, down }))
    }
}

/// The picture that is being made, and one row of units of each component.
struct Canvas {
    color: Color,
    planes: Vec<Plane>,
    picture: Picture,
    /// The next row of the stored picture to be written.
    next: u32,
}

impl Canvas {
    fn new(frame: &Frame, color: Color, plan: &Plan) -> Self {
        let window = plan.window;
        let pairs = frame.components.iter().zip(&plan.extents);
        let planes = pairs.map(|(component, extent)| Plane::new(component, extent.clone(), window)).collect();
        let picture = Picture::filled(window.width, window.height, plan.channels, 0);
        Self { color, planes, picture, next: window.top }
    }

    /// Decodes a scan of all components, from its start to the last unit that is needed.
    #[inline(always)]
    fn stream<const VECTORS: bool>(
        &mut self,
        frame: &Frame,
        plan: &Plan,
        scan: &ScanHeader,
        tables: &Tables<'_>,
        data: &[u8],
    ) -> Result<(), Fault> {
        let coders = Coder::all(tables, scan)?;
        let factors = coders.iter().map(|c| tables.quantisation(frame, c.component)).collect::<Result<Vec<Block>, Fault>>()?;
        let spots: Vec<Spot> = coders.iter().enumerate().flat_map(|(coder, of)| Spot::all(coder, of, frame)).collect();
        let mut unit = Unit::new(&coders, spots.iter().map(|spot| spot.coder));
        let mut predictions = [0i32; 4];
        let mut bits = Bits::new(data);
        let mut restarts = Restarts::new(tables.restart);
        let mut block = Block::ZERO;
        for unit_y in 0..plan.coded_rows {
            let is_last = unit_y == plan.last_row && !plan.to_the_end;
            let columns = if is_last { plan.last_column + 1 } else { frame.units_across() };
            let outside = unit_y < plan.first_row || unit_y > plan.last_row;
            let wanted = if outside { columns..columns } else { plan.first_column..plan.last_column + 1 };
            let mut unit_x = 0;
            while unit_x < columns {
                let keep = wanted.contains(&unit_x);
                let end = match keep {
                    true => wanted.end,
                    false if unit_x < wanted.start => wanted.start,
                    false => columns,
                };
                let (units, anew) = restarts.before_run(&mut bits, end - unit_x)?;
                if anew {
                    predictions = [0; 4];
                }
                if keep {
                    for unit_x in unit_x..unit_x + units {
                        for spot in &spots {
                            let Coder { dc, ac, component, .. } = &coders[spot.coder];
                            let (factors, plane) = (&factors[spot.coder], &mut self.planes[*component]);
                            let some = decode_block(dc, ac, &mut predictions[spot.coder], &mut bits, &mut block)?;
                            let x = unit_x * spot.across + spot.x;
                            if !plane.extent.wants(x, unit_y * spot.down + spot.y) {
                                // An edge of the unit.
                            } else if some {
                                plane.put(x, spot.y, &transform::<VECTORS>(&block, factors));
                            } else {
                                plane.put_flat(x, spot.y, idct::flat(block.0[0], factors));
                            }
                        }
                    }
                } else {
                    let mut sums = [0; UNIT_BLOCKS];
                    unit.skip::<VECTORS>(&mut bits, units as usize * spots.len(), &mut sums)?;
                    for (spot, sum) in spots.iter().zip(sums) {
                        predictions[spot.coder] = predictions[spot.coder].wrapping_add(sum);
                    }
                }
                unit_x += units;
            }
            if unit_y <= plan.last_row {
                self.emit::<VECTORS>(frame, plan, unit_y);
            }
        }
        Ok(())
    }

    /// Makes the pixels from coefficients that are complete.
    #[inline(always)]
    fn fill<const VECTORS: bool>(&mut self, frame: &Frame, plan: &Plan, all: &[Coefficients]) -> Result<(), Fault> {
        for unit_y in plan.first_row..=plan.last_row {
            for ((component, plane), coefficients) in frame.components.iter().zip(&mut self.planes).zip(all) {
                let factors = coefficients.quantisation.as_ref().ok_or(Fault::NoScan)?;
                for y in 0..component.v {
                    for x in plane.extent.columns() {
                        let block = coefficients.block(x, unit_y * component.v + y);
                        plane.put(x, y, &transform::<VECTORS>(block, factors));
                    }
                }
            }
            self.emit::<VECTORS>(frame, plan, unit_y);
        }
        Ok(())
    }

    /// Writes the rows of the picture that are complete with this row of units.
    #[inline(always)]
    fn emit<const VECTORS: bool>(&mut self, frame: &Frame, plan: &Plan, unit_y: u32) {
        if unit_y < plan.first_row {
            return;
        }
        let waits = plan.looks_down && unit_y + 1 < frame.units_down();
        let end = ((unit_y + 1) * 8 * frame.down - u32::from(waits)).min(plan.window.top + plan.window.height);
        let stride = self.picture.stride();
        while self.next < end {
            let y = self.next;
            let mut rows = [&[][..]; 4];
            for plane in &mut self.planes {
                plane.prepare(y, unit_y);
            }
            for (row, plane) in rows.iter_mut().zip(&self.planes) {
                *row = plane.row(y, unit_y);
            }
            let at = (y - plan.window.top) as usize * stride;
            self.color.convert::<VECTORS>(rows, &mut self.picture.pixels[at..at + stride]);
            self.next += 1;
        }
        self.planes.iter_mut().for_each(Plane::advance);
    }
}

#[inline(always)]
fn transform<const VECTORS: bool>(block: &Block, factors: &Block) -> idct::Samples {
    #[cfg(target_arch = "x86_64")]
    if VECTORS {
        // SAFETY: `VECTORS` is true only below `Jpeg::decode_with_vectors`, which is compiled for AVX2.
        return unsafe { idct::avx2::transform(block, factors) };
    }
    idct::transform(block, factors)
}

#[cfg(test)]
mod tests;
